"""Numbers in words and numbers in cells: what a changed experiment leaves false, found by program.

A number in a notebook's prose is *tied* when a cell near it holds it, to the digits that the prose gives: as a constant
in the code, or in what the cell printed (or quoted from another notebook that the sentence names). Near is: the same
section, six cells back, two cells on; before the first section, and in its last, the whole notebook. A number said
again with the same word behind it ("90 steps") hangs on the first one. Left alone are formulas and code, 0 to 2,
references, years, the choices of a guess, and what stands in a sentence with a citation, such as "He et al. (2015)".
Numbers in words count where a word that experiments decide follows (:data:`COUNTED`).

A number typed into a text of the code (a title, alt text) needs a constant outside texts, or another cell's output.
What is free for a reason stands in tests/prose.toml.
"""

import ast
import difflib
import json
import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Loose", "cards", "changes", "facts", "loose", "numbers", "report"]

ROOT = Path(__file__).resolve().parents[2]

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
WORDS = {word: value for value, word in enumerate(_WORDS.split())}
WORDS |= {
    word: 10 * value for value, word in enumerate("thirty forty fifty sixty seventy eighty ninety".split(), 3)
}
WORDS |= {"hundred": 100, "thousand": 1000}
COUNTED = (
    "times|steps|epochs|seeds|layers|units|networks|images|pictures|batches|rates|gains|depths|widths|claims|slips"
    "|verdicts|cards|notebooks|exercises|pairs|runs|activations|arms|percent|per cent|points|minutes|seconds"
)
FREE = ROOT / "tests" / "prose.toml"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_DIGITS = re.compile(
    rf"(?<![\w.^/√:-])(?<!\d[–-])({_NUMBER})(?![\w]|\.\d|[-–]?/\d|:\d)(?:[\s-]*([^\W\d_]\w*|%))?"
)
_SPELT = re.compile(
    rf"(?i)\b({'|'.join(WORDS)})(?:[\s-]+\w+)?[\s-]+({COUNTED})\b(?! (?:in|of) (?:ten|four|five))"
)
_CITED = re.compile(r"(?:et al\.|[A-Z]\w+(?: and [A-Z]\w+)?),? \(?(?:[A-Z]\w+,? )*(?:19|20)\d\d\)?")
_ASIDE = [  # what is no claim about a number of the course
    r"(?s)```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]+\$|<!--.*?-->",  # code and formulas
    r"(?m)^#+ .*$|\*\*(?:Reading|Running|Next):?\*?\*?.*",
    r"\]\([^)]*\)|<[^>]+>|https?://\S+|arXiv:\S+",
    r"(?i)\b(?:sections?|exercises?|notebooks?|theorems?|figures?|tables?|tutorials?|python|pytorch)\s+(?:\d\d?\.\d\d?|[01]\d)(?!\d)"
    r"(?:(?:,| and| to| or)+ (?:\d\d?\.\d\d?|[01]\d)(?!\d))*",
    r"(?i)\b(?:theorems?|tutorials?|CIFAR-|Python|torch|chapters?|pages?|float|int)\s*\d[\d.]*",
    r"\(\d\d?\.\d\d?\)|\*\*Exercise[^*]*\*\*|\[\d\d · [^\]]*\]|\b0\d\b",
    r"\b(?:19|20)\d\d\b(?! (?:images|networks|units|steps))|\b[CE]\d+\b|(?m:^\d\. )",
]
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip
_CARD = re.compile(r"\[[CE]\d+\] ")
_FURTHER = re.compile(r"^(?:## |\*\*)Further reading", flags=re.M)

Notebook = Any  # a dict in nbformat's shape


class Loose(NamedTuple):
    """A number that nothing holds: the cell's id, the number as written, and the words around it."""

    cell: str
    number: str
    words: str


def numbers(text: str) -> list[str]:
    """All numbers in digits of a text, as they are written."""
    return re.findall(_NUMBER, text)


def facts() -> dict[str, set[float]]:
    """What the course's own register and files count, by the word behind the number."""
    from course_utils import claims
    from course_utils.exercises import exercises

    ids = list(claims.register())
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {
        "claims": {sum(name.startswith("C") for name in ids)},
        "slips": {sum(name.startswith("E") for name in ids)},
        "verdicts": {len(ids)},
        "images": {60_000, 10_000, 2_000},  # of Fashion-MNIST, and in the course's own copy
        "notebooks": {len(paths)},
        "exercises": {sum(len(exercises(path.name[:2])) for path in paths)},
    }


def loose(path: Path) -> list[Loose]:
    """The numbers in a stored notebook's prose and texts that no cell near them holds, but those in tests/prose.toml.

    Raises:
        ValueError: an entry of tests/prose.toml about this notebook that frees nothing any more.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    counted = facts()
    judged = 0
    constants = [_constants(cell) for cell in cells]
    printed = [_printed(cell) for cell in cells]
    sections = _sections(cells)
    found: list[Loose] = []
    said: set[tuple[str, str]] = set()
    for at, cell in enumerate(cells):
        near = _near(at, sections)
        judged += sum(bool(_CARD.match(_text(output))) for output in cell.get("outputs", []))
        counted["verdicts"] = counted["cards"] = {judged, max(counted["verdicts"])}
        if cell["cell_type"] == "markdown":
            pool = set().union(*(constants[i] | printed[i] for i in near))
            for number, word, where, value, sentence in _stated(_source(cell)):
                elsewhere = _quoted(sentence, path) if not _holds(number, word, value, pool) else set()
                if _holds(number, word, value, pool | elsewhere | counted.get(word, set())):
                    said.add((number, word))
                elif not (word and (number, word) in said):
                    found.append(Loose(cell["id"], number, where))
        elif not _source(cell).startswith("# On Colab"):
            pool = set().union(*constants, *(printed[i] for i in near if i != at))
            for text in _texts(cell):
                for match in _DIGITS.finditer(_set_aside(text)):
                    number = match[1]
                    if _value(number) > 2 and not _holds(number, match[2] or "", _value(number), pool):
                        found.append(Loose(cell["id"], number, _around(text, number)))
    free = [row for row in _free() if row["notebook"] == path.name[:2]]
    held = [one for one in found if not any(_frees(row, one) for row in free)]
    stale = [row["text"] for row in free if not any(_frees(row, one) for one in found)]
    if stale:
        raise ValueError(f"tests/prose.toml frees what is tied or gone in {path.name}: {stale}")
    return held


def changes(
    old: Notebook, new: Notebook
) -> Iterator[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]:
    """Where two states of a notebook print other numbers, cell by cell.

    Returns:
        Of each such cell: its id; the pairs (number before, number after), "" where there was or is none; the markdown
        cells beside it, each an id and its sentences that hold a number of before.
    """
    before = {cell["id"]: cell for cell in old["cells"]}
    cells = new["cells"]
    for at, cell in enumerate(cells):
        if cell["cell_type"] != "code" or cell["id"] not in before:
            continue
        was, now = (numbers("\n".join(_said(one))) for one in (before[cell["id"]], cell))
        moved: list[tuple[str, str]] = []
        for kind, a, b, c, d in difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
            if kind != "equal":
                gone, come = was[a:b], now[c:d]
                longest = max(len(gone), len(come))
                moved += zip(
                    gone + [""] * (longest - len(gone)), come + [""] * (longest - len(come)), strict=True
                )
        if not moved:
            continue
        gone = [number for number, _ in moved if number]
        beside = []
        for step in (-1, 1):
            place = at + step
            while 0 <= place < len(cells) and cells[place]["cell_type"] != "markdown":
                place += step
            if 0 <= place < len(cells):
                words = [
                    sentence
                    for number, word, _, value, sentence in _stated(_source(cells[place]))
                    if any(_holds(number, word, value, {_value(one)}) for one in gone)
                ]
                beside.append((cells[place]["id"], " | ".join(dict.fromkeys(words))))
        yield cell["id"], moved, beside


def cards(notebook: Notebook) -> list[str]:
    """The cards that a notebook stores, as text."""
    texts = (text for cell in notebook["cells"] if cell["cell_type"] == "code" for text in _said(cell))
    return [text for text in texts if _CARD.match(text)]


def report(old: Notebook, new: Notebook, most: int = 8) -> list[str]:
    """`changes` as lines to read: what moved (at most ``most`` numbers of a cell), and the prose beside it."""
    lines = []
    for cell, moved, beside in changes(old, new):
        shown = ", ".join(f"{was or 'nothing'} -> {now or 'nothing'}" for was, now in moved[:most])
        more = f" and {len(moved) - most} more" if len(moved) > most else ""
        lines.append(f"    {cell}: {shown}{more}")
        lines += [f"        read {where}: {words or '(none of these numbers)'}" for where, words in beside]
    return lines


def _source(cell: Notebook) -> str:
    return "".join(cell["source"])


def _text(output: Notebook) -> str:
    """What an output says; a picture's words are left out, since the code types them."""
    data = output.get("data", {})
    if "image/png" in data:
        return ""
    page = re.sub(r"<[^>]*>|&\w+;", " ", "".join(data.get("text/html", "")))
    return "".join(output.get("text", "")) + "".join(data.get("text/plain", "")) + " " + page


def _said(cell: Notebook) -> list[str]:
    """All outputs of a cell in words, with those of pictures."""
    return [
        "".join(out.get("text", "")) + "".join(out.get("data", {}).get("text/plain", ""))
        for out in cell["outputs"]
    ]


def _printed(cell: Notebook) -> set[float]:
    return {_value(number) for output in cell.get("outputs", []) for number in numbers(_text(output))}


def _tree(cell: Notebook) -> ast.AST:
    lines = _source(cell).splitlines() if cell["cell_type"] == "code" else []
    return ast.parse("\n".join("pass" if line.startswith("%") else line for line in lines))


def _constants(cell: Notebook) -> set[float]:
    """The numbers of a cell's code, what one operation on two of them gives, and the lengths of lists and the like."""
    found = set()
    for node in ast.walk(_tree(cell)):
        value: Any = None
        if isinstance(node, ast.Constant):
            value = node.value
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            value = len(node.elts)
        elif isinstance(node, ast.Dict):
            value = len(node.keys)
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            pair: list[Any] = [one.value for one in (node.left, node.right) if isinstance(one, ast.Constant)]
            if len(pair) == 2 and all(type(one) in (int, float) for one in pair):
                value = _OPERATORS[type(node.op)](*pair)
        if type(value) in (int, float):
            found.add(abs(float(value)))
    return found


def _texts(cell: Notebook) -> Iterator[str]:
    """The texts of more than one word in a cell's code: titles, alt texts, what is printed."""
    for node in ast.walk(_tree(cell)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.value


def _sections(cells: list[Notebook]) -> list[int]:
    """The number of each cell's section: 0 before the first heading, -1 in the last section."""
    found, section = [], 0
    for cell in cells:
        if cell["cell_type"] == "markdown" and re.search(r"(?m)^## ", _source(cell)):
            section += 1
        found.append(section)
    return [-1 if one == section else one for one in found]


def _near(at: int, sections: list[int]) -> list[int]:
    if sections[at] <= 0:
        return list(range(len(sections)))
    return [i for i, section in enumerate(sections) if section == sections[at] or -6 <= i - at <= 2]


def _set_aside(text: str) -> str:
    for pattern in _ASIDE:
        text = re.sub(pattern, lambda match: "\n" * match[0].count("\n") or " ", text)
    return text


def _stated(text: str) -> Iterator[tuple[str, str, str, float, str]]:
    """Each number of a markdown text: as written, the word behind it, the words around, its value, its sentence."""
    text = _FURTHER.split(text)[0]
    if "Your guess first" in text:
        text = re.sub(r"(?m)^- \*\*[a-f]\*\*.*$", "", text)
    for raw in re.split(r"(?<=[.?!:;])(?<!al\.)\**\s+(?=[A-Z*(\[])|\n\n|\n(?=[-|])", text):
        if _CITED.search(raw) or "doi" in raw:
            continue
        sentence = " ".join(_set_aside(raw).split())
        spelt = ((match, WORDS[match[1].lower()]) for match in _SPELT.finditer(sentence))
        for match, value in [*((match, _value(match[1])) for match in _DIGITS.finditer(sentence)), *spelt]:
            if value > 2 or "." in match[1]:
                around = _around(sentence, match[1], match.start())
                yield match[1].lower(), (match[2] or "").lower(), around, value, " ".join(raw.split())


def _around(text: str, number: str, at: int | None = None) -> str:
    at = text.find(number) if at is None else at
    return " ".join(text[max(0, at - 50) : at + 40].split())


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _holds(number: str, word: str, value: float, pool: set[float]) -> bool:
    """Whether a number of the pool (with a sign for per cent behind it: or a hundredfold of one) rounds to this one."""
    places = len(number.partition(".")[2]) if "e" not in number else 0
    reach = 0.5001 * 10.0**-places if "." in number or value >= 10 else 0.0
    per_cent = {round(100 * one, 9) for one in pool} if word in ("%", "per", "percent", "points") else set()
    return any(abs(one - value) <= (0.0 if one == int(one) else reach) + 1e-9 for one in pool | per_cent)


def _quoted(sentence: str, path: Path) -> set[float]:
    """The numbers of the other notebooks that a sentence names."""
    found: set[float] = set()
    for number in re.findall(r"\b(0\d)\b", " ".join(re.findall(r"(?i)notebooks? [\d, and]+", sentence))):
        for other in path.parent.glob(f"{number}_*.ipynb"):
            for cell in json.loads(other.read_text(encoding="utf-8"))["cells"]:
                found |= _printed(cell) | _constants(cell)
    return found


def _free() -> list[dict[str, str]]:
    if not FREE.is_file():
        return []
    return list(tomllib.loads(FREE.read_text(encoding="utf-8")).get("free", []))


def _frees(row: dict[str, str], one: Loose) -> bool:
    return " ".join(row["text"].split()) in one.words
