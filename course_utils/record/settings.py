"""Settings: what each change does to an experiment of the course, and the few ways in which all experiments read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import course_utils.record.signals as signals
from course_utils import baseline, checks, data, trials
from course_utils.data import Dataset
from course_utils.networks import Design

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHANGES", "QUICK", "REASONS", "SETTINGS", "Setting"]


@dataclass(frozen=True)
class Setting:
    """One column of the matrix: how it differs from the course's own setting, which the defaults are.

    Attributes:
        change: its name.
        seeds: of the networks that are reported, and of their orders of the examples. tuning: of those that choose rates.
        many: seeds where the course takes twenty.
        times: all runs are this many times as long.
        optimiser: "sgd" (momentum 0.9) or "adam".
        width: of all networks; None: as in the course (32 or 64).
        size: side of the images in pixels. source: "fashion" or "signals" (a generated set, room record.signals).
        share: of the images, 0..1; below 1 in a quick look alone.
        says: the change in words.
    """

    change: str
    says: str
    seeds: tuple[int, ...] = (10, 11, 12, 13, 14)
    tuning: tuple[int, ...] = (0, 1)
    many: tuple[int, ...] = tuple(range(10, 30))
    times: int = 1
    optimiser: str = "sgd"
    width: int | None = None
    size: int = 14
    source: str = "fashion"
    share: float = 1.0

    def wide(self, width: int) -> int:
        """The width in place of the course's."""
        return self.width or width

    def epochs(self, course: int) -> int:
        """Epochs in place of the course's."""
        return course * self.times

    def rates(self, sgd: list[float], adam: list[float]) -> list[float]:
        """The grid of learning rates: the optimiser's."""
        return sgd if self.optimiser == "sgd" else adam

    def rate(self, sgd: float) -> float:
        """A fixed learning rate: as it is for SGD; a tenth of it for Adam, which is where both do well in 05 and 06."""
        return sgd if self.optimiser == "sgd" else sgd / 10

    @property
    def method(self) -> str:
        """The optimiser, for conditions."""
        return {"sgd": "SGD", "adam": "Adam"}[self.optimiser]

    def sets(self, train: int, held: int = 0) -> tuple[Dataset, Dataset, Dataset]:
        """Images to train on, held back (all of the former where ``held`` is 0, for who judges by the training loss), test."""
        return _sets(self.source, self.size, int(train * self.share), int(held * self.share), self.share)

    def run(self, designs: list[Design], images: Dataset, score: trials.Score, **options: Any) -> trials.Run:
        """trials.run with this setting's optimiser."""
        return trials.run(designs, images, score, **{"optimiser": self.optimiser} | options)

    def compare(
        self,
        arms: dict[str, Design],
        rates: list[float],
        sets: tuple[Dataset, Dataset, Dataset],
        **options: Any,
    ) -> trials.Comparison:
        """trials.compare on accuracy, with this setting's seeds and optimiser."""
        judges = trials.accuracy(sets[1]), trials.accuracy(sets[2])
        options = {"seeds": self.seeds, "tuning_seeds": self.tuning, "optimiser": self.optimiser} | options
        return trials.compare(arms, rates, sets[0], *judges, **options)

    def linear(
        self, rates: list[float], sets: tuple[Dataset, Dataset, Dataset], steps: int, **options: Any
    ) -> pd.DataFrame:
        """Rows of softmax regression on the same images, tuned alike."""
        import pandas as pd

        given = {"seeds": self.seeds, "tuning_seeds": self.tuning, "optimiser": self.optimiser} | options
        found = baseline.softmax_regression(rates, *sets, **given)
        seeds = list(self.seeds)
        rows = {"seed": seeds, "order": seeds, "score": found.scores.tolist()}
        fixed: dict[str, Any] = {
            "arm": "softmax regression",
            "depth": 0,
            "width": 0,
            "learning_rate": found.rate,
        }
        return pd.DataFrame(rows).assign(**fixed, inside=found.inside, failed=False, steps=steps)


@cache
def _sets(source: str, size: int, train: int, held: int, share: float) -> tuple[Dataset, Dataset, Dataset]:
    if source == "signals":
        whole, test = signals.load("train"), signals.load("test")
        whole = data.split(whole, train + held)[0] if train + held < len(whole) else whole
    else:
        whole, test = data.load("train", count=train + held, size=size), data.load("test", size=size)
    if share < 1:
        test = data.split(test, int(len(test) * share))[0]
    first, rest = data.split(whole, train) if held else (whole, replace(whole))
    return first, rest, test


SETTINGS = {
    one.change: one
    for one in (
        Setting("course", "the notebook's own setting, the maps of C35 with every other rate"),
        Setting("order", "ten other seeds and orders", tuple(range(40, 50)), (2,), tuple(range(40, 60))),
        Setting("budget", "ten times the steps", tuning=(0,), times=10),
        Setting("adam", "Adam in place of SGD", optimiser="adam"),
        Setting("size", "28 x 28 pixels, width 128", tuning=(0,), width=128, size=28),
        Setting(
            "data",
            "generated signals in place of images: harder, at the same lengths and by the same lines",
            source="signals",
        ),
        Setting("conv", "convolutional networks, 3 x 3, 8 channels", tuning=(0,)),
    )
}
"""The columns of the matrix, by name."""

CHANGES = tuple(SETTINGS)
REASONS = {
    "conv": {
        "all": "not run: batch norm, residual paths, dead units and maps have no convolutional counterpart in this record; "
        "the race of notebook 07 has one"
    }
}
"""Why a cell of the matrix is empty: change -> claim, or "all" -> reason."""
QUICK = Setting(
    "quick", "a tenth of the images, width 8", tuning=(0,), many=(10, 11, 12, 13, 14), width=8, share=0.1
)


def setting(change: str) -> Setting:
    """The setting of this name, "quick" among them. ValueError for another name."""
    return QUICK if change == "quick" else SETTINGS[checks.among("change", change, CHANGES)]
