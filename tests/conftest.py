"""Settings of all unit tests: hypothesis draws the same examples every time, so that no run needs luck.

To look for new ones: `HYPOTHESIS=search make test ARGS=tests`.
"""

import os
import sys

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("search", max_examples=1000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS", "same"))


@pytest.fixture(autouse=True)
def _no_tries_yet() -> None:
    """Each test answers the exercises as after a fresh start of the kernel."""
    if exercises := sys.modules.get("course_utils.exercises"):
        exercises.forget()
