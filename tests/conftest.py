"""Settings of all unit tests: hypothesis draws the same examples every time, so that no run needs luck.

To look for new ones: `HYPOTHESIS=search make test ARGS=tests`.
"""

import os
import sys
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("search", max_examples=1000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS", "same"))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What is displayed: (data, metadata) of each output."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def display(*objects: Any, raw: bool = False, metadata: Any = None) -> None:
        assert raw
        found.extend((data, metadata) for data in objects)

    monkeypatch.setattr("IPython.display.display", display)
    return found


pytest.register_assert_rewrite("answers")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of tests/answers.py run once per row of the notebook's tables."""
    for table in ("right", "wrong"):
        if f"{table}_answer" in metafunc.fixturenames:
            metafunc.parametrize(f"{table}_answer", getattr(metafunc.module, table.upper()))


@pytest.fixture(autouse=True)
def _no_tries_yet() -> None:
    """Each test answers the exercises as after a fresh start of the kernel."""
    if exercises := sys.modules.get("course_utils.exercises"):
        exercises.forget()
