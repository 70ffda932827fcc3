"""Lifetime: what becomes of factors, weights and updates once training has begun, and of learning over a row of tasks.

At init the factor of dL/dz is what room :mod:`~course_utils.theory` says. :func:`follow` measures it again at chosen steps
of training, with the parts it is made of. :func:`tasks` trains networks on one task after the other, the same images with
their pixels in another order each time, and counts what they lose. N networks, depth hidden layers, width units each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course_utils import checks, machine, measure, theory, training, trials, units
from course_utils.data import Dataset
from course_utils.networks import Design, Networks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "Way", "follow", "parts", "renew", "shuffled", "tasks"]


@dataclass(frozen=True)
class Way:
    """What was seen of N networks at L looks during their training.

    Attributes:
        steps: [L], after which steps.
        run: the training itself, as trials.run gives it.
        dz: [L, depth, N], root mean square of dL/dz, as measure.Profile.
        gain: [L, depth, N], standard deviation of the weights into a layer about 0, times root fan_in.
        slope: [L, depth, N], root mean square of the activation's slope.
        update: [L, depth, N], length of the next step's change of the weights into a layer, over the weights' own
            length; NaN after the last step.
    """

    steps: tuple[int, ...]
    run: trials.Run
    dz: Tensor
    gain: Tensor
    slope: Tensor
    update: Tensor

    def factor(self) -> Tensor:
        """The factor of dL/dz per layer toward the input at each look, [L, N]; as theory.middle_factor."""
        return torch.stack([theory.middle_factor(look) for look in self.dz])


def parts(dz: Tensor, gain: Tensor, slope: Tensor) -> dict[str, Tensor]:
    """The three parts whose product is the factor of dL/dz, without normalisation: "gain", "slope", "alignment"; [N] each.

    From one layer to the one before, dL/dz is multiplied by the weights and the slopes. Were both strangers to it, the
    factor would be gain times root mean square slope; what remains, the alignment, is 1 at init in wide layers, and above
    1 where the gradient lies along directions in which the weights are long, or on units that are steep.

    Args:
        dz, gain, slope: [depth, N], as those of a :class:`Way` at one look.
    """
    steps = {"gain": gain[1:], "slope": slope[:-1]}
    steps["alignment"] = dz[:-1] / dz[1:] / steps["gain"] / steps["slope"]
    ones = torch.ones_like(dz[:1])
    # Sizes that change by these steps, so that the middle layers count as they do for the factor itself.
    return {
        name: theory.middle_factor(torch.cat([step.flip(0).cumprod(0).flip(0), ones]))
        for name, step in steps.items()
    }


def follow(
    designs: Sequence[Design],
    data: Dataset,
    probe: Dataset,
    at: Sequence[int],
    *,
    depth: int,
    width: int,
    epochs: int = 3,
    batch_size: int = 100,
    watch: Callable[[Networks, int], object] | None = None,
    **options: Any,
) -> Way:
    """Train all designs side by side, and look at gradients, slopes, weights and updates after the steps ``at``.

    Args:
        designs, data, depth, width, epochs, batch_size, options: as trials.run.
        probe: what gradients and slopes are measured on; batch norm takes its mean and variance.
        at: steps, rising, 0 is before the first. No two may be neighbours: the step after a look shows its update.
        watch: called as watch(networks, step) at each look, besides. Default: nobody.

    Raises:
        ValueError: neighbouring steps, and as trials.run and measure.now.
    """
    looks: list[tuple[Tensor, ...]] = []
    updates: list[Tensor] = []
    before: list[Tensor] = []
    last = epochs * (len(data) // batch_size)
    if any(b - a < 2 for a, b in itertools.pairwise(at)):
        raise ValueError(
            f"each look needs a step of its own after it; these are neighbours or fall: {list(at)}"
        )

    def look(now: Networks, step: int) -> None:
        weights = _into(now)
        if before:
            updates.append(_size([w - b for w, b in zip(weights, before, strict=True)]) / _size(before))
            before.clear()
        if step in at:
            seen = measure.now(now, probe.images, probe.labels)
            root = torch.tensor([math.sqrt(w.shape[2]) for w in weights]).view(-1, 1)
            looks.append((seen.dz, _size(weights) / root, _slopes(now, probe.images)))
            before.extend(weights)
            if watch is not None:
                watch(now, step)

    every = sorted({*at, *(step + 1 for step in at if step < last)})
    options |= {"epochs": epochs, "batch_size": batch_size, "watch": look, "at": every}
    run = trials.run(designs, data, depth=depth, width=width, **options)
    updates += [torch.full_like(looks[0][0], math.nan)] * (len(looks) - len(updates))
    dz, gain, slope = (torch.stack(part) for part in zip(*looks, strict=True))
    return Way(tuple(at), run, dz, gain, slope, torch.stack(updates))


def shuffled(now: Networks, begin: Networks, seed: int = 0) -> Networks:
    """Copies in which what training has added to each hidden layer's weights stands in a random order.

    The weights into hidden layers 2 and on become those of ``begin`` plus the same changes, each layer's entries shuffled:
    as many, as large, without any pattern. Everything else is as trained.

    Args:
        now: networks as trained. begin: the same before the first step.
        seed: of the order; each network has its own.
    """
    generator = torch.Generator().manual_seed(checks.seed("seed", seed))
    copy = Networks(now.designs, now.inputs, now.depth, now.width, now.outputs, now.dtype, now.device)
    with torch.no_grad():
        for name, parameter in now.parameters.items():
            copy.parameters[name].copy_(parameter)
        change = (now.parameters["hidden"] - begin.parameters["hidden"]).flatten(2)
        order = torch.rand(change.shape, generator=generator, device="cpu").argsort(2).to(change.device)
        new = begin.parameters["hidden"] + change.gather(2, order).view_as(begin.parameters["hidden"])
        copy.parameters["hidden"].copy_(new)
    return copy


@dataclass(frozen=True)
class Row:
    """What came of N networks over a row of T tasks.

    Attributes:
        table: one row per network: arm, what its design says, reset.
        losses: [T, N], mean loss of a task's steps in nats, float64; infinite from where a network diverged.
        dead: [T, N], share of all units dead on the images of the task at its end; NaN from where it diverged.
    """

    table: pd.DataFrame
    losses: Tensor
    dead: Tensor

    def of(self, arm: str) -> Tensor:
        """Which of the networks are of an arm, [N] bool. ValueError for an unknown arm."""
        checks.among("arm", arm, self.table["arm"].unique())
        return torch.tensor((self.table["arm"] == arm).to_numpy(), device="cpu")

    def mean(self, arm: str, tasks: slice) -> Tensor:
        """The mean loss over some tasks of each network of an arm, [seeds]. ValueError for an unknown arm."""
        return self.losses[tasks].mean(0)[self.of(arm)]


def tasks(
    designs: Sequence[Design],
    data: Dataset,
    count: int,
    *,
    depth: int,
    width: int,
    reset: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    epochs: int = 2,
    batch_size: int = 100,
    optimiser: str = "sgd",
) -> Row:
    """Train networks on ``count`` tasks in a row: the same images, with their pixels in a new order in each.

    Networks of one seed get the same pixels' orders and the same batches. The optimiser forgets at a new task, the weights
    do not. A network without any past would find every task equally hard: the weights of the first layer are drawn alike
    for all pixels. So a loss above that of the first task is what the past has cost.

    Args:
        designs, data, depth, width, names, epochs, batch_size, optimiser: as trials.run; defaults 2 epochs, batches of 100.
        count: at least 1.
        reset: per design, whose units are drawn anew (:func:`renew`) after each task: "none", "dead": of the dead ones,
            "living": of as many living units of each layer, by lot, as there are dead ones. Default "none" for all.

    Raises:
        ValueError: naming the argument, its value and what would be right; also as Networks and training.train.
    """
    import pandas as pd

    checks.whole("count", count)
    reset = ["none"] * len(designs) if reset is None else list(reset)
    names = [d.arm for d in designs] if names is None else list(names)
    for what, given in {"reset": reset, "names": names}.items():
        if len(given) != len(designs):
            raise ValueError(f"{what} must be {len(designs)}, one per design, got {len(given)}")
    for how in reset:
        checks.among("reset", how, ("none", "dead", "living"))
    now = Networks(designs, data.images.shape[-1], depth, width)
    seeds = [d.seed for d in designs]
    lots = {seed: torch.Generator().manual_seed(seed) for seed in seeds}
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    losses, dead = [], []
    with machine.threads(1):
        for task in range(count):
            orders = {
                seed: torch.randperm(now.inputs, generator=lot, device="cpu") for seed, lot in lots.items()
            }
            with (
                torch.no_grad()
            ):  # to shuffle an image's pixels is to shuffle the rows of the first layer's weights
                first = now.weight(0)
                first.copy_(torch.stack([first[i, orders[seed]] for i, seed in enumerate(seeds)]))
            now.moments, now.trained = None, 0
            each = [seed * 10_000 + task for seed in seeds]
            history = training.train(
                now, data, epochs=epochs, batch_size=batch_size, order_seed=each, optimiser=optimiser
            )
            losses.append(history.losses.double().mean(0))
            firing = units.firing(now, data.images)
            dead.append(firing.dead_share.mean(1))
            renew(now, _chosen(firing.dead, reset, draws), draws)
    found = torch.stack(losses)
    table = pd.DataFrame([design.describe() for design in designs]).assign(arm=names, reset=reset)
    return Row(table, found.where(found.isfinite(), math.inf), torch.stack(dead))


def renew(now: Networks, which: Tensor, draws: Sequence[torch.Generator]) -> None:
    """Draw some hidden units anew, in place: weights in as at init, bias 0, weights out 0, so that they begin unheard.

    Args:
        which: [N, depth, width] bool.
        draws: a generator for each network.

    Raises:
        ValueError: a ``which`` of another shape.
    """
    if which.shape != (len(now), now.depth, now.width):
        raise ValueError(f"which must be [{len(now)}, {now.depth}, {now.width}], got {list(which.shape)}")
    with torch.no_grad():
        for i, layer in which.any(2).nonzero().tolist():
            mine, into, out = which[i, layer], now.weight(layer)[i], now.weight(layer + 1)[i]
            std = now.designs[i].std_times_root_fan_in / math.sqrt(len(into))
            into[:, mine] = std * torch.randn(
                len(into), int(mine.sum()), generator=draws[i], dtype=into.dtype
            )
            now.parameters["bias"][layer, i, 0, mine] = 0
            out[mine] = 0


def _chosen(dead: Tensor, reset: Sequence[str], draws: Sequence[torch.Generator]) -> Tensor:
    """Which units are drawn anew, [N, depth, width] bool; dead [N, depth, width]."""
    which = torch.zeros_like(dead)
    for i, how in enumerate(reset):
        if how == "dead":
            which[i] = dead[i]
        elif how == "living":
            for layer, gone in enumerate(dead[i]):
                living = (~gone).nonzero().view(-1)
                lot = torch.randperm(len(living), generator=draws[i], device="cpu")
                which[i, layer, living[lot[: int(gone.sum())]]] = True
    return which


def _into(now: Networks) -> list[Tensor]:
    """Copies of the weights into each hidden layer, [N, fan_in, width]."""
    return [now.weight(layer).detach().clone() for layer in range(now.depth)]


def _size(weights: Sequence[Tensor]) -> Tensor:
    """Their lengths, [depth, N], float64."""
    return torch.stack([w.double().norm(dim=(1, 2)).cpu() for w in weights])


def _slopes(now: Networks, images: Tensor) -> Tensor:
    """Root mean square slope of each layer, [depth, N], float64."""
    running = now.running_mean.clone(), now.running_var.clone()
    with torch.inference_mode(), machine.threads(1):
        zs = now.trace(images, training=now.normalised).z
        found = [
            torch.cat(
                [run.activation.derivative(z[run.slice]).double().square().mean((1, 2)) for run in now._runs]
            )
            for z in zs
        ]
    now.running_mean.copy_(running[0])
    now.running_var.copy_(running[1])
    return torch.stack(found).sqrt().cpu()
