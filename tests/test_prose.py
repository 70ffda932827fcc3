"""No sentence goes false in silence: numbers in prose and titles are tied to cells, and counts to the register."""

import ast
import itertools
import json
import re
from pathlib import Path

import nbformat
import pytest

from course_utils.maintain import prose

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TO_TIE = {"04", "05", "06", "07", "08"}  # notebooks that still have loose numbers
TO_CONVERT = {"04", "05", "06", "07", "08"}  # whose findings and asserts are not in this form yet

SAYS_NOTHING = {"nb00.claims_map": "a map of the register: what the notebooks found, quoted"}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def stored(folder: Path, *cells: tuple[str, str], name: str = "05_x") -> Path:
    """A notebook of (text, printed) cells; printed None makes a markdown cell."""
    book = nbformat.v4.new_notebook()
    for number, (text, printed) in enumerate(cells):
        kind = nbformat.v4.new_markdown_cell if printed is None else nbformat.v4.new_code_cell
        book.cells.append(kind(text, id=f"c{number}"))
        if printed:
            book.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    path = folder / f"{name}.ipynb"
    nbformat.write(book, path)
    return path


@every_notebook
def test_every_number_in_the_prose_is_held_by_a_cell(path: Path) -> None:
    found = [] if path.name[:2] in TO_TIE else prose.loose(path)
    assert not found, "\n".join(" ".join(one) for one in found)


@pytest.mark.parametrize(
    ("text", "code", "printed", "numbers"),
    [
        ("It takes 90 steps.", "x = 2", "90 steps", []),
        ("It takes 90 steps.", "x = 90", "", []),
        ("It takes 90 steps.", "epochs = 4", "180 steps", ["90"]),
        ("It takes 90 steps.", "x = 2 * 45", "", []),
        ("It takes ninety steps, and ninety units in ten.", "epochs = 4", "", ["ninety"]),
        ("Five seeds.", "seeds = range(5)", "", []),
        ("Five seeds, and one of the seeds.", "seeds = [3, 4]", "", ["five"]),
        ("Seven rates.", "RATES = [1, 2, 3, 5, 6, 8, 9]", "", []),
        ("About 0.25 here.", "x = 0", "≈ 0.2512", []),
        ("About 0.25 here.", "x = 0", "≈ 0.2561", ["0.25"]),
        ("So 42 % are off.", "x = 0", "0.4217", []),
        ("So 42 units are off.", "x = 0", "0.4217", ["42"]),
        ("It is 1,000 images, or 1000 images.", "n = 1_000", "", []),
        ("It has 12 arms, see section 5.3, exercise 5.7, notebook 07, C33 and `x = 44` or $x=44$.", "x = 12", "", []),
        ("He et al. (2015) had 152 layers. We have 14 layers.", "x = 0", "", ["14"]),
        ("The register has 38 claims and 9 slips.", "x = 0", "", []),
        ("The register has 39 claims and 9 slips.", "x = 0", "", ["39"]),
        ("**Your guess first.** Which?\n\n- **a** 33 times\n- **b** 44 times", "x = 0", "", []),
        ("Text.", 'plots.show(f(x), "falls over 90 steps")', "", ["90"]),
        ("Text.", 'STEPS = 90\nplots.show(f(x), "falls over 90 steps")', "", []),
        ("Text.", 'plots.show(f(x), f"falls over {steps} steps")', "", []),
    ],
)  # fmt: skip
def test_what_is_tied(tmp_path: Path, text: str, code: str, printed: str, numbers: list[str]) -> None:
    path = stored(tmp_path, ("# Title", None), (text, None), (code, printed))
    assert [one.number for one in prose.loose(path)] == numbers


def test_a_number_is_sought_nearby_and_may_be_said_again(tmp_path: Path) -> None:
    far = [("## B", None), *[("x", "")] * 6, ("## C\n\nIt took 77 steps.", None), ("x", "")]
    path = stored(
        tmp_path, ("## A\n\nIn 90 steps.", None), ("x", "90 and 77"), *far, ("## D\n\n90 steps.", None)
    )
    assert [(one.cell, one.number) for one in prose.loose(path)] == [("c9", "77")]


def test_another_notebook_may_be_quoted(tmp_path: Path) -> None:
    stored(tmp_path, ("x", "growth ≈ 1.211"), name="06_y")
    quoting = ("By notebook 06 it is 1.211.", None), ("It is 1.211.", None)
    path = stored(tmp_path, *quoting, ("x", ""))
    assert [one.cell for one in prose.loose(path)] == ["c1"]


def test_a_free_number_has_its_place_or_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, ("In 90 steps.", None), ("x", ""))
    monkeypatch.setattr(prose, "FREE", tmp_path / "prose.toml")
    row = '[[free]]\nnotebook = "05"\ntext = "In 90 steps"\nwhy = "as Ioffe did"\n'
    prose.FREE.write_text(row, encoding="utf-8")
    assert prose.loose(path) == []
    prose.FREE.write_text(row + row.replace("90", "91"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"frees what is tied or gone in 05_x\.ipynb: \['In 91 steps'\]"):
        prose.loose(path)


def test_what_a_refresh_changes_is_listed_with_the_prose_beside_it(tmp_path: Path) -> None:
    first = (
        ("It takes 90 steps. It is fine.", None),
        ("x", "in 90 steps ≈ 0.12, 7"),
        ("After: 0.12!", None),
        ("y", "3"),
    )
    now = first[0], ("x", "in 180 steps ≈ 0.12, 7 and 8"), first[2], first[3]
    old, new = (json.loads(stored(tmp_path, *cells).read_text(encoding="utf-8")) for cells in (first, now))
    assert prose.report(old, new) == [
        "    c1: 90 -> 180, nothing -> 8",
        "        read c0: It takes 90 steps.",
        "        read c2: (none of these numbers)",
    ]
    assert prose.report(new, new) == []


# --- counts and findings ---------------------------------------------------------------------------


def test_counts_outside_the_notebooks_are_the_registers() -> None:
    facts = prose.facts()
    paths = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").glob("*.md")]
    spelt = {word: value for word, value in prose.WORDS.items() if value > 2}
    pattern = re.compile(rf"(?i)\b(\d+|{'|'.join(spelt)}) (claims|slips|verdicts|notebooks|exercises)\b")
    seen = 0
    for path in paths:
        for number, what in pattern.findall(path.read_text(encoding="utf-8")):
            value = spelt.get(number.lower()) or float(number)
            assert value in facts[what.lower()], (
                f"{path.name}: {number} {what}, counted are {facts[what.lower()]}"
            )
            seen += 1
    assert seen >= 2


def drawings() -> dict[str, list[str]]:
    """The arguments of each public figure, by "nb06.training"."""
    found = {}
    for path in (ROOT / "course_utils" / "figures").glob("nb*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found[f"{path.stem}.{node.name}"] = [arg.arg for arg in node.args.args + node.args.kwonlyargs]
    return found


@every_notebook
def test_each_finding_stands_beside_what_asserts_it(path: Path) -> None:
    """The cell that shows a figure hands its title to it, and it, or the code cell above, asserts something."""
    if path.name[:2] in TO_CONVERT:
        return
    known = drawings()
    cells = [
        cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
    ]
    trees = [ast.parse("".join(cell["source"])) for cell in cells]
    for (_, above), (cell, tree) in itertools.pairwise(
        [({}, ast.Module([], [])), *zip(cells, trees, strict=True)]
    ):
        calls = {ast.unparse(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if "plots.show" not in calls or SAYS_NOTHING.keys() & calls.keys():
            continue
        figures = {name: call for name, call in calls.items() if "finding" in known.get(name, ())}
        assert figures or "plots.axes" in calls, f"{cell['id']}: its figure takes no finding"
        for name, call in figures.items():
            given = known[name][: len(call.args)] + [word.arg for word in call.keywords]
            assert "finding" in given, f"{cell['id']}: {name} is handed no finding"
        says = [node for one in (above, tree) for node in ast.walk(one)]
        asserted = any(isinstance(node, ast.Assert) for node in says)
        assert asserted or any(isinstance(n, ast.Name) and n.id == "judge" for n in says), (
            f"{cell['id']}: no assert"
        )


@every_notebook
def test_each_assert_says_what_it_held(path: Path) -> None:
    if path.name[:2] in TO_CONVERT:
        return
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Assert):
                    assert node.msg is not None, f"{cell['id']}: {ast.unparse(node)} has no words"
