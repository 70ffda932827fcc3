"""Mutation testing of course_utils: do the unit tests notice when a room is changed for the worse?

    python tests/mutation.py                    every room, at most 60 mutants each
    python tests/mutation.py theory exercises/nb03
    python tests/mutation.py --all theory       every mutant of a room

A mutant is the room with one small change: a comparison, an operation or a number swapped, a raise, a call or a returned
value dropped (the list stands in OPERATORS). One process imports the libraries once and forks for each mutant; the fork
serves the mutated room in place of the real one, by an import hook, and runs the room's own unit tests until the first
failure. All of it happens in a copy of the checkout in a temporary folder: no file of the checkout is touched. A mutant is
killed when a test fails, or when the tests take far longer than they should. It survives when all of them pass.

The same seed and the same source give the same mutants. Survivors that are no fault of the tests are listed with a reason
in tests/survivors.toml; they count as survivors all the same. The exit status is 1 when a room has less than 90 % killed.
Tests whose names say "quick" are left out: they hold a clock against a machine that is busy here. Needs Linux or macOS.
"""

import argparse
import ast
import contextlib
import copy
import gc
import importlib
import importlib.abc
import importlib.util
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SURVIVORS = ROOT / "tests" / "survivors.toml"
GOAL = 0.9
SAMPLE, THIN_SAMPLE = 60, 12  # mutants per room; of figures and maintenance, which are told apart
COPIED = ("course_utils", "data", "notebooks", "tests", ".github", ".ci", "pyproject.toml", "README.md")
COPIED += ("Makefile", "environment.yml", "LICENSE", "docs")

# Which tests a room answers to: those of its own name, and these.
MORE_TESTS = {
    "__main__": ("test_maintain",),
    "activations": ("test_nb01",),
    "claims": ("test_register",),
    "dying": ("test_nb05",),
    "explore": ("test_nb00",),
    "measure": ("test_nb03",),
    "networks": ("test_units",),
    "plots": ("test_nb00", "test_nb01"),
    "saturation": ("test_nb02",),
    "sketch": ("test_explore_speed",),
    "theory": ("test_nb03",),
    "thread": ("test_nb10",),
    "training": ("test_trials", "test_landscape"),
    "where": ("test_wheel",),
    "record/convolution": ("test_record_convolution",),
    "maintain/bench": ("test_training",),
    "maintain/bench_history": ("test_bench",),
    "maintain/bench_notebooks": ("test_bench",),
}
FOLDER_TESTS = {
    "exercises": ("test_exercises",),
    "figures": ("test_figures",),
    "maintain": ("test_maintain",),
    "record": ("test_record",),
}

OPERATORS = {
    "boundary": "a < b -> a <= b, and so on for <=, >, >=; not where one side is a tolerance, a float below 0.1",
    "negate": "a < b -> a >= b, a == b -> a != b, a in b -> a not in b, a is b -> a is not b; a bare test -> not test",
    "arithmetic": "+ <-> -, * <-> /, // -> /, % -> *, ** -> *, << <-> >>, & <-> | (also in place: += -> -=)",
    "number": "0 -> 1, 1 -> 0, any other n -> n + 1",
    "truth": "True <-> False",
    "word": "a word that the program reads, not the reader, -> another word",
    "junction": "and <-> or",
    "sign": "not a -> a, -a -> a, ~a -> a",
    "extreme": "min <-> max, any <-> all, amin <-> amax, floor <-> ceil",
    "result": "return value -> return None",
    "raise": "raise ... -> nothing",
    "call": "a call that stands alone, or an assignment to an item -> nothing",
}

BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.MatMult: ast.Mult,
}  # fmt: skip
EXTREMES = {"min": "max", "any": "all", "amin": "amax", "floor": "ceil", "minimum": "maximum"}
EXTREMES |= {other: one for one, other in EXTREMES.items()}

# Words in these places are for the eye: they may change, and no test should mind.
FOR_THE_EYE = {
    "color", "colour", "c", "ls", "linestyle", "dash", "marker", "label", "title", "alt", "ha", "va", "loc", "fontweight",
    "fontsize", "weight", "style", "cmap", "edgecolor", "facecolor", "markerfacecolor", "color_codes", "xlabel", "ylabel",
    "justify", "description", "desc", "fontstyle", "textcoords", "clip_on", "which", "drawstyle",
}  # fmt: skip
SPOKEN = re.compile(r"set_|text|annotate|legend|title|print|label|Error|warn|caption|alt_text|supx|supy")


@dataclass(frozen=True)
class Mutant:
    """One change of a room: where it is in the syntax tree, and what it is in words."""

    room: str
    line: int
    column: int
    operator: str
    before: str  # the source line, without blanks at its ends
    after: str  # that line after the change; of a change over several lines: "old -> new"
    path: tuple[tuple[str, int | None], ...]
    which: int  # the how-manieth change of that node

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays when lines are moved about."""
        return self.room, self.before, self.after

    def shown(self) -> list[str]:
        """For a list of survivors: where, the line before, the line after."""
        place = f"{self.room}.py:{self.line}:{self.column} {self.operator}"
        return [place, f"    - {self.before}", f"    + {self.after}"]


def rooms() -> list[str]:
    """All rooms of course_utils that hold code, exercises after the rooms, figures and maintenance last."""
    folder, order = ROOT / "course_utils", ("", "exercises", "figures", "record", "maintain")
    found = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.rglob("*.py"))]
    found = [
        room for room in found if room != "__init__" and variants_of(room)
    ]  # the package itself is imported first
    return sorted(found, key=lambda room: (room == "__main__", order.index(room.rpartition("/")[0]), room))


def thin(room: str) -> bool:
    """Whether the room is one of those that are sampled thinly and told apart."""
    return room.startswith(("figures/", "maintain/", "__main__"))


def tests_of(room: str) -> list[str]:
    """The files of unit tests that a room answers to, relative to the checkout, its own first; a new room has none."""
    own = f"test_{room.rpartition('/')[2]}"
    names = [own] if (ROOT / "tests" / f"{own}.py").is_file() else []
    names += MORE_TESTS.get(room, FOLDER_TESTS.get(room.rpartition("/")[0], ()))
    return [f"tests/{name}.py" for name in dict.fromkeys(names)]


def variants_of(room: str, source: str | None = None) -> list[Mutant]:
    """All mutants of a room, in the order of its source."""
    if source is None:
        source = (ROOT / "course_utils" / f"{room}.py").read_text(encoding="utf-8")
    lines, found = source.splitlines(), []
    for path, node, place in _sites(ast.parse(source)):
        for which, (operator, new) in enumerate(_changes(node, place)):
            row, column = node.lineno, node.col_offset
            before = after = lines[row - 1]
            if row == node.end_lineno and "spoken" not in place:
                raw = before.encode()  # columns count bytes
                after = (raw[:column] + _words(new).encode() + raw[node.end_col_offset :]).decode()
            else:
                after = f"{_words(node)} -> {_words(new)}"
            found.append(Mutant(room, row, column, operator, before.strip(), after.strip(), path, which))
    return found


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """The syntax tree of the room with that one change."""
    tree = ast.parse(source)
    parent, node = None, tree
    for field, index in mutant.path:
        parent = node
        node = getattr(node, field) if index is None else getattr(node, field)[index]
    place = next(place for path, _, place in _sites(tree) if path == mutant.path)
    _, new = list(_changes(node, place))[mutant.which]
    field, index = mutant.path[-1]
    if index is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[index] = new
    return ast.fix_missing_locations(tree)


def sample(mutants: Sequence[Mutant], count: int | None, seed: int) -> list[Mutant]:
    """``count`` of a room's mutants (all for None), the same for the same seed, in the order of the source."""
    if count is None or len(mutants) <= count:
        return list(mutants)
    order = list(range(len(mutants)))
    random.Random(f"{seed} {mutants[0].room}").shuffle(order)
    return [mutants[i] for i in sorted(order[:count])]


def accepted() -> dict[tuple[str, str, str], str]:
    """The survivors in tests/survivors.toml, by :attr:`Mutant.key`, with their reasons."""
    if not SURVIVORS.is_file():
        return {}
    rows = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {(row["room"], row["before"], row["after"]): row["reason"] for row in rows}


# What can be changed.  A place is how a node is used: "word" (a string that the program reads), "type" and so on.

Place = frozenset[str]


def _sites(tree: ast.Module) -> Iterator[tuple[tuple[tuple[str, int | None], ...], ast.AST, Place]]:
    """Every node that may be changed: its path from the root, itself, and the place in which it stands."""

    def visit(
        node: ast.AST, path: tuple[tuple[str, int | None], ...], place: Place
    ) -> Iterator[tuple[tuple[tuple[str, int | None], ...], ast.AST, Place]]:
        if path:
            yield path, node, place
        for field, value in ast.iter_fields(node):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.AST):
                    inner = _place(node, field, child, place)
                    if inner is not None:
                        yield from visit(child, (*path, (field, index)), inner)

    yield from visit(tree, (), frozenset())


def _place(parent: ast.AST, field: str, child: ast.AST, place: Place) -> Place | None:
    """How the child of a node is used; None: nothing in there is changed."""
    if field in ("annotation", "returns") or isinstance(child, ast.Import | ast.ImportFrom):
        return None
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return None  # a docstring
    if _is_dash(child):
        return None  # for the eye; that no two activations wear the same is tested
    if isinstance(parent, ast.FormattedValue) and field == "format_spec":
        return None
    if isinstance(child, ast.Assign) and {ast.unparse(target) for target in child.targets} & {
        "__all__",
        "__version__",
    }:
        return None
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        if parent.func.id in ("TypeVar", "NewType", "cast") and field == "args":
            return None
        if parent.func.id == "isinstance" and field == "args" and child is parent.args[-1]:
            return None  # int | float: no arithmetic
    if isinstance(parent, ast.If) and field == "test" and "TYPE_CHECKING" in ast.unparse(child):
        return None
    if isinstance(child, ast.Assign | ast.AnnAssign) and isinstance(parent, ast.Module):
        value = child.value
        if isinstance(value, ast.BinOp | ast.Subscript) and _is_type(value):
            return None  # a name for a type
    if isinstance(parent, ast.Raise | ast.JoinedStr):
        return frozenset({"spoken"})
    kept = place & {"spoken"}
    if isinstance(parent, ast.Call):
        called = ast.unparse(parent.func).rpartition(".")[2]
        if SPOKEN.search(called):
            return frozenset({"spoken"})
        return kept | {"word"} if field == "args" else kept
    if isinstance(parent, ast.keyword):
        return kept if parent.arg in FOR_THE_EYE or parent.arg is None else kept | {"word"}
    at = (type(parent), field)
    if isinstance(parent, ast.Compare) or at in {(ast.Subscript, "slice"), (ast.Dict, "keys")}:
        return kept | {"word"}
    if isinstance(parent, ast.Tuple | ast.List | ast.Set | ast.Slice):
        return kept | (place & {"word"})
    if at in {(ast.If, "test"), (ast.IfExp, "test"), (ast.While, "test"), (ast.comprehension, "ifs")}:
        return kept | {"test"}
    return kept | (place & {"test"}) if isinstance(parent, ast.BoolOp) else kept


def _is_dash(node: ast.AST) -> bool:
    """A dash pattern of a line, such as (0, (5, 1.6)): an offset, and lengths on and off in turn."""
    if not (isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], ast.Tuple)):
        return False
    lengths = [node.elts[0], *node.elts[1].elts]
    return all(isinstance(n, ast.Constant) and isinstance(n.value, int | float) for n in lengths)


def _is_type(node: ast.AST) -> bool:
    names = set(
        "str int float bool tuple list dict None Tensor Callable Sequence object Mapping NDArray Any".split()
    )
    names |= {"Iterable", "Literal"}
    roots = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    return bool(roots) and all(name in names or name in ("npt", "np") for name in roots)


Change = tuple[str, ast.AST]


def _changes(node: ast.AST, place: Place) -> Iterator[Change]:
    """The changes of this one node: the operator and the new node."""

    def change(operator: str, new: ast.AST) -> Change:
        return operator, ast.copy_location(new, node)

    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for i, sign in enumerate(node.ops):
            tolerance = any(_is_tolerance(side) for side in sides[i : i + 2])
            for operator, table in (("boundary", BOUNDARY), ("negate", NEGATION)):
                if type(sign) in table and not (operator == "boundary" and tolerance):
                    new = copy.copy(node)
                    new.ops = [*node.ops[:i], table[type(sign)](), *node.ops[i + 1 :]]
                    yield change(operator, new)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        sides = (node.left, node.right) if isinstance(node, ast.BinOp) else ()
        if not any(
            isinstance(one, ast.JoinedStr) or isinstance(getattr(one, "value", 0), str) for one in sides
        ):
            # else: words put together, or a pattern filled in
            new = copy.copy(node)
            new.op = ARITHMETIC[type(node.op)]()
            yield change("arithmetic", new)
    elif isinstance(node, ast.BoolOp):
        new = copy.copy(node)
        new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield change("junction", new)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield change("sign", copy.copy(node.operand))
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield change("truth", ast.Constant(not node.value))
        elif isinstance(node.value, int | float):
            value = node.value
            yield change("number", ast.Constant(type(value)(1 - value) if value in (0, 1) else value + 1))
        elif isinstance(node.value, str) and "word" in place and "spoken" not in place:
            if re.fullmatch(r"[A-Za-z_]\w*", node.value):
                yield change("word", ast.Constant(f"not_{node.value}"))
    elif isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield change("result", ast.Return(ast.Constant(None)))
    elif isinstance(node, ast.Raise):
        yield change("raise", ast.Pass())
    elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or (
        isinstance(node, ast.Assign) and all(isinstance(target, ast.Subscript) for target in node.targets)
    ):
        yield change("call", ast.Pass())
    elif isinstance(node, ast.Name) and node.id in EXTREMES:
        yield change("extreme", ast.Name(EXTREMES[node.id], node.ctx))
    elif isinstance(node, ast.Attribute) and node.attr in EXTREMES:
        yield change("extreme", ast.Attribute(node.value, EXTREMES[node.attr], node.ctx))
    if "test" in place and isinstance(node, ast.Name | ast.Attribute | ast.Call):
        yield change("negate", ast.UnaryOp(ast.Not(), node))


def _is_tolerance(node: ast.AST) -> bool:
    """A float below 0.1, such as 1e-6: whether a difference equals it exactly is a matter of rounding."""
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < 0.1


def _words(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 100 else f"{words[:97]}..."


# Running the tests.


class _Served(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves one module from a syntax tree; everything else is found as always."""

    def __init__(self, name: str, file: Path, tree: ast.Module) -> None:
        self.name, self.file, self.tree = name, file, tree

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        inside = [str(self.file.parent)] if self.file.name == "__init__.py" else None  # a package
        return importlib.util.spec_from_file_location(
            fullname, self.file, loader=self, submodule_search_locations=inside
        )

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(self.tree, str(self.file), "exec"), module.__dict__)


def module_name(room: str) -> str:
    """Import name of a room."""
    return ("course_utils." + room.replace("/", ".")).removesuffix(".__init__")


WARM = "_pytest.python hypothesis IPython.display matplotlib.pyplot mpmath nbformat numpy pandas pytest scipy.integrate"
WARM += " scipy.special scipy.stats seaborn torch torch._dynamo torch.distributed.tensor"  # torch.optim and torch.testing want them


def warm_up() -> None:
    """Import what every fork needs, but none of the course, and start no thread."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in WARM.split():
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    gc.collect()
    gc.freeze()  # a fork's garbage collection then leaves all this alone, and its memory shared


class _QuickFirst:
    """Runs the quickest tests first, by the times of the run before, and writes down what each takes now."""

    def __init__(self, file: Path) -> None:
        self.file, self.taken = file, Counter()
        self.known = json.loads(file.read_text()) if file.is_file() else {}

    def pytest_configure(self) -> None:
        # A pytest that a test starts wants its plugins.
        os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=lambda item: self.known.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: object) -> None:
        self.taken[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        if not self.known:
            self.file.write_text(json.dumps(self.taken))


def _child(folder: Path, mutant: Mutant | None, room: str, output: int) -> int:
    """In the fork: the room's tests, on the mutated room or (None) on the room as it is; pytest's exit status."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    sys.path[:] = [
        str(folder),
        *(p for p in sys.path if Path(p or ".").resolve() not in (ROOT, ROOT / "tests")),
    ]
    for name in [name for name in sys.modules if re.match(r"course_utils\b|test_", name)]:
        del sys.modules[name]  # nothing of the course is there yet, unless a test runs this
    file = folder / "course_utils" / f"{room}.py"
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source) if mutant is None else mutated(mutant, source)
    sys.meta_path.insert(0, _Served(module_name(room), file, tree))
    import pytest

    options = [*"-x -q --no-header --tb=short -p no:cacheprovider -o addopts= -k".split(), "not quick"]
    options += [f"--rootdir={folder}", "-c", str(folder / "pyproject.toml"), *tests_of(room)]
    plugin = _QuickFirst(folder / f"{module_name(room)}.json")
    return int(pytest.main(options, plugins=[plugin]))


@dataclass
class _Job:
    mutant: Mutant | None
    pid: int
    started: float
    output: Path


class Lab:
    """A copy of the checkout in a temporary folder, and the forks at work in it."""

    slack = 5.0  # seconds of processor time that a mutant has beyond four times what the room itself takes

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "build")
                shutil.copytree(source, folder / name, ignore=ignored)
            elif source.is_file():
                shutil.copy(source, folder / name)

    def start(self, room: str, mutant: Mutant | None, limit: int = 600) -> _Job:
        """Fork and run the room's tests there, with at most ``limit`` seconds of processor time."""
        sys.stdout.flush()
        handle, name = tempfile.mkstemp(suffix=".txt", dir=self.folder)
        pid = os.fork()
        if pid == 0:
            status = 3
            with contextlib.suppress(BaseException):
                os.setsid()
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
                status = _child(self.folder, mutant, room, handle)
            os._exit(status)
        os.close(handle)
        return _Job(mutant, pid, time.monotonic(), Path(name))

    def wait(self, job: _Job, limit: float) -> tuple[int, float] | None:
        """Exit status (-9 past ``limit`` seconds on the clock) and seconds of processor time; None: still at work."""
        pid, status, used = os.wait4(job.pid, os.WNOHANG)
        if not pid and time.monotonic() - job.started > limit:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
            pid, status, used = os.wait4(job.pid, 0)
        if not pid:
            return None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pid, signal.SIGKILL)  # what the tests may have started
        return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime

    def baseline(self, room: str) -> float:
        """Seconds of processor time for the tests of the room as it is. RuntimeError: they do not pass."""
        job = self.start(room, None)
        while (found := self.wait(job, 3600)) is None:
            time.sleep(0.02)
        if found[0] != 0:
            raise RuntimeError(f"the tests of {room} do not pass as it is:\n{job.output.read_text()}")
        job.output.unlink()
        return found[1]

    def judge(self, room: str, mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
        """The mutants that survive, in their order."""
        limit = math.ceil(self.slack + 4 * self.baseline(room))
        waiting, running, survived = list(reversed(mutants)), [], []
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(self.start(room, waiting.pop(), limit))
            time.sleep(0.01)
            for job in list(running):
                found = self.wait(job, 60 + 10 * limit)
                if found is None:
                    continue
                code = found[0]
                running.remove(job)
                if code in (4, 5):
                    raise RuntimeError(f"pytest ran no test for {room}:\n{job.output.read_text()}")
                if code == 0:
                    survived.append(job.mutant)
                job.output.unlink()
        return sorted(survived, key=mutants.index)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mutation testing of course_utils.")
    parser.add_argument("rooms", nargs="*", metavar="room", help='such as "exercises/nb03"; default: all')
    parser.add_argument("--all", action="store_true", help="every mutant, not a sample")
    parser.add_argument(
        "--count", type=int, help=f"mutants per room; default {SAMPLE}, {THIN_SAMPLE} of figures"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sample; default 0")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at work at once; default 2")
    parser.add_argument("--list", action="store_true", help="only say what would be changed")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the rooms, print a table and the survivors; 0 when every room reaches 90 %, else 1."""
    options = _options(arguments)
    known = rooms()
    chosen = options.rooms or known
    if unknown := [room for room in chosen if room not in known]:
        print(f"unknown: {', '.join(unknown)}; the rooms are: {', '.join(known)}")
        return 2
    reasons, table, all_survivors = accepted(), [], []
    os.nice(10 - min(10, os.nice(0)))
    warm_up()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        lab = Lab(Path(folder))
        for room in chosen:
            every = variants_of(room)
            count = options.count or (THIN_SAMPLE if thin(room) else SAMPLE)
            mutants = sample(every, None if options.all else count, options.seed)
            if options.list:
                print("\n".join(line for mutant in mutants for line in mutant.shown()))
                continue
            start = time.monotonic()
            if mutants and not tests_of(room):
                print(f"{room} has no unit tests, so that every mutant lives; name some in MORE_TESTS")
                survived = mutants
            else:
                survived = lab.judge(room, mutants, options.jobs) if mutants else []
            table.append((room, len(every), len(mutants), len(survived), time.monotonic() - start))
            all_survivors += survived
            print(f"{room}: {len(mutants) - len(survived)} of {len(mutants)} killed", flush=True)
            for mutant in survived:
                print("\n".join(mutant.shown()))
                reason = reasons.get(mutant.key)
                print(f"    accepted: {reason}" if reason else "    NOT ACCEPTED")
    if options.list:
        return 0
    print(summary(table))
    open_ones = [mutant for mutant in all_survivors if mutant.key not in reasons]
    print(f"{len(all_survivors)} survivors, {len(open_ones)} of them without a reason in {SURVIVORS.name}")
    return int(any(share(row) < GOAL for row in table if not thin(row[0])))


Row = tuple[str, int, int, int, float]


def share(row: Row) -> float:
    """Share of the tried mutants that were killed; 1 where none was tried."""
    return 1 - row[3] / row[2] if row[2] else 1.0


def summary(table: Sequence[Row]) -> str:
    """The table per room, with the sums: figures and maintenance apart."""
    lines = [
        f"{'room':22} {'mutants':>8} {'tried':>6} {'killed':>7} {'survived':>9} {'share':>7} {'seconds':>8}"
    ]

    def line(name: str, rows: Sequence[Row]) -> str:
        every, tried, survived, seconds = (sum(row[i] for row in rows) for i in (1, 2, 3, 4))
        killed = share((name, every, tried, survived, seconds))
        mark = "" if killed >= GOAL else f"  below {GOAL:.0%}"
        return f"{name:22} {every:8} {tried:6} {tried - survived:7} {survived:9} {killed:7.1%} {seconds:8.0f}{mark}"

    lines += [line(row[0], [row]) for row in table]
    for name, rows in (
        ("rooms and exercises", [row for row in table if not thin(row[0])]),
        ("figures and upkeep", [row for row in table if thin(row[0])]),
    ):
        if rows:
            lines.append(line(name, rows))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
