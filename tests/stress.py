"""`make stress`: the course under hard conditions, one named case each, and a table of how they went.

    make stress                          every case (about an hour on two cores)
    make stress ARGS="threads offline"   those whose name is, or begins with, one of these
    make stress ARGS=--list              what there is

A case works on a copy of the course in a temporary folder, as it stands in the checkout when the script starts; the
checkout itself is only read, save for build/ (logs in build/stress, two virtual environments). "All notebooks" means
strict nbval: every cell of all of them, every output compared. Each such pass also measures every kernel's peak memory
(over 1 GB fails) and holds the copy's files to what they were. A case that this machine cannot do is skipped and says
why; a case first makes sure that its condition really holds.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altered
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SKIPPED_FOLDERS = {"build", "__pycache__", ".git", ".venv", ".hypothesis", ".ipynb_checkpoints"}
SKIPPED_FOLDERS |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}
MEMORY = 1e9  # bytes; a kernel on Binder is promised no more
SECONDS = 60  # for one notebook on two idle cores: told, not judged, since the machine may be busy
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CPU_INDEX = os.environ.get("CPU_INDEX", "https://download.pytorch.org/whl/cpu")


class Skip(Exception):
    """This machine cannot do the case."""


class Failed(Exception):
    """The course did not stand the case."""


@dataclass
class Desk:
    """Where the cases work.

    course: the course to try; its notebooks are those of the case. work: an empty folder for copies.
    logs: the folder for what pytest and the chores say. workers: how many notebooks are checked at once.
    half_way: of the seconds of processor that a kernel has used, whether it is time to kill it.
    case: the name in the logs. only: beginnings of the notebooks to try, default all; the others stay in the copies
    as they are, since 00 and 10 read what they store.
    """

    course: Path
    work: Path
    logs: Path
    workers: int = 2
    half_way: Callable[[float], bool] = lambda seconds: seconds > 4
    case: str = "case"
    only: tuple[str, ...] = ()
    count: int = field(default=0, repr=False)

    def tried(self, course: Path) -> list[str]:
        """Names of the notebooks to try, in order, with .ipynb."""
        return [name for name in notebooks(course) if name.startswith(self.only or ("",))]

    def folder(self, name: str) -> Path:
        """A new, empty folder; its name begins with this one."""
        self.count += 1
        path = self.work / f"{self.case}-{name}-{self.count}"
        path.mkdir(parents=True)
        return path

    def copy(self) -> Path:
        """A new copy of the course."""
        target = self.folder("course")
        copy_course(self.course, target)
        return target

    def log(self, text: str) -> Path:
        """Add to the case's log; returns its path."""
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{self.case}.log"
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        return path


@dataclass(frozen=True)
class Case:
    """A condition: its name, one line about it, and the function that tries it and returns a remark."""

    name: str
    about: str
    attempt: Callable[[Desk], str]


CASES: list[Case] = []


def case(name: str, about: str) -> Callable[[Callable[[Desk], str]], Callable[[Desk], str]]:
    """Enter what tries a desk as a case."""

    def enter(attempt: Callable[[Desk], str]) -> Callable[[Desk], str]:
        CASES.append(Case(name, about, attempt))
        return attempt

    return enter


# --- tools -----------------------------------------------------------------------------------------


def copy_course(source: Path, target: Path) -> None:
    """Copy a course without its build, its caches and its environments."""
    ignore = shutil.ignore_patterns(*SKIPPED_FOLDERS)
    shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)


def notebooks(course: Path) -> list[str]:
    """Names of a course's notebooks, in order, with .ipynb."""
    return sorted(path.name for path in (course / "notebooks").glob("*.ipynb"))


def quick(desk: Desk, course: Path) -> str:
    """A notebook that takes a few seconds: the second, else the only one."""
    return desk.tried(course)[:2][-1]


def contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file under a folder, by its path there; builds and caches do not count."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not SKIPPED_FOLDERS & set(inner.parts):
            found[inner.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Paths that came, went or changed between two `contents`."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def unchanged(course: Path, before: Mapping[str, str]) -> None:
    """Raises Failed if a file of the course is no longer what it was."""
    if paths := changed(before, contents(course)):
        raise Failed(f"changed files of the course: {', '.join(paths)}")


def environment(extra: Mapping[str, str] | None = None, path: Sequence[Path] = ()) -> dict[str, str]:
    """This process's environment without what a case decides, then `extra`.

    path: folders for PYTHONPATH, which is otherwise empty.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMP_", "MKL_", "ATEN_", "PYTEST_", "PYTHON", "LC_", "STRESS_", "COURSE_"))
    }
    kept |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | dict(extra or {})


def say(desk: Desk, command: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and log what it says."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False, **options
    )  # type: ignore[call-overload]
    desk.log(f"$ {' '.join(words)}\n{done.stdout}{done.stderr}\n[exit {done.returncode}]\n\n")
    return done


def must(desk: Desk, command: Sequence[str | Path], **options: object) -> str:
    """Run a command that has to succeed; returns what it prints."""
    done = say(desk, command, **options)
    if done.returncode:
        raise Failed(
            f"{' '.join(map(str, command))[:90]}: exit {done.returncode}: {done.stderr.strip()[-300:]}"
        )
    return done.stdout


def chore(desk: Desk, course: Path, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """`python -m course_utils ...` in a copy of the course."""
    wrap = options.pop("wrap", [])
    env = environment(options.pop("env", None), path=[course])  # type: ignore[arg-type]
    options = {"cwd": course, "env": env} | options
    return say(desk, [*wrap, sys.executable, "-m", "course_utils", *words], **options)  # type: ignore[misc]


@dataclass(frozen=True)
class Pass:
    """One pass of nbval: how many cells, and of each notebook, in the order of their end, memory and seconds."""

    cells: int
    memory: dict[str, int]
    seconds: dict[str, float]

    def remark(self) -> str:
        """In a few words, for the table."""
        text = f"{len(self.seconds)} notebooks, {self.cells} cells"
        if top := max(self.memory, key=lambda name: self.memory[name], default=""):
            text += f"; most memory {self.memory[top] / 1e6:.0f} MB ({top[:2]})"
        slow = max(self.seconds, key=lambda name: self.seconds[name])
        text += f"; slowest {self.seconds[slow]:.0f} s ({slow[:2]})"
        late = [name[:2] for name, seconds in self.seconds.items() if seconds > SECONDS]
        return text + (f"; over {SECONDS} s: {', '.join(late)}" if late else "")


def nbval(
    desk: Desk,
    course: Path,
    *,
    env: Mapping[str, str] | None = None,
    path: Sequence[Path] = (),
    wrap: Sequence[str] = (),
    cwd: Path | None = None,
    names: Sequence[str] | None = None,
    workers: int | None = None,
    python: Path | str = sys.executable,
) -> Pass:
    """All notebooks of a copy of the course under strict nbval.

    env, path: as for `environment`. wrap: words before the command. cwd: where to start, default the course.
    names: the notebooks, in order; default those to try. workers: default the desk's.

    Raises Failed when a cell fails, a kernel takes more than 1 GB, a notebook is missing from the report or a file of
    the course changed.
    """
    names = desk.tried(course) if names is None else list(names)
    workers = desk.workers if workers is None else workers
    out = desk.folder("out")
    report, figures = out / "report.xml", out / "figures.txt"
    extra = {"STRESS_FIGURES": str(figures)} | dict(env or {})
    spread = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    command = [*wrap, str(python), "-m", "pytest", "-q", "-p", "stress_probe", "-p", "no:cacheprovider"]
    command += [*spread, f"--junit-xml={report}", *(str(course / "notebooks" / name) for name in names)]
    before = contents(course)
    done = say(desk, command, cwd=cwd or course, env=environment(extra, path=[*path, course / "tests"]))
    if not report.exists():
        raise Failed(f"pytest stopped, exit {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}")
    told = figures.read_text(encoding="utf-8") if figures.exists() else ""
    desk.log(f"notebook, bytes, seconds:\n{told}\n")
    result = judged(report.read_text(encoding="utf-8"), told, names)
    if done.returncode:
        raise Failed(f"pytest ends with exit {done.returncode}")
    unchanged(course, before)
    return result


def judged(report: str, figures: str, names: Sequence[str]) -> Pass:
    """What a pass came to.

    report: of pytest, in JUnit's XML. figures: lines of tests/stress_probe.py. names: the notebooks that were to run.

    Raises Failed when a cell failed or was not run, a kernel took more than 1 GB or a notebook is missing.
    """
    cells = list(ElementTree.fromstring(report).iter("testcase"))
    bad = [cell for cell in cells if {part.tag for part in cell} & {"failure", "error", "skipped"}]
    if bad:
        books = [one.get("classname", "").removesuffix(".ipynb").split(".")[-1] for one in bad]
        where = [f"{book} {one.get('name')}" for book, one in zip(books, bad, strict=True)]
        raise Failed(f"{len(bad)} of {len(cells)} cells ({', '.join(where[:8])})")
    rows = [line.split() for line in figures.splitlines()]
    result = Pass(
        cells=len(cells),
        memory={name: int(memory) for name, memory, _ in rows if int(memory)},
        seconds={name: float(seconds) for name, _, seconds in rows},
    )
    if sorted(result.seconds) != sorted(names):
        raise Failed(f"only these notebooks were run: {', '.join(sorted(result.seconds)) or 'none'}")
    if large := [f"{name} {size / 1e6:.0f} MB" for name, size in result.memory.items() if size > MEMORY]:
        raise Failed(f"kernels over {MEMORY / 1e9:.0f} GB: {', '.join(large)}")
    return result


def asked(desk: Desk, code: str, env: Mapping[str, str], wrap: Sequence[str] = ()) -> str:
    """What a line of Python prints under a condition."""
    return must(desk, [*wrap, sys.executable, "-c", code], env=environment(env)).strip()


def namespace(desk: Desk, kind: str, script: str, *words: str) -> list[str]:
    """Words to put before a command, so that it runs in a namespace of its own ("net", "mount") after a shell script.

    The script is given `words` as $1, $2 and so on. Raises Skip where namespaces are not to be had.
    """
    tool = shutil.which("unshare")
    if tool is None:
        raise Skip("needs Linux's unshare")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    steps = f'{script} && shift {len(words)} && exec "$@"'
    wrap = [tool, *user, f"--{kind}", "sh", "-c", steps, "sh", *words]
    tried = say(desk, [*wrap, "true"])
    if tried.returncode:
        raise Skip(f"cannot have a {kind} namespace: {tried.stderr.strip()[:120]}")
    return wrap


# --- whole passes ----------------------------------------------------------------------------------


@case("five", "five passes in a row, two notebooks at a time")
def five(desk: Desk) -> str:
    """Raises Failed at the first pass that fails."""
    course, remark = desk.copy(), ""
    for number in range(1, 6):
        try:
            remark = nbval(desk, course).remark()
        except Failed as error:
            raise Failed(f"pass {number}: {error}") from error
    return f"5 x {remark}"


def _held(desk: Desk, env: Mapping[str, str], code: str, wanted: str, **options: Any) -> str:
    """All notebooks under settings that a line of Python must find in force. Raises Skip where it does not."""
    if (found := asked(desk, f"import torch; print({code})", env).lower()) != wanted:
        raise Skip(f"torch gives {found} where {wanted} is asked for")
    return nbval(desk, desk.copy(), env=env, **options).remark()


for _count, _why in (
    ("1", "one thread: what Binder grants"),
    ("2", "two threads, whose sums are rounded otherwise"),
):
    _ask = {"env": {"OMP_NUM_THREADS": _count}, "wanted": _count, "workers": 1}
    _ask |= {"code": "torch.get_num_threads()"}
    case(f"threads-{_count}", f"all notebooks one by one, with {_why}")(partial(_held, **_ask))
for _level, _why in ("default", "an old processor"), ("avx2", "most processors"), ("avx512", "newer servers"):
    _ask = {"env": {"ATEN_CPU_CAPABILITY": _level, "OMP_NUM_THREADS": "1"}, "wanted": _level}
    _ask |= {"code": "torch.backends.cpu.get_cpu_capability()"}
    case(f"cpu-{_level}", f"ATEN_CPU_CAPABILITY={_level}: as on {_why}")(partial(_held, **_ask))


NEIGHBOUR = (
    "import torch; torch.set_num_threads(1); a = torch.rand(1000, 1000); print(flush=True)\nwhile True: a @ a"
)


@case("busy", "other programs keep every processor busy, twice over")
def busy(desk: Desk) -> str:
    """A machine shared with others: slower, and every output the same, the ratios of timings within their bounds."""
    course = desk.copy()
    command = [sys.executable, "-c", NEIGHBOUR]
    others = [
        # each in a session of its own, as kernels are: Linux shares the processors out by session
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, start_new_session=True)
        for _ in range(2 * (os.cpu_count() or 1))
    ]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()  # it has begun
        remark = nbval(desk, course, env={"OMP_NUM_THREADS": "1"}).remark()
        if any(other.poll() is not None for other in others):
            raise Failed("the condition does not hold: the other programs ended before the notebooks")
    finally:
        for other in others:
            other.kill()
            other.communicate()
    return remark


@case("offline", "no network but the machine's own 127.0.0.1, over which kernels talk")
def offline(desk: Desk) -> str:
    """In a network namespace with the loopback alone."""
    if shutil.which("ip") is None:
        raise Skip("needs ip, of iproute2")
    wrap = namespace(desk, "net", "ip link set lo up")
    code = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 2)\nexcept OSError as e: print(e.errno)"
    if asked(desk, code, {}, wrap) != str(101):  # network is unreachable
        raise Failed("the condition does not hold: the namespace still reaches a network")
    return nbval(desk, desk.copy(), wrap=wrap, env={"OMP_NUM_THREADS": "1"}).remark()


@case("readonly", "data/, and with it the whole folder of the course, may only be read")
def readonly(desk: Desk) -> str:
    """On a read-only mount, since root may write where permissions forbid it."""
    course = desk.copy()
    return nbval(desk, course, wrap=_read_only(desk, course), env={"OMP_NUM_THREADS": "1"}).remark()


def _read_only(desk: Desk, course: Path) -> list[str]:
    """Words to put before a command that may only read the course."""
    script = 'here="$PWD" && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$here"'
    wrap = namespace(desk, "mount", script, str(course))
    if say(desk, [*wrap, "touch", str(course / "data" / "new")]).returncode == 0:
        raise Failed("the condition does not hold: the mount can still be written to")
    return wrap


@case("elsewhere", "started from another working directory, the chores too")
def elsewhere(desk: Desk) -> str:
    """A notebook and a chore find the course by where they lie; what they write is not where one stands."""
    course, stand = desk.copy(), desk.folder("stand")
    remark = nbval(desk, course, cwd=stand, env={"OMP_NUM_THREADS": "1"}).remark()
    first = quick(desk, course)
    before = contents(course)
    if chore(desk, course, "run", first, cwd=stand).returncode:
        raise Failed(f"run {first} fails from another folder")
    unchanged(course, before)
    if not (course / "build" / first).is_file() or any(stand.iterdir()):
        raise Failed(f"run {first} did not write to the course's build/, or also wrote elsewhere")
    return remark


@case("reverse", "all notebooks in one go, the last first")
def reverse(desk: Desk) -> str:
    """None needs another to have run before."""
    course = desk.copy()
    names = desk.tried(course)[::-1]
    done = nbval(desk, course, names=names, workers=1, env={"OMP_NUM_THREADS": "2"})
    if list(done.seconds) != names:
        raise Failed(f"the order was {', '.join(done.seconds)}")
    return done.remark()


@case("ascii", "a locale without UTF-8: LC_ALL=C, PYTHONUTF8=0, PYTHONCOERCECLOCALE=0")
def ascii_locale(desk: Desk) -> str:
    """Every file is read and written as UTF-8 by name, never as the locale has it."""
    env = ASCII | {"OMP_NUM_THREADS": "1"}
    found = asked(desk, "import locale; print(locale.getpreferredencoding(False))", env)
    if found.lower().replace("-", "") == "utf8":
        raise Skip("this Python takes UTF-8 whatever the locale says")
    course = desk.copy()
    remark = nbval(desk, course, env=env).remark()
    first = quick(desk, course)
    for words in (["run", first], ["refresh", "--check"], ["verdicts"]):
        done = chore(desk, course, *words, env=env)
        if done.returncode or done.stderr:
            raise Failed(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return remark


@case("together", "all at once: offline, read-only, elsewhere, reverse, ascii, one thread")
def together(desk: Desk) -> str:
    """One pass for a hurry: what passes here passes each of the six by itself."""
    if shutil.which("ip") is None:
        raise Skip("needs ip, of iproute2")
    course, stand = desk.copy(), desk.folder("stand")
    wrap = namespace(desk, "net", "ip link set lo up") + _read_only(desk, course)
    options = {"wrap": wrap, "cwd": stand, "env": ASCII | {"OMP_NUM_THREADS": "1"}, "workers": 1}
    return nbval(desk, course, names=desk.tried(course)[::-1], **options).remark()


@case(
    "audit",
    "what each kernel does: no file changed but in its own folders, no process, no network, no pickle",
)
def audit(desk: Desk) -> str:
    """Every notebook under an audit hook of Python (tests/stress_audit.py)."""
    return audited(desk, first="import matplotlib.font_manager")


def audited(desk: Desk, first: str) -> str:
    """The case "audit".

    first: a line of Python to run beforehand, unwatched; matplotlib asks the system for its fonts once and keeps the
    answer.
    """
    course, own, hook = desk.copy(), desk.folder("own"), desk.folder("hook")
    log = hook / "audit.log"
    (hook / "sitecustomize.py").write_text("import stress_audit\n\nstress_audit.watch()\n", encoding="utf-8")
    env = {
        "STRESS_AUDIT": str(log),
        "STRESS_ALLOWED": os.pathsep.join([str(own), str(course / "build")]),
        "OMP_NUM_THREADS": "1",
    }
    for name in ("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        env[name] = str(own / name.lower())
        Path(env[name]).mkdir()
    asked(desk, first, env)
    failed, remark = None, ""
    try:
        remark = nbval(desk, course, env=env, path=[hook]).remark()
    except Failed as error:  # first of all what was done amiss, which may be why
        failed = error
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    watched = [line for line in lines if line.startswith("watching in ")]
    if offences := sorted(set(lines) - set(watched)):
        raise Failed(f"{len(offences)} offences: {'; '.join(offences[:6])}")
    if failed is not None:
        raise failed
    if len(watched) != len(desk.tried(course)):
        raise Failed(f"{len(watched)} kernels were watched, not {len(desk.tried(course))}")
    return f"{len(watched)} kernels watched; {remark}"


# --- a reader's hands, settings and machine ---------------------------------------------------------


def _altered(desk: Desk, course: Path, *changes: Callable[[dict[str, Any]], None], **options: Any) -> str:
    """All notebooks as a reader has altered them (tests/altered.py); the outputs stay what they were."""
    for name in desk.tried(course):
        altered.altered(course / "notebooks" / name, *changes)
    return nbval(desk, course, **{"env": {"OMP_NUM_THREADS": "1"}} | options).remark()


@case("clicks", "every cell twice in a row, and a student's own names in every cell for an answer")
def clicks(desk: Desk) -> str:
    """A second click changes no word; no name that an answer may need is one that a later cell needs."""
    return _altered(desk, desk.copy(), altered.named, altered.twice)


@case("settings", "a reader's settings of IPython, pandas, numpy, torch, matplotlib and warnings")
def settings(desk: Desk) -> str:
    """Some before the first cell, some behind the imports: usetex, a dark ground, large words, float64, "all", ..."""
    return _altered(desk, desk.copy(), altered.set_up)


@case(
    "machine",
    "HOME cannot be written to, another course_utils comes first, a folder with a blank and an umlaut",
)
def machine(desk: Desk) -> str:
    """Besides: reached by a link, no folder for temporary files, a broken kernel, narrow lines, another time zone."""
    course, home = (
        desk.folder("Kurs Übung #1 [a]"),
        "/proc/none" if Path("/proc").is_dir() else "/dev/null/none",
    )
    copy_course(desk.course, course)
    link = desk.folder("link") / "zum Kürs"
    link.symlink_to(course, target_is_directory=True)
    shadow, kernels = desk.folder("shadow"), desk.folder("jupyter")
    for name in ("course_utils/__init__.py", "altered/__init__.py"):
        (shadow / name).parent.mkdir()
        (shadow / name).write_text("raise RuntimeError('not the course')\n", encoding="utf-8")
    broken = '{"argv": ["/none", "{connection_file}"], "display_name": "Python 3", "language": "python"}'
    (kernels / "kernels" / "python3").mkdir(parents=True)
    (kernels / "kernels" / "python3" / "kernel.json").write_text(broken, encoding="utf-8")
    foreign = "no.such.key: 1\ntext.usetex: True\nfont.size: 24\naxes.facecolor: black\n"
    (shadow / "matplotlibrc").write_text(foreign, encoding="utf-8")
    env = dict.fromkeys(
        ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "IPYTHONDIR", "TMPDIR"), home
    )
    env |= {
        "JUPYTER_PATH": str(kernels),
        "MATPLOTLIBRC": str(shadow),
        "MPLBACKEND": "WebAgg",
        "NO_COLOR": "1",
    }
    env |= {"COLUMNS": "20", "LINES": "4", "TERM": "dumb", "TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8"}
    env |= {"OMP_NUM_THREADS": "none", "PYTHONHASHSEED": "7", "PYTHONWARNINGS": "default"}
    return nbval(desk, link, env=env, path=[shadow], workers=1).remark()


@case("seeds", "other seeds: an assert or a verdict that gives way says that it is tied to the stored ones")
def seeds(desk: Desk) -> str:
    """Every range of seeds begins five later."""
    course, told, silent = desk.copy(), 0, []
    names = desk.tried(course)
    for name in names:
        altered.altered(course / "notebooks" / name, altered.shifted)
    done = chore(desk, course, "run", *names, env={"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise Failed(done.stderr.strip()[-300:])
    for name in names:
        for cell in altered.code(altered.read(course / "build" / name)):
            words = "".join("".join(output.get("text", "")) for output in cell["outputs"])
            for gave_way in re.findall(f"(?m)^{altered.GAVE_WAY}(.*)$", words):
                told += 1
                silent += [] if "seed" in gave_way else [f"{cell['id']}: {gave_way}"]
    if silent:
        raise Failed(f"{len(silent)} of {told} do not tell of seeds: {'; '.join(silent)}")
    return f"{told} gave way and said so"


# --- broken off ------------------------------------------------------------------------------------


def _clear(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """Raises Failed unless a chore ended with an error that says all this, and shows no traceback."""
    if done.returncode == 0:
        raise Failed("the exit status says that all is well")
    missing = [text for text in said if text not in done.stderr]
    if missing or "Traceback" in done.stderr:
        raise Failed(f"the error is not clear (no {missing}): {done.stderr.strip()[-400:]}")


@case("fulldisk", "a full disk for build/")
def fulldisk(desk: Desk) -> str:
    """`run` says so, ends with an error, and leaves notebooks/ and build/ whole."""
    course = desk.copy()
    build = course / "build"
    build.mkdir()
    wrap = namespace(desk, "mount", 'mount -t tmpfs -o size=16k none "$1"', str(build))
    first, before = quick(desk, course), contents(course)
    done = chore(desk, course, "run", first, wrap=wrap)
    _clear(done, f"{first} is not stored", "No space left on device", str(build))
    unchanged(course, before)
    if chore(desk, course, "run", first).returncode:
        raise Failed("the next run, with room again, fails")
    unchanged(course, before)
    return done.stderr.strip().splitlines()[0].replace(str(course), "...")


@contextmanager
def begun(desk: Desk, course: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A chore that goes on while the block runs, and not longer."""
    command, pipe = [sys.executable, "-m", "course_utils", *words], subprocess.PIPE
    env = environment(path=[course])
    process = subprocess.Popen(
        command, cwd=course, env=env, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def kill_kernel(process: subprocess.Popen[str], half_way: Callable[[float], bool]) -> None:
    """Kill the kernel that a chore started, as soon as `half_way` of its seconds of processor is true."""
    import psutil  # comes with ipykernel

    chief = psutil.Process(process.pid)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for child in chief.children(recursive=True):
            try:
                kernel = any("ipykernel_launcher" in word for word in child.cmdline())
                if kernel and half_way(sum(child.cpu_times()[:2])):
                    child.kill()
                    return
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05)
    raise Failed("no kernel was there to kill")


def _killed(desk: Desk, word: str) -> str:
    """A clear error, the stored notebooks unharmed, and the next time is clean."""
    course = desk.copy()
    name = desk.tried(course)[:3][-1]
    before = contents(course)
    with begun(desk, course, word, name) as process:
        kill_kernel(process, desk.half_way)
        stdout, stderr = process.communicate(timeout=120)
    desk.log(f"$ {word} {name}, killed\n{stdout}{stderr}\n[exit {process.returncode}]\n\n")
    _clear(subprocess.CompletedProcess([], process.returncode, stdout, stderr), "the kernel died", name)
    found = re.search(r"code cell (\d+) of", stderr)
    if found is None or int(found[1]) < 2:
        raise Failed(f"it was not half-way: {stderr.strip()[:200]}")
    unchanged(course, before)
    again = chore(desk, course, word, name)
    if again.returncode or again.stderr:
        raise Failed(f"the next {word} fails: {again.stderr.strip()[-300:]}")
    if others := [path for path in changed(before, contents(course)) if path != f"notebooks/{name}"]:
        raise Failed(f"the next {word} changed {', '.join(others)}")
    if leftover := [path.name for path in course.rglob("*.part")]:
        raise Failed(f"left behind: {', '.join(leftover)}")
    return f"killed in code cell {found[1]} of {name}; then clean"


for _word in ("run", "refresh"):
    case(f"killed-{_word}", f"the kernel is killed half-way through `make {_word}`")(
        partial(_killed, word=_word)
    )


# --- Colab -----------------------------------------------------------------------------------------


def virtual_environment(desk: Desk, name: str, key: str, *steps: Sequence[Sequence[str]]) -> Path:
    """A virtual environment in the checkout's build/; returns its Python.

    key: what it was made from; made anew when that changes. steps: for each, words for `pip install`, and others
    should those not do. Raises Skip when pip cannot install it.
    """
    folder = ROOT / "build" / f"venv-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / ".made-from"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return python
    must(desk, [sys.executable, "-m", "venv", "--clear", folder])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for ways in steps:
        for words in ways:
            done = say(desk, [*pip, *words])
            if done.returncode == 0:
                break
        else:
            raise Skip(f"pip cannot install {' '.join(ways[-1])[:80]}: {done.stderr.strip()[-200:]}")
    stamp.write_text(key, encoding="utf-8")
    return python


def colab_python(desk: Desk) -> Path:
    """A Python with Colab's versions (.ci/constraints-colab.txt), but this machine's Python and the course's torch."""
    pins = ROOT / ".ci" / "constraints-colab.txt"
    torch = re.search(
        r"^torch==.*$", (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    if torch is None:
        raise Failed(".ci/constraints.txt does not pin torch")
    course = "numpy pandas matplotlib seaborn ipywidgets ipython ipykernel tqdm pillow scipy".split()
    index = ["--index-url", CPU_INDEX, "--no-deps", "--timeout", "5", "--retries", "0", torch[0]]
    rest = [torch[0], "-c", str(pins), *course, "nbval", "pytest-xdist"]
    key = f"{sys.version}\n{torch[0]}\n{pins.read_text(encoding='utf-8')}"
    return virtual_environment(desk, "colab", key, [index, [torch[0]]], [rest])


STANDS_IN = """
import importlib.metadata as m, platform
print(f"Python {platform.python_version()} stands in for Colab's 3.13.15, torch {m.version('torch')} for 2.11.0;",
    *(f"{n} {m.version(n)}" for n in ("ipython", "ipykernel", "ipywidgets", "matplotlib", "numpy", "pandas")))
"""


@case("colab", "all notebooks with Colab's versions of everything but Python and torch")
def colab(desk: Desk) -> str:
    """Strict: the stored outputs, made with newer versions, are compared with what Colab's versions give."""
    python = colab_python(desk)
    remark = must(desk, [python, "-c", STANDS_IN], env=environment()).strip()
    done = nbval(desk, desk.copy(), python=python, env={"OMP_NUM_THREADS": "1"})
    return f"{done.remark()}. {remark}"


# --- newest and oldest -----------------------------------------------------------------------------

FOR_AUTHORS = {"ruff", "mypy", "pandas-stubs"}  # neither a reader nor a test needs them


def requirements(oldest: bool) -> list[str]:
    """What pyproject.toml asks for, for reading and testing: each at its floor, or whatever is newest in its range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["optional-dependencies"].items()
    extras = [line for name, lines in groups if name != "e2e" for line in lines]
    found = []
    for one in map(Requirement, [*project["dependencies"], *extras]):
        if one.name not in FOR_AUTHORS:
            floor = [spec.version for spec in one.specifier if spec.operator in (">=", "==")]
            found.append(f"{one.name}=={floor[0]}" if oldest else str(one))
    return found


def _versions(desk: Desk, oldest: bool) -> str:
    lines, name = requirements(oldest), "oldest" if oldest else "newest"
    torch = next(line for line in lines if line.startswith("torch"))
    cpu = ["--index-url", CPU_INDEX, "--no-deps", "--timeout", "5", "--retries", "0", torch]
    month = "" if oldest else time.strftime("%Y-%m")  # made anew each month
    key = f"{sys.version}\n{month}\n{lines}"
    python = virtual_environment(desk, name, key, [cpu, [torch]], [[*lines]])
    course = desk.copy()
    tests = [python, *"-m pytest -q -p no:cacheprovider -n".split(), str(desk.workers), course / "tests"]
    must(desk, tests, cwd=course, env=environment({"OMP_NUM_THREADS": "1"}, path=[course]))
    done = nbval(desk, course, python=python, env={"OMP_NUM_THREADS": "1"})
    said = must(desk, [python, "-c", VERSIONS], env=environment()).strip()
    return f"unit tests; {done.remark()}; {said}"


VERSIONS = """
import importlib.metadata as m, platform
print("Python", platform.python_version(), *(f"{n} {m.version(n)}" for n in ("torch", "numpy", "pandas", "matplotlib")))
"""


for _name, _what in (
    ("newest", "the newest of every dependency"),
    ("oldest", "the floors that pyproject.toml states"),
):
    case(_name, f"unit tests and all notebooks with {_what}")(partial(_versions, oldest=_name == "oldest"))


# --- a notebook alone ------------------------------------------------------------------------------


def published(desk: Desk, repository: str) -> Path:
    """A copy of the course as its owner would publish it: stamped with a name, in git, on main."""
    course = desk.copy()
    done = chore(desk, course, "publish", repository)
    if done.returncode:
        raise Failed(f"publish {repository}: {done.stderr.strip()}")
    who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    for words in ("init --quiet --initial-branch=main", "add --all", "commit --quiet -m It"):
        must(desk, ["git", *who, *words.split()], cwd=course)
    return course


def arrive(desk: Desk, course: Path, folder: Path, env: Mapping[str, str], python: Path) -> tuple[int, str]:
    """Check one notebook in a folder of its own in what looks like Colab; returns pytest's status and words."""
    first = quick(desk, course)
    shutil.copy(course / "notebooks" / first, folder / first)
    stub = desk.folder("stub")
    (stub / "google" / "colab").mkdir(parents=True)
    (stub / "google" / "colab" / "__init__.py").write_text("", encoding="utf-8")
    (stub / "sitecustomize.py").write_text("import google.colab\n", encoding="utf-8")
    command = [python, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    command += ["--nbval-sanitize-with", course / "tests" / "nbval_sanitize.cfg", "--rootdir", folder, first]
    done = say(desk, command, cwd=folder, env=environment(env, path=[stub]))
    return done.returncode, done.stdout + done.stderr


def served(repository: str, course: Path) -> dict[str, str]:
    """Settings under which git finds a repository of GitHub in a folder, and nothing else of GitHub."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{course.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{repository}",
        "GIT_TERMINAL_PROMPT": "0",
        "https_proxy": "http://127.0.0.1:9",  # nobody listens there
    }


@case(
    "colab-alone",
    "one notebook alone in an empty folder fetches the course: twice, in a fork, and out of reach",
)
def colab_alone(desk: Desk) -> str:
    """The first cell in Colab's own IPython; the repository is a local one behind the address of GitHub."""
    if shutil.which("git") is None:
        raise Skip("needs git")
    python = colab_python(desk)
    for repository in ("someone/why-relu", "another-1/why-relu", "another-1/their.course"):
        course, folder = published(desk, repository), desk.folder("content")
        for time_ in ("first", "second"):
            status, words = arrive(desk, course, folder, served(repository, course), python)
            if status:
                raise Failed(f"{repository}, {time_} time: {words.strip()[-400:]}")
        found = sorted(path.name for path in folder.iterdir() if path.is_dir())
        if found != [repository.split("/")[1]]:
            raise Failed(f"{repository}: folders {found}")
    folder = desk.folder("content")
    status, words = arrive(desk, course, folder, served("nobody/nothing", course), python)
    wanted = f"Cannot fetch https://github.com/{repository} (branch main). Is it public"
    if not status or wanted not in words or [path for path in folder.iterdir() if path.is_dir()]:
        raise Failed(f"out of reach, the error is not clear: {words.strip()[-400:]}")
    return (
        "from an empty folder, again beside what it fetched, in two forks; out of reach it says what to check"
    )


# --- Binder ----------------------------------------------------------------------------------------


def dockerfile_faults(dockerfile: str, python: str) -> list[str]:
    """What is wrong with how Binder would build the course.

    dockerfile: as jupyter-repo2docker prints it. python: the version meant, such as 3.12.
    """
    faults = []
    lock = "environment-2epy-2d" + python.replace(".", "-2e") + "-2d"  # as repo2docker writes a file's name
    if f"Building conda environment for python={python}\n" not in dockerfile:
        faults.append(f"Python {python} is not what repo2docker understands")
    if not re.search(rf"^COPY .*{re.escape(lock)}.* /tmp/env/environment\.lock$", dockerfile, re.MULTILINE):
        faults.append(f"the base is not the one for Python {python}")
    steps = [
        r"^COPY \S+ src/environment\.yml \$\{REPO_DIR\}/environment\.yml$",
        r"env update -p \$\{NB_PYTHON_PREFIX\} --file \"environment\.yml\"",
        r"^COPY \S+ src/ \$\{REPO_DIR\}/$",
    ]
    places = [re.search(step, dockerfile, re.MULTILINE) for step in steps]
    at = [place.start() for place in places if place]
    if len(at) < len(steps) or at != sorted(at):
        faults.append("the environment is not made before the repository is copied")
    return faults


PARSE = """
import sys
from rattler import MatchSpec
for line in sys.stdin.read().splitlines():
    try:
        MatchSpec(line, strict=True)
    except Exception as error:
        print(f"{line}: {error}")
"""


@case("binder", "repo2docker (--no-build) understands the course, and all of environment.yml parses strictly")
def binder(desk: Desk) -> str:
    """Nothing is built: whether conda solves the environment is not tried here."""
    import yaml

    needs = ["jupyter-repo2docker==2026.4.0", "py-rattler==0.28.0"]
    python = virtual_environment(desk, "binder", f"{sys.version}\n{needs}", [needs])
    course = desk.copy()
    lines = yaml.safe_load((course / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    meant = next(line.removeprefix("python=") for line in lines if line.startswith("python="))
    command = [python.parent / "jupyter-repo2docker", "--no-build", "--debug", course]
    done = say(desk, command, env=environment())
    if done.returncode:
        raise Failed(f"repo2docker: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    if faults := dockerfile_faults(done.stderr + done.stdout, meant):
        raise Failed("; ".join(faults))
    if wrong := must(desk, [python, "-c", PARSE], input="\n".join(lines), env=environment()).strip():
        raise Failed(f"environment.yml: {wrong}")
    return f"Python {meant}; the environment comes before the course; {len(lines)} lines parse"


# --- the script ------------------------------------------------------------------------------------


def choose(words: Sequence[str]) -> list[Case]:
    """The cases whose name is a word or begins with it and a hyphen; all of them without words.

    Raises ValueError for a word that fits none.
    """
    chosen = []
    for word in words:
        found = [one.name for one in CASES if f"{one.name}-".startswith(f"{word}-")]
        if not found:
            raise ValueError(f"no case is called {word!r}; there are: {', '.join(one.name for one in CASES)}")
        chosen += found
    return [one for one in CASES if not words or one.name in chosen]


def attempt(one: Case, desk: Desk) -> tuple[str, str]:
    """Try a case; returns "passed", "skipped" or "FAILED", and a remark."""
    try:
        return "passed", one.attempt(desk)
    except (Skip, Failed) as error:
        return "skipped" if isinstance(error, Skip) else "FAILED", str(error)


def main(argv: Sequence[str] | None = None) -> int:
    """Try the cases asked for; returns 1 if one failed, 2 for a name that is none, else 0."""
    parser = argparse.ArgumentParser(prog="make stress", description="The course under hard conditions.")
    parser.add_argument("case", nargs="*", help="names or their beginnings, such as threads (default: all)")
    parser.add_argument("--list", action="store_true", help="say what cases there are")
    parser.add_argument(
        "--only", nargs="+", metavar="NN", default=[], help="try these notebooks; keep what the others store"
    )
    parser.add_argument("--workers", type=int, default=2, help="notebooks at a time (default 2)")
    options = parser.parse_args(argv)
    try:
        chosen = choose(options.case)
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if options.list:
        for one in chosen:
            print(f"{one.name:<15} {one.about}")
        return 0
    rows = []
    with tempfile.TemporaryDirectory(prefix="why-relu-stress-") as folder:
        work = Path(folder)
        copy_course(ROOT, work / "start")
        only, there = tuple(options.only), notebooks(work / "start")
        if unknown := [word for word in only if not any(name.startswith(word) for name in there)]:
            print(f"Error: no notebook is called {unknown[0]!r}", file=sys.stderr)
            return 2
        for one in chosen:
            logs = ROOT / "build" / "stress"
            (logs / f"{one.name}.log").unlink(missing_ok=True)
            print(f"{one.name} ...", flush=True)
            start = time.perf_counter()
            result, remark = attempt(
                one, Desk(work / "start", work, logs, options.workers, case=one.name, only=only)
            )
            rows.append((one.name, result, time.perf_counter() - start, remark))
            print(f"    {result}, {rows[-1][2]:.0f} s: {remark}", flush=True)
    print(f"\n{'case':<15} {'result':<8} {'seconds':>7}  remark")
    for name, result, seconds, remark in rows:
        print(f"{name:<15} {result:<8} {seconds:7.1f}  {remark}")
    return 1 if any(result == "FAILED" for _, result, _, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
