"""Running, refreshing and publishing, tried on small notebooks in folders of their own."""

import ast
import base64
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import nbformat
import pandas as pd
import pytest
import stress
from PIL import Image, ImageDraw

from course_utils.__main__ import main
from course_utils.maintain import bench, book, bootstrap, execute, publish, saving

ROOT = Path(__file__).resolve().parents[1]
STAMPED = "someone/why-relu"
SETTINGS = ["pyproject.toml", "notebooks/conftest.py", "tests/nbval_sanitize.cfg"]
CLAIMS = """
from types import SimpleNamespace as Row

class Table(list):
    def itertuples(self):
        return iter(self)

def scoreboard(folder=None):
    paths = sorted(folder.glob("*.ipynb"))
    return Table([Row(id="C01", verdict="holds", notebook=path.stem, figure=folder.name) for path in paths])
"""  # stands in for the real module, which would load torch and pandas


def notebook(*sources: str, first: str | None = None) -> nbformat.NotebookNode:
    """A notebook with these code cells, not yet executed, behind the shared first cell."""
    texts = [bootstrap.cell_source() if first is None else first, *sources]
    cells = [nbformat.v4.new_markdown_cell("# A title", id="title")]
    cells += [nbformat.v4.new_code_cell(text, id=f"c{number}") for number, text in enumerate(texts)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the course with its real settings and no notebooks."""
    root = tmp_path / "course"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "course_utils" / "maintain", root / "course_utils" / "maintain", ignore=ignore)
    for name in ["course_utils/__init__.py", "course_utils/__main__.py", *SETTINGS]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "course_utils" / "claims.py").write_text(CLAIMS, encoding="utf-8")
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    name, _ = bootstrap.read_course(root)
    text = text.replace(f'repository = "{name}"', f'repository = "{bootstrap.PLACEHOLDER}"')
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    text = "# Why ReLU?\n\n<!-- badges -->\nx\n<!-- /badges -->\n\nText.\n"
    (root / "README.md").write_text(text, encoding="utf-8")
    return root


def python(*words: str, at: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python in a folder, to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=at,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def write(root: Path, name: str, content: nbformat.NotebookNode) -> Path:
    path = root / "notebooks" / f"{name}.ipynb"
    nbformat.write(content, path)
    return path


# --- publish ---------------------------------------------------------------------------------------

NAMES = [
    "",
    "why-relu",
    "OWNER/REPO",
    "a/b/c",
    "-a/b",
    "a-/b",
    "a/..",
    "a/b.git",
    "a b/c",
    'a/b"\nx = "',
    "a" * 40 + "/b",
]
NAMES += ["https://gitlab.com/a/b", "https://github.com/a"]


@pytest.mark.parametrize(
    ("name", "branch", "says"),
    [
        *((name, "main", r"owner/name") for name in NAMES),
        *(
            (STAMPED, branch, r"no name of a branch")
            for branch in ("", "-x", "a b", "a..b", "a/", 'a"b', "a\n")
        ),
    ],
)
def test_publish_refuses_what_is_no_name(course: Path, name: str, branch: str, says: str) -> None:
    if branch == "main":  # else without a notebook, whose first cell would refuse the branch, too
        write(course, "00_start_here", notebook())
    before = files(course)
    with pytest.raises(ValueError, match=says):
        publish.publish(name, branch, root=course)
    assert files(course) == before


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/{}", "http://www.github.com/{}/", "github.com/{}.git", "git@github.com:{}.git",
        "ssh://git@github.com:22/{}.git", "https://github.com/{}/tree/main/notebooks?tab=readme#top", " {}/ ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ada/why-relu", "Ada-1/their.course"])
def test_publish_takes_addresses_and_the_first_cell_none(address: str, name: str) -> None:
    assert bootstrap.plain_name(address.format(name)) == name
    with pytest.raises(ValueError, match="is not owner/name"):
        bootstrap.cell_source(address.format(name))


def test_publish_stamps_and_stamps_again(course: Path) -> None:
    write(course, "00_start_here", notebook("1 + 1"))
    write(course, "01_other", notebook("2 + 2"))
    paths = [path for path in course.rglob("*") if path.suffix in {".toml", ".ipynb"}]
    before = {path: path.read_text(encoding="utf-8") for path in paths}

    assert len(publish.publish(STAMPED, root=course)) == 4
    readme = (course / "README.md").read_text(encoding="utf-8")
    assert f"github/{STAMPED}/blob/main/notebooks/00_start_here.ipynb" in readme
    assert f"gh/{STAMPED}/main?urlpath" in readme
    assert readme.startswith("# Why ReLU?\n\n<!-- badges -->\n[![") and readme.endswith(
        "<!-- /badges -->\n\nText.\n"
    )
    once = {path: path.read_text(encoding="utf-8") for path in before}
    for path, text in before.items():  # the name changed, and nothing else
        for form in ('"{}", "main"', '\\"{}\\", \\"main\\"', 'repository = "{}"'):
            text = text.replace(form.format(bootstrap.PLACEHOLDER), form.format(STAMPED))
        assert once[path] == text

    assert publish.publish(STAMPED, root=course) == []  # saying it again changes nothing
    assert len(publish.publish("Other-1/fork.of_it", "spring/2027", root=course)) == 4  # a fork
    assert bootstrap.read_course(course) == ("Other-1/fork.of_it", "spring/2027")
    assert not [path for path in [*before, course / "README.md"] if STAMPED in path.read_text("utf-8")]
    publish.publish(STAMPED, "main", root=course)
    assert {path: path.read_text(encoding="utf-8") for path in before} == once


def test_publish_writes_nothing_unless_it_can_write_everything(course: Path) -> None:
    write(course, "00_start_here", notebook(first="print('not the shared cell')"))
    with pytest.raises(ValueError, match=r"first code cell of 00_start_here\.ipynb"):
        publish.publish(STAMPED, root=course)
    write(course, "00_start_here", notebook())
    (course / "README.md").write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README\.md needs the marks"):
        publish.publish(STAMPED, root=course)
    assert bootstrap.read_course(course)[0] == bootstrap.PLACEHOLDER


# --- the shared first cell -------------------------------------------------------------------------


def test_first_cell_is_short_and_well_formed() -> None:
    text = bootstrap.cell_source(STAMPED)
    assert len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 110
    compile(text, "cell", "exec")


def in_colab(
    folder: Path, code: str, repository: Path, name: str = STAMPED
) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh Python that looks like Colab; git finds GitHub's `name` at `repository`, and nothing else."""
    stub = folder / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("", encoding="utf-8")
    content = folder / "content"
    content.mkdir()
    settings = stress.served(name, repository) | {"PYTHONPATH": str(folder / "stub")}
    return python("-c", "import google.colab\n" + code, at=content, **settings)


def git(*words: str, at: Path) -> None:
    who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=at, check=True, capture_output=True)


@pytest.fixture
def published(course: Path) -> Path:
    """The course as someone published it: a repository with one commit on main."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    write(course, "00_start_here", notebook())
    publish.publish(STAMPED, root=course)
    git("init", "--quiet", "--initial-branch=main", at=course)
    git("add", "--all", at=course)
    git("commit", "--quiet", "--message=The course", at=course)
    return course


TWICE = """
exec(compile({cell!r}, "cell", "exec"))
{between}
exec(compile({cell!r}, "cell", "exec"))
import os, course_utils
inside = os.path.realpath(course_utils.__file__).startswith(os.path.realpath(os.pardir))
print(os.path.basename(os.getcwd()), inside, sys.path.count(os.path.dirname(os.getcwd())))
"""


@pytest.mark.parametrize(
    "between", ["pass", "os.chdir('../..')"]
)  # a restarted kernel begins in the top folder again
def test_first_cell_fetches_the_course_in_colab_once(published: Path, tmp_path: Path, between: str) -> None:
    code = TWICE.format(cell=bootstrap.cell_source(STAMPED), between=between)
    done = in_colab(tmp_path, code, repository=published)
    assert (done.stdout, done.stderr) == ("notebooks True 1\n", "")
    assert sorted(path.name for path in (tmp_path / "content").iterdir()) == ["why-relu"]


@pytest.mark.parametrize("fork", ["another-1/why-relu", "another-1/their.course"])
def test_first_cell_of_a_fork_fetches_the_fork(published: Path, tmp_path: Path, fork: str) -> None:
    publish.publish(fork, root=published)
    line = "\nWHOSE = 'the fork'\n"
    with (published / "course_utils" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write(line)
    git("commit", "--quiet", "--all", "--message=A fork", at=published)
    code = (
        bootstrap.cell_source(fork)
        + "\nimport course_utils\nprint(course_utils.WHOSE, Path.cwd().parts[-2:])"
    )
    done = in_colab(tmp_path, code, repository=published, name=fork)
    assert (done.stdout, done.stderr) == (f"the fork {(Path(fork).name, 'notebooks')}\n", "")
    # Its name is in the fork's notebooks as fetched, and the other's nowhere.
    fetched = tmp_path / "content" / Path(fork).name / "notebooks" / "00_start_here.ipynb"
    assert fork in fetched.read_text("utf-8") and STAMPED not in fetched.read_text("utf-8")


@pytest.mark.parametrize(
    ("served", "reason"),
    [(STAMPED, "does not appear to be a git repository"), ("nobody/nothing", "127.0.0.1")],
)
def test_first_cell_says_when_the_course_cannot_be_fetched(tmp_path: Path, served: str, reason: str) -> None:
    # Once the repository is gone, once the network is.
    if shutil.which("git") is None:
        pytest.skip("needs git")
    (tmp_path / "nameless").mkdir()
    done = in_colab(tmp_path / "nameless", bootstrap.cell_source(), repository=tmp_path)
    assert "does not name its repository" in done.stderr and "make publish REPO=owner/name" in done.stderr
    done = in_colab(tmp_path, bootstrap.cell_source(STAMPED), repository=tmp_path / "nowhere", name=served)
    assert done.returncode == 1
    message = done.stderr[done.stderr.index("AssertionError") :]
    assert f"Cannot fetch https://github.com/{STAMPED} (branch main)" in message
    assert "Is it public, is the name right, is there a network? git says:" in message
    assert reason in message
    assert not any((tmp_path / "content").iterdir())  # nothing is in the way of another try


def test_first_cell_only_finds_the_package_elsewhere(course: Path) -> None:
    code = bootstrap.cell_source() + "\nimport course_utils\nprint(course_utils.__file__)"
    done = python("-I", "-c", code, at=course / "notebooks")
    assert done.stderr == ""
    assert Path(done.stdout.strip()).resolve() == (course / "course_utils" / "__init__.py").resolve()


@pytest.mark.parametrize("name", [bootstrap.PLACEHOLDER, STAMPED])
@pytest.mark.parametrize("foreign", ["", "course_utils/__init__.py", "course_utils.py", "course_utils/x.py"])
def test_first_cell_of_a_lonely_notebook_says_where_the_course_is(tmp_path, name, foreign):
    (tmp_path / "mine" / "notebooks").mkdir(parents=True)
    if foreign:
        (tmp_path / foreign).parent.mkdir(exist_ok=True)
        (tmp_path / foreign).touch()
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n"
    done = python("-I", "-S", "-c", code + bootstrap.cell_source(name), at=tmp_path / "mine" / "notebooks")
    said = done.stderr.splitlines()[-1]
    wanted = f"Not the course's course_utils: get all of it from https://github.com/{name}"
    assert said == f"ModuleNotFoundError: {wanted}"
    assert ("No module named 'course_utils'\n" in done.stderr) != bool(
        foreign
    )  # else the cause says what is wrong with it


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_courses_package_comes_before_another_of_its_name(course, tmp_path, place):
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "__init__.py").touch()
    paths = [str(tmp_path), str(course)]
    code = (
        f"import sys; sys.path[:0] = {paths if place == 'before' else paths[::-1]}\n"
        + bootstrap.cell_source()
    )
    code += f"\nimport course_utils\nprint(course_utils.__file__, sys.path.count({str(course)!r}))"
    done = python("-I", "-c", code, at=course / "notebooks")
    assert done.stdout == f"{course / 'course_utils' / '__init__.py'} 1\n", done.stderr


def test_the_first_cell_shows_no_value() -> None:
    shown = [node.value for node in ast.parse(bootstrap.cell_source()).body if isinstance(node, ast.Expr)]
    assert shown == []


@pytest.mark.parametrize(("given", "then"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_the_package_has_torch_wait_in_peace_unless_told(monkeypatch, given, then):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    code = (
        bootstrap.cell_source()
        + "\nprint('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'], sys.path[0], sep='\\n')"
    )
    done = python("-I", "-c", code, at=ROOT / "notebooks", **given)
    assert done.stdout.splitlines()[:2] == ["False", then]
    assert Path(done.stdout.splitlines()[2]).resolve() == ROOT.resolve()


# --- executing -------------------------------------------------------------------------------------


def cli(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "course_utils", *words, at=root, PYTHONPATH=str(root))


def test_refresh_stores_clean_outputs(course: Path) -> None:
    untidy = notebook("print('a')\nprint('b')", "6 * 7", "display({}, raw=True)")
    untidy.metadata.update(
        widgets={"application/vnd.jupyter.widget-state+json": {}},
        kernelspec={"name": "mine", "display_name": "Mine", "language": "python"},
        language_info={"name": "python", "version": "3.0"},
    )
    untidy.cells[2].metadata.update(execution={"iopub.status.busy": "2020"}, collapsed=True)
    untidy.cells[3].metadata.jupyter = {"outputs_hidden": True}
    untidy.cells[2].execution_count = 99
    untidy.cells[3].id = untidy.cells[2].id
    path = course / "notebooks" / "01_tiny.ipynb"
    path.write_text(json.dumps(untidy), encoding="utf-8")
    stored = json.loads(path.read_text(encoding="utf-8"))
    found = execute.problems(stored)
    assert {"metadata.widgets is stored", "cell c1: metadata.execution is stored"} <= {*found}
    assert execute.refresh(root=course) == 0
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert execute.problems(stored) == []
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    cells = stored["cells"]
    assert [cell["metadata"].get("collapsed") for cell in cells] == [None, None, None, True, None]
    assert [cell.get("execution_count") for cell in cells] == [None, 1, 2, 3, 4]
    assert [cell["id"] for cell in cells] == ["title", "c0", "c1", "cell-003", "c3"]
    assert cells[2]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["a\n", "b\n"]}]
    assert cells[3]["outputs"][0]["data"] == {"text/plain": ["42"]}
    assert cells[4]["outputs"] == []
    before = path.read_bytes()
    assert execute.refresh(["01"], root=course) == 0
    assert path.read_bytes() == before


def test_refresh_says_what_changed_and_what_hangs_on_it(course, capsys):
    card = "display({'text/plain': '[C01] holds (measured)\\n  figure: %s steps', 'text/html': ''}, raw=True)"
    book = notebook("print('in 90 steps')", card % 90)
    book.cells.insert(2, nbformat.v4.new_markdown_cell("It takes 90 steps. So there.", id="words"))
    path = write(course, "01_tiny", book)
    write(course, "10_last", notebook())
    assert execute.refresh(["01"], root=course) == 0
    capsys.readouterr()
    path.write_text(path.read_text(encoding="utf-8").replace("90 steps')", "180 steps')"), encoding="utf-8")
    assert execute.refresh(["01"], root=course) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "01_tiny: numbers that changed, and the prose beside them",
        "    c1: 90 -> 180",
        "        read words: It takes 90 steps.",
    ]
    hint = (
        'Cards changed in 01. Notebook 10 quotes them, 00 draws the map of verdicts: make refresh ARGS="{}"'
    )
    for old, names, later in ((90, ["01"], "10 00"), (91, ["01", "10"], "00"), (91, ["01"], None)):
        new = path.read_text(encoding="utf-8")
        path.write_text(new.replace(f"{old} steps', 'text", f"{old + 1} steps', 'text"), encoding="utf-8")
        assert execute.refresh(names, root=course) == 0
        said = capsys.readouterr().out
        assert said.endswith(hint.format(later) + "\n" if later else "No number changed.\n")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            "x = 1\n1 / 0",
            "code cell 2 of 01_tiny.ipynb: ZeroDivisionError: division by zero\n    | x = 1\n    | 1 / 0",
        ),
        ("import sys\nprint('oh', file=sys.stderr)", "something on stderr: 'oh'"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_refresh_stores_nothing_that_went_wrong(course, capsys, cell, said):
    stale = notebook(cell, "print('never')")
    stale.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="of an earlier run")]
    path = write(course, "01_tiny", stale)
    before = path.read_bytes()
    assert execute.refresh(root=course) == 1
    assert said in capsys.readouterr().err
    assert path.read_bytes() == before
    assert "of an earlier run" not in (course / "build" / "01_tiny.ipynb").read_text(encoding="utf-8")


def test_each_problem_of_a_stored_notebook_is_named() -> None:
    stored = notebook("print(1)", "2", first="x = 1")
    execute.clean(stored)
    assert execute.problems(stored) == []
    assert stored.metadata.language_info == {"name": "python"}
    # JupyterLab saves these two, unasked.
    stored.metadata.language_info = {"name": "python", "version": "3.0"}
    stored.cells[1].metadata.collapsed = True
    assert execute.problems(stored) == []
    stored.cells[2].metadata.jupyter = {"outputs_hidden": True}
    assert execute.problems(stored) == ['cell c1: "collapsed" is not stored, and JupyterLab would add it']
    stored.cells[2].metadata.pop("jupyter")
    stored.metadata.language_info = {"name": "R"}
    stored.metadata.widgets = {}
    stored.cells[0].metadata.trusted = True
    stored.cells[1].source = " \n"
    stored.cells[2].execution_count = 7
    stored.cells[2].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="fine"),
        nbformat.v4.new_output("stream", name="stderr", text=" oh \n"),
        nbformat.v4.new_output("display_data", {}),
        nbformat.v4.new_output("error", ename="KeyError", evalue="x", traceback=[]),
    ]
    stored.cells[3].id = "c1"
    assert execute.problems(stored) == [
        "metadata.widgets is stored",
        "metadata.language_info does not name python",
        "cells lack an id of their own",
        "cell title: metadata.trusted is stored",
        "cell c0: empty",
        "cell c1: execution count 7, expected 2",
        "cell c1: something on stderr: 'oh'",
        "cell c1: an empty output is stored",
        "cell c1: an error is stored (KeyError)",
    ]
    stored.metadata.kernelspec["name"] = "mine"
    del stored.cells[3]["id"]
    found = execute.problems(stored)
    assert {"the kernel is not python3, Python 3 (ipykernel)", "cells lack an id of their own"} <= {*found}


def test_run_goes_by_number_and_refresh_has_00_last(course, monkeypatch, capsys):
    for name in ["01_b", "00_a"]:
        write(course, name, notebook())
    monkeypatch.setattr(execute, "execute", lambda path: nbformat.read(path, 4))
    monkeypatch.setattr(execute, "problems", lambda notebook: [])
    monkeypatch.setattr("course_utils.claims.scoreboard", lambda folder: pd.DataFrame())
    assert execute.run(root=course) == execute.refresh(root=course) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines if line and line[0] in ("[1/2]", "[2/2]")] == [
        "00_a", "01_b", "01_b", "00_a",
    ]  # fmt: skip


def test_run_ends_with_the_verdicts_unless_a_notebook_stopped(course, monkeypatch, capsys):
    path, folders = write(course, "01_b", notebook()), []
    monkeypatch.setattr(execute, "print_verdicts", lambda folder, ran: folders.append(folder) or 5)
    monkeypatch.setattr(execute, "execute", lambda path: nbformat.read(path, 4))
    assert execute.run(root=course) == 5 and folders == [course / "build"]
    assert "[1/1] 01_b " in capsys.readouterr().out

    def stops(path: Path) -> None:
        raise execute.NotebookError("code cell 3 of 01_b.ipynb: KeyError", nbformat.read(path, 4))

    monkeypatch.setattr(execute, "execute", stops)
    assert execute.run(root=course) == 1 and len(folders) == 1
    told = capsys.readouterr()
    assert told.out.endswith(" s  FAILED\n") and "notebooks in" not in told.out
    assert told.err.splitlines()[1:] == [
        "code cell 3 of 01_b.ipynb: KeyError",
        "    executed so far: build/01_b.ipynb",
    ]
    assert path.exists()


def test_an_unknown_name_is_an_error_of_its_own(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(course, "01_b", notebook())
    for chore in (execute.run, execute.refresh, execute.check):
        assert chore(["07"], root=course) == 2
        assert capsys.readouterr().err == "Error: no notebook is called '07'; there are: 01_b\n"


def test_check_counts(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("02_c", "01_b"):
        write(course, name, notebook())
    assert execute.check(root=course) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == sorted(line.split(":")[0] for line in lines[:-1])
    assert lines[-1] == f"2 notebooks, {len(lines) - 1} problems" and len(lines) > 3
    (course / "notebooks" / "01_b.ipynb").unlink()
    tidy = notebook(first="x = 1")
    execute.clean(tidy)
    write(course, "02_c", tidy)
    assert execute.check(root=course) == 0
    assert capsys.readouterr().out == "1 notebooks, 0 problems\n"


def test_ids_are_kept_or_made_for_the_format_that_has_them() -> None:
    cells = [{"id": "a"}, {"id": "a"}, {}, {"id": ""}, {"id": "b"}]
    old = {"nbformat": 4, "nbformat_minor": 2, "cells": cells}
    execute._give_ids(old)
    assert [cell["id"] for cell in cells] == ["a", "cell-001", "cell-002", "cell-003", "b"]
    assert (old["nbformat"], old["nbformat_minor"]) == (4, 5)


def test_clean_counts_the_cells_that_were_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_smaller", lambda png: f"{png}, smaller")
    book = notebook("6 * 7", "", "display({}, raw=True)", first="x = 1")
    book.cells[4].outputs = [nbformat.v4.new_output("display_data", {"image/png": "a picture"})]
    result = nbformat.v4.new_output("execute_result", {"text/plain": "42"}, execution_count=9)
    book.cells[2].outputs = [result, nbformat.v4.new_output("display_data", {})]
    for cell in book.cells[1:]:
        cell.execution_count = 70
    book.cells[0].metadata.update(scrolled=True, mine=1)
    book.metadata.papermill = {}
    execute.clean(book)
    assert [cell.execution_count for cell in book.cells[1:]] == [1, 2, None, 3]
    assert [out.execution_count for out in book.cells[2].outputs] == [2]
    assert book.cells[0].metadata == {"mine": 1} and "papermill" not in book.metadata
    assert book.cells[4].outputs[0].data == {"image/png": "a picture, smaller"}
    assert book.metadata.kernelspec == execute.KERNELSPEC


def test_the_verdicts_have_a_head_or_there_are_none_yet(monkeypatch, capsys):
    row = {"id": "C01", "verdict": "holds", "notebook": "02_x", "figure": "0.25 at z = 0"}
    monkeypatch.setattr("course_utils.claims.scoreboard", lambda folder: pd.DataFrame([row]))
    assert execute.print_verdicts(Path("build")) == 0
    head, line = capsys.readouterr().out.strip().splitlines()
    assert head.split() == ["claim", "verdict", "notebook", "deciding", "figure"]
    assert [line.index(part) for part in row.values()] == [
        head.index(part) for part in ("claim", "verdict", "notebook", "deciding")
    ]
    monkeypatch.setattr("course_utils.claims.scoreboard", lambda folder: pd.DataFrame())
    execute.print_verdicts(Path("build"))
    assert capsys.readouterr().out == "\nNo verdicts yet.\n"


def files(root: Path) -> dict[str, str]:
    """The SHA-256 of every file, but what Python caches."""
    paths = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def test_run_writes_to_build_and_refresh_to_notebooks(course: Path) -> None:
    write(course, "01_tiny", notebook("print('fine')"))
    before = files(course)
    assert cli(course, "run").returncode == 0
    ran = files(course)
    assert {path for path in ran if ran[path] != before.get(path)} == {"build/01_tiny.ipynb"}
    assert before.items() <= ran.items()
    assert cli(course, "refresh").returncode == 0
    refreshed = files(course)
    assert {path for path in refreshed if refreshed[path] != ran.get(path)} == {"notebooks/01_tiny.ipynb"}
    assert refreshed.keys() == ran.keys()


@pytest.mark.parametrize("when", ["writing", "moving", "by hand"])
def test_a_full_disk_leaves_the_old_notebook_whole(course, monkeypatch, capsys, when):
    path = write(course, "01_tiny", notebook("print('new')"))
    before = files(course)
    whole = Path.write_text

    def half(self: Path, text: str, **options: str) -> int:
        whole(self, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    def stuck(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    def stop(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    faults = {"writing": ("write_text", half), "moving": ("replace", stuck), "by hand": ("replace", stop)}
    monkeypatch.setattr(Path, *faults[when])
    if when == "by hand":
        with pytest.raises(KeyboardInterrupt):
            execute.refresh(root=course)
    else:
        assert execute.refresh(root=course) == 1
        said = capsys.readouterr()
        assert "FAILED" in said.out
        assert f"01_tiny.ipynb is not stored: [Errno 28] No space left on device: '{path}'" in said.err
    assert files(course) == before


def test_a_stopped_notebook_that_cannot_be_kept_is_still_told(course, capsys):
    write(course, "01_tiny", notebook("1 / 0"))
    (course / "build").write_text("in the way", encoding="utf-8")
    assert execute.refresh(root=course) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said and "what was executed could not be kept: " in said
    assert execute.run(root=course) == 1
    assert capsys.readouterr().err.startswith("Error: build/ cannot be written: ")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("Kernel died before replying to kernel_info"),
            "01_tiny.ipynb: the kernel did not start: Kernel died before replying to kernel_info",
        ),
        (AssertionError(), "01_tiny.ipynb: the kernel died: it ran out of memory"),
    ],
)
def test_a_kernel_that_is_not_there_is_told(course, monkeypatch, capsys, error, told):
    async def dead(self: execute.NotebookClient) -> None:
        raise error

    monkeypatch.setattr(execute.NotebookClient, "async_execute", dead)
    path = write(course, "01_tiny", notebook())
    before = path.read_bytes()
    assert execute.refresh(root=course) == 1
    said = capsys.readouterr().err
    assert told in said
    assert path.read_bytes() == before


def test_notebooks_10_and_00_are_refreshed_last(course: Path) -> None:
    for name in ["10_d", "11_e"]:
        write(course, name, notebook())
    assert [path.stem for path in execute.select(root=course)] == ["11_e", "10_d"]
    for name in ["10_d", "11_e"]:
        (course / "notebooks" / f"{name}.ipynb").unlink()
    for name in ["02_c", "00_a", "01_b"]:
        write(course, name, notebook())
    assert [path.stem for path in execute.select(root=course)] == ["01_b", "02_c", "00_a"]
    assert [path.stem for path in execute.select(["notebooks/00_a.ipynb", "02"], root=course)] == [
        "02_c",
        "00_a",
    ]
    (course / "outside.ipynb").write_text("{}", encoding="utf-8")
    for name in ("07", "../outside", "../outside.ipynb", "/outside.ipynb", "..", "."):
        with pytest.raises(ValueError, match=r"no notebook is called '.*'; there are: 00_a, 01_b, 02_c"):
            execute.select([name], root=course)


def test_run_stops_at_the_first_error(course: Path) -> None:
    write(course, "00_good", notebook("print('fine')"))
    write(course, "01_bad", notebook("raise ValueError('told you')"))
    write(course, "02_never", notebook())
    done = cli(course, "run")
    assert done.returncode == 1
    assert "[1/3] 00_good" in done.stdout and "[2/3] 01_bad" in done.stdout and "[3/3]" not in done.stdout
    assert "code cell 2 of 01_bad.ipynb: ValueError: told you" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (course / "build").iterdir()) == ["00_good.ipynb", "01_bad.ipynb"]
    assert '"execution_count": null' in (course / "notebooks" / "00_good.ipynb").read_text(encoding="utf-8")


def test_run_prints_the_verdicts_of_the_executed_copies(course: Path) -> None:
    write(course, "00_good", notebook("print('fine')"))
    done = cli(course, "run", "00")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[1/1] 00_good" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["C01", "holds", "00_good", "build"]
    write(course, "01_other", notebook())
    done = cli(course, "run", "01")  # the copy of 00 still lies in build/
    assert [line.split()[0] for line in done.stdout.splitlines()[-2:]] == ["claim", "C01"]
    assert done.stdout.splitlines()[-1].split()[2] == "01_other"
    shown = cli(course, "verdicts").stdout.splitlines()[-2:]
    assert [line.split() for line in shown] == [
        ["C01", "holds", "00_good", "notebooks"],
        ["C01", "holds", "01_other", "notebooks"],
    ]


def test_command_line_explains_itself(course: Path) -> None:
    shown = cli(course)
    assert shown.returncode == 0 and shown.stdout == cli(course, "--help").stdout
    chores = ["run", "refresh", "prose", "bench", "publish", "book", "verdicts"]
    assert all(f"\n    {chore} " in shown.stdout for chore in chores)
    assert cli(course, "run", "no_such").returncode == 2
    refused = cli(course, "publish", "nonsense")
    assert refused.returncode == 2 and "not owner/name" in refused.stderr


CHORES = [
    ("run", ("run", [])),
    ("run 02 05_dead_units", ("run", ["02", "05_dead_units"])),
    ("refresh", ("refresh", [])),
    ("refresh 02 10", ("refresh", ["02", "10"])),
    ("refresh --check", ("check", [])),
    ("refresh --check 03", ("check", ["03"])),
    ("prose", ("untied", [])),
    ("prose 05", ("untied", ["05"])),
    ("verdicts", ("print_verdicts", execute.ROOT / "notebooks")),
    ("publish ada/why-relu", ("publish", "ada/why-relu", None)),
    ("publish ada/why-relu --branch two", ("publish", "ada/why-relu", "two")),
    ("book", ("book", False)),
    ("book --still", ("book", True)),
    ("bench", ("bench", [])),
    ("bench --only imports --threads 2", ("bench", ["--only", "imports", "--threads", "2"])),
]


@pytest.mark.parametrize(("line", "call"), CHORES)
def test_each_chore_gets_what_was_typed(monkeypatch: pytest.MonkeyPatch, line: str, call: tuple) -> None:
    calls = []

    def keep(name: str):
        return lambda *arguments: calls.append((name, *arguments)) or 7

    for name in ("run", "refresh", "check", "untied", "print_verdicts"):
        monkeypatch.setattr(execute, name, keep(name))
    for name, module in {"publish": publish, "book": book, "bench": bench}.items():
        monkeypatch.setattr(module, "main", keep(name))
    assert main(line.split()) == 7  # the chore's own exit status
    assert calls == [call]


@pytest.mark.parametrize(
    ("line", "error", "status", "said"),
    [
        ("book", PermissionError(errno.EACCES, "Permission denied", "build"), 1, "book: [Errno 13] Permission denied: 'build'\n"),
        ("book", ValueError("no such thing"), 1, "book: no such thing\n"),
        ("book", ModuleNotFoundError("No module", name="jinja2"), 1, "book: jinja2 is not installed here: make setup"),
        ("book", KeyboardInterrupt(), 1, "book: stopped by hand\n"),
        ("dance", None, 2, "invalid choice: 'dance'"), ("publish", None, 2, "required: repository"),
        ("run 02 --fast", None, 2, "unknown arguments: --fast"), ("book --quick 3", None, 2, "unknown arguments: --quick 3"),
    ],
)  # fmt: skip
def test_a_chore_that_fails_or_is_none(monkeypatch, capsys, line, error, status, said):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(book, "main", fail)
    try:
        found = main(line.split())
    except SystemExit as refused:
        found = refused.code
    shown = capsys.readouterr().err
    assert found == status and said in shown
    assert shown.count("\n") == 1 if error else "usage: python -m course_utils" in shown


def test_publish_needs_nothing_but_python(course: Path) -> None:
    write(course, "00_start_here", notebook())
    code = "import sys; sys.path.insert(0, '.'); sys.argv[1:] = ['publish', 'a/b']\n"
    done = python(
        "-I", "-S", "-c", code + "from course_utils.__main__ import main; sys.exit(main())", at=course
    )
    assert (done.returncode, done.stderr) == (
        0,
        "",
    ) and "stamped  notebooks/00_start_here.ipynb\n" in done.stdout


def test_pictures_are_stored_with_fewer_colours_only_if_no_eye_can_tell(monkeypatch):
    def base64_of(picture: Image.Image) -> str:
        target = io.BytesIO()
        picture.save(target, format="PNG")
        return base64.b64encode(target.getvalue()).decode()

    lines = Image.new("RGBA", (900, 600), "white")
    for turn in range(30):
        ImageDraw.Draw(lines).line((0, 20 * turn, 900, 600 - 20 * turn), fill="navy", width=3)
    lines = lines.resize((450, 300), Image.Resampling.LANCZOS)
    small = execute._smaller(base64_of(lines))
    assert len(small) < 0.7 * len(base64_of(lines))
    assert execute._smaller(small) == small
    dpi = Image.open(io.BytesIO(base64.b64decode(small))).info["dpi"]
    assert dpi == pytest.approx((72, 72), abs=0.2)  # as programs take a picture that says nothing
    for apart, kept in [(12, small), (13, base64_of(lines))]:  # of 255 steps of a colour
        monkeypatch.setattr(
            execute.ImageChops, "difference", lambda *_, a=apart: Image.new("RGB", (1, 1), (0, a, 3))
        )
        assert execute._smaller(base64_of(lines)) == kept
    monkeypatch.undo()
    rainbow = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)])
    assert execute._smaller(base64_of(rainbow)) == base64_of(rainbow)


# --- nbval is strict -------------------------------------------------------------------------------

LOSS = "print('loss \u2248 0.123 after 10 steps')"
NORM = "from IPython.display import Markdown\nMarkdown('norm \u2248 2.5, rank 3')"
PICTURE = "from IPython.display import HTML\nHTML('<b>width \u2248 1,200.5</b>')"
TRIALS = [  # code, what is written over in its stored output, by what, and whether the cell still passes
    (LOSS, "", "", True),
    (LOSS, "0.123", "0.124", True),
    (LOSS, "0.123", "-7.5e+03", True),
    (LOSS, "0.123", "nan", False),
    (LOSS, "0.123", "inf", False),
    (LOSS, "\u2248", "=", False),
    (LOSS, "10", "11", False),
    (LOSS, "steps", "step", False),
    ("(3, 4)", "4", "5", False),
    ("'a'", "a", "b", False),
    (NORM, "2.5", "\u2212.9", True),
    (NORM, "rank 3", "rank 4", False),
    (NORM, "2.5", "NaN", False),
    (PICTURE, "1,200.5", "7", True),
    (PICTURE, "<b>", "<i>", False),
]


def written_over(outputs: list[dict], old: str, new: str) -> list[dict]:
    """Stored outputs with a part of their richest text changed."""
    output = dict(outputs[0])
    if "text" in output:
        output["text"] = "".join(output["text"]).replace(old, new)
    else:
        kind = next((kind for kind in output["data"] if kind != "text/plain"), "text/plain")
        output["data"] = output["data"] | {kind: "".join(output["data"][kind]).replace(old, new)}
    return [output]


def test_nbval_sees_every_character_but_the_number_behind_about(tmp_path: Path) -> None:
    root = tmp_path / "course"
    for name in SETTINGS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    path = write(root, "01_tiny", notebook(*[code for code, *_ in TRIALS], first="x = 1"))
    assert execute.refresh(root=root) == 0
    stored = json.loads(path.read_text(encoding="utf-8"))
    for cell, (_, old, new, _) in zip(stored["cells"][2:], TRIALS, strict=True):
        changed = written_over(cell["outputs"], old, new)
        assert (json.dumps(changed) != json.dumps(written_over(cell["outputs"], "", ""))) == (old != new)
        cell["outputs"] = changed
    path.write_text(json.dumps(stored), encoding="utf-8")

    # The plain command a reader would type, from a folder of its own, with the settings of the real course.
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "--nbval", str(path), f"--junit-xml={report}"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        command, cwd=elsewhere, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 1, done.stdout + done.stderr
    cases = ElementTree.parse(report).getroot().iter("testcase")
    passed = [case.find("failure") is None and case.find("error") is None for case in cases]
    assert passed == [True, *(passes for *_, passes in TRIALS)]


# --- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_was_only_read_is_saved_as_it_was(path: Path, tmp_path: Path) -> None:
    """Jupyter's server, with the course's extension, is given each notebook as JupyterLab hands it back."""
    from jupyter_server.services.contents.filemanager import FileContentsManager

    manager = FileContentsManager(root_dir=str(tmp_path))
    saving._load_jupyter_server_extension(SimpleNamespace(contents_manager=manager))
    (tmp_path / path.name).write_bytes(path.read_bytes())
    model = manager.get(path.name)
    model["content"]["metadata"]["language_info"]["version"] = "3.11.7"
    for cell in model["content"]["cells"]:
        cell["metadata"]["trusted"] = True
        if cell["metadata"].get("jupyter", {}).get("outputs_hidden"):
            cell["metadata"]["collapsed"] = True
    manager.save(model, path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_notebook_that_is_not_the_courses_is_saved_as_it_comes() -> None:
    for cells in ([], [nbformat.v4.new_code_cell("1 + 1")]):
        content = nbformat.v4.new_notebook(
            cells=cells, metadata={"language_info": {"name": "python", "version": "3"}}
        )
        before = json.dumps(content)
        saving.forget_version({"type": "notebook", "content": content}, path="x", contents_manager=None)
        assert json.dumps(content) == before
    saving.forget_version({"type": "file", "content": "text"})


def test_installing_the_course_switches_the_extension_on() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    ((source, target),) = tool["hatch"]["build"]["targets"]["wheel"]["shared-data"].items()
    assert target.startswith("etc/jupyter/jupyter_server_config.d/")
    on = json.loads((ROOT / source).read_text(encoding="utf-8"))["ServerApp"]["jpserver_extensions"]
    assert on == {point["module"]: True for point in saving._jupyter_server_extension_points()}
