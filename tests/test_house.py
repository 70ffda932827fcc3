"""The house as course_utils's docstring draws it: every room on one floor, imports that never go up, and no circle."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
FLOOR = re.compile(r"^    (\w+): +([\w ]+)$", re.MULTILINE)


def modules(package: Path) -> dict[str, Path]:
    """Every module by its name within the package, as "figures.nb00"; a folder by its own."""
    found = {}
    for path in package.rglob("*.py"):
        name = ".".join(path.relative_to(package).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    del found["__init__"]
    return found


def imports(package: Path) -> dict[str, set[str]]:
    """Which modules each one imports, at its top or within a function; not what stands there for the types alone."""
    known, graph = modules(package), {}
    for name, path in known.items():
        tree, taken = ast.parse(path.read_text("utf-8")), set()
        typed = {id(part) for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
                 for child in node.body for part in ast.walk(child)}  # fmt: skip
        for node in (node for node in ast.walk(tree) if id(node) not in typed):
            if isinstance(node, ast.Import):
                taken |= {alias.name.removeprefix("course_utils.") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: imports are written in full"
                whole = f"{node.module}."
                if whole.startswith("course_utils."):
                    inside = whole.removeprefix("course_utils.")
                    taken |= {inside.rstrip("."), *(inside + alias.name for alias in node.names)}
        graph[name] = taken & set(known) - {name}
    return graph


def floors(text: str) -> dict[str, int]:
    """The floor of each room, the lowest 0, as a docstring draws them."""
    drawn = [rooms.split() for _, rooms in FLOOR.findall(text)]
    placed = [(room, len(drawn) - place) for place, rooms in enumerate(drawn, 1) for room in rooms]
    assert len(dict(placed)) == len(placed), "a room stands on two floors"
    return dict(placed)


def upward(graph: dict[str, set[str]], at: dict[str, int]) -> list[str]:
    """The imports that go up."""
    lie = {name: at[name.split(".")[0]] for name in graph}
    return [f"{name} from {other}" for name in graph for other in graph[name] if lie[other] > lie[name]]


def test_every_room_stands_on_one_floor_and_every_room_drawn_is_there() -> None:
    rooms = {name.split(".")[0] for name in modules(PACKAGE)}
    assert set(floors(course_utils.__doc__ or "")) == rooms


def test_imports_never_go_up() -> None:
    assert upward(imports(PACKAGE), floors(course_utils.__doc__ or "")) == []


def test_there_is_no_circle() -> None:
    graphlib.TopologicalSorter(imports(PACKAGE)).prepare()  # CycleError names one


def test_circles_and_ways_up_are_seen(tmp_path: Path) -> None:
    sources = {
        "low": "def late():\n    from course_utils import high\n    return high",
        "high": "import typing\nfrom course_utils.low import late",
        "typed": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from course_utils.high import late",
        "inner.__init__": "from course_utils.inner import part",
        "inner.part": "import course_utils.low",
        "__init__": "",
    }
    for name, source in sources.items():
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, "utf-8")
    graph = imports(tmp_path)
    assert graph == {
        "low": {"high"}, "high": {"low"}, "typed": set(), "inner": {"inner.part"}, "inner.part": {"low"},
    }  # fmt: skip
    drawn = floors("Words: and more.\n\n    up: high typed inner\n    down:  low\n")
    assert drawn == {"high": 1, "typed": 1, "inner": 1, "low": 0}
    assert upward(graph, drawn) == ["low from high"]
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph).prepare()


def test_dir_and_help_list_the_rooms_and_load_none() -> None:
    look = (
        "import sys, course_utils; rooms = dir(course_utils);"
        "assert not {m for m in sys.modules if m.startswith(('course_utils.', 'torch', 'matplotlib'))};"
        "print(*rooms); print(course_utils.checks.whole('n', 3))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    listed, number = ran.stdout.splitlines()
    assert {name.split(".")[0] for name in modules(PACKAGE)} <= set(listed.split()) and number == "3"
    with pytest.raises(AttributeError, match="no room 'kitchen'"):
        course_utils.kitchen  # noqa: B018
    with pytest.raises(ImportError, match="kitchen"):
        from course_utils import kitchen  # noqa: F401
