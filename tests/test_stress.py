"""The cheap cases of tests/stress.py on a course with one small notebook, and the script's own logic."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from functools import partial
from pathlib import Path

import nbformat
import pytest
import stress
import stress_audit
import stress_probe
from packaging.requirements import Requirement

from course_utils.maintain import bootstrap, execute

CLAIMS = """
class Table(list):
    def itertuples(self):
        return iter(self)

def scoreboard(folder=None):
    return Table()
"""  # stands in for the real module, which would load torch and pandas
TRY = """
try:
    _ = Path("../data/new").write_text("x")
except OSError:
    print("refused")
"""
HALF_WAY = """
import time
marker = Path({marker!r})
if not marker.exists():
    marker.touch()
    time.sleep(60)
"""


def small_notebook(*cells: tuple[str, str]) -> nbformat.NotebookNode:
    """A notebook behind the shared first cell; each cell is its source and what it prints."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.update(kernelspec=dict(execute.KERNELSPEC), language_info={"name": "python"})
    # More than the disk of the case "fulldisk" holds.
    notebook.cells.append(nbformat.v4.new_markdown_cell("# Small\n\n" + "text " * 6000, id="title"))
    for number, (source, printed) in enumerate([(bootstrap.cell_source(), ""), *cells], 1):
        cell = nbformat.v4.new_code_cell(source.strip(), id=f"c{number}", execution_count=number)
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)] if printed else []
        notebook.cells.append(cell)
    return notebook


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stress.Desk:
    """A course with the real settings, the real chores and one small notebook that prints more than ASCII."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the hard conditions are those of Linux")
    course = tmp_path / "start"
    ignore = shutil.ignore_patterns("__pycache__", "e2e", "test_*.py")
    for name in ("course_utils/maintain", "tests"):
        shutil.copytree(stress.ROOT / name, course / name, ignore=ignore)
    package = ("course_utils/__init__.py", "course_utils/__main__.py")
    for name in ("pyproject.toml", "notebooks/conftest.py", *package):
        (course / name).parent.mkdir(exist_ok=True)
        shutil.copy(stress.ROOT / name, course / name)
    (course / "course_utils" / "claims.py").write_text(CLAIMS, encoding="utf-8")
    (course / "data").mkdir()
    (course / "data" / "words.txt").write_text("σ ≈ 0.5", encoding="utf-8")
    read = 'print(Path("../data/words.txt").read_text(encoding="utf-8"))'
    put(course, (read, "σ ≈ 0.7\n"), ("import course_utils\nprint(course_utils.__name__)", "course_utils\n"))
    return stress.Desk(course, tmp_path / "work", tmp_path / "logs", workers=1)


def put(course: Path, *cells: tuple[str, str]) -> None:
    nbformat.write(small_notebook(*cells), course / "notebooks" / "01_small.ipynb")


def tried(attempt: object, desk: stress.Desk) -> str:
    try:
        return attempt(desk)  # type: ignore[operator]
    except stress.Skip as reason:
        pytest.skip(str(reason))


# --- conditions ------------------------------------------------------------------------------------


def test_busy_processors(desk: stress.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stress.os, "cpu_count", lambda: 1)
    begun: list[subprocess.Popen] = []
    monkeypatch.setattr(stress, "NEIGHBOUR", "print(flush=True)\nwhile True: pass")
    usual = stress.subprocess.Popen

    def spy(command: list[str], **options: object) -> subprocess.Popen:
        other = usual(command, **options)
        if command[-1] == stress.NEIGHBOUR:
            begun.append(other)
        return other

    monkeypatch.setattr(stress.subprocess, "Popen", spy)
    tried(stress.busy, desk)
    assert len(begun) == 2 and all(other.poll() is not None for other in begun)
    monkeypatch.setattr(stress, "NEIGHBOUR", "print(flush=True)")
    with pytest.raises(stress.Failed, match="ended before the notebooks"):
        stress.busy(desk)


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (stress.elsewhere, "1 notebooks, 3 cells; most memory "),
        (stress.ascii_locale, ""),
        (stress.fulldisk, "No space left on device"),
    ],
)
def test_a_hard_condition(desk: stress.Desk, attempt: object, said: str) -> None:
    assert said in tried(attempt, desk)


def test_read_only_data(desk: stress.Desk) -> None:
    put(desk.course, (TRY, "refused\n"))  # so that it would fail where data/ may be written
    tried(stress.readonly, desk)


def test_killed_kernel(desk: stress.Desk, tmp_path: Path) -> None:
    marker = tmp_path / "half-way"
    put(desk.course, (HALF_WAY.format(marker=str(marker)), ""), ("print('end')", "end\n"))
    desk.half_way = lambda seconds: marker.exists()
    said = tried(partial(stress._killed, word="refresh"), desk)
    assert said == "killed in code cell 2 of 01_small.ipynb; then clean"


def test_a_pass_refuses_a_change_of_the_course(desk: stress.Desk) -> None:
    course = desk.copy()
    put(course, (TRY, ""))
    with pytest.raises(stress.Failed, match=r"^changed files of the course: data/new$"):
        stress.nbval(desk, course)


def test_the_audit_names_what_a_notebook_does_amiss(desk: stress.Desk) -> None:
    amiss = """
    import pickle, socket, subprocess
    Path("../data/words.txt").touch()
    subprocess.run(["true"])
    pickle.loads(pickle.dumps(Path))
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))  # the last: without a network it raises
    """
    tries = f"try:\n{textwrap.indent(textwrap.dedent(amiss), '    ')}\nexcept OSError:\n    pass"
    put(desk.course, (tries, ""))
    with pytest.raises(stress.Failed) as caught:
        stress.audited(desk, first="")
    said = str(caught.value)
    # pathlib's touch: os.utime where the file is there already
    assert "data/words.txt" in said and "subprocess.Popen" in said and "pickle.find_class" in said
    assert "socket.connect ('192.0.2.1', 9)" in said


# --- the script's own logic ------------------------------------------------------------------------


def test_only_keeps_what_the_others_store(desk: stress.Desk) -> None:
    """00 and 10 read the others' cards: they stay in the copy, and are neither altered nor run."""
    (desk.course / "notebooks" / "02_other.ipynb").write_text("not a notebook", encoding="utf-8")
    desk.only = ("01",)
    assert desk.tried(desk.course) == ["01_small.ipynb"] and len(stress.notebooks(desk.copy())) == 2
    put(
        desk.course,
        ("import math", ""),
        ("SEEDS = range(5)\nprint(list(SEEDS))", ""),
        ("print()\nassert 0 in SEEDS, 'with the stored seeds only'", ""),
    )
    assert tried(stress.seeds, desk) == "1 gave way and said so"
    put(desk.course, ("import math", ""), ("for s in range(5):\n    assert s < 5, 'small'", ""))
    with pytest.raises(stress.Failed, match=r"^5 of 5 do not tell of seeds: c3: small;"):
        stress.seeds(desk)


def test_choosing() -> None:
    names = [one.name for one in stress.choose(["cpu", "offline", "colab"])]
    assert names == "cpu-default cpu-avx2 cpu-avx512 offline colab colab-alone".split()
    assert stress.choose([]) == stress.CASES
    with pytest.raises(ValueError, match=r"no case is called 'off'; there are: five, threads-1"):
        stress.choose(["off"])


def test_the_cases_that_the_course_promises() -> None:
    promised = "five threads-1 threads-2 cpu-default cpu-avx2 cpu-avx512 busy offline readonly elsewhere reverse ascii"
    promised += " together audit clicks settings machine seeds fulldisk killed-run killed-refresh colab newest oldest colab-alone binder"
    assert [one.name for one in stress.CASES] == promised.split()


def test_floors_and_newest_come_from_pyproject() -> None:
    project = tomllib.loads((stress.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    low, new = stress.requirements(oldest=True), stress.requirements(oldest=False)
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+", line) for line in low)
    assert {"torch==2.9", "nbval==0.11.0", "jupyterlab==4.2"} <= set(low) and "torch>=2.9" in new
    assert [Requirement(line).name for line in low] == [Requirement(line).name for line in new]
    assert set(map(str, map(Requirement, project["dependencies"]))) <= set(new)


def test_main_tells_failures_from_skips(monkeypatch, capsys, tmp_path):
    def fails(desk: stress.Desk) -> str:
        raise stress.Failed("too bad")

    def skips(desk: stress.Desk) -> str:
        raise stress.Skip("no such machine")

    monkeypatch.setattr(stress, "copy_course", lambda source, target: None)
    monkeypatch.setattr(stress, "ROOT", tmp_path)
    good = stress.Case("good", "goes well", lambda desk: "all well")
    monkeypatch.setattr(stress, "CASES", [good, stress.Case("skips", "is skipped", skips)])
    assert stress.main([]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert rows == [["good", "passed"], ["skips", "skipped"]]
    monkeypatch.setattr(stress, "CASES", [stress.Case("bad", "fails", fails), good])
    assert stress.main([]) == 1
    assert "too bad" in capsys.readouterr().out
    assert stress.main(["none"]) == stress.main(["--only", "77"]) == 2
    assert stress.main(["--list"]) == 0


REPORT = """<testsuites><testsuite>
<testcase classname="notebooks.01_a.ipynb" name="Cell 0"/><testcase classname="notebooks.02_b.ipynb" name="Cell 7">{}</testcase>
</testsuite></testsuites>"""


def test_judging_a_pass() -> None:
    names, figures = ["01_a.ipynb", "02_b.ipynb"], "01_a.ipynb 1000000000 61.5\n02_b.ipynb 0 3.0\n"
    good = stress.judged(REPORT.format(""), figures, names)
    assert (good.cells, good.memory) == (2, {"01_a.ipynb": 10**9})  # 0 bytes: not known
    assert good.remark() == "2 notebooks, 2 cells; most memory 1000 MB (01); slowest 62 s (01); over 60 s: 01"
    for what in ("failure", "error", "skipped"):
        with pytest.raises(stress.Failed, match=r"^1 of 2 cells \(02_b Cell 7\)$"):
            stress.judged(REPORT.format(f"<{what}/>"), figures, names)
    with pytest.raises(stress.Failed, match=r"only these notebooks were run: 01_a\.ipynb$"):
        stress.judged(REPORT.format(""), figures.splitlines()[0], names)
    with pytest.raises(stress.Failed, match=r"kernels over 1 GB: 01_a\.ipynb 1001 MB"):
        stress.judged(REPORT.format(""), figures.replace("1000000000", "1001000000"), names)


def test_contents_and_what_changed(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    for name in ("a", "b", "build/c"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    before = stress.contents(tmp_path)
    assert sorted(before) == ["a", "b"]
    (tmp_path / "a").write_text("other", encoding="utf-8")
    (tmp_path / "b").unlink()
    (tmp_path / "d").touch()
    (tmp_path / "build" / "c").unlink()
    assert stress.changed(before, stress.contents(tmp_path)) == ["a", "b", "d"]


def test_environment_leaves_nothing_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("PYTHONUTF8", "1")
    env = stress.environment({"LC_ALL": "C"}, path=[Path("x"), Path("y")])
    assert "OMP_NUM_THREADS" not in env and "PYTHONUTF8" not in env
    assert (env["LC_ALL"], env["PYTHONPATH"]) == ("C", f"x{os.pathsep}y")


def test_peak_memory_is_what_the_system_says() -> None:
    resource = pytest.importorskip("resource")
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert stress_probe.peak_memory(os.getpid()) == pytest.approx(peak, rel=0.2)
    assert stress_probe.peak_memory(2**22 + 1) == 0  # there is no such process


def test_offences(tmp_path: Path) -> None:
    home = (f"{tmp_path}{os.sep}",)
    write, read = os.O_WRONLY | os.O_CREAT, os.O_RDONLY
    fair = [
        ("open", (str(tmp_path / "x"), "w", write)), ("open", ("/etc/passwd", "r", read)), ("open", (3, "w", write)),
        ("open", (os.devnull, "w", write)), ("socket.connect", (None, ("127.0.0.1", 80))), ("compile", ("1", "x")),
        ("socket.getaddrinfo", ("localhost", 80)), ("socket.connect", (None, "/tmp/socket")),
        ("os.rename", (str(tmp_path / "a"), str(tmp_path / "b"), -1, -1)),
    ]  # fmt: skip
    for event, args in fair:
        assert stress_audit.offence(event, args, home) is None, (event, args)
    amiss = [
        ("open", ("/etc/x", "w", write)), ("open", (b"/etc/x", None, os.O_RDWR)), ("os.remove", ("/etc/x", -1)),
        ("open", (str(tmp_path / ".." / "x"), "a", write)), ("os.rename", (str(tmp_path / "a"), "/etc/b", -1, -1)),
        ("os.system", ("ls",)), ("subprocess.Popen", ("ls", ["ls"], None, None)), ("pickle.find_class", ("m", "C")),
        ("socket.connect", (None, ("192.0.2.1", 80))), ("socket.getaddrinfo", ("example.org", 80)),
        ("sqlite3.connect", ("/etc/x",)),
    ]  # fmt: skip
    for event, args in amiss:
        assert (stress_audit.offence(event, args, home) or "").startswith(event), (event, args)


DOCKERFILE = """Building conda environment for python=3.12
COPY --chown=0:0 build_script_files/x-2fconda-2fenvironment-2epy-2d3-2e12-2dlinux-2d64-2elock-09 /tmp/env/environment.lock
COPY --chown=0:0 src/environment.yml ${REPO_DIR}/environment.yml
bash -c 'time ${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} --file "environment.yml" && \\
COPY --chown=0:0 src/ ${REPO_DIR}/
"""


def test_what_binder_would_build() -> None:
    assert stress.dockerfile_faults(DOCKERFILE, "3.12") == []
    assert len(stress.dockerfile_faults(DOCKERFILE, "3.13")) == 2
    other = DOCKERFILE.replace("2d3-2e12", "2d3-2e10")
    assert stress.dockerfile_faults(other, "3.12") == ["the base is not the one for Python 3.12"]
    lines = DOCKERFILE.splitlines(keepends=True)
    late = "".join([*lines[:2], lines[4], *lines[2:4]])
    without = DOCKERFILE.replace("src/environment.yml", "src/other.yml")
    for wrong in (late, without):
        faults = stress.dockerfile_faults(wrong, "3.12")
        assert faults == ["the environment is not made before the repository is copied"]
