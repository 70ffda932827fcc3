"""The student edition: no solution is left in it, and what is left runs and compares as before."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from course_utils.exercises import Off, exercises
from course_utils.maintain import student

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code(source: str, *tags: str, text: str = "") -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [text]}] if text else []
    cell = {
        "cell_type": "code",
        "id": source[:9],
        "source": [source],
        "outputs": outputs,
        "execution_count": 9,
    }
    return {**cell, "metadata": {"tags": list(tags)}}


def words(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": source[:9], "source": [source], "metadata": {}}


def sources(book: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in book["cells"]]


TRIED = {
    "cells": [
        code("from course_utils.exercises import check, solution"),
        words("**Your guess first (1.1).** Which?"),
        code('check("1.1", ...)', text="1.1: not answered yet"),
        code("f()", text="it is b"),
        words("Before.\n\n<details><summary>Worked solution to 1.1</summary>\n\n**b.**\n\n</details>\n\nAfter."),
        code('best = "b"\nsolution("1.1", best)', "solution", text="1.1: the worked solution passes its check"),
        words("<details><summary>Worked solution</summary>\n\nAll.\n\n</details>"),
        words("<details><summary>Why?</summary>\n\nStays.\n\n</details>"),
        code("g(best)"),
        code("made = 2 * best"),
        code("[made for made in range(3)]"),
        code("made + 1"),
        code("h()", text="stays"),
    ]
}  # fmt: skip


def test_solutions_go_and_what_is_built_on_them_goes_with_them() -> None:
    before = json.dumps(TRIED)
    book = student.edition(TRIED)
    assert sources(book) == [
        "from course_utils.exercises import check", "**Your guess first (1.1).** Which?", 'check("1.1", ...)', "f()",
        "Before.\n\nAfter.", "<details><summary>Why?</summary>\n\nStays.\n\n</details>",
        "[made for made in range(3)]", "h()",
    ]  # fmt: skip
    assert [cell["execution_count"] for cell in book["cells"] if cell["cell_type"] == "code"] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert student.hints_left(TRIED) and student.hints_left(book) == [] and json.dumps(TRIED) == before
    assert book["cells"][3]["outputs"] and book["cells"][-1]["outputs"]


def test_outputs_between_guess_and_solution_are_hidden_if_asked() -> None:
    book = student.edition(TRIED, hide=True)
    shown = {
        source: bool(cell.get("outputs")) for source, cell in zip(sources(book), book["cells"], strict=True)
    }
    assert not shown["f()"] and shown["h()"] and shown['check("1.1", ...)']


@each
@pytest.mark.parametrize("hide", [False, True])
def test_the_course_itself(path: Path, hide: bool) -> None:
    book = json.loads(path.read_text("utf-8"))
    left = student.edition(book, hide)
    assert student.hints_left(left) == []
    asked = [line for source in sources(left) for line in source.splitlines() if line.startswith("check(")]
    assert len(asked) == len(exercises(path.name[:2]))
    cells = {cell["id"]: cell for cell in book["cells"]}
    for cell in left["cells"]:  # no output differs from that of the course
        assert cell.get("outputs", []) in ([], cells[cell["id"]].get("outputs", [])) or "data" in json.dumps(
            cell
        )
    assert len(left["cells"]) > 0.6 * len(book["cells"])


@each
def test_no_cell_reads_a_name_that_is_gone(path: Path) -> None:
    whole, left = json.loads(path.read_text("utf-8")), student.edition(json.loads(path.read_text("utf-8")))

    def made(book: dict[str, Any]) -> set[str]:
        found: set[str] = set()
        for cell in book["cells"]:
            if cell["cell_type"] == "code":
                tree = ast.parse("".join(cell["source"]))
                found |= {
                    n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
                }
                found |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        return found

    lost = made(whole) - made(left)
    read = {
        n.id
        for cell in left["cells"]
        if cell["cell_type"] == "code"
        for n in ast.walk(ast.parse("".join(cell["source"])))
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    assert lost & read == set()


@each
def test_a_grader_runs_a_cell_behind_each_answer(path: Path) -> None:
    """A right answer passes it, an open one stops it; the answer's own cell is left as it is."""
    left = student.edition(json.loads(path.read_text("utf-8")))
    book = student.graded(left, points=2)
    tests = [cell for cell in book["cells"] if "nbgrader" in cell["metadata"]]
    numbers = [re.findall(r'"([\d.]+)"\]', cell["source"])[0] for cell in tests]
    assert sorted(numbers) == sorted(exercises(path.name[:2]))
    assert [cell for cell in book["cells"] if cell not in tests] == left["cells"]
    for number, cell in zip(numbers, tests, strict=True):
        mark = cell["metadata"]["nbgrader"]
        assert mark["grade"] and mark["locked"] and mark["points"] == 2
        with pytest.raises(Off):
            exec(cell["source"], {f"answer_{number.replace('.', '_')}": ...})
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])


def test_the_guide_names_what_is_there() -> None:
    guide = (ROOT / "docs/teachers/guide.md").read_text("utf-8")
    assert "make student ARGS=--grade" in guide and 'exercises("03")["3.4"].verify(answer_3_4)' in guide
    answer = {"answer_3_4": 4}
    exec('from course_utils.exercises import exercises; exercises("03")["3.4"].verify(answer_3_4)', answer)


def test_it_is_written_whole_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("notebooks", "course_utils", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "tests" / "nbval_sanitize.cfg").write_text("[a]", "utf-8")
    (tmp_path / "LICENSE").write_text("free", "utf-8")
    (tmp_path / "notebooks" / "01_a.ipynb").write_text(json.dumps(TRIED), "utf-8")
    assert student.main(root=tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "The student edition stands in build/student."
    written = json.loads((tmp_path / "build/student/notebooks/01_a.ipynb").read_text("utf-8"))
    assert written == student.edition(TRIED) and (tmp_path / "build/student/LICENSE").is_file()
    assert (tmp_path / "build/student/tests/nbval_sanitize.cfg").is_file()
