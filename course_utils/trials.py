"""Trials: the one protocol by which the course compares networks.

* :func:`run` trains designs side by side, scores each, and gives one tidy table, the losses and the networks.
* :func:`compare` is two runs: it tunes every arm on the same grid of learning rates with some seeds, judged on images
  held back from training, then trains each arm afresh, at its best rate, with other seeds, and reports those.

What counts is an argument, a :class:`Score`: :func:`accuracy` on some images, :func:`steps` to a loss, the last
:func:`loss`, or any function of your own. A network that diverges has failed, whatever the score, and is counted.
Each seed has its own order of the examples, and all arms of one seed share it: :func:`paired` compares two arms seed
by seed, and says when the difference is no larger than luck.

N networks, S steps. A loss is the mean cross-entropy of a step's batch in nats, smoothed over ``WINDOW`` steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course_utils import checks, machine, training
from course_utils.data import Dataset
from course_utils.networks import Design, Networks
from course_utils.training import History

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "TUNING_SEEDS",
    "WINDOW",
    "Comparison",
    "Paired",
    "Run",
    "Score",
    "accuracy",
    "ahead",
    "best",
    "compare",
    "count_text",
    "interval",
    "loss",
    "paired",
    "run",
    "smooth",
    "steps",
    "steps_to",
    "summary",
]

TUNING_SEEDS = (0, 1)
WINDOW = 20  # steps over which a loss is smoothed


# What counts


@dataclass(frozen=True)
class Score:
    """What networks are judged by.

    Attributes:
        name: for words and axes, e.g. "accuracy".
        of: (networks as trained, their history) -> [N] numbers; one that is not finite is a failure.
        higher: whether a higher number is better.
        failure: what a table says in place of a failed network's number; default NaN.
        images: what it looks at, where it looks at images of its own: no rate is chosen and reported on the same.
    """

    name: str
    of: Callable[[Networks, History], Tensor] = field(repr=False)
    higher: bool
    failure: float = math.nan
    images: Dataset | None = field(default=None, repr=False)


def accuracy(images: Dataset) -> Score:
    """Share of the images that are classified right, 0..1; a failed network has 0."""
    return Score("accuracy", lambda nets, history: training.evaluate(nets, images)[1], True, 0.0, images)


def steps(target: float, window: int = WINDOW) -> Score:
    """Steps to a training loss of ``target`` nats (:func:`steps_to`); a network that never gets there has failed, and
    needs infinitely many: medians then count it as what it is, the slowest.
    """
    return Score("steps", lambda nets, history: steps_to(history, target, window), False, math.inf)


def loss(window: int = WINDOW) -> Score:
    """Mean training loss of the last ``window`` steps, or of all if there are fewer, in nats; infinite if failed."""

    def last(networks: Networks, history: History) -> Tensor:
        return smooth(history, min(window, len(history.losses)))[-1]

    return Score("loss", last, False, math.inf)


def smooth(losses: History | Tensor, window: int = WINDOW) -> Tensor:
    """Means of each ``window`` steps in a row, [S - window + 1, N], float64.

    Args:
        losses: a History, or its losses [S, N] in nats, of any float dtype.
        window: 1 ... S; default 20.

    Raises:
        ValueError: another shape or type, or a window outside 1 ... S.
    """
    values = losses.losses if isinstance(losses, History) else losses
    if not isinstance(values, Tensor) or values.ndim != 2 or not values.is_floating_point():
        shape = f"shape {list(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
        raise ValueError(
            f"losses must be a History or a float tensor of shape [steps, networks], got {shape}"
        )
    checks.whole("window", window, 1, len(values), "steps")
    return values.double().unfold(0, window, 1).mean(-1)


def steps_to(losses: History | Tensor, target: float, window: int = WINDOW) -> Tensor:
    """Steps until the mean loss of the last ``window`` steps is first at or below ``target``.

    Args:
        losses, window: as :func:`smooth`; NaN and infinity never count as reached. A loss is first known after
            ``window`` steps, so no answer is smaller.
        target: in nats, a finite number.

    Returns:
        [N], float64, whole numbers from ``window`` to S; infinity for a network that never gets there.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    means = smooth(losses, window)
    reached = means.isfinite() & (means <= checks.number("target", target))
    first = reached.to(torch.uint8).argmax(0).double() + window
    return torch.where(reached.any(0), first, torch.full_like(first, math.inf))


_LOSS = loss()

# The protocol


@dataclass(frozen=True)
class Run:
    """What came of networks that were trained side by side.

    Attributes:
        table: one row per network: arm, what its design says (activation, seed, gain, bias, norm, learning_rate, l1,
            residual), depth, width, order (seed of the order of its examples), score, loss (mean of the last WINDOW
            steps, nats), failed (it diverged, or its score was no finite number).
        losses: [S, N], the loss of each step's batch in nats, columns in the order of the rows.
        networks: as trained, in the order of the rows.
    """

    table: pd.DataFrame
    losses: Tensor
    networks: Networks


def run(
    designs: Sequence[Design],
    data: Dataset,
    score: Score = _LOSS,
    *,
    depth: int,
    width: int,
    epochs: int = 3,
    batch_size: int = 100,
    order: str | int = "own",
    names: Sequence[str] | None = None,
    prepare: Callable[[Networks], object] | None = None,
    **options: Any,
) -> Run:
    """Train all designs as one batch, on one thread, and score each network.

    Args:
        designs: one per network.
        data: to train on.
        score: what counts; default: the last :func:`loss`.
        depth, width: the shape of all networks.
        epochs, batch_size: as training.train; default 3 epochs, batches of 100.
        order: of the examples. "own" (default): a network of seed s gets order s, so that the spread over seeds holds
            the luck of the order, too, and arms of one seed form pairs. A number: that one order for all.
        names: one per network, for the column "arm"; default: what the designs say.
        prepare: called with the networks before they are trained, to change them in place.
        options: further arguments of training.train: optimiser, momentum, weight_decay, cooldown, watch.

    Raises:
        ValueError: another ``order``; as many names as designs are wanted; as Networks and training.train.
    """
    import pandas as pd

    networks = Networks(designs, data.images.shape[-1], depth, width)
    orders = [d.seed for d in designs] if order == "own" else [checks.seed("order", order)] * len(designs)
    names = [d.arm for d in designs] if names is None else list(names)
    if len(names) != len(designs):
        raise ValueError(f"names must be {len(designs)}, one per design, got {len(names)}")
    if prepare is not None:
        prepare(networks)
    with machine.threads(1):  # a second thread mostly waits for such small products, and moves last digits
        history = training.train(
            networks, data, epochs=epochs, batch_size=batch_size, order_seed=orders, **options
        )
        found, last = (one.of(networks, history).detach().double().cpu() for one in (score, _LOSS))
    if found.shape != (len(designs),):
        raise ValueError(f"a score gives one number per network, {len(designs)}, got {list(found.shape)}")
    failed = ~found.isfinite() | (history.diverged_at >= 0)
    table = pd.DataFrame([design.describe() for design in designs]).assign(
        arm=names,
        depth=depth,
        width=width,
        order=orders,
        score=found.masked_fill(failed, score.failure).numpy(),
        loss=last.masked_fill(~last.isfinite(), math.inf).numpy(),
        failed=failed.numpy(),
    )
    return Run(table, history.losses, networks)


@dataclass(frozen=True)
class Comparison:
    """What came of arms, each tuned alike.

    Attributes:
        choice: one row per arm: the rate that was chosen, and why; as :func:`best`.
        tuning: one row per network that only chose a rate, as Run.table; judged by the first score.
        table: one row per arm and fresh seed, as Run.table, and inside (the arm's rate is neither end of the grid);
            scored by what is reported.
        losses: [S, N], of the networks of ``table``, columns in the order of its rows.
        networks: arm -> its networks of ``table``, as trained.
    """

    choice: pd.DataFrame
    tuning: pd.DataFrame
    table: pd.DataFrame
    losses: Tensor
    networks: dict[str, Networks]

    def _rows(self, arm: str) -> Tensor:
        checks.among("arm", arm, self.networks)
        return torch.tensor((self.table["arm"] == arm).to_numpy(), device="cpu")

    def scores(self, arm: str) -> Tensor:
        """The scores of an arm's fresh seeds, float64 [seeds]. ValueError for an unknown arm."""
        return torch.tensor(self.table["score"].to_numpy(), device="cpu")[self._rows(arm)]

    def curves(self, arm: str) -> Tensor:
        """The losses of an arm's fresh seeds, [S, seeds]. ValueError for an unknown arm."""
        return self.losses[:, self._rows(arm)]

    def rate(self, arm: str) -> float:
        """The learning rate chosen for an arm. ValueError for an unknown arm."""
        checks.among("arm", arm, self.networks)
        return float(self.choice.set_index("arm").loc[arm, "learning_rate"])  # type: ignore[arg-type]


def compare(
    arms: Mapping[str, Design],
    rates: Sequence[float],
    data: Dataset,
    judge: Score,
    report: Score | None = None,
    *,
    depth: int,
    width: int = 32,
    seeds: Sequence[int] = range(10, 15),
    tuning_seeds: Sequence[int] = TUNING_SEEDS,
    **options: Any,
) -> Comparison:
    """Tune every arm on the same grid of learning rates, then train it at its best rate with fresh seeds.

    The rate with the fewest failures wins, then the best mean score, then the lowest last loss, then the lowest rate.
    E.g. ``compare(arms, rates, train, accuracy(held_back), accuracy(test), depth=8)``, or, for a race,
    ``compare(arms, rates, train, steps(0.7), depth=4)``. Each arm is a batch of its own.

    Args:
        arms: name -> design; its learning rate and seed are not used.
        rates: the grid, rising, at least three.
        data: to train on.
        judge: what the rate is chosen by, e.g. the accuracy on images held back from training; never on test images.
        report: what the fresh seeds are scored by, e.g. the accuracy on the test images; default: as ``judge``.
        depth, width: the shape of all networks; default width 32.
        seeds: of the networks that are reported; default 10 to 14. None of them may be in ``tuning_seeds``.
        tuning_seeds: of the networks that only choose the rate; default 0 and 1.
        options: of both stages, as :func:`run`: epochs, batch_size, order, prepare, optimiser, momentum, ...

    Raises:
        ValueError: no arm; a seed used twice; fewer than three rates; images that judge and report, or train and
            judge, or train and report; and as :func:`run`.
    """
    report = judge if report is None else report
    rates = checks.rising("rates", rates, above=0, least=3)
    seeds, tuning_seeds = checks.seeds("seeds", seeds), checks.seeds("tuning_seeds", tuning_seeds)
    if not arms:
        raise ValueError("a comparison needs at least one arm, got none")
    if twice := set(seeds) & set(tuning_seeds):
        raise ValueError(f"seeds that chose a rate must not report it; in both lists: {sorted(twice)}")
    used = [images for images in (data, judge.images, report.images) if images is not None]
    if len({id(images) for images in used}) < len(used):
        raise ValueError("the images that train, that judge the rates and that report must be three sets")

    def stage(name: str, designs: list[Design], score: Score) -> Run:
        named = [name] * len(designs)
        return run(designs, data, score, depth=depth, width=width, names=named, **options)

    tried, choices, runs = [], [], {}
    for name, design in arms.items():
        grid = [replace(design, learning_rate=rate, seed=seed) for rate in rates for seed in tuning_seeds]
        tried.append(stage(name, grid, judge).table)
        choices.append(best(tried[-1], score="score", higher=judge.higher))
        chosen = replace(design, learning_rate=float(choices[-1]["learning_rate"].iloc[0]))
        runs[name] = stage(name, [replace(chosen, seed=seed) for seed in seeds], report)
    import pandas as pd

    choice = pd.concat(choices, ignore_index=True)
    table = pd.concat([found.table for found in runs.values()], ignore_index=True)
    return Comparison(
        choice,
        pd.concat(tried, ignore_index=True),
        table.assign(inside=table["arm"].map(choice.set_index("arm")["inside"])),
        torch.cat([found.losses for found in runs.values()], dim=1),
        {name: found.networks for name, found in runs.items()},
    )


def best(
    table: pd.DataFrame,
    arms: Sequence[str] = ("arm",),
    score: str = "score",
    higher: bool = True,
    rate: str = "learning_rate",
) -> pd.DataFrame:
    """The learning rate at which each arm does best, by the mean of its seeds; one row per arm, in order of appearance.

    Every arm must have been tried with the same rates, or the comparison would favour the arm with the longer
    grid. A network has failed where the column "failed" says so, if there is one, or where its score is not finite:
    where a rate has failures, it loses against a rate with fewer, whatever the mean of the rest. Rates that are equal in
    both go by the lower mean of the column "loss", if there is one, then the lower rate.

    Args:
        table: one row per network, e.g. ``Run.table`` or ``History.final()``.
        arms: the columns that name an arm.
        score: the column to judge by.
        higher: whether a higher score is better; default True.
        rate: the column with the learning rate.

    Returns:
        The columns ``arms``, then ``rate``; mean, lowest, highest of the score over the seeds that did not fail; seeds
        (how many were tried at that rate); failed (how many failed); inside (False where the best rate is the grid's
        lowest or highest, so that a better one may lie outside).

    Raises:
        ValueError: a missing column, an empty table, a grid of fewer than three rates, or arms with different
            grids.
    """
    arms = list(arms)
    for name in [*arms, score, rate]:
        if name not in table.columns:
            raise ValueError(
                f"the table has no column {name!r}; it has: {', '.join(map(str, table.columns))}"
            )
    if table.empty:
        raise ValueError("the table has no row")
    grid = sorted(table[rate].unique())
    if len(grid) < 3:
        raise ValueError(f"to have a best rate inside, a grid needs at least three, got {grid}")
    failed = ~table[score].abs().lt(math.inf) | table.get("failed", False)
    table = table.assign(**{score: table[score].mask(failed), "_tie": table.get("loss", 0.0)})
    rows = []
    for arm, tried in table.groupby(arms, sort=False):
        own = sorted(tried[rate].unique())
        if own != grid:
            raise ValueError(f"all arms must be tried at the same rates; {arm} has {own}, the table {grid}")
        by_rate = tried.groupby(rate)
        found = by_rate[score].agg(mean="mean", lowest="min", highest="max", seeds="size", failed="count")
        found["failed"] = found["seeds"] - found["failed"]
        order = found.assign(tie=by_rate["_tie"].mean())
        chosen = order.sort_values(["failed", "mean", "tie"], ascending=[True, not higher, True]).index[0]
        rows.append([*arm, chosen, *found.loc[chosen].tolist(), grid[0] < chosen < grid[-1]])
    import pandas as pd

    chosen_rates = pd.DataFrame(
        rows, columns=[*arms, rate, "mean", "lowest", "highest", "seeds", "failed", "inside"]
    )
    return chosen_rates.astype({"seeds": int, "failed": int})


# Reading the result


@dataclass(frozen=True)
class Paired:
    """One arm less another, seed by seed.

    Attributes:
        differences: [pairs], float64, in rising order of the seeds; pairs with a failed network are left out.
        failed: how many were left out.
    """

    differences: Tensor
    failed: int

    @property
    def mean(self) -> float:
        """Mean difference; NaN without a pair."""
        return self.differences.mean().item()

    @property
    def error(self) -> float:
        """Standard error of the mean: standard deviation of the differences (n - 1) over root n; NaN below 2 pairs."""
        n = len(self.differences)
        return (self.differences.std() / math.sqrt(n)).item() if n > 1 else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean by Student's t; with fewer than two pairs it holds everything."""
        n = len(self.differences)
        half = _student(n - 1) * self.error if n > 1 else math.inf
        middle = self.mean if n else 0.0
        return middle - half, middle + half

    @property
    def clear(self) -> bool:
        """Whether 0 lies outside the interval: only then may the difference decide anything."""
        low, high = self.interval
        return low > 0 or high < 0


def paired(table: pd.DataFrame, a: str, b: str, score: str = "score") -> Paired:
    """The score of arm ``a`` less that of arm ``b``, for each seed that both have.

    Args:
        table: Run.table, Comparison.table or rows of them: one row per arm and seed.
        score: the column; default "score".

    Raises:
        ValueError: an unknown arm, seeds that the arms do not share, or two rows for one arm and seed.
    """
    for arm in (a, b):
        checks.among("arm", arm, table["arm"].unique())
    first, second = (table[table["arm"] == arm].set_index("seed").sort_index() for arm in (a, b))
    for arm, rows in {a: first, b: second}.items():
        if rows.index.has_duplicates:
            raise ValueError(f"{arm!r} has several rows for one seed: pick those of one depth and rate first")
    if list(first.index) != list(second.index):
        raise ValueError(f"{a!r} has the seeds {list(first.index)}, {b!r} has {list(second.index)}: no pairs")
    sound = ~(first["failed"] | second["failed"])
    gaps = (first[score] - second[score])[sound]
    return Paired(torch.tensor(gaps.to_numpy(), dtype=torch.float64, device="cpu"), int((~sound).sum()))


def ahead(first: Tensor, second: Tensor) -> tuple[int, int]:
    """Of all pairs of a network of one arm and a network of another: in how many the first has the higher score, and
    the number of pairs. NaN is never higher, and every number is higher than NaN.

    ValueError for anything but two vectors with at least one entry.
    """
    for values in (first, second):
        if values.ndim != 1 or not len(values):
            raise ValueError(
                f"two vectors are compared, got shapes {list(first.shape)}, {list(second.shape)}"
            )
    a, b = first.double(), second.double().nan_to_num(nan=-math.inf)
    return int((a.unsqueeze(1) > b).sum()), len(a) * len(b)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and depth of a comparison's table, in order of appearance.

    Columns: arm, depth, learning_rate, inside, mean, median, lowest, highest (of the scores, those of failed networks as
    the table has them), reached (how many did not fail), seeds.
    """
    by_arm = table.groupby(["arm", "depth"], sort=False)
    found = by_arm[["learning_rate", "inside"]].first()
    scores = by_arm["score"].agg(mean="mean", median="median", lowest="min", highest="max")
    return (
        found.join(scores)
        .assign(reached=by_arm["failed"].agg(lambda f: int((~f).sum())), seeds=by_arm.size())
        .reset_index()
    )


def count_text(steps: float) -> str:
    """A number of steps for print: "≈ 85", or "never" for infinity."""
    return f"≈ {steps:.0f}" if math.isfinite(steps) else "never"


def interval(successes: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share: (low, high), between 0 and 1.

    With p = successes / count and z the normal quantile of ``level``: centre (p + z^2/2n) / (1 + z^2/n), half
    width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n). Wilson, J. Am. Stat. Assoc. 22:209-212, 1927.

    Raises:
        ValueError: unless 0 <= successes <= count, count >= 1 and 0 < level < 1.
    """
    checks.whole("successes", successes, 0, checks.whole("count", count), "tries")
    z, p = NormalDist().inv_cdf(0.5 + checks.number("level", level, above=0, below=1) / 2), successes / count
    shrink = 1 + z**2 / count
    centre = (p + z**2 / (2 * count)) / shrink
    half = z * math.sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def _student(freedom: int, level: float = 0.95) -> float:
    """Where Student's t with ``freedom`` degrees of freedom has the share ``level`` between -t and t.

    By bisection on the closed form for whole degrees of freedom (Abramowitz & Stegun, 26.7.3 and 26.7.4).
    """

    def share(t: float) -> float:
        angle = math.atan(t / math.sqrt(freedom))
        odd, term, total = freedom % 2, 1.0, 0.0
        for k in range(1 + odd, freedom, 2):
            total += term
            term *= k / (k + 1) * math.cos(angle) ** 2
        if odd:
            return 2 / math.pi * (angle + math.sin(angle) * math.cos(angle) * total)
        return math.sin(angle) * total

    low, high = 0.0, 1000.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < level else (low, middle)
    return low
