"""What nbval does not see: the shape of the stored notebooks.

Each rule keeps out something that would slip past a comparison of outputs, would show badly where no
kernel runs, or would differ on the next machine.
"""

import ast
import importlib.util
import itertools
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from course_utils.exercises import exercises
from course_utils.maintain import bootstrap, execute

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RULES = (ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="ascii")
MAX_FILE, MAX_PICTURES = 1_000_000, 450_000  # bytes; characters of base64
MAX_LINES, MAX_MEDIAN = 20, 8
# A cell may be left out of the comparison only if it stands here: (notebook, cell id): reason.
NBVAL_MARKS_ALLOWED: dict[tuple[str, str], str] = {}

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> Iterator[tuple[str, dict]]:
    """(cell id, output), one by one."""
    for cell in code_cells(path):
        for output in cell["outputs"]:
            yield cell["id"], output


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """(cell id, text) of all that an output says in words; pictures left out."""
    for where, output in outputs(path):
        if output["output_type"] == "stream":
            yield where, "".join(output["text"])
        for kind, value in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield where, "".join(value) if isinstance(value, (str, list)) else json.dumps(value)


def prose(path: Path) -> Iterator[tuple[str, str]]:
    """(cell id, markdown without its code)."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            yield cell["id"], re.sub(r"```.*?```|~~~.*?~~~|`[^`\n]*`", "", source(cell), flags=re.DOTALL)


@every_notebook
def test_is_stored_clean_and_whole(path: Path) -> None:
    # No errors, nothing on stderr, counts 1 to n, no widget states, times or versions, the usual kernel.
    assert execute.problems(read(path)) == []
    pictures = sum(len("".join(output.get("data", {}).get("image/png", ""))) for _, output in outputs(path))
    assert path.stat().st_size <= MAX_FILE and pictures <= MAX_PICTURES


@every_notebook
def test_first_code_cell_is_the_shared_one_and_folded(path: Path) -> None:
    first = code_cells(path)[0]
    assert source(first) == bootstrap.cell_source(*bootstrap.read_course(ROOT))
    assert first["metadata"]["jupyter"]["source_hidden"] is True
    assert first["outputs"] == []
    assert not any(bootstrap.is_bootstrap(source(cell)) for cell in code_cells(path)[1:])


@every_notebook
def test_no_cell_ends_in_a_semicolon(path: Path) -> None:
    # nbval shows the value that the semicolon hides elsewhere.
    found = []
    for cell in code_cells(path):
        lines = [line.split("  #")[0].rstrip() for line in source(cell).splitlines()]
        last = next((line for line in reversed(lines) if line and not line.startswith("#")), "")
        if last.endswith(";"):
            found.append(cell["id"])
    assert found == []


def dropped(texts: list[str]) -> list[str]:
    """Calls whose value is dropped, of training.train or of functions of the cells' own that return something."""
    trees = [node for text in texts for node in ast.parse(text).body]
    own = {
        node.name
        for node in trees
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(node))
    }
    return [
        ast.unparse(part)
        for node in trees
        if not isinstance(node, ast.FunctionDef)
        for part in ast.walk(node)
        if isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Call)
        and ast.unparse(part.value.func) in own | {"training.train"}
    ]


@every_notebook
def test_no_cell_drops_a_value_that_some_readers_would_see_printed(path: Path) -> None:
    # IPython's ast_node_interactivity "all" shows it, inside a loop as well.
    assert dropped([source(cell) for cell in code_cells(path)]) == []


def test_what_is_dropped() -> None:
    texts = [
        "def f():\n    return 1",
        "def g():\n    f()",
        "f()\ng()\n_ = f()",
        "for _ in x:\n    training.train(x)",
    ]
    assert dropped(texts) == ["f()", "training.train(x)"]


@every_notebook
def test_pictures_are_png_and_say_what_they_show(path: Path) -> None:
    for where, output in outputs(path):
        kinds = {kind for kind in output.get("data", {}) if kind.startswith("image/")}
        assert kinds <= {"image/png"}, f"cell {where}: {kinds}"
        if kinds:
            assert output["metadata"].get("image/png", {}).get("alt", "").strip(), f"cell {where}: no alt"
    for where, text in prose(path):
        assert "![](" not in text, f"cell {where}: no alt text"
        for tag in re.findall(r"<img\b[^>]*>", text):
            assert re.search(r'\balt="[^"]+"', tag), f"cell {where}"


@every_notebook
def test_outputs_name_no_machine(path: Path) -> None:
    machine = re.compile(
        r"(?<![\w.:/<])/(?:home|root|Users|tmp|usr|opt|var|mnt|private|content)/\w"  # a path
        r"|\b[A-Z]:\\\w"  # a path on Windows
        r"|\b0x[0-9a-fA-F]{6,}\b"  # an address in memory
    )
    found = [(where, hit[0]) for where, text in texts(path) if (hit := machine.search(text))]
    found += [(where, str(ROOT)) for where, text in texts(path) if str(ROOT) in text]
    assert found == []


@every_notebook
def test_about_always_stands_before_a_number(path: Path) -> None:
    pattern = re.search(r"^regex: (.*)$", RULES, flags=re.MULTILINE)
    assert pattern
    found = [
        (where, text[at : at + 20])
        for where, text in texts(path)
        for at in (hit.start() for hit in re.finditer("\u2248", text))
        if not re.match(pattern[1], text[at:])
    ]
    assert found == []


@every_notebook
def test_headings_nest(path: Path) -> None:
    levels = [
        (len(hit[1]), hit[2])
        for _, text in prose(path)
        for hit in re.finditer(r"(?m)^(#{1,6})\s+(.*)$", text)
    ]
    assert levels, "no headings"
    assert levels[0][0] == 1, "the first heading is the title"
    assert [level for level, _ in levels].count(1) == 1, "one title"
    steps = [b[1] for a, b in itertools.pairwise(levels) if b[0] > a[0] + 1]
    assert steps == [], "these headings skip a level"
    sentences = [text for level, text in levels if level > 1 and (len(text) > 70 or text.endswith("."))]
    assert sentences == [], "text has run into these headings"


@every_notebook
def test_each_exercise_is_asked_and_solved(path: Path) -> None:
    """Each of `course_utils.exercises` has its cell to answer in and a worked solution as code, and no other has."""
    asked, solved = [], []
    for cell in code_cells(path):
        text = source(cell)
        asked += re.findall(r'(?m)^check\("([\d.]+)"', text)
        if "solution" in cell["metadata"].get("tags", []):
            solved += re.findall(r'(?m)^solution\("([\d.]+)"', text)
    assert sorted(asked) == sorted(solved) == sorted(exercises(path.name[:2]))


@every_notebook
def test_folded_answers_render(path: Path) -> None:
    # JupyterLab and Colab render markdown inside <details> only after a blank line, unindented.
    for where, text in prose(path):
        for after in re.findall(r"</summary>([^\n]*\n?[^\n]*)", text):
            assert not after.strip(), f"cell {where}: put a blank line behind </summary>"


@every_notebook
def test_cells_are_short(path: Path) -> None:
    sizes = {
        cell["id"]: sum(bool(line.strip()) for line in source(cell).splitlines()) for cell in code_cells(path)
    }
    assert {where: size for where, size in sizes.items() if size > MAX_LINES} == {}
    assert statistics.median(list(sizes.values())[1:] or [0]) <= MAX_MEDIAN


@every_notebook
def test_no_cell_escapes_the_comparison(path: Path) -> None:
    marks = []
    for cell in code_cells(path):
        tags = {tag for tag in cell["metadata"].get("tags", []) if tag.startswith("nbval-")}
        tags |= {"raises-exception", "skip-execution"} & set(cell["metadata"].get("tags", []))
        tags |= set(re.findall(r"(?m)^\s*#\s*(NBVAL_\w+|PYTEST_\w+)", source(cell)))
        if tags and (path.stem, cell["id"]) not in NBVAL_MARKS_ALLOWED:
            marks.append((cell["id"], sorted(tags)))
    assert marks == []


def test_the_notebooks_are_numbered_without_gaps() -> None:
    numbers = [path.name.split("_")[0] for path in NOTEBOOKS]
    assert numbers == [f"{number:02d}" for number in range(len(NOTEBOOKS))]
    assert all(re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem) for path in NOTEBOOKS)
    assert all((ROOT / "tests" / f"test_nb{number}.py").is_file() for number in numbers)


@pytest.fixture
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_conftest", ROOT / "notebooks" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_shuffled_cells_are_put_in_order(hooks: ModuleType) -> None:
    cells = {(book, n): SimpleNamespace(path=Path(book), cell_num=n) for book in "ab" for n in range(3)}
    test = SimpleNamespace(path=Path("t"))
    items = [cells["b", 2], test, *(cells[at] for at in [("a", 1), ("b", 0), ("a", 0), ("b", 1), ("a", 2)])]
    hooks.pytest_collection_modifyitems(items)
    assert items == [cells["b", 0], test, cells["b", 1], cells["b", 2], *(cells["a", n] for n in range(3))]


@pytest.mark.parametrize(
    ("asked", "taken"), [("no", "no"), ("load", "loadfile"), ("worksteal", "loadfile"), ("loadscope",) * 2]
)
def test_a_notebook_stays_with_one_worker(hooks: ModuleType, asked: str, taken: str) -> None:
    config = SimpleNamespace(option=SimpleNamespace(dist=asked), workerinput={})
    hooks.pytest_configure(config)
    assert config.option.dist == taken
