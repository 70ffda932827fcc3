"""The mutation harness itself: what it changes, what it leaves alone, and that a weak test is found out."""

import ast
import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def harness():
    spec = importlib.util.spec_from_file_location("mutation", ROOT / "tests" / "mutation.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutation"] = module
    spec.loader.exec_module(module)
    return module


mutation = harness()

SAMPLE = '''"""A room."""
from math import sqrt
__all__ = ["area"]
Number = int | float
SIDE = 3

def area(a: int = 2, b: "x" = 0) -> float | None:
    """The area."""
    if not isinstance(a, int | float) or a <= 0:
        raise ValueError(f"a must be above {0}, got {a!r} 1")
    found = {}
    found["area"] = max(a * b, -1.5)
    found.update(unit="metre", label="metre")
    return found["area"] if a else None
'''


def changes(source=SAMPLE):
    return [(m.operator, m.before, m.after) for m in mutation.variants_of("room", source)]


def test_every_operator_finds_its_places():
    assert sorted(set(changes())) == sorted(
        [
            ("number", "SIDE = 3", "SIDE = 4"),
            ("number", 'def area(a: int = 2, b: "x" = 0) -> float | None:', 'def area(a: int = 3, b: "x" = 0) -> float | None:'),
            ("number", 'def area(a: int = 2, b: "x" = 0) -> float | None:', 'def area(a: int = 2, b: "x" = 1) -> float | None:'),
            ("junction", "if not isinstance(a, int | float) or a <= 0:", "if not isinstance(a, int | float) and a <= 0:"),
            ("sign", "if not isinstance(a, int | float) or a <= 0:", "if isinstance(a, int | float) or a <= 0:"),
            ("boundary", "if not isinstance(a, int | float) or a <= 0:", "if not isinstance(a, int | float) or a < 0:"),
            ("negate", "if not isinstance(a, int | float) or a <= 0:", "if not isinstance(a, int | float) or a > 0:"),
            ("number", "if not isinstance(a, int | float) or a <= 0:", "if not isinstance(a, int | float) or a <= 1:"),
            ("raise", 'raise ValueError(f"a must be above {0}, got {a!r} 1")', "pass"),
            ("number", 'raise ValueError(f"a must be above {0}, got {a!r} 1")', "0 -> 1"),
            ("call", 'found["area"] = max(a * b, -1.5)', "pass"),
            ("word", 'found["area"] = max(a * b, -1.5)', "found['not_area'] = max(a * b, -1.5)"),
            ("extreme", 'found["area"] = max(a * b, -1.5)', 'found["area"] = min(a * b, -1.5)'),
            ("arithmetic", 'found["area"] = max(a * b, -1.5)', 'found["area"] = max(a / b, -1.5)'),
            ("sign", 'found["area"] = max(a * b, -1.5)', 'found["area"] = max(a * b, 1.5)'),
            ("number", 'found["area"] = max(a * b, -1.5)', 'found["area"] = max(a * b, -2.5)'),
            ("call", 'found.update(unit="metre", label="metre")', "pass"),
            ("word", 'found.update(unit="metre", label="metre")', "found.update(unit='not_metre', label=\"metre\")"),
            ("result", 'return found["area"] if a else None', "return None"),
            ("word", 'return found["area"] if a else None', "return found['not_area'] if a else None"),
            ("negate", 'return found["area"] if a else None', 'return found["area"] if not a else None'),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        '"""A docstring with 1 + 1."""',
        '__all__ = ["a", "b"]',
        "Dash = str | tuple[int, int]",
        "from math import sqrt",
        "x: int | None",
        'plot(label="loss", color="k")',
        'ax.set_title("loss")',
        'print("loss")',
    ],
)
def test_what_is_for_the_eye_is_left_alone(line):
    assert [c for c in changes(f"import os\n{line}\n") if c[0] != "call"] == []


def test_a_mutant_differs_in_that_one_place():
    for mutant in mutation.variants_of("room", SAMPLE):
        tree = mutation.mutated(mutant, SAMPLE)
        compile(tree, "room.py", "exec")
        before, after = ast.unparse(ast.parse(SAMPLE)).splitlines(), ast.unparse(tree).splitlines()
        assert len(before) == len(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1, mutant


def test_the_sample_is_the_same_each_time_and_grows_with_the_count():
    every = mutation.variants_of("landscape")
    assert mutation.sample(every, 20, 0) == mutation.sample(every, 20, 0) != mutation.sample(every, 20, 1)
    assert len(mutation.sample(every, 20, 0)) == 20 and mutation.sample(every, None, 0) == every
    places = [(m.line, m.column) for m in mutation.sample(every, 20, 0)]
    assert set(places) <= {(m.line, m.column) for m in every}


def test_a_dash_pattern_is_for_the_eye_and_other_pairs_are_not():
    assert changes("x = plot((0, (5, 1.6)))\n") == []
    assert len(changes("x = plot((2, (5, y)))\n")) == 2 and len(changes("x = plot((2, 5))\n")) == 2


def test_the_table_of_tests_names_real_rooms_and_files():
    rooms = mutation.rooms()
    assert {"theory", "exercises/nb05", "figures/nb02", "maintain/execute"} <= set(rooms)
    assert set(mutation.MORE_TESTS) <= set(rooms)
    for room in rooms:
        assert all((ROOT / file).is_file() for file in mutation.tests_of(room)), room
        assert mutation.module_name(room).startswith("course_utils")
    assert mutation.tests_of("units") == ["tests/test_units.py"] and mutation.tests_of("unheard_of") == []
    assert mutation.module_name("exercises/__init__") == "course_utils.exercises"


def test_every_accepted_survivor_has_a_reason_and_is_still_there():
    rows = tomllib.loads(mutation.SURVIVORS.read_text(encoding="utf-8"))["survivor"]
    keys = [(row["room"], row["before"], row["after"]) for row in rows]
    assert len(set(keys)) == len(keys), "a survivor stands twice in survivors.toml"
    assert all(len(row["reason"]) > 10 for row in rows)
    known = {mutant.key for room in {key[0] for key in keys} for mutant in mutation.variants_of(room)}
    gone = [key for key in keys if key not in known]
    assert not gone, "these lines were changed since: take them out of survivors.toml, and try the room again"


def test_summary_counts_and_names_what_is_below():
    text = mutation.summary(
        [("theory", 500, 60, 3, 9.0), ("dying", 300, 60, 7, 5.0), ("figures/nb01", 99, 12, 6, 1.0)]
    )
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines()[1:]}
    assert rows["theory"][1:6] == ["500", "60", "57", "3", "95.0%"]
    assert rows["dying"][1:6] == ["300", "60", "53", "7", "88.3%"] and rows["dying"][-2:] == ["below", "90%"]
    assert rows["rooms and exercises"][-6:-1] == ["800", "120", "110", "10", "91.7%"]
    assert "below" in rows["figures and upkeep"]


def test_unknown_rooms_are_named(capsys):
    assert mutation.main(["thoery"]) == 2
    assert "unknown: thoery; the rooms are: activations" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="the harness forks")
def test_a_fork_serves_the_mutant_and_a_weak_test_lets_it_live(tmp_path, monkeypatch):
    """A checkout of one room and one test file, which looks at one of two functions only; run from scratch."""
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (tmp_path / "course_utils" / "__init__.py").write_text("")
    (tmp_path / "course_utils" / "machine.py").write_text(
        "def watched(n):\n    while n > 3:\n        n -= 1\n    return n\n\ndef unwatched():\n    return 1\n"
    )
    (tmp_path / "tests" / "test_machine.py").write_text(
        "from course_utils import machine\n\ndef test_it():\n    assert machine.watched(5) == 3\n"
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    before = (tmp_path / "course_utils" / "machine.py").read_text()
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    monkeypatch.setattr(mutation.Lab, "slack", 0.5)  # one mutant never ends
    lab = mutation.Lab(tmp_path / "copy")
    tried = [m for m in mutation.variants_of("machine") if (m.line, m.operator) != (3, "number")]
    assert {(3, "arithmetic"), (2, "boundary"), (4, "result")} < {(m.line, m.operator) for m in tried}
    survived = lab.judge("machine", tried, jobs=2)
    assert [(m.line, m.operator) for m in survived] == [(7, "result"), (7, "number")]
    assert (tmp_path / "course_utils" / "machine.py").read_text() == before
    (tmp_path / "copy" / "tests" / "test_machine.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(RuntimeError, match="the tests of machine do not pass as it is"):
        lab.judge("machine", tried, jobs=2)
