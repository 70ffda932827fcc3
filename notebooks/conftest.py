"""Every check of a notebook's stored outputs goes through tests/nbval_sanitize.cfg.

It stands here, not in tests/, so that it also applies when one notebook alone is given to pytest,
from whatever folder pytest is started.
"""

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    rules = Path(__file__).resolve().parents[1] / "tests" / "nbval_sanitize.cfg"
    config.option.nbval_sanitize_with = str(rules)
