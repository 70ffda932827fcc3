"""pyproject.toml, the pins, environment.yml and what is installed say the same; nothing names one machine."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils.maintain import bootstrap, publish

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
CONDA_NAMES = {"pytorch-cpu": "torch"}
ONLY_FOR_AUTHORS = {
    "ruff",
    "mypy",
    "pandas-stubs",
}  # no reader on Binder or conda needs them


def ranges(*lines: str) -> dict[str, SpecifierSet]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in parsed}


def wanted() -> dict[str, SpecifierSet]:
    return ranges(*PROJECT["project"]["dependencies"], *EXTRAS["lab"], *EXTRAS["test"])


def book() -> dict[str, SpecifierSet]:
    return ranges(*EXTRAS["book"])


def pins(name: str = "constraints.txt") -> dict[str, Version]:
    lines = (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()
    parts = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(part) == 2 for part in parts), "every line is name==version, no paths and no addresses"
    return {canonicalize_name(name): Version(version) for name, version in parts}


def conda() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def conda_lines() -> dict[str, str]:
    lines = conda()["dependencies"]
    assert all(isinstance(line, str) for line in lines), (
        "no pip section: Binder would rebuild at every commit"
    )
    parts = [re.fullmatch(r"([a-z0-9-]+)(.*)", line.replace(" ", "")) for line in lines]
    assert all(parts)
    assert len({part[1] for part in parts}) == len(parts), "a package is named twice"
    return {part[1]: part[2] for part in parts}


@pytest.mark.parametrize("name", sorted(wanted() | book()))
def test_pins_satisfy_the_ranges(name: str) -> None:
    assert name in pins(), f".ci/constraints.txt does not pin {name}"
    assert pins()[name] in (wanted() | book())[name]
    assert name != "torch" or pins()[name].local is None  # so that it fits the CPU build and any other
    if name in wanted() and name not in ONLY_FOR_AUTHORS:
        assert wanted()[name].contains(metadata.version(name), prereleases=True), "what is installed"


def test_what_colab_offers_satisfies_the_ranges() -> None:
    # All that a notebook needs there, but torch, whose build differs: tests/stress.py says what stands in for it.
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    found = pins("constraints-colab.txt")
    assert needed - set(found) == {"torch"}
    assert "torch" not in found
    outside = [name for name in set(found) & set(wanted()) if found[name] not in wanted()[name]]
    assert outside == []
    assert found["nbval"] == pins()["nbval"]


def test_make_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert named
    told = set(re.findall(r'@echo "  make (\w+)', text))
    assert told == set(named[1].split()) - {"help", "lint"}  # parts of the others
    assert all(re.search(rf"^(?:\w+ )*{target}\b.*:", text, re.MULTILINE) for target in named[1].split())


def test_conda_agrees_with_pyproject() -> None:
    found = {CONDA_NAMES.get(name, name): spec for name, spec in conda_lines().items()}
    python = re.fullmatch(r"=(3\.\d+)", found.pop("python"))
    assert python, "Binder reads python=3.x only, and falls back to an old Python for anything else"
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert python[1] in supported and supported.contains(sys.version.split()[0], prereleases=True)
    assert "pytorch-cpu" in conda_lines() and not {"pytorch", "torch", "pytorch-gpu"} & set(conda_lines())
    assert conda()["channels"] == ["conda-forge", "nodefaults"]
    del found["pip"]
    for name, spec in found.items():
        found[name] = SpecifierSet(re.sub(r"^=(?!=)", "==", spec))
    assert found == {name: spec for name, spec in wanted().items() if name not in ONLY_FOR_AUTHORS}


def test_binder_finds_no_other_environment() -> None:
    names = ["binder", ".binder", "requirements.txt", "runtime.txt", "Dockerfile", "postBuild"]
    assert not [name for name in names if (ROOT / name).exists()]


def test_makefile_and_workflow_take_torch_as_pinned() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(workflow)["jobs"]["test"]
    assert "-c .ci/constraints.txt torch" in workflow
    oldest = SpecifierSet(PROJECT["project"]["requires-python"])
    assert all(version in oldest for version in steps["strategy"]["matrix"]["python"])


def test_the_calendar_tries_the_newest_and_the_oldest() -> None:
    text = (ROOT / ".github" / "workflows" / "monthly.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert found[True]["schedule"], "yaml reads `on` as True"
    assert set(found["jobs"]["versions"]["strategy"]["matrix"]["case"]) == {"newest", "oldest"}
    steps = found["jobs"]["versions"]["steps"]
    assert any(step.get("run") == "make ${{ matrix.case }}" for step in steps)


def test_importing_the_package_loads_nothing() -> None:
    heavy = {"torch", "numpy", "pandas", "matplotlib"}
    code = f"import sys, course_utils; print(sorted({heavy} & set(sys.modules)), course_utils.__version__)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"[] {PROJECT['project']['version']}"


def test_readme_shows_the_badges_of_the_named_repository() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    repository, branch = bootstrap.read_course(ROOT)
    block = text.split(publish.START)[1].split(publish.END)[0].strip()
    if repository == bootstrap.PLACEHOLDER:
        assert "make publish REPO=owner/name" in block and "](http" not in block  # says how; no dead badge
    else:
        assert block == publish.badges(repository, branch)
    links = re.findall(r"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)", text)
    assert set(links) <= ({repository} if repository != bootstrap.PLACEHOLDER else set())


def tracked_files() -> list[Path]:
    """What git tracks or would; without git (an unpacked archive), what lies in the course's folders."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        folders = ["notebooks", "course_utils", "tests", "data", ".ci", ".github"]
        paths = [path for folder in folders for path in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    return [
        path
        for path in paths
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    ]


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    homes = r"(?<![\w.])/(?:home|root|Users)/\w"
    # Put together from pieces, else this file would name them itself. PyTorch's own index is allowed.
    registries = "|".join(f"{a}[{b[0]}]{b[1:]}" for a, b in (
        ("py", r"pi\.org"), ("python", r"hosted\.org"), ("registry", "..npmjs.org"), ("conda", "..anaconda.org"), ("deb", "..debian.org"),
    ))  # fmt: skip
    here = r"(?<![\w.])" + re.escape(ROOT.as_posix()) + "/"
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data, pictures
        text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", text)
        hits = re.findall(f"{homes}|{registries}|{here}", text)
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in hits]
    assert found == []


def test_every_checkout_has_lines_that_end_alike(tmp_path: Path) -> None:
    """As on Windows, where git turns line ends over unless it is told not to."""
    copy = tmp_path / "copy"
    copy.mkdir()
    stored = {"a.py": b"a\nb\n", "b.npz": b"\n", ".gitattributes": (ROOT / ".gitattributes").read_bytes()}
    for name, content in stored.items():
        (copy / name).write_bytes(content)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a", "-c", "core.autocrlf=true"]
    for more in ("init -q", "add -A", "commit -qm all", "rm -q a.py b.npz", "checkout -q HEAD ."):
        subprocess.run([*git, *more.split()], cwd=copy, check=True, capture_output=True)
    assert (copy / "a.py").read_bytes() == b"a\nb\n" and (copy / "b.npz").read_bytes() == b"\n"


def test_foreign_plugins_are_not_loaded(tmp_path: Path) -> None:
    plugin = tmp_path / "stray-1.dist-info"
    plugin.mkdir()
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: stray\nVersion: 1\n", encoding="utf-8")
    (plugin / "entry_points.txt").write_text("[pytest11]\nstray = stray\n", encoding="utf-8")
    (tmp_path / "stray.py").write_text("raise RuntimeError('loaded')\n", encoding="utf-8")
    (tmp_path / "test_x.py").write_text("def test_x():\n    pass\n", encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    words = ["-p", "no:cacheprovider", "-q", str(tmp_path / "test_x.py")]
    for settings, fails in ((ROOT / "pyproject.toml", False), (tmp_path / "none.toml", True)):
        (tmp_path / "none.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-c", str(settings), *words]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert ("RuntimeError: loaded" in done.stdout + done.stderr) == fails == bool(done.returncode)
