"""`make bench`: the batched networks beside a plain loop over torch.nn networks, on the same work.

The plain loop is what one would write first: nn.Sequential networks one after the other, torch.optim.SGD with
momentum, F.cross_entropy, batches by indexing. Both sides start from the same weights and see the same batches, so
their losses must agree; the table says how well. The two take turns, and medians are compared. The batched side is
timed over a whole epoch of training.train; the loop over the first steps of a few networks, scaled to the epoch
(its steps all cost the same).

Counted floating-point operations are those of the matrix products alone, a product of [a, b] and [b, c] being 2 a b c:
forward one product per layer, backward two, for the gradients by weights and by inputs, save the first layer, whose
inputs need none. See :func:`flops`.
"""

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from course_utils import data, machine, networks, training

BATCH, MOMENTUM, RATE = 250, 0.9, 0.01
CLASSES = len(data.CLASSES)


@dataclass(frozen=True)
class Shape:
    """So many networks of one depth and width; ``asked``: the speed-up that the course promises."""

    count: int
    depth: int
    width: int
    asked: float

    def __str__(self) -> str:
        return f"{self.count} networks {self.depth} x {self.width}"


SHAPES = (Shape(16, 3, 64, 4.0), Shape(32, 20, 32, 5.0), Shape(8, 10, 128, 2.0))


@dataclass
class Times:
    """Seconds per epoch of all networks, one entry per repeat, and how far the losses of the two sides differ."""

    loop: list[float] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)
    difference: float = 0.0


def flops(shape: Shape, inputs: int = data.SIDE**2, batch: int = BATCH) -> int:
    """Floating-point operations of one step of all networks: 2 B (2 I w + 3 (d - 1) w^2 + 3 w C) for each network."""
    d, w = shape.depth, shape.width
    return shape.count * 2 * batch * (2 * inputs * w + 3 * (d - 1) * w * w + 3 * w * CLASSES)


def matmul_rate(size: int = 2048, repeats: int = 4) -> float:
    """Floating-point operations per second of a dense float32 matrix product, best of some."""
    a, b = torch.randn(2, size, size).unbind()
    seconds = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        seconds = min(seconds, time.perf_counter() - start)
    return 2 * size**3 / seconds


def fresh(shape: Shape, inputs: int) -> networks.Networks:
    """The networks to train: ReLU, He's initial weights, seeds 0, 1, 2 ..."""
    designs = networks.grid(activation="relu", gain="he", seed=range(shape.count), learning_rate=RATE)
    return networks.Networks(designs, inputs, shape.depth, shape.width, CLASSES)


def plain(nets: networks.Networks, number: int) -> nn.Sequential:
    """Network ``number`` of the batch as an nn.Sequential with the same weights."""
    layers: list[nn.Module] = []
    for layer in range(nets.depth + 1):
        weight = nets.weight(layer)[number]
        last = layer == nets.depth
        bias = nets.parameters["last_bias"][number] if last else nets.parameters["bias"][layer, number]
        linear = nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias[0])
        layers += [linear] if last else [linear, nn.ReLU()]
    return nn.Sequential(*layers)


def run_plain(model: nn.Module, x: Tensor, y: Tensor, order: Tensor) -> list[float]:
    """The ordinary training loop: one step for each row of ``order`` [steps, batch]; the losses in nats."""
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    losses = []
    for batch in order:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return losses


def compare(shape: Shape, examples: data.Dataset, repeats: int, models: int, steps: int) -> Times:
    """Time both sides in turns: ``repeats`` times ``steps`` steps of ``models`` plain networks, and one batched epoch."""
    x, y = examples.images, examples.labels
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    order = order[: len(x) - len(x) % BATCH].view(-1, BATCH)  # as training.train with order_seed=0
    steps = min(steps, len(order))
    times = Times()
    for repeat in range(-1, repeats):  # the first turn warms up and is not counted
        nets = fresh(shape, x.shape[1])
        numbers = [(max(repeat, 0) * models + m) % shape.count for m in range(models)]
        some = [plain(nets, number) for number in numbers]
        start = time.perf_counter()
        losses = torch.tensor([run_plain(model, x, y, order[:steps]) for model in some])
        middle = time.perf_counter()
        history = training.train(nets, examples, batch_size=BATCH, momentum=MOMENTUM, order_seed=0)
        end = time.perf_counter()
        if repeat >= 0:
            times.loop.append((middle - start) / (models * steps) * len(order) * shape.count)
            times.batched.append(end - middle)
        apart = (history.losses[:steps, numbers].T - losses).abs() / losses
        times.difference = max(times.difference, float(apart.max()))
    return times


def report(results: dict[Shape, Times], rate: float, steps: int, inputs: int) -> str:
    """The table: one line per shape and side. ``rate``: of the dense product, operations per second."""
    lines = [
        f"{'':24}{'':9}{'s/epoch':>9}{'network':>10}{'':>10}{'share of':>10}{'times':>8}{'asked':>7}{'largest':>9}",
        f"{'':24}{'':9}{'(median)':>9}{'steps/s':>10}{'GFLOP/s':>10}{'matmul':>10}{'faster':>8}{'for':>7}{'possible':>9}",
    ]
    for shape, times in results.items():
        work = flops(shape, inputs) * steps
        loop, batched = statistics.median(times.loop), statistics.median(times.batched)
        for name, seconds in (("loop", loop), ("batched", batched)):
            line = f"{str(shape) if name == 'loop' else '':24}{name:9}{seconds:9.2f}{shape.count * steps / seconds:10,.0f}"
            line += f"{work / seconds / 1e9:10.1f}{work / seconds / rate:10.0%}"
            if name == "batched":
                line += f"{loop / batched:8.1f}{shape.asked:7.0f}{loop * rate / work:9.1f}"
            lines.append(line)
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison; 0 when done, whatever the figures (they depend on the machine's other load)."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="The batched networks beside a plain loop."
    )
    parser.add_argument("--threads", type=int, help="torch threads (default: what the CPU quota grants)")
    parser.add_argument("--quick", action="store_true", help="two repeats instead of seven, for a first look")
    options = parser.parse_args(argv)
    if options.threads is not None and options.threads < 1:
        parser.error("--threads must be at least 1")
    repeats, models, steps = (2, 2, 5) if options.quick else (7, 4, 10)
    examples = data.load("train")
    epoch, inputs = len(examples) // BATCH, examples.images.shape[1]
    with machine.threads(options.threads):
        print(machine.describe())
        print(
            f"Fashion-MNIST, {len(examples):,} images, {inputs} inputs, batch {BATCH}, {epoch} steps an epoch, "
            f"SGD with momentum {MOMENTUM}, ReLU, float32",
            flush=True,
        )
        rates, results = [matmul_rate()], {}
        for shape in SHAPES:
            results[shape] = compare(shape, examples, repeats, models, steps)
            rates.append(matmul_rate())
    rate = max(rates)
    print(f"dense float32 matrix product, 2048 x 2048, best of the run: {rate / 1e9:.1f} GFLOP/s\n")
    print(report(results, rate, epoch, inputs))
    print(
        f"\nMedians of {repeats} turns, loop and batched one after the other. Loop: {models} networks x {steps} steps a "
        f"turn, scaled\nto all networks and {epoch} steps. Batched: training.train, the whole epoch, set-up included.\n"
        "Share of matmul: products alone, 2B(2Iw + 3(d-1)w² + 3wC) operations a step and network, over the dense rate.\n"
        "Largest possible: loop time over the time of these products at the dense rate; no program is faster than that.\n"
        "Losses of the two sides differ by at most "
        f"{max(times.difference for times in results.values()):.0e} (relative)."
    )
    return 0
