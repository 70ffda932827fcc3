"""What a reader does to a notebook: runs a cell twice, keeps things under names of their own, sets other things up.

Each function takes a notebook (a dict, as stored) and changes its cells in place, leaving the stored outputs as what
is to come out. tests/test_altered.py holds the cheap notebooks to it, `make stress` all of them.
"""

import ast
import builtins
import itertools
import json
import re
import symtable
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# What a student may call things while working on an answer: every letter, the course's own terms, and plain words.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\u03b1\u03b2\u03b3\u03b5\u03b7\u03bb\u03bc\u03c3\u03c6"
WORDS = """
    activation answer answers average chance count deepest depth derivative edge factor fan_in gain grad growth h1 half
    hidden init layer layers length loss losses maximum mean median minimum n_layers net norm normalise number off on
    out prob probability product ratio relu result run scale share shares sigmoid sign size slope sqrt_2 std steps_to
    sum_ tanh target temp total value values var variance weight weights width window x0 x1 zeros
"""
NAMES = [*LETTERS, *WORDS.split()]
CARD = re.compile(r"(?m)^(claims\.)?judge\(")
ANSWER = re.compile(r"(?m)^(answer_\d+_\d+) = ")

# What a reader may have set before the first cell ...
HEAD = """
import decimal, random
import matplotlib, numpy, pandas
shell = get_ipython()
shell.ast_node_interactivity = "all"
shell.autocall = 2
shell.InteractiveTB.set_mode("Minimal")
pandas.set_option("display.max_rows", 1, "display.max_columns", 1, "display.precision", 1, "display.width", 20)
pandas.set_option("display.max_colwidth", 5, "display.notebook_repr_html", False)
pandas.set_option("display.float_format", "{:.0e}".format)
numpy.set_printoptions(precision=1, threshold=3, sign="+")
random.seed(3), numpy.random.seed(3)
decimal.getcontext().prec = 3
matplotlib.rcParams.update({
    "text.usetex": True, "figure.facecolor": "black", "axes.facecolor": "black", "savefig.facecolor": "black",
    "text.color": "white", "font.size": 24, "axes.titlesize": 40, "figure.dpi": 300, "savefig.dpi": 300,
    "savefig.transparent": True, "savefig.bbox": "tight", "text.parse_math": False, "font.family": "xkcd",
    "axes.unicode_minus": False, "figure.autolayout": True, "lines.linestyle": ":", "axes.formatter.limits": (0, 0),
})
None
"""
# ... and after the imports.
LATER = """
import numpy, torch, warnings
torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)
torch.set_num_threads(2)
torch.set_printoptions(precision=1, sci_mode=True, linewidth=20)
torch.manual_seed(11)
numpy.seterr(all="raise")
warnings.simplefilter("error")
get_ipython().ast_node_interactivity = "all"
None
"""


def read(path: Path) -> dict[str, Any]:
    """A notebook as stored."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def source(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def code(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The code cells."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def silent(text: str, name: str) -> dict[str, Any]:
    """A code cell that prints nothing."""
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": text,
    }


def twice(notebook: dict[str, Any]) -> None:
    """Each code cell stands there twice, one after the other. The second of a card is run, but has no card stored with
    it: the scoreboard reads the stored ones, and a claim has one.
    """
    cells = []
    for cell in notebook["cells"]:
        again = [cell | {"id": f"{cell['id']}-again"}] if cell["cell_type"] == "code" else []
        for one in again if CARD.search(source(cell)) else ():
            one |= {"source": f"# NBVAL_IGNORE_OUTPUT\n{source(cell)}", "outputs": []}
        cells += [cell, *again]
    notebook["cells"] = cells


def named(notebook: dict[str, Any]) -> None:
    """Each cell that asks for an answer also holds what a student has kept there, under likely names."""
    for cell in code(notebook):
        if ANSWER.search(source(cell)):
            mine = sorted({*NAMES, *parameters(source(cell))})
            cell["source"] = f"{' = '.join(mine)} = 'a name of mine'\n{source(cell)}"


def set_up(notebook: dict[str, Any], head: str = HEAD, later: str = LATER) -> None:
    """One cell before all others, and one behind the imports, which end with the course's style."""
    cells = notebook["cells"]
    behind = 1 + next(
        i for i, cell in enumerate(cells) if re.search(r"(?m)^plots\.use_style\(\)", source(cell))
    )
    notebook["cells"] = [silent(head, "head"), *cells[:behind], silent(later, "later"), *cells[behind:]]


def altered(path: Path, *changes: Callable[[dict[str, Any]], None]) -> None:
    """Change a stored notebook."""
    notebook = read(path)
    for change in changes:
        change(notebook)
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


# --- another language -------------------------------------------------------------------------------

# What programs read, and what is no language: .github/CONTRIBUTING.md, "Another language", has the list.
_KEPT = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|<[^>]*>|https?:\S+|\*\*[^*]*[:.]\*\*|^#+ .*$|Your guess first|Further reading"
    r"|Next:|Worked solutions?(?: to)?|\b\w*[\d_]\w*\b|\[C\d+\][^.\n]*|^\|.*$",
    re.DOTALL | re.MULTILINE,
)
_OTHER = str.maketrans("aeiouAEIOU", "äëïöüÄËÏÖÜ")


def in_other_words(text: str) -> str:
    """Prose in what stands for another language: every word is another one, and what programs read is kept."""
    ends = [0, *(end for kept in _KEPT.finditer(text) for end in kept.span()), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(ends)]
    return "".join(piece if n % 2 else piece.translate(_OTHER) for n, piece in enumerate(pieces))


def translated(notebook: dict[str, Any]) -> None:
    """Prose, comments and printed words are in another language; outputs have to be stored anew."""
    for cell in notebook["cells"]:
        text = source(cell)
        if cell["cell_type"] == "markdown":
            cell["source"] = in_other_words(text)
        elif "print(" in text and not re.search(r"NBVAL|(?m:^(claims\.)?judge\()", text):
            cell["source"] = ast.unparse(_Printed().visit(ast.parse(text)))


class _Printed(ast.NodeTransformer):
    """Translates the words that stand in a call of print, and not what is put between them."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            for part in node.args:
                for one in part.values if isinstance(part, ast.JoinedStr) else [part]:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        one.value = one.value.translate(_OTHER)
        return node


# --- names -----------------------------------------------------------------------------------------


def parameters(text: str) -> set[str]:
    """Names of arguments that a cell hints at: x and y of "lambda x, y: ...", f(x, y) of "def f(x, y):"."""
    found = set()
    for name, inner in re.findall(r"(?:def (\w+)\(|lambda )([\w, ]*)\)?:", text):
        found |= {*re.findall(r"\w+", inner), *([name] if name else [])}
    return found


def needs_and_makes(text: str) -> tuple[set[str], set[str]]:
    """The names that a cell takes from cells before, and those that it leaves to cells behind."""
    needs: set[str] = set()
    makes: set[str] = set()
    later: set[str] = set()  # what functions need once they are called
    for statement in ast.parse(text).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        symbols = table.get_symbols()
        made = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
        used = {s.get_name() for s in symbols if s.is_referenced()}
        if isinstance(statement, ast.FunctionDef):
            later |= set(_globals(table))
        else:
            used |= set(_globals(table))
        if isinstance(statement, ast.For | ast.With):
            used -= made
        needs |= used - makes
        makes |= made
    return {name for name in needs | (later - makes) if not hasattr(builtins, name)}, makes


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    for child in table.get_children():
        yield from (symbol.get_name() for symbol in child.get_symbols() if symbol.is_global())
        yield from _globals(child)


def awaited(notebook: dict[str, Any]) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Each code cell, and the names that cells behind it take from cells before it or from itself."""
    known = [(cell, *needs_and_makes(source(cell))) for cell in code(notebook)]
    waits: set[str] = set()
    found = []
    for cell, needs, makes in reversed(known):
        found.append((cell, set(waits)))
        waits = (waits - makes) | needs
    yield from reversed(found)


# --- other seeds -----------------------------------------------------------------------------------

GAVE_WAY = "gave way: "


def shifted(notebook: dict[str, Any], by: int = 5) -> None:
    """Every range of seeds begins later; what then gives way (an assert, a verdict) is printed, and the cell goes on."""
    for cell in code(notebook)[2:]:
        lines = [_later(line, by) for line in source(cell).splitlines()]
        cell["source"] = ast.unparse(_Lenient().visit(ast.parse("\n".join(lines))))


def _later(line: str, by: int) -> str:
    """A line whose ranges of seeds begin later: seed=range(5), SEEDS = range(10, 15), for s in range(3)."""
    if not re.search(r"(?i)seed|for s in", line):
        return line

    def move(found: re.Match[str]) -> str:
        *first, last = found[1].split(",")
        return f"range(({first[0] if first else 0}) + {by}, ({last}) + {by})"

    return re.sub(r"(?<!for _ in )(?<!for k in )(?<!for i in )\brange\(((?:[^()]|\([^()]*\))*)\)", move, line)


class _Lenient(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        words = ast.unparse(node.msg) if node.msg else "''"
        return ast.parse(f"if not ({ast.unparse(node.test)}): print({GAVE_WAY!r} + {words})").body[0]

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        text = ast.unparse(node)
        if not re.match(r"(claims\.)?judge\(", text):
            return node
        text = text.replace("\n", "\n    ")
        return ast.parse(
            f"try:\n    {text}\nexcept RuntimeError as error:\n    print({GAVE_WAY!r} + str(error))"
        ).body[0]
