"""Sparse: does a sparse code serve better than a dense one, notebook 04's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from course_utils import kernels, theory, units
from course_utils.data import Dataset
from course_utils.networks import Design
from course_utils.record.settings import Setting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DENSE", "FORCED", "PENALISED", "late", "noisy", "short"]

EPOCHS, LATE, WIDTH, STRONG, MILD, NOISE = 4, 20, 64, 0.01, 0.003, 0.4
SGD, ADAM = [0.003, 0.01, 0.03, 0.1, 0.2], [0.0003, 0.001, 0.003, 0.01, 0.03]
RELU, LEAKY = Design("relu", gain="he"), Design("leaky_relu", gain="he")
PENALISED, FORCED = tuple(f"ReLU, L1 {l1:g}" for l1 in (0.001, 0.003, STRONG)), "one in seven kept"
DENSE = ("tanh", "leaky ReLU", "ELU", "GELU")


def _rows(
    setting: Setting, arms: dict[str, Design], sets: tuple[Dataset, ...], epochs: int, sgd: list[float]
) -> pd.DataFrame:
    """One row per network, with its share of zeros on the training images; softmax regression beside them."""
    import pandas as pd

    train, held, test = sets
    shape: dict[str, Any] = {"epochs": setting.epochs(epochs)}
    found = setting.compare(
        arms, setting.rates(sgd, ADAM), (train, held, test), depth=3, width=setting.wide(WIDTH), **shape
    )
    zeros = torch.cat([units.firing(team, train.images).zeros.mean(1) for team in found.networks.values()])
    steps = len(found.losses)
    choice = found.table["arm"].map(
        found.choice.set_index("arm")["mean"]
    )  # on held-back images: chooses a penalty
    line = setting.linear([0.0003, 0.001, 0.003, 0.01, 0.03, 0.1], (train, held, test), steps, **shape)
    table = found.table.assign(steps=steps, zeros=zeros.numpy(), judged=choice)
    return pd.concat([table, line]).assign(measure="test accuracy")


def _forced(setting: Setting) -> Design:
    """Of each layer one unit in seven is kept, the largest."""
    return Design(kernels.keep_largest(max(1, setting.wide(WIDTH) // 7)), gain="he")


def short(setting: Setting) -> pd.DataFrame:
    """ReLU, plain, penalised and forced, beside four dense activations and a penalised leaky ReLU."""
    arms = {"ReLU": RELU} | {name: replace(RELU, l1=float(name.split()[-1])) for name in PENALISED}
    arms |= {
        FORCED: _forced(setting),
        "leaky ReLU": LEAKY,
        f"leaky {PENALISED[-1]}": replace(LEAKY, l1=STRONG),
    }
    arms |= {"tanh": Design("tanh")}
    arms |= {name: Design(name.lower(), gain=theory.critical_gain(name.lower())) for name in ("ELU", "GELU")}
    return _rows(setting, arms, setting.sets(4000, 1000), EPOCHS, SGD)


def late(setting: Setting) -> pd.DataFrame:
    """Five times as long: ReLU, forced, leaky."""
    arms = {"ReLU": RELU, FORCED: _forced(setting), "leaky ReLU": LEAKY}
    return _rows(setting, arms, setting.sets(4000, 1000), LATE, SGD)


def noisy(setting: Setting) -> pd.DataFrame:
    """A thousand images, two in five under a wrong label: ReLU, penalised, forced, leaky."""
    train, held, test = setting.sets(4000, 1000)
    few = len(train) // 4
    dirty = replace(train, images=train.images[:few], labels=train.labels[:few])
    arms = {
        "ReLU": RELU,
        "ReLU, penalty": replace(RELU, l1=MILD),
        "leaky ReLU": LEAKY,
        FORCED: _forced(setting),
    }
    sets = _mislabelled(dirty, 0), _mislabelled(held, 1), test
    return _rows(setting, arms, sets, 40, SGD[:4])


def _mislabelled(images: Dataset, seed: int) -> Dataset:
    """The same images, a share of them under another class."""
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(images), generator=generator, dtype=torch.float32, device="cpu") < NOISE
    other = (images.labels + torch.randint(1, 10, (len(images),), generator=generator, device="cpu")) % 10
    return replace(images, labels=torch.where(wrong, other, images.labels))
