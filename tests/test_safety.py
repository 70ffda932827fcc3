"""What the course may not do on a reader's machine: run texts as code, load pickles, call a shell or the network."""

import ast
import json
from pathlib import Path

import pytest

from course_utils.maintain import bootstrap

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "data").glob("*.py")])
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "urllib",
    "http",
    "requests",
    "socket",
    "ftplib",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "torch.load",
    "torch.save",
    "pd.read_pickle",
}


def found_in(source: str) -> set[str]:
    """Forbidden modules and calls of a Python text."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & (MODULES | {"subprocess"})
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & (MODULES | {"subprocess"})
        elif isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & CALLS
            found |= {"shell=True" for word in node.keywords if word.arg == "shell"}
            pickled = [
                w for w in node.keywords if w.arg == "allow_pickle" and ast.unparse(w.value) != "False"
            ]
            found |= {"allow_pickle" for _ in pickled}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_package(path: Path) -> None:
    assert found_in(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not bootstrap.is_bootstrap(source):
            assert found_in(source) == set(), cell["id"]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("import pickle", "pickle"), ("from urllib.request import urlopen", "urllib"), ("eval('1')", "eval"),
        ("import os\nos.system('ls')", "os.system"), ("import torch\ntorch.load('x')", "torch.load"),
        ("run('ls', shell=True)", "shell=True"), ("np.load('x', allow_pickle=True)", "allow_pickle"),
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(bad: str, what: str) -> None:
    assert what in found_in(bad)
    assert found_in("import math\nnp.load('x', allow_pickle=False)") == set()
