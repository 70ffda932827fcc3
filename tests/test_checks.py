"""The one way to refuse: what each check lets through, what its error says, and that nobody has a way of their own."""

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from course_utils import checks

PACKAGE = Path(checks.__file__).parent


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers(value):
    found = checks.whole("n", value, 3, 3)
    assert found == 3 and type(found) is int


@pytest.mark.parametrize("value", [0.5, 3, np.float32(0.5), np.int64(1), Fraction(1, 2), 0])
def test_numbers(value):
    assert checks.number("x", value, 0, 3) is value


def test_the_others_hand_back_what_they_were_given():
    assert checks.flag("f", False) is False and checks.among("a", "b", "abc") == "b"
    assert checks.seed("s", 2**63 - 1) == 2**63 - 1 and checks.seed("s", 0) == 0
    assert checks.seeds("s", range(3)) == [0, 1, 2] and checks.rising("r", (1, 2.5)) == [1, 2.5]
    assert checks.number("x", -1e308) == -1e308


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: checks.whole("n", True), "n must be a whole number of at least 1, got True"),
        (lambda: checks.whole("n", 2.0), "n must be a whole number of at least 1, got 2.0"),
        (lambda: checks.whole("n", "2"), "n must be a whole number of at least 1, got '2'"),
        (lambda: checks.whole("n", None), "n must be a whole number of at least 1, got None"),
        (lambda: checks.whole("n", np.bool_(True)), "n must be a whole number of at least 1, got"),
        (lambda: checks.whole("n", 0), "n must be a whole number of at least 1, got 0"),
        (lambda: checks.whole("n", -1, 0), "n must be a whole number of at least 0, got -1"),
        (lambda: checks.whole("n", 4, 1, 3), "n must be a whole number from 1 to 3, got 4"),
        (lambda: checks.whole("n", 4, 1, 3, "rows"), "n must be a whole number from 1 to the 3 rows, got 4"),
        (lambda: checks.number("x", True), "x must be a finite number, got True"),
        (lambda: checks.number("x", np.bool_(True)), "x must be a finite number, got"),
        (lambda: checks.number("x", "1"), "x must be a finite number, got '1'"),
        (lambda: checks.number("x", 1j), "x must be a finite number, got 1j"),
        (lambda: checks.number("x", math.nan), "x must be a finite number, got nan"),
        (lambda: checks.number("x", math.inf), "x must be a finite number, got inf"),
        (lambda: checks.number("x", -math.inf), "x must be a finite number, got -inf"),
        (lambda: checks.number("x", 10**400), "x must be a finite number, got 1000"),
        (lambda: checks.number("x", -0.1, 0), "x must be a finite number from 0, got -0.1"),
        (lambda: checks.number("x", 0, above=0), "x must be a finite number above 0, got 0"),
        (lambda: checks.number("x", 1, below=1), "x must be a finite number below 1, got 1"),
        (lambda: checks.number("x", 2, 0, 1), "x must be a finite number from 0 and up to 1, got 2"),
        (lambda: checks.among("arm", "x", ["a", "b"]), "unknown arm 'x'; known are: a, b"),
        (lambda: checks.among("arm", ["a"], {"a": 1}), "unknown arm ['a']; known are: a"),
        (lambda: checks.flag("f", 1), "f must be True or False, got 1"),
        (lambda: checks.flag("f", None), "f must be True or False, got None"),
        (lambda: checks.seed("a seed", 2**63), f"a seed must be a whole number from 0 to {2**63 - 1}, got {2**63}"),
        (lambda: checks.seed("a seed", -1), f"a seed must be a whole number from 0 to {2**63 - 1}, got -1"),
        (lambda: checks.seeds("seeds", []), "seeds must be one or more seeds, each once, got []"),
        (lambda: checks.seeds("seeds", [1, 1]), "seeds must be one or more seeds, each once, got [1, 1]"),
        (lambda: checks.seeds("seeds", [1, 0.5]), "each of seeds must be a whole number from 0 to"),
        (lambda: checks.rising("r", [1, 1]), "r must be numbers that rise, at least 1 of them, got [1, 1]"),
        (lambda: checks.rising("r", [1, 2], least=3), "r must be numbers that rise, at least 3 of them, got [1, 2]"),
        (lambda: checks.rising("r", [0, 1], above=0), "each of r must be a finite number above 0, got 0"),
        (lambda: checks.rising("r", []), "r must be numbers that rise, at least 1 of them, got []"),
    ],
)  # fmt: skip
def test_errors_name_the_argument_its_value_and_what_would_be_right(call, says):
    with pytest.raises(ValueError, match="^" + re.escape(says)):
        call()


def test_nobody_has_a_way_of_their_own():
    """`isinstance(x, bool)` is how one tells True from 1. The register and the exercises ask it of an answer."""
    asks = re.compile(r"isinstance\([^()]*\bbool\b")
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if asks.search(path.read_text("utf-8"))
    }
    assert found <= {"checks.py", "claims.py", "exercises/answers.py"}, found
