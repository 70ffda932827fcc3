"""Training: momentum SGD for many networks at once, each with its own learning rate, and a tidy history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course_utils import machine, progress
from course_utils.data import Dataset
from course_utils.networks import Networks, all_finite

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "evaluate", "train"]


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
        if isinstance(every, bool) or not isinstance(every, int) or not 1 <= every <= steps:
            raise ValueError(f"every must be a whole number from 1 to the {steps} steps, got {every!r}")
        means = self.losses[: steps - steps % every].view(-1, every, count).mean(1)
        last = torch.arange(1, len(means) + 1) * every
        rows = {
            "network": torch.arange(count).repeat(len(means)).numpy(),
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
    momentum: float = 0.9,
    order_seed: int = 0,
    watch: Callable[[Networks, int], object] | None = None,
) -> History:
    """Train all networks by SGD with momentum on the cross-entropy, in place.

    A step is v <- momentum * v + gradient, w <- w - learning_rate * v (as torch.optim.SGD). All networks see
    the same batches in the same order, drawn anew each epoch by a generator seeded with ``order_seed``: arms
    are compared on equal terms, and the spread over seeds is the spread over initial weights. The examples
    of an epoch that do not fill a batch are left out. A network whose loss is no longer finite is reported
    as diverged; its neighbours are not touched.

    Args:
        networks: changed in place.
        data: training examples, [count, inputs] with labels 0 ... outputs-1.
        test: examples for test_loss and test_accuracy; default: those columns are NaN.
        epochs: at least 1.
        batch_size: 1 ... len(data); default 250.
        momentum: 0 <= momentum < 1; default 0.9. 0 is plain SGD.
        order_seed: seed of the order of the examples; default 0.
        watch: called as watch(networks, epoch) before the first step (epoch 0) and after every epoch, to measure
            while training goes on; what it returns is ignored. Default: nobody watches.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    import pandas as pd

    x, y = _check_run(networks, data, test, epochs, batch_size, momentum)
    if isinstance(order_seed, bool) or not isinstance(order_seed, int) or not 0 <= order_seed < 2**63:
        raise ValueError(f"order_seed must be a whole number from 0 to 2**63 - 1, got {order_seed!r}")
    steps = epochs * (len(x) // batch_size)
    rate, velocity = _rates(networks), {name: torch.zeros_like(p) for name, p in networks.parameters.items()}
    l1 = (
        _per_design(networks, [d.l1 for d in networks.designs])
        if any(d.l1 for d in networks.designs)
        else None
    )
    losses = torch.empty(steps, len(networks), dtype=networks.dtype, device=networks.device)
    diverged_at = torch.full((len(networks),), -1)
    rows = [_record(networks, test, 0, 0, None, diverged_at)]
    if watch is not None:
        watch(networks, 0)
    with machine.threads():
        batches = _batches(len(x), batch_size, epochs, order_seed)
        for step, batch in enumerate(
            progress.bar(batches, f"training {len(networks)} networks", total=steps)
        ):
            batch = batch.to(networks.device)
            losses[step] = _step(networks, x[batch], y[batch], rate, velocity, momentum, l1)
            if (step + 1) % (steps // epochs) == 0:
                recent = losses[step + 1 - steps // epochs : step + 1].cpu()
                _note_divergence(diverged_at, recent, step + 1 - len(recent))
                rows.append(
                    _record(networks, test, (step + 1) // len(recent), step + 1, recent.mean(0), diverged_at)
                )
                if watch is not None:
                    watch(networks, (step + 1) // len(recent))
    return History(pd.concat(rows, ignore_index=True), losses.cpu(), diverged_at)


def evaluate(networks: Networks, data: Dataset) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats and accuracy (0..1) of every network on ``data``, [N] each, in evaluation mode.

    A network whose outputs are not finite has a loss of NaN or infinity and an accuracy of NaN.
    """
    x, y = _on_device(networks, data)
    chunk = max(1, 2**22 // (len(networks) * networks.width))
    loss = torch.zeros(len(networks), dtype=torch.float64)
    hits = torch.zeros(len(networks), dtype=torch.float64)
    with torch.inference_mode(), machine.threads():
        for start in range(0, len(x), chunk):
            labels = y[start : start + chunk]
            outputs = networks(x[start : start + chunk])
            loss += _cross_entropy(outputs, labels).sum(1).cpu()
            right = (outputs.argmax(-1) == labels).to(outputs.dtype)
            hits += torch.where(outputs.isfinite().all(-1), right, math.nan).sum(1).cpu()
    return loss / len(x), hits / len(x)


def _step(
    networks: Networks,
    x: Tensor,
    y: Tensor,
    rate: dict[str, Tensor],
    velocity: dict[str, Tensor],
    momentum: float,
    l1: Tensor | None,
) -> Tensor:
    """One SGD step of all networks on the batch x [B, inputs], y [B]; the losses [N], penalty apart, before the
    step. l1 [N] are the weights of the penalty; None: no network has one.
    """
    parameters = networks.parameters
    if l1 is None:
        loss = _cross_entropy(networks._forward(x, training=True), y).mean(1)
        minimised = loss
    else:
        layers = [h for _, h in networks._layers(x, training=True)]
        loss = _cross_entropy(networks._last(layers[-1]), y).mean(1)
        minimised = loss + l1 * torch.stack([h.abs().sum(2).mean(1) for h in layers]).sum(0)
    # The networks share no parameter, so the gradient of the sum holds each network's own gradient.
    gradients = torch.autograd.grad(minimised.sum(), list(parameters.values()), materialize_grads=True)
    with torch.no_grad():
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
            torch.add(gradient, velocity[name], alpha=momentum, out=velocity[name])
            parameter.addcmul_(velocity[name], rate[name], value=-1)
    return loss.detach()


def _cross_entropy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy in nats of each example, [N, B], for outputs [N, B, classes] and labels [B]."""
    every = labels.expand(len(outputs), -1)
    # Classes on the middle axis: torch then works through the examples, not through ten numbers at a time.
    return torch.nn.functional.cross_entropy(outputs.transpose(1, 2), every, reduction="none")


def _batches(count: int, batch_size: int, epochs: int, seed: int) -> Iterator[Tensor]:
    """Indices [batch_size] of each batch; every epoch has a new order and leaves an incomplete batch out."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % batch_size].view(-1, batch_size)


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
    networks: Networks,
    test: Dataset | None,
    epoch: int,
    step: int,
    train_loss: Tensor | None,
    diverged_at: Tensor,
) -> pd.DataFrame:
    """One row per network; enters networks whose parameters blew up in the last step as diverged."""
    import pandas as pd

    gone = torch.stack([~p.isfinite() for p in _per_network(networks)]).any(0)
    diverged_at[gone & (diverged_at < 0)] = max(step - 1, 0)
    nothing = torch.full((len(networks),), math.nan, dtype=torch.float64)
    loss, accuracy = (nothing, nothing) if test is None else evaluate(networks, test)
    rows = pd.DataFrame([{"network": i, **design.describe()} for i, design in enumerate(networks.designs)])
    return rows.assign(
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


def _check_run(
    networks: Networks, data: Dataset, test: Dataset | None, epochs: int, batch_size: int, momentum: float
) -> tuple[Tensor, Tensor]:
    """Every argument of :func:`train`; hands back the checked images and labels."""
    if test is not None:
        _on_device(networks, test)
    x, y = _on_device(networks, data)
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs must be a whole number of at least 1, got {epochs!r}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= len(data):
        raise ValueError(
            f"batch_size must be a whole number from 1 to the {len(data)} examples, got {batch_size!r}"
        )
    if networks.normalised and batch_size == 1:
        raise ValueError("batch norm in training mode needs a batch_size of at least 2, got 1")
    if isinstance(momentum, bool) or not isinstance(momentum, int | float) or not 0 <= momentum < 1:
        raise ValueError(f"momentum must be a number from 0 up to but not including 1, got {momentum!r}")
    return x, y
