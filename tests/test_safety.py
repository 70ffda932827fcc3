"""What the course may not do on a reader's machine: run texts as code, load pickles, call a shell or the network,
write where nobody expects it.

These tests read the sources. `make stress ARGS=audit` watches the notebooks while they run, and tests/test_data.py
alters the data.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.maintain import bootstrap

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "data").glob("*.py")])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = {
    # objects that run code as they are read
    "pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal",
    # the network
    "urllib", "urllib3", "http", "httpx", "requests", "aiohttp", "socket", "socketserver", "ssl", "ftplib", "smtplib",
    "xmlrpc", "webbrowser",
    # processes and code from elsewhere
    "subprocess", "pty", "multiprocessing", "code", "codeop", "runpy", "ctypes", "cffi",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "torch.compile",
    "torch.export.load", "pd.eval",
}  # fmt: skip
# Methods and functions, whatever they hang on.
NAMES = {
    "system", "popen", "read_pickle", "to_pickle", "getoutput", "run_cell_magic", "run_line_magic", "system_piped",
    "create_subprocess_exec", "create_subprocess_shell", "open_connection", "urlopen", "urlretrieve",
    "load_state_dict_from_url", "download_url_to_file", "execl", "execle", "execlp", "execv", "execve", "execvp",
    "spawnl", "spawnv", "spawnlp", "spawnvp", "posix_spawn", "fork", "startfile",
}  # fmt: skip
FROM = {("torch", "load"), ("torch", "save"), ("torch", "hub"), ("torch.jit", "load"), ("builtins", "eval")}
FROM |= {("builtins", "exec"), ("builtins", "compile")}

WRITING = {
    "write_text", "write_bytes", "touch", "mkdir", "makedirs", "unlink", "rmdir", "rmtree", "symlink_to", "hardlink_to",
    "rename", "renames", "remove", "removedirs", "move", "copyfile", "copytree", "copy2", "chmod", "to_csv", "to_json",
    "to_parquet", "to_excel", "to_hdf", "tofile", "savetxt", "savez", "savez_compressed", "imsave", "mkstemp", "mkdtemp",
    "NamedTemporaryFile", "TemporaryDirectory", "fdopen",
}  # fmt: skip
# Lists have a `remove` of their own: only these are of files.
ONLY_ON = {"remove": {"os"}, "move": {"shutil"}, "rename": {"os"}}
WRITERS = {  # what may write, and what it writes
    "course_utils/maintain/execute.py": "build/ and notebooks/",
    "course_utils/explore.py": "the pictures behind a control, for the book",
    "course_utils/maintain/book.py": "build/book",
    "course_utils/exercises/quiz.py": "the score, where a reader names a file",
    "course_utils/maintain/slides.py": "build/slides",
    "course_utils/maintain/student.py": "build/student",
    "course_utils/maintain/teaching.py": "docs/teachers",
    "course_utils/maintain/bench_history.py": "tests/bench_history.csv, when asked to",
    "course_utils/maintain/publish.py": "badges and first cells",
    "course_utils/record/store.py": "data/record, or build/record-quick, when `make record` is asked for",
    "data/make_fashion_mnist.py": "data/, for authors",
}
RUNS_JOBS = "course_utils/record/make.py"  # joblib, which can unpickle files, there only starts processes


def calls_in(source: str) -> Iterator[ast.Call]:
    """Every call of a Python text."""
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


def last_name(node: ast.Call) -> str:
    """`c` of a.b.c(...) and of c(...)."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def found_in(source: str) -> set[str]:
    """Forbidden modules and calls of a Python text."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & MODULES
            found |= {alias.name for alias in node.names} & {"torch.hub", "torch.utils.model_zoo", "builtins"}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module.split(".")[0]} & MODULES
            found |= {module} & {"torch.hub", "torch.utils.model_zoo"}
            names = {alias.name for alias in node.names}
            found |= (names & NAMES) | {f"{module}.{name}" for name in names if (module, name) in FROM}
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.hub", "os.fork"}:
            found.add(ast.unparse(node))
    for call in calls_in(source):
        name = ast.unparse(call.func)
        found |= {name} & CALLS
        found |= {last_name(call)} & NAMES if name != "platform.system" else set()
        for word in call.keywords:
            if word.arg == "shell":
                found.add("shell=True")
            if word.arg in {"allow_pickle", "download"} and ast.unparse(word.value) != "False":
                found.add(word.arg)
        texts = [one.value for one in [*call.args, *(word.value for word in call.keywords)] if is_text(one)]
        found |= {"an address" for text in texts if re.match(r"(https?|ftp|s3|file)://", text)}
    return found


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def writes_in(source: str) -> set[str]:
    """Calls of a Python text that make, change or remove a file."""
    found = set()
    for call in calls_in(source):
        name, owner = last_name(call), ast.unparse(getattr(call.func, "value", call.func))
        if name in WRITING and owner in ONLY_ON.get(name, {owner}):
            found.add(name)
        # open(path, "w"), path.open("w"), open(path, mode="w"), gzip.open(...)
        if name == "open":
            first = 1 if isinstance(call.func, ast.Name) else 0
            modes = [*call.args[first:2], *(word.value for word in call.keywords if word.arg == "mode")]
            words = [mode.value for mode in modes if is_text(mode)]
            if any(re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", word) for word in words):
                found.add("open")
        if name in {"save", "savefig", "imsave"} and call.args and not in_memory(call.args[0], source):
            found.add(name)
        if ast.unparse(call.func) in {"np.save", "numpy.save", "os.replace", "shutil.copy", "os.open"}:
            found.add(ast.unparse(call.func))
    return found


def in_memory(target: ast.expr, source: str) -> bool:
    """Whether a text writes to a name that it makes as io.BytesIO()."""
    name = re.escape(ast.unparse(target))
    return re.search(rf"\b{name}(, \w+)* = io\.BytesIO\(\)", source) is not None


def cells(path: Path) -> Iterator[tuple[str, str]]:
    """The id and the source of each code cell of a notebook, but the shared first cell."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not bootstrap.is_bootstrap(source):
            yield cell["id"], source


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(ROOT).as_posix() for path in SOURCES])
def test_package(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    jobs = {"joblib"} if path.relative_to(ROOT).as_posix() == RUNS_JOBS else set()
    assert found_in(source) == jobs
    if path.relative_to(ROOT).as_posix() not in WRITERS:
        assert writes_in(source) == set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path: Path) -> None:
    # A magic (%run, %%bash, !ls) is no Python, and stops the search with a SyntaxError.
    for name, source in cells(path):
        assert (found_in(source), writes_in(source)) == (set(), set()), name


def test_jobs_are_started_and_no_file_is_unpickled() -> None:
    source = (ROOT / RUNS_JOBS).read_text(encoding="utf-8")
    assert set(re.findall(r"joblib\.\w+", source.partition("import joblib")[2])) == {
        "joblib.delayed",
        "joblib.Parallel",
    }


def test_the_writers_do_write() -> None:
    for name in WRITERS:
        assert writes_in((ROOT / name).read_text(encoding="utf-8")), f"{name} writes nothing: off the list"


def test_the_first_cell_calls_git_and_nothing_else() -> None:
    source = bootstrap.cell_source("someone/why-relu")
    assert found_in(source) == {"subprocess"}
    assert writes_in(source) == set()
    run = [call for call in calls_in(source) if ast.unparse(call.func).startswith("subprocess.")]
    assert [ast.unparse(call.func) for call in run] == ["subprocess.run"]
    assert ast.unparse(run[0].args[0]) == "clone" and 'clone = ["git", "clone", ' in source
    assert set(re.findall(r"\w+://[\w.]+", source)) == {"https://github.com"}


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("import pickle", "pickle"), ("from urllib.request import urlopen", "urllib"), ("eval('1')", "eval"),
        ("import os\nos.system('ls')", "system"), ("import torch\ntorch.load('x')", "torch.load"),
        ("run('ls', shell=True)", "shell=True"), ("np.load('x', allow_pickle=True)", "allow_pickle"),
        ("from os import system", "system"), ("import os as o\no.popen('ls')", "popen"), ("import subprocess", "subprocess"),
        ("from torch import load", "torch.load"), ("import torch.hub", "torch.hub"), ("torch.hub.load('x')", "torch.hub"),
        ("pd.read_csv('https://example.org/x.csv')", "an address"), ("FashionMNIST('x', download=True)", "download"),
        ("read(filepath_or_buffer='ftp://example.org')", "an address"), ("frame.to_pickle('x')", "to_pickle"),
        ("get_ipython().system('ls')", "system"), ("asyncio.create_subprocess_shell('ls')", "create_subprocess_shell"),
        ("import http.client", "http"), ("exec('1')", "exec"), ("import multiprocessing as mp", "multiprocessing"),
        ("get_ipython().run_cell_magic('bash', '', 'ls')", "run_cell_magic"), ("import builtins", "builtins"),
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(bad: str, what: str) -> None:
    assert what in found_in(bad)
    fair = "import math\nnp.load('x', allow_pickle=False)\nmodel.eval()\nprint('see https://x.org')"
    assert found_in(fair) == set()


@pytest.mark.parametrize(
    "bad",
    [
        "Path('x').write_text('y')", "open('x', 'w')", "open('x', mode='ab')", "Path('x').open('r+')", "np.save('x', y)",
        "figure.savefig('x.png')", "figure.savefig(path)", "frame.to_csv('x')", "os.remove('x')", "shutil.rmtree('x')",
        "path.mkdir()", "os.replace('a', 'b')", "gzip.open('x', 'wb')", "shutil.move('a', 'b')", "image.save(path)",
    ],
)  # fmt: skip
def test_the_search_finds_what_writes(bad: str) -> None:
    assert writes_in(bad) != set()
    fair = "import io\ncanvas, small = io.BytesIO(), io.BytesIO()\nsheet = io.BytesIO()\nfigure.savefig(sheet, format='png')"
    fair += "\nnames.remove('w')\nopen('w')\nopen('x', 'rb')\nopen('x', encoding='ascii')"
    assert writes_in(fair) == set()


def test_a_magic_stops_the_search() -> None:
    for magic in ("!ls", "%run other.py", "%%bash\nls"):
        with pytest.raises(SyntaxError):
            found_in(magic)
