"""Signals: a second data set of another kind, generated: rows of 40 numbers in ten classes, in the manner of MNIST-1D.

Each class has a template of twelve numbers. An example is its class's template, stretched, scaled, moved to a random place
in a row of 40, tilted, and buried in smooth and rough noise. The idea is Greydanus and Kobak's ("Scaling down deep
learning with MNIST-1D", arXiv:2011.14439); templates, constants and code are the course's own.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from course_utils import checks
from course_utils.data import CLASSES, Dataset

__all__ = ["COUNTS", "LENGTH", "SHA256", "checksum", "generate", "load"]

LENGTH, TEMPLATE = 40, 12
COUNTS = {"train": 10_000, "test": 2_000}
STEPS = 256  # numbers are rounded to this many steps per unit, so that every machine makes the same set
SHA256 = {
    "train": "58842fcdd179dc6ad6ed926282162cb94240c7796b3582cd1579286a06341bf9",
    "test": "87ce1abd473ee758f5adab7fc363e5d567dc037d86ecc969e8047e93a7d40b79",
}
"""Of the sets that the record was made with, as :func:`checksum` gives it."""
PLACES, NOISE, ROUGH, TILT = 14, 0.6, 0.1, 0.4


def generate(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Signals, float32 [count, 40], and classes, int64 [count]; the same on every machine. ValueError for count < 1."""
    checks.whole("count", count)
    own = torch.Generator().manual_seed(checks.seed("seed", seed))
    fixed = torch.Generator().manual_seed(0)  # the templates are the same for all seeds
    templates = _smooth(_normal(len(CLASSES), TEMPLATE, generator=fixed), 1)
    templates = templates / templates.std(1, keepdim=True)
    labels = torch.randint(0, len(CLASSES), (count,), generator=own, device="cpu")

    def draw(*shape: int) -> Tensor:
        return _normal(count, *shape, generator=own)

    scale, tilt = 1 + 0.25 * draw(1), TILT * draw(1)
    start = torch.randint(0, PLACES, (count, 1), generator=own, device="cpu").double() + 6
    stretch = 1.5 + torch.randint(0, 65, (count, 1), generator=own, device="cpu").double() / 256
    place = (torch.arange(LENGTH, device="cpu").double() - start) / stretch
    inside = ((place >= 0) & (place <= TEMPLATE - 1)).double()
    low = place.clamp(0, TEMPLATE - 1.001).floor()
    part = (place - low).clamp(0, 1)
    own_template = templates[labels]
    left, right = (own_template.gather(1, (low + k).long()) for k in (0, 1))
    shape = inside * ((1 - part) * left + part * right) * scale
    line = tilt * torch.linspace(-1, 1, LENGTH, dtype=torch.float64, device="cpu")
    found = shape + line + NOISE * _smooth(draw(LENGTH), 2) + ROUGH * draw(LENGTH)
    return (found * STEPS).round().div(STEPS).float(), labels


def load(split: str = "train") -> Dataset:
    """Ten thousand signals to train on, or two thousand to test on ("test"); as data.load gives images.

    ``size`` is the length of a row: these are no pictures, and Dataset.pictures does not apply. ValueError for another split.
    """
    checks.among("split", split, COUNTS)
    values, labels = generate(COUNTS[split], seed=1 + list(COUNTS).index(split))
    return Dataset(values, labels, split, LENGTH, 0.0, 1.0)


def checksum(split: str = "train") -> str:
    """SHA-256 of the signals of a split, as whole numbers, and of their classes. ValueError for another split."""
    found = load(split)
    whole = (found.images * STEPS).round().to(torch.int16).numpy().astype("<i2").tobytes()
    return hashlib.sha256(whole + found.labels.to(torch.uint8).numpy().tobytes()).hexdigest()


def _normal(*shape: int, generator: torch.Generator) -> Tensor:
    """Nearly normal numbers, float64: sums of eight whole ones, which no machine rounds."""
    whole = torch.randint(0, 2**16, (8, *shape), generator=generator, device="cpu").sum(0)
    return (whole.double() - 4 * (2**16 - 1)) / math.sqrt(8 / 12 * (2**32 - 1))


def _smooth(rows: Tensor, times: int) -> Tensor:
    """Each number becomes a quarter of its neighbours and half of itself, ``times`` times; rows [count, length]."""
    for _ in range(times):
        ends = torch.cat([rows[:, :1], rows, rows[:, -1:]], 1)
        rows = (ends[:, :-2] + 2 * ends[:, 1:-1] + ends[:, 2:]) / 4
    return rows
