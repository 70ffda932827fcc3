"""The package away from its repository: an installed copy carries pictures and register, and finds them."""

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from course_utils import where

ROOT = Path(__file__).resolve().parents[1]
CARRIED = {"fashion_mnist.npz", "fashion_mnist.sha256", "claims.toml", "quiz.toml", "record"}
ASK = """
import sys
sys.path.insert(0, sys.argv[1])
from course_utils import claims, data, record, where
print(len(data.load("test", 3)), len(claims.register()), len(claims.scoreboard()), where.home())
assert record.verdicts()["judged"].any()
"""


def test_the_wheel_is_told_to_carry_them() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert told["targets"]["wheel"]["force-include"] == {f"data/{n}": f"why_relu_data/{n}" for n in CARRIED}


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")
def test_an_installed_wheel_finds_what_it_carries(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    ask = [sys.executable, "-I", "-c", ASK, str(tmp_path / "site")]
    done = subprocess.run(ask, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("3 47 0 where you got the course\n", "")


def test_files_are_sought_in_the_repository_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, "ROOT", tmp_path)
    own, installed = tmp_path / "data" / "x", tmp_path / "why_relu_data" / "x"
    assert where.stored("x") == own
    for path in (installed, own):
        path.parent.mkdir()
        path.touch()
        assert where.stored("x") == path


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ('[tool.course]\nrepository = "ada/why"\nbranch = "main"', "https://github.com/ada/why/tree/main"),
        ('[tool.course]\nrepository = "OWNER/REPO"\nbranch = "main"', "where you got the course"),
        ("[tool]\n", "where you got the course"),
        ("no TOML", "where you got the course"),
    ],
)
def test_the_address_of_the_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, home: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(where, "ROOT", tmp_path)
    assert where.home() == home
