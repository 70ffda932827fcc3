"""Training: SGD or Adam for many networks at once, each with its own learning rate and order, and a tidy history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course_utils import checks, machine, progress
from course_utils.data import Dataset
from course_utils.networks import Moments, Networks, all_finite
from course_utils.steps import Flat, Step

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OPTIMISERS", "History", "evaluate", "train"]

OPTIMISERS = ("sgd", "adam", "adamw")
MOMENTUM = 0.9  # of SGD, unless told otherwise
BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam, as torch.optim.Adam; Kingma & Ba, ICLR 2015, arXiv:1412.6980
DECAY = 0.01  # of AdamW, as torch.optim.AdamW; Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101


@dataclass(frozen=True)
class History:
    """What came of a training run of N networks.

    Attributes:
        table: tidy, one row per network and record (before the first step, then after every epoch). Columns:
            network (0 ... N-1), arm, activation, seed, gain, bias, norm, learning_rate, l1, residual, epoch,
            step, train_loss (mean over the epoch's steps, in nats; before the first step: NaN), test_loss (nats),
            test_accuracy (0..1), diverged (so far).
        losses: [steps, N], the loss of each step's batch in nats, without the l1 penalty; NaN or infinite where a network diverged.
        diverged_at: [N], the first step whose loss, or whose result, was not finite; -1 for a healthy
            network.
    """

    table: pd.DataFrame
    losses: Tensor
    diverged_at: Tensor

    def final(self) -> pd.DataFrame:
        """The last row of every network, as a table with N rows."""
        return self.table.groupby("network").tail(1).reset_index(drop=True)

    def curves(self, every: int = 1) -> pd.DataFrame:
        """The batch losses as a tidy table: one row per network and group of ``every`` steps, the mean loss.

        Columns: network and its design, as in ``table``; step (the group's last, counted from 1); loss
        (nats). Steps that do not fill a group are left out. ValueError unless 1 <= every <= number of steps.
        """
        import pandas as pd

        steps, count = self.losses.shape
        checks.whole("every", every, 1, steps, "steps")
        means = self.losses[: steps - steps % every].view(-1, every, count).mean(1)
        last = torch.arange(1, len(means) + 1, device="cpu") * every
        rows = {
            "network": torch.arange(count, device="cpu").repeat(len(means)).numpy(),
            "step": last.repeat_interleave(count).numpy(),
            "loss": means.flatten().numpy(),
        }
        designs = self.final().loc[:, "network":"residual"]
        return pd.DataFrame(rows).merge(designs, on="network")


def train(
    networks: Networks,
    data: Dataset,
    test: Dataset | None = None,
    epochs: int = 1,
    batch_size: int = 250,
    momentum: float = MOMENTUM,
    order_seed: int | Sequence[int] = 0,
    optimiser: str = "sgd",
    weight_decay: float = DECAY,
    cooldown: float = 0.0,
    more: bool = False,
    watch: Callable[[Networks, int], object] | None = None,
    at: Sequence[int] | None = None,
) -> History:
    """Train all networks on the cross-entropy, in place, each with its design's learning rate.

    Optimisers, as in torch.optim: "sgd", with momentum: v <- momentum * v + gradient, w <- w - learning_rate * v;
    "adam", betas 0.9 and 0.999, eps 1e-8; "adamw", the same after w <- (1 - learning_rate * weight_decay) * w for
    all parameters, biases, too.

    The order of the examples is drawn anew each epoch by a generator seeded with ``order_seed``. One number: all
    networks see the same batches. A sequence: network i sees the order ``order_seed[i]``, so that the arms of one
    seed can share an order and the spread over seeds is one over weights and orders. The examples of an epoch that
    do not fill a batch are left out. A network whose loss is no longer finite is reported as diverged; its
    neighbours are not touched.

    Networks are trained once; ``more=True`` goes on: the optimiser keeps its velocity or moments (unless it is
    another one than before: then it starts with none), and each order goes on with its next epoch, so that two runs
    of one epoch are one run of two. The history tells of this run alone and counts from 0 again.

    Args:
        networks: changed in place.
        data: training examples, [count, inputs] with labels 0 ... outputs-1.
        test: examples for test_loss and test_accuracy; default: those columns are NaN.
        epochs: at least 1.
        batch_size: 1 ... len(data); default 250.
        momentum: of "sgd" alone, 0 <= momentum < 1; default 0.9. 0 is plain SGD.
        order_seed: seed of the order of the examples, or one for each network; default 0.
        optimiser: "sgd" (default), "adam" or "adamw".
        weight_decay: of "adamw" alone, at least 0; default 0.01.
        cooldown: the share of this run's steps, at its end, over which all learning rates fall linearly toward 0, as
            under torch's LambdaLR; 0..1, default 0: never. It takes the noise of the last few batches out of where
            a network ends.
        more: go on with networks that were trained before; default False.
        watch: called as watch(networks, epoch) before the first step (epoch 0) and after every epoch, to measure
            while training goes on, or to change weights in place; what it returns is ignored. Default: nobody watches.
        at: watch after these steps instead, as watch(networks, step); rising, 0 is before the first. Default: epochs.

    Raises:
        ValueError: naming the argument, its value and what would be right; also for networks that were trained
            before, without ``more``, and for a momentum or weight_decay that the optimiser does not use.
    """
    import pandas as pd

    _check_method(networks, optimiser, momentum, weight_decay, more)
    checks.number("cooldown", cooldown, 0, 1)
    x, y = _check_run(networks, data, test, epochs, batch_size)
    orders = _Orders.of(order_seed, len(networks), networks.device)
    steps = len(x) // batch_size
    looks = _looks(at, epochs, steps)
    losses = torch.empty(epochs * steps, len(networks), dtype=networks.dtype, device=networks.device)
    diverged_at = torch.full((len(networks),), -1, device="cpu")
    designs = pd.DataFrame([{"network": i, **design.describe()} for i, design in enumerate(networks.designs)])
    rows = [_record(designs, networks, test, 0, 0, None, diverged_at)]
    if watch is not None and 0 in looks:
        watch(networks, 0)
    with machine.threads(), machine.flushed():
        update = _Update(networks, orders.group, optimiser, momentum, weight_decay)
        step = Step(networks, orders.group, batch_size, update.weight)
        images = x.new_empty(len(orders.seeds) * batch_size, networks.inputs)
        batches = orders.batches(len(x), batch_size, networks.trained, epochs)
        bar = progress.bar(batches, f"training {len(networks)} networks", total=len(losses))
        try:
            for number, batch in enumerate(bar):
                if number % steps == 0:
                    networks.trained += 1
                batch = batch.to(networks.device)
                torch.index_select(x, 0, batch.flatten(), out=images)
                losses[number] = step(images.view(*batch.shape, -1), y[batch].index_select(0, orders.group))
                update(step.parameters.all, step.gradients.all, falling(number, len(losses), cooldown))
                if (number + 1) % steps == 0:
                    step.parameters.write(networks.parameters)
                    epoch, recent = (number + 1) // steps, losses[number + 1 - steps : number + 1].cpu()
                    _note_divergence(diverged_at, recent, number + 1 - steps)
                    rows.append(
                        _record(designs, networks, test, epoch, number + 1, recent.mean(0), diverged_at)
                    )
                if watch is not None and number + 1 in looks:
                    step.parameters.write(networks.parameters)
                    watch(networks, looks[number + 1])
                    step.parameters.read(networks.parameters)
        finally:  # stopped half way, too, the networks are where they got to
            step.parameters.write(networks.parameters)
            update.write(networks)
    return History(pd.concat(rows, ignore_index=True), losses.cpu(), diverged_at)


def evaluate(networks: Networks, data: Dataset) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats and accuracy (0..1) of every network on ``data``, [N] each, in evaluation mode.

    A network whose outputs are not finite has a loss of NaN or infinity and an accuracy of NaN.
    """
    x, y = _on_device(networks, data)
    chunk = max(1, 2**22 // (len(networks) * networks.width))
    loss = torch.zeros(len(networks), dtype=torch.float64, device="cpu")
    hits = torch.zeros(len(networks), dtype=torch.float64, device="cpu")
    with torch.inference_mode(), machine.threads():
        for start in range(0, len(x), chunk):
            labels = y[start : start + chunk]
            outputs = networks(x[start : start + chunk])
            loss += _cross_entropy(outputs, labels.expand(len(networks), -1)).sum(1).cpu()
            right = (outputs.argmax(-1) == labels).to(outputs.dtype)
            hits += torch.where(outputs.isfinite().all(-1), right, math.nan).sum(1).cpu()
    return loss / len(x), hits / len(x)


@dataclass(frozen=True)
class _Orders:
    """The different orders of a run, and which of them each network follows.

    ``seeds``: each once. ``group``: [N], the network's place in ``seeds``.
    """

    seeds: list[int]
    group: Tensor

    @classmethod
    def of(cls, order_seed: int | Sequence[int], count: int, device: torch.device) -> _Orders:
        """The orders of ``count`` networks, from the argument of :func:`train`, checked."""
        if isinstance(order_seed, Iterable) and not isinstance(order_seed, str):
            each = [checks.seed("each order_seed", seed) for seed in order_seed]
            if len(each) != count:
                raise ValueError(
                    f"order_seed must be one number, or one for each of the {count} networks, got {len(each)}"
                )
        else:
            each = [checks.seed("order_seed", order_seed)] * count
        seeds = list(dict.fromkeys(each))
        return cls(seeds, torch.tensor([seeds.index(seed) for seed in each], device=device))

    def batches(self, count: int, batch_size: int, done: int, epochs: int) -> Iterator[Tensor]:
        """Indices [orders, batch_size] of each batch of ``count`` examples, for ``epochs`` epochs after ``done`` ones.

        Every epoch has new orders and leaves an incomplete batch out.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        for epoch in range(done + epochs):
            order = torch.stack(
                [torch.randperm(count, generator=generator, device="cpu") for generator in generators]
            )
            if epoch >= done:
                used = order[:, : count - count % batch_size]
                yield from used.view(len(generators), -1, batch_size).unbind(1)


def falling(step: int, steps: int, cooldown: float) -> float:
    """The share of the learning rates at a step, 0 ... steps-1: 1, then over the last ``cooldown`` of the steps in a
    straight line to 1 / (cooldown * steps) at the last one.
    """
    return min(1.0, (steps - step) / max(cooldown * steps, 1.0))


class _Update:
    """One step of the optimiser for all networks, each with its own learning rate.

    What it keeps is at home in ``networks.moments``; :meth:`write` brings it there.
    """

    def __init__(
        self, networks: Networks, group: Tensor, optimiser: str, momentum: float, weight_decay: float
    ) -> None:
        self.optimiser, self.momentum, self.weight_decay = optimiser, momentum, weight_decay
        rates = _per_design(networks, [design.learning_rate for design in networks.designs])
        # SGD is linear: it gets gradients that are multiplied by the rates already, and needs two operations.
        self.weight = rates if optimiser == "sgd" else None
        self._kept = [Flat(networks, group) for _ in range(1 if optimiser == "sgd" else 2)]
        self._steps, self._kind = 0, optimiser.removesuffix("w")
        if networks.moments is not None and networks.moments.kind == self._kind:
            self._steps = networks.moments.steps
            for flat, moments in zip(self._kept, networks.moments.kept, strict=True):
                flat.read(moments)
        if optimiser != "sgd":
            self._rates = Flat(networks, group).fill(rates).all
            self._spare = torch.empty_like(self._rates)

    def __call__(self, parameters: Tensor, gradients: Tensor, share: float = 1.0) -> None:
        """Change all parameters in place, at this share of the learning rates."""
        self._steps += 1
        first = self._kept[0].all
        if self.optimiser == "sgd":
            torch.add(gradients, first, alpha=self.momentum, out=first)
            parameters.sub_(first, alpha=share)
            return
        if self.optimiser == "adamw":
            parameters.addcmul_(parameters, self._rates, value=-share * self.weight_decay)
        second = self._kept[1].all
        first_left, second_left = (1 - beta**self._steps for beta in BETAS)
        first.lerp_(gradients, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradients, gradients, value=1 - BETAS[1])
        scale = torch.sqrt(second, out=self._spare).div_(math.sqrt(second_left)).add_(EPS)
        parameters.addcmul_(torch.div(first, scale, out=scale), self._rates, value=-share / first_left)

    def write(self, networks: Networks) -> None:
        """Leave with the networks what the next run needs."""
        kept = []
        for flat in self._kept:
            kept.append({name: torch.empty_like(p) for name, p in networks.parameters.items()})
            flat.write(kept[-1])
        networks.moments = Moments(self._kind, self._steps, kept)


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy in nats of each example, [N, B], for outputs [N, B, classes] and labels [N, B]."""
    # Classes on the middle axis: torch then works through the examples, not through ten numbers at a time.
    return torch.nn.functional.cross_entropy(outputs.transpose(1, 2), labels, reduction="none")


def _rates(networks: Networks) -> dict[str, Tensor]:
    """Each network's learning rate, in a shape that broadcasts over each parameter."""
    rates = _per_design(networks, [design.learning_rate for design in networks.designs])
    each = rates.view(-1, 1, 1)
    return {
        name: rates.repeat_interleave(networks.width) if name == "first" else each
        for name in networks.parameters
    }


def _per_design(networks: Networks, numbers: list[float]) -> Tensor:
    return torch.tensor(numbers, dtype=networks.dtype, device=networks.device)


def _note_divergence(diverged_at: Tensor, losses: Tensor, start: int) -> None:
    """Enter the first step whose loss [steps, N] is not finite, for networks that were healthy so far."""
    bad = ~losses.isfinite()
    fresh = bad.any(0) & (diverged_at < 0)
    diverged_at[fresh] = start + bad.to(torch.uint8).argmax(0)[fresh]


def _record(
    designs: pd.DataFrame,
    networks: Networks,
    test: Dataset | None,
    epoch: int,
    step: int,
    train_loss: Tensor | None,
    diverged_at: Tensor,
) -> pd.DataFrame:
    """The designs and where their networks stand, one row each; enters networks whose parameters blew up in the last step as diverged."""
    gone = torch.stack([~p.isfinite() for p in _per_network(networks)]).any(0)
    diverged_at[gone & (diverged_at < 0)] = max(step - 1, 0)
    nothing = torch.full((len(networks),), math.nan, dtype=torch.float64, device="cpu")
    loss, accuracy = (nothing, nothing) if test is None else evaluate(networks, test)
    return designs.assign(
        epoch=epoch,
        step=step,
        train_loss=(nothing if train_loss is None else train_loss.double()).numpy(),
        test_loss=loss.numpy(),
        test_accuracy=accuracy.numpy(),
        diverged=(diverged_at >= 0).numpy(),
    )


def _per_network(networks: Networks) -> list[Tensor]:
    """The sum over each parameter, [N] numbers: finite if and only if (nearly always) all entries are."""
    sums = []
    for name, p in networks.parameters.items():
        p = p.detach()
        if name == "first":
            sums.append(p.view(networks.inputs, len(networks), -1).sum((0, 2)).cpu())
        elif name.startswith("last"):
            sums.append(p.flatten(1).sum(1).cpu())
        else:
            sums.append(p.sum((0, 2, 3)).cpu())
    return sums


def _on_device(networks: Networks, data: Dataset) -> tuple[Tensor, Tensor]:
    """Images [count, inputs] and labels [count], checked against the networks and moved to their device."""
    x, y = data.images, data.labels
    if x.ndim != 2 or x.shape[1] != networks.inputs:
        raise ValueError(
            f"the networks take {networks.inputs} inputs per example, the data have shape {list(x.shape)}"
        )
    if not all_finite(x):
        raise ValueError(
            f"the data must be finite; {int((~torch.isfinite(x)).sum())} entries are NaN or infinite"
        )
    if len(x) == 0:
        raise ValueError("the data hold no example")
    whole = y.shape == x.shape[:1] and not (y.is_floating_point() or y.is_complex())
    if not whole or int(y.min()) < 0 or int(y.max()) >= networks.outputs:
        found = f"from {y.min()} to {y.max()}" if whole else f"{y.dtype} of shape {list(y.shape)}"
        raise ValueError(
            f"labels must be {len(x)} whole numbers from 0 to {networks.outputs - 1}; got {found}"
        )
    return x.to(networks.device, networks.dtype), y.to(networks.device, torch.int64)


def _check_method(
    networks: Networks, optimiser: str, momentum: float, weight_decay: float, more: bool
) -> None:
    """The arguments of :func:`train` that say how to step."""
    checks.among("optimiser", optimiser, OPTIMISERS)
    checks.number("momentum", momentum, 0, below=1)
    if optimiser != "sgd" and momentum != MOMENTUM:
        raise ValueError(
            f"momentum is used by sgd alone ({optimiser} has betas {BETAS}); leave it out, got {momentum!r}"
        )
    checks.number("weight_decay", weight_decay, 0)
    if optimiser != "adamw" and weight_decay != DECAY:
        raise ValueError(f"weight_decay is used by adamw alone; leave it out, got {weight_decay!r}")
    if not checks.flag("more", more) and networks.trained:
        raise ValueError(
            f"these networks were trained for {networks.trained} epochs before; build them anew, or give more=True "
            "to go on with their weights"
        )


def _looks(at: Sequence[int] | None, epochs: int, steps: int) -> dict[int, int]:
    """After which steps a run of ``epochs`` times ``steps`` is watched, and what the watcher is told then."""
    if at is None:
        return {epoch * steps: epoch for epoch in range(epochs + 1)}
    for step in checks.rising("the steps to watch at", at):
        checks.whole("each step to watch at", step, 0, epochs * steps, "steps of this run")
    return {step: step for step in at}


def _check_run(
    networks: Networks, data: Dataset, test: Dataset | None, epochs: int, batch_size: int
) -> tuple[Tensor, Tensor]:
    """What :func:`train` is to train on; hands back the checked images and labels."""
    if test is not None:
        _on_device(networks, test)
    x, y = _on_device(networks, data)
    checks.whole("epochs", epochs)
    checks.whole("batch_size", batch_size, 1, len(data), "examples")
    if networks.normalised and batch_size == 1:
        raise ValueError("batch norm in training mode needs a batch_size of at least 2, got 1")
    return x, y
