"""Convolved: notebook 07's race with convolutional networks, and Krizhevsky's figure (in the making)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd


def depth_2(setting: Setting) -> pd.DataFrame:
    """Not made yet."""
    raise NotImplementedError


depth_4 = depth_6 = old = under_adam = ends = krizhevsky = depth_2
