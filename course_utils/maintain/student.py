"""The student edition: the notebooks without worked solutions, written beside a copy of the package.

`python -m course_utils student` writes build/student. Left out are the cells tagged ``solution``, the folded texts whose
summary begins with "Worked solution", and the cells that build on a name which only a solution defines. The outputs that
stay are compared by nbval as before. With ``--hide`` the outputs between a guess ("Your guess first (2.1)") and its
solution are left out as well: they come when the reader runs them. With ``--grade`` a locked cell stands behind each
answer that nbgrader runs and counts; it raises what is off, so that this edition is for grading and not for nbval.
"""

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

from course_utils.maintain.execute import ROOT

__all__ = ["edition", "graded", "hints_left", "main"]

Notebook = dict[str, Any]

_FOLDED = re.compile(r"\n*<details><summary>Worked solution.*?</details>\n*", re.DOTALL)
_TOLD = re.compile(r"<summary>Worked solutions?(?: to ([\d.]+))?|^\*\*(\d+\.\d+)\.\*\*", re.MULTILINE)
_ANSWER = re.compile(r"answer_(\d+)_(\d+)\b")
_GUESS = re.compile(r"Your guess first \((\d+\.\d+)\)")
_COPIED = ("course_utils", "data", "notebooks", ".ci", ".github")
_FILES = (
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "environment.yml",
    "Makefile",
    "CITATION.cff",
    ".gitignore",
    "tests/nbval_sanitize.cfg",  # which numbers nbval does not compare
)


def edition(notebook: Notebook, hide: bool = False) -> Notebook:
    """A stored notebook, in nbformat's shape, without its worked solutions.

    Args:
        notebook: as json.loads gives it; left alone.
        hide: leave out the outputs between each guess and its solution; default False.
    """
    book: Notebook = json.loads(json.dumps(notebook))
    cells = book["cells"]
    if hide:
        _hide(cells)
    solutions = [cell for cell in cells if "solution" in cell["metadata"].get("tags", [])]
    gone = {name for cell in solutions for name in _made(cell)}
    kept: list[Any] = []
    known: set[str] = set()
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = _FOLDED.sub("\n\n", source).strip("\n")
            cell["source"] = source.splitlines(keepends=True)
            if source:
                kept.append(cell)
            continue
        made = _made(cell)
        if cell in solutions:
            continue
        if cell["cell_type"] == "code" and (_read(cell) - made) & (gone - known):
            gone |= made  # what is built on a solution goes with it
            continue
        if "course_utils.exercises import" in source:
            cell["source"] = _without_solution(source).splitlines(keepends=True)
        known |= made
        kept.append(cell)
    count = 0
    for cell in kept:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            for out in cell["outputs"]:
                if "execution_count" in out:
                    out["execution_count"] = count
    book["cells"] = kept
    return book


def _hide(cells: list[Any]) -> None:
    """Empty the code cells' outputs from each guess to the cell that tells its solution."""
    waiting: set[str] = set()
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if waiting and not re.search(r"(?m)^check\(", source):
                cell["outputs"] = []
            continue
        if _TOLD.search(source):
            named = {number for hit in _TOLD.finditer(source) for number in hit.groups() if number}
            waiting = waiting - named if named else set()
        waiting |= set(_GUESS.findall(source))


def _made(cell: Any) -> set[str]:
    """The names that a code cell leaves behind."""
    if cell["cell_type"] != "code":
        return set()
    found: set[str] = set()
    for node in ast.parse("".join(cell["source"])).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        found |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for part in ast.walk(node):
            if isinstance(part, ast.comprehension):  # its variable stays within it
                found -= {n.id for n in ast.walk(part.target) if isinstance(n, ast.Name)}
    return found


def _read(cell: Any) -> set[str]:
    """The names that a code cell reads and nothing within it makes: arguments and loops count as made."""
    tree = ast.parse("".join(cell["source"]))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return {name.id for name in names if isinstance(name.ctx, ast.Load)} - made


def _without_solution(source: str) -> str:
    return re.sub(r"(from course_utils\.exercises import check), solution\b", r"\1", source)


def hints_left(notebook: Notebook) -> list[str]:
    """The cells of a notebook that still hold a worked solution, by id."""
    return [
        cell["id"]
        for cell in notebook["cells"]
        if "solution" in cell["metadata"].get("tags", [])
        or re.search(r"Worked solution|\bsolution\(|passes its check", json.dumps(cell["source"]))
        or "passes its check" in json.dumps(cell.get("outputs", []))
    ]


def graded(notebook: Notebook, points: int = 1) -> Notebook:
    """A notebook with a locked cell behind each answer, in which nbgrader gives ``points`` for a right one.

    The answers' own cells carry no mark of nbgrader's, which would put a stub in their place.
    """
    cells: list[Any] = []
    for cell in notebook["cells"]:
        cells.append(cell)
        answer = _ANSWER.match("".join(cell["source"])) if cell["cell_type"] == "code" else None
        if answer:
            name, book, number = answer[0], f"{int(answer[1]):02d}", f"{answer[1]}.{answer[2]}"
            mark = {"grade": True, "grade_id": f"test_{name}", "locked": True, "points": points}
            cells.append(
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"test-{number.replace('.', '-')}",
                    "metadata": {"nbgrader": mark | {"schema_version": 3, "solution": False, "task": False}},
                    "outputs": [],
                    "source": f'from course_utils.exercises import exercises\nexercises("{book}")["{number}"].verify({name})',
                }
            )
    return notebook | {"cells": cells}


def main(hide: bool = False, root: Path = ROOT, grade: bool = False) -> int:
    """Write the student edition into root/build/student; returns the exit status."""
    target = root / "build" / "student"
    try:
        shutil.rmtree(target, ignore_errors=True)
        for name in _COPIED:
            if (root / name).is_dir():
                without = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
                shutil.copytree(root / name, target / name, ignore=without)
        for name in _FILES:
            if (root / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target / name)
        for path in sorted((target / "notebooks").glob("*.ipynb")):
            book = edition(json.loads(path.read_text("utf-8")), hide)
            if left := hints_left(book):
                print(f"Error: {path.name} still holds a solution in {', '.join(left)}")
                return 1
            book = graded(book) if grade else book
            path.write_text(json.dumps(book, ensure_ascii=False, indent=1) + "\n", "utf-8")
            print(f"{path.name}: {len(book['cells'])} cells")
    except OSError as error:
        print(f"Error: the student edition cannot be written: {error}")
        return 1
    print(f"The student edition stands in {target.relative_to(root)}.")
    return 0
