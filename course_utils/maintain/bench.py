"""`make bench`: how fast the course is, all in one run.

Its parts: the batched networks beside the two loops that one would write first, on the same work (here); the imports,
the first figure of notebook 00, time and memory of every notebook (:mod:`course_utils.maintain.bench_notebooks`).

A loop takes nn.Sequential networks one after the other, with torch.optim.SGD with momentum and F.cross_entropy. The
plain loop gets its batches by indexing, the loader loop from a torch.utils.data.DataLoader that shuffles. All sides
start from the same weights. The batched program and the plain loop see the same batches, so their losses must agree;
the table says how well. The sides take turns, and medians are compared. The batched side is timed over a whole epoch
of training.train; a loop over the first steps of a few networks, scaled to the epoch (its steps all cost the same).

How near training.train is to what the machine allows is measured by the sum of its parts: the products of a step, three
passes over z for each layer, gathering a batch, log-softmax with its gradient, the optimiser's update, each timed alone
in the same turn, as the course itself would call them, and added (:func:`parts`). Beside it stand the same networks with
batch norm and with Adam. With one thread everything is timed by processor time, which other programs disturb little.

Counted floating-point operations are those of the matrix products alone, a product of [a, b] and [b, c] being 2 a b c:
forward one product per layer, backward two, for the gradients by weights and by inputs, save the first layer, whose
inputs need none. See :func:`flops`.
"""

import argparse
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import clock, data, machine, networks, training
from course_utils.maintain import bench_history, bench_notebooks, execute

BATCH, MOMENTUM, RATE = 250, 0.9, 0.01
CLASSES = len(data.CLASSES)
PARTS = ("networks", "imports", "figure", "notebooks")
HISTORY = Path(__file__).parents[2] / "tests" / "bench_history.csv"


@dataclass(frozen=True)
class Shape:
    """So many networks of one depth and width, on images of ``size`` x ``size`` in batches of ``batch``.

    ``asked``: the speed-up over the plain loop that the course promises, if any.
    """

    count: int
    depth: int
    width: int
    asked: float | None = None
    size: int = data.SIDE
    batch: int = BATCH

    def __str__(self) -> str:
        return f"{self.count} of {self.depth} x {self.width}, {self.size} x {self.size}, {self.batch}"

    @property
    def inputs(self) -> int:
        """Pixels of an image."""
        return self.size**2


# Sweeps of the kind that the notebooks train: a map, a race, the hook of 00. The goal for such: five times the plain loop.
SWEEPS = (Shape(170, 4, 32, 5.0, 14, 100), Shape(75, 3, 64, 5.0, 14), Shape(60, 8, 64, 5.0, 14))
# Fewer networks and whole images: products weigh more, what a loop spends around them less.
SHAPES = (Shape(16, 3, 64, 4.0), Shape(32, 20, 32, 5.0), Shape(8, 10, 128, 2.0))
# From narrow to wide at one depth.
WIDTHS = (Shape(16, 4, 32, 5.0), Shape(16, 4, 64, 5.0), Shape(8, 4, 128), Shape(4, 4, 256), Shape(2, 4, 512))


@dataclass
class Times:
    """Seconds per epoch of all networks, one entry per repeat and side (none for a side that was not timed).

    ``difference``: how far the losses of plain loop and batched program are apart, relative, at most.
    ``parts``: the sum of a batched step's parts, times the steps. ``norm``, ``adam``: batched, with batch norm, with Adam.
    """

    loop: list[float] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)
    difference: float = 0.0
    loader: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)
    norm: list[float] = field(default_factory=list)
    adam: list[float] = field(default_factory=list)


def now() -> float:
    """Seconds: of processor time with one thread, else of the clock on the wall; differences are timings."""
    return clock.processor_time() if torch.get_num_threads() == 1 else time.perf_counter()


def flops(shape: Shape) -> int:
    """Floating-point operations of one step of all networks: 2 B (2 I w + 3 (d - 1) w^2 + 3 w C) for each network."""
    d, w = shape.depth, shape.width
    return shape.count * 2 * shape.batch * (2 * shape.inputs * w + 3 * (d - 1) * w * w + 3 * w * CLASSES)


def matmul_rate(size: int = 2048, repeats: int = 4) -> float:
    """Floating-point operations per second of a dense float32 matrix product, best of some."""
    a, b = torch.randn(2, size, size).unbind()
    seconds = math.inf
    for _ in range(repeats):
        start = now()
        a @ b
        seconds = min(seconds, now() - start)
    return 2 * size**3 / seconds


def parts(shape: Shape, x: Tensor, seconds: float = 0.03) -> dict[str, float]:
    """Seconds of each part of one batched step, each alone in a loop of at least ``seconds``; x [count, inputs] are images.

    Every call writes into a tensor that is there already. The first layer is one product for all networks; the last
    layer's classes lie before the examples, which is the quicker way round for product and softmax.
    """
    n, b, w, deeper = shape.count, shape.batch, shape.width, shape.depth - 1
    size = n * (shape.inputs * w + shape.depth * w + deeper * w * w + CLASSES * (w + 1))
    weights, moments, gradients = torch.randn(3, size).mul_(0.01).unbind()
    z, h = torch.randn(2, n, b, w).unbind()
    products = torch.randn(b, n * w)
    first, hidden, last = torch.randn(shape.inputs, n * w), torch.randn(n, w, w), torch.randn(n, CLASSES, w)
    outputs, logs = torch.randn(2, n, CLASSES, b).unbind()
    batch, labels = torch.empty(b, shape.inputs), torch.randint(CLASSES, (n, 1, b))
    drawn = torch.randint(len(x), (b,))

    def softmax() -> None:
        torch.ops.aten._log_softmax.out(outputs, 1, False, out=logs)
        logs.gather(1, labels).mean((1, 2))
        logs.exp_().scatter_add_(1, labels, logs.new_full((), -1).expand(labels.shape))

    def update() -> None:
        torch.add(gradients, moments, alpha=MOMENTUM, out=moments)
        weights.sub_(moments)

    turned = h.transpose(1, 2)
    todo: dict[str, tuple[int, Callable[[], object]]] = {
        "first, forward": (1, lambda: torch.mm(batch, first, out=products)),
        "first, by weights": (1, lambda: torch.mm(batch.t(), products, out=first)),
        "hidden, forward": (deeper, lambda: torch.bmm(h, hidden, out=z)),
        "hidden, by weights": (deeper, lambda: torch.bmm(turned, z, out=hidden)),
        "hidden, by inputs": (deeper, lambda: torch.bmm(z, hidden.transpose(1, 2), out=h)),
        "last, forward": (1, lambda: torch.bmm(last, turned, out=outputs)),
        "last, by weights": (1, lambda: torch.bmm(outputs, h, out=last)),
        "last, by inputs": (1, lambda: torch.bmm(outputs.transpose(1, 2), last, out=h)),
        "a pass over z": (3 * shape.depth, lambda: torch.clamp_min(z, 0, out=h)),
        "batch": (1, lambda: torch.index_select(x, 0, drawn, out=batch)),
        "softmax": (1, softmax),
        "update": (1, update),
    }
    spent = {}
    for name, (times, part) in todo.items():
        part()
        calls = 0
        for tensor in (first, hidden, last, z, h, outputs):
            tensor.normal_()  # in the loop numbers would grow without end
        start = now()
        while not calls or now() - start < seconds:
            part()
            calls += 1
        spent[name] = times * (now() - start) / calls
    return spent


def fresh(shape: Shape, norm: str = "none") -> networks.Networks:
    """The networks to train: ReLU, He's initial weights, seeds 0, 1, 2 ..."""
    designs = networks.grid(
        activation="relu", gain="he", norm=norm, seed=range(shape.count), learning_rate=RATE
    )
    return networks.Networks(designs, shape.inputs, shape.depth, shape.width, CLASSES)


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


def loader(x: Tensor, y: Tensor, batch: int) -> DataLoader[tuple[Tensor, ...]]:
    """The loader that most tutorials write: shuffled batches of single examples, collected in this process."""
    shuffle = torch.Generator().manual_seed(0)
    examples = TensorDataset(x, y)
    return DataLoader(examples, batch, shuffle=True, generator=shuffle, num_workers=0, drop_last=True)


def run_plain(model: nn.Module, x: Tensor, y: Tensor, order: Tensor) -> list[float]:
    """The ordinary training loop: one step for each row of ``order`` [steps, batch]; the losses in nats."""
    return _steps(model, ((x[batch], y[batch]) for batch in order))


def run_loader(model: nn.Module, batches: DataLoader[tuple[Tensor, ...]], steps: int) -> list[float]:
    """The ordinary training loop over the first ``steps`` batches of a loader's next epoch; the losses in nats."""
    return _steps(model, itertools.islice(batches, steps))


def _steps(model: nn.Module, batches: Iterable[Sequence[Tensor]]) -> list[float]:
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    losses = []
    for inputs, labels in batches:
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return losses


def compare(
    shape: Shape, examples: data.Dataset, repeats: int, models: int, steps: int, variants: bool = False
) -> Times:
    """Time all sides in turns: ``repeats`` times ``steps`` steps of ``models`` networks by each loop, and one batched epoch.

    ``examples``: images of the shape's size. ``variants``: time the parts, batch norm and Adam as well.
    """
    x, y = examples.images, examples.labels
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    order = order[: len(x) - len(x) % shape.batch].view(
        -1, shape.batch
    )  # as training.train with order_seed=0
    steps = min(steps, len(order))
    scale = len(order) * shape.count / (models * steps)
    times, shuffled = Times(), loader(x, y, shape.batch)

    def batched(nets: networks.Networks, optimiser: str) -> tuple[float, Tensor]:
        start = now()
        history = training.train(nets, examples, batch_size=shape.batch, order_seed=0, optimiser=optimiser)
        return now() - start, history.losses

    for repeat in range(-1, repeats):  # the first turn warms up and is not counted
        nets = fresh(shape)
        numbers = [(max(repeat, 0) * models + m) % shape.count for m in range(models)]
        some, same = ([plain(nets, number) for number in numbers] for _ in range(2))
        start = now()
        losses = torch.tensor([run_plain(model, x, y, order[:steps]) for model in some])
        plain_done = now()
        for model in same:
            run_loader(model, shuffled, steps)
        loader_done = now()
        seconds, found = batched(nets, "sgd")
        if repeat >= 0:
            times.loop.append((plain_done - start) * scale)
            times.loader.append((loader_done - plain_done) * scale)
            times.batched.append(seconds)
        if repeat >= 0 and variants:
            times.parts.append(sum(parts(shape, x).values()) * len(order))
            for side, norm, optimiser in ((times.norm, "batch", "sgd"), (times.adam, "none", "adam")):
                side.append(batched(fresh(shape, norm), optimiser)[0])
        apart = (found[:steps, numbers].T - losses).abs() / losses
        times.difference = max(times.difference, float(apart.max()))
    return times


def medians(times: Times) -> dict[str, float]:
    """Seconds per epoch of each side that was timed."""
    sides = {
        "loop": times.loop,
        "loader": times.loader,
        "batched": times.batched,
        "its parts": times.parts,
        "with norm": times.norm,
        "with Adam": times.adam,
    }
    return {name: statistics.median(seconds) for name, seconds in sides.items() if seconds}


def report(results: dict[Shape, Times], rate: float, examples: int) -> str:
    """The table: one line per shape and side. ``rate``: of the dense product, operations per second; ``examples``: in an epoch."""
    head = "{:29}{:10}{:>8}{:>10}{:>10}{:>9}{:>8}{:>20}{:>7}{:>9}"
    lines = [
        head.format("networks,", "", "s/epoch", "network", "", "share", "", "times faster than", "asked", "largest"),
        head.format("images, batch", "", "(median)", "steps/s", "GFLOP/s", "matmul", "parts", "loader      loop", "for", "possible"),
    ]  # fmt: skip
    for shape, times in results.items():
        steps = examples // shape.batch
        work, found = flops(shape) * steps, medians(times)
        for name, seconds in found.items():
            line = f"{str(shape) if name == 'loop' else '':29}{name:10}{seconds:8.2f}{shape.count * steps / seconds:10,.0f}"
            line += f"{work / seconds / 1e9:10.1f}{work / seconds / rate:9.0%}"
            if "its parts" in found and name not in ("loop", "loader", "its parts"):
                line += f"{found['its parts'] / seconds:8.0%}"
            if name == "batched":
                line += "" if "its parts" in found else " " * 8
                line += f"{found['loader'] / seconds:10.1f}" if "loader" in found else " " * 10
                line += f"{found['loop'] / seconds:10.1f}"
                line += f"{'' if shape.asked is None else f'{shape.asked:.0f}':>7}{found['loop'] * rate / work:9.1f}"
            lines.append(line)
    return "\n".join(lines)


def entries(results: dict[Shape, Times], rate: float, examples: int) -> list[bench_history.Entry]:
    """What the history keeps: a row for each shape whose parts were timed. Arguments as :func:`report`."""
    date, where, found = bench_history.today(), bench_history.machine_name(), []
    for shape, times in results.items():
        seconds = medians(times)
        if "its parts" in seconds:
            batched, work = seconds["batched"], flops(shape) * (examples // shape.batch)
            ratios = work / batched / rate, seconds["its parts"] / batched, seconds["loop"] / batched
            found.append(bench_history.Entry(date, where, rate / 1e9, str(shape), *ratios))
    return found


def networks_part(repeats: int, models: int, steps: int) -> tuple[str, list[bench_history.Entry]]:
    """Compare the sides at all shapes; the table and what its columns mean, and what the history keeps."""
    shapes = (*SWEEPS, *SHAPES, *WIDTHS)
    examples = {size: data.load("train", size=size) for size in {shape.size for shape in shapes}}
    count = len(examples[shapes[0].size])
    rates, results = [matmul_rate()], {}
    for shape in shapes:
        bench_notebooks.progress(f"timing {shape} ...")
        results[shape] = compare(shape, examples[shape.size], repeats, models, steps, shape not in WIDTHS)
        rates.append(matmul_rate())
    bench_notebooks.progress("")
    rate = max(rates)
    difference = max(times.difference for times in results.values())
    text = (
        f"Fashion-MNIST, {count:,} images an epoch, SGD with momentum {MOMENTUM}, ReLU, float32; the first {len(SWEEPS)} are\n"
        "sweeps of notebooks 07, 08 and 00\n"
        f"dense float32 matrix product, 2048 x 2048, best of the run: {rate / 1e9:.1f} GFLOP/s\n\n"
        f"{report(results, rate, count)}\n\n"
        f"Medians of {repeats} turns, the sides one after the other. Loop, loader: {models} networks x {steps} steps a "
        "turn, scaled to all\nnetworks and the epoch; the loop indexes its batches, the loader is a DataLoader over a "
        "TensorDataset, shuffled, without\nworkers. Batched: training.train, the whole epoch, set-up included.\n"
        "Share of matmul: products alone, 2B(2Iw + 3(d-1)w² + 3wC) operations a step and network, over the dense rate.\n"
        "Its parts: the products, three passes over z a layer, batch, softmax, update, each timed alone, added; share of "
        "parts:\nthat sum over the time (goal: 85 %, with batch norm 75 %).\n"
        "Largest possible: loop time over the time of these products at the dense rate; no program is faster than that.\n"
        f"Losses of loop and batched differ by at most {difference:.0e} (relative)."
    )
    return text, entries(results, rate, count)


def history_part(
    path: Path, found: Sequence[bench_history.Entry], check: bool, record: bool
) -> tuple[str, bool]:
    """Compare with the history, then perhaps append to it; what came out, and whether no sweep has become slower."""
    before = [entry for entry in bench_history.read(path) if entry.machine == bench_history.machine_name()]
    lines, slow = [], bench_history.slower(before, found) if check else []
    if check:
        lines = slow or [
            f"no sweep is {bench_history.SLOWER:.0%} slower than on {before[-1].date}"
            if before
            else "no entry of a machine like this one to compare with"
        ]
    if record:
        bench_history.append(path, found)
        lines.append(f"{len(found)} rows written to {path.name}")
    return "\n".join(lines), not slow


def main(argv: Sequence[str] | None = None) -> int:
    """Print the parts; 0 when done, whatever the figures (they depend on the machine's other load); 1 if a notebook stops,
    or with --check when a sweep has become slower.
    """
    parser = argparse.ArgumentParser(
        prog="make bench",
        description='How fast the course is. With make: make bench ARGS="--only networks imports".',
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--threads", type=int, help="torch threads (default: what the CPU quota grants)")
    parser.add_argument(
        "--quick", action="store_true", help="few repeats, and notebooks 00 to 02, for a first look"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="fail if a sweep is 10 %% slower than its last entry of a like machine",
    )
    parser.add_argument("--record", action="store_true", help="append this run to the history")
    options = parser.parse_args(argv)
    if (options.check or options.record) and "networks" not in options.only:
        parser.error("--check and --record need the part networks")
    if options.threads is not None and options.threads < 1:
        parser.error("--threads must be at least 1")
    begin = time.perf_counter()
    paths = sorted(execute.select(["00", "01", "02"] if options.quick else []))
    stopped, kept = list[str](), True
    with machine.threads(options.threads):
        print(machine.describe() + _load(), flush=True)
        if "networks" in options.only:
            turns = (2, 2, 5) if options.quick else (5, 4, 10)
            text, found = networks_part(*turns)
            _section("Many networks at once, beside two loops", text)
            if options.check or options.record:
                text, kept = history_part(HISTORY, found, options.check, options.record)
                _section("The history", text)
    if "imports" in options.only:
        repeats = 2 if options.quick else 5
        bench_notebooks.progress("timing the imports ...")
        times = bench_notebooks.time_imports(paths[0], repeats, options.threads)
        text = bench_notebooks.report_imports(times)
        _section(f"What notebook 00 imports (median of {repeats} fresh kernels, files in the cache)", text)
    if "figure" in options.only:
        repeats = 1 if options.quick else 3
        bench_notebooks.progress("timing the first figure ...")
        runs = bench_notebooks.first_figure(paths[0], repeats, options.threads)
        text = bench_notebooks.report_figure(runs)
        _section(f"The first figure of notebook 00 (median of {repeats} fresh kernels)", text)
    if "notebooks" in options.only:
        ran = {}
        for path in paths:
            bench_notebooks.progress(f"timing {path.name} ...")
            ran[path.stem] = bench_notebooks.time_notebook(path, options.threads)
        stopped = [name for name, each in ran.items() if each.stopped]
        _section(
            "Every notebook (one fresh kernel each, its start included)",
            bench_notebooks.report_notebooks(ran),
        )
    print(f"\n{time.perf_counter() - begin:.0f} s in all{_load()}")
    return 1 if stopped or not kept else 0


def _section(title: str, text: str) -> None:
    bench_notebooks.progress("")
    print(f"\n{title}\n{'-' * len(title)}\n{text}", flush=True)


def _load() -> str:
    """The machine's load, where the system tells: figures taken beside other programs say little."""
    return f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
