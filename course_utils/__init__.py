"""The workshop behind the notebooks of "Why ReLU?".

Each room is a module of its own, imported where it is used: `from course_utils import data, plots`.
Importing the package alone loads nothing, so the first cell of a notebook is instant.

The house, from the roof down. A room takes from rooms on its own floor and below, never from above; there is no circle.
Data flow upward: images and designs become networks, trained networks become tables, and a notebook hands a table and
the finding that it asserts to a figure.

    keeping:    maintain __main__
    showing:    figures exercises explore thread
    recording:  record
    comparing:  trials baseline dying batch_norm landscape cost kernels lifetime doctor
    measuring:  theory measure saturation training steps units clock curvature
    drawing:    plots sketch
    material:   networks data claims
    tools:      activations checks machine progress where
"""

import importlib.util
import os
import pkgutil
from typing import Any

# By default a thread of torch that waits for another one (GNU's OpenMP, on Linux) keeps its processor busy; where two other
# programs want the processors, too, training was measured to take ten times as long. Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"


def __dir__() -> list[str]:
    return sorted({*globals(), *(room.name for room in pkgutil.iter_modules(__path__))})


def __getattr__(name: str) -> Any:
    if not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"course_utils has no room {name!r}; help(course_utils) lists them")
