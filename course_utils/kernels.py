"""Kernels: products of activations with weights, dense and by two ways that skip zeros, and how they compare in time.

Throughout h [batch, fan_in] are a layer's activations, w [fan_in, width] the next layer's weights, and what is
wanted is h @ w. A *zero* is an entry of h that is exactly 0. A *speed-up* is the time of the dense product over
the time of the other: above 1 the other is faster. :func:`keep_largest` makes such an h by force.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from course_utils import activations as registry
from course_utils import checks, clock
from course_utils.activations import Activation
from course_utils.machine import SINGLE


def sparse_activations(batch: int, fan_in: int, share: float, seed: int = 0) -> Tensor:
    """Activations with an exact share of zeros at random places: [batch, fan_in], float32.

    round(share * batch * fan_in) entries are 0, all places equally likely; the others are the absolute values of
    standard normal numbers, as in a ReLU layer.

    Raises:
        ValueError: a size below 1, a share outside 0 to 1, a seed that is no whole number from 0.
    """
    checks.whole("batch", batch), checks.whole("fan_in", fan_in)
    checks.number("the share of zeros", share, 0, 1)
    generator = torch.Generator().manual_seed(checks.seed("seed", seed))
    h = torch.randn(batch * fan_in, generator=generator, **SINGLE).abs().clamp(min=1e-6)
    h[torch.randperm(len(h), generator=generator, device="cpu")[: round(share * len(h))]] = 0
    return h.view(batch, fan_in)


def keep_largest(count: int) -> Activation:
    """ReLU that sets all of a layer's units to 0 but the ``count`` largest, for each example anew. Not registered.

    It takes z [..., units] and looks along the last axis, so it is no function of single numbers. Where fewer than
    ``count`` are above 0, fewer are left; a unit level with the smallest one kept is kept, too. The slope is ReLU's
    where a unit is kept, and 0 elsewhere. ValueError unless count is a whole number of at least 1.
    """
    checks.whole("count", count)
    relu = registry.get("relu")

    def kept(z: Tensor) -> Tensor:
        return z >= z.topk(min(count, z.shape[-1]), dim=-1).values[..., -1:]

    return replace(
        relu,
        name=f"{relu.name}, {count} largest",
        label=f"{relu.label}, {count} largest",
        value=lambda z: torch.where(kept(z), relu.value(z), 0.0),
        slope=lambda z: torch.where(kept(z), relu.slope(z), 0.0),
    )


def zeros(h: Tensor) -> float:
    """Share of the entries of h that are exactly 0. ValueError for a tensor without entries."""
    if h.numel() == 0:
        raise ValueError(f"h has no entries, its shape is {list(h.shape)}")
    return float((h == 0).double().mean())


def rows_needed(h: Tensor) -> Tensor:
    """Numbers of the rows of w that h @ w cannot do without: the columns of h that are not 0 throughout; [rows].

    ValueError unless h is [batch, fan_in].
    """
    if h.ndim != 2:
        raise ValueError(f"h must have shape [batch, fan_in], got {list(h.shape)}")
    return (h != 0).any(0).nonzero().flatten()


def dense(h: Tensor, w: Tensor) -> Tensor:
    """h @ w with every multiplication carried out, those by 0 as well; [batch, width]. Errors as for ``@``."""
    return h @ w


def to_csr(h: Tensor) -> Tensor:
    """h in compressed sparse row form: its non-zero values, a column number for each, and where each row begins.

    torch calls this form beta and warns once; the warning is left out. Errors as torch.Tensor.to_sparse_csr.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return h.to_sparse_csr()


def csr(h: Tensor, w: Tensor) -> Tensor:
    """h @ w for an h from :func:`to_csr`: only non-zero entries are multiplied; [batch, width].

    ValueError for an h that is not in that form.
    """
    if h.layout != torch.sparse_csr:
        raise ValueError(f"csr needs h in CSR form (see to_csr), got the layout {h.layout}")
    return h @ w


def gather(h: Tensor, w: Tensor) -> Tensor:
    """h @ w from the rows of w that are needed alone; [batch, width].

    A row of w is left out when its column of h is 0 for the whole batch. For one example the rows are weighted
    and summed where they lie (torch's embedding_bag); for more they are copied together and multiplied.
    ValueError unless h is [batch, fan_in].
    """
    rows = rows_needed(h)
    if len(h) == 1 and len(rows):  # embedding_bag wants at least one row
        weights = h[:, rows]
        return torch.nn.functional.embedding_bag(rows[None], w, per_sample_weights=weights, mode="sum")
    return h[:, rows] @ w[rows]


def speed_ups(
    activations: Sequence[Tensor], w: Tensor, rounds: tuple[int, int] = (3, 7), limit: float = 8.0
) -> pd.DataFrame:
    """Time the products of each h with w, all by turns (clock.seconds), and compare each with the dense one.

    Args:
        activations: one or more h [batch, fan_in], float32, all alike in shape.
        w: [fan_in, width], float32.
        rounds, limit: as clock.seconds; default 3 to 7 rounds, and no more than the least after 8 seconds.

    Returns:
        One row per h and way, in the order given: zeros (share in h), way ("CSR": h is in CSR form already; "CSR
        + conversion": it must be brought there first; "gather"), speed_up.

    Raises:
        ValueError: no h, shapes that do not fit, another dtype, gradients asked for, rounds as clock.seconds.
    """
    given = list(activations)
    if not given:
        raise ValueError("at least one h is needed, got none")
    for h in given:
        if h.ndim != 2 or w.ndim != 2 or h.shape != given[0].shape or h.shape[1] != w.shape[0] or not len(h):
            raise ValueError(
                "each h must have shape [batch, fan_in] and w [fan_in, width]; "
                f"got {list(h.shape)} and {list(w.shape)}"
            )
        if h.dtype != torch.float32 or w.dtype != torch.float32:
            raise ValueError(f"h and w must be float32, got {h.dtype} and {w.dtype}")
        if h.requires_grad or w.requires_grad:
            raise ValueError("h and w must be free of gradients: give h.detach() and w.detach()")
    w = w.contiguous()
    with torch.inference_mode():
        arms = {
            f"{i} {way}": run for i, h in enumerate(given) for way, run in ways(h.contiguous(), w).items()
        }
        took = clock.seconds(arms, rounds, limit)
    rows = []
    for i, h in enumerate(given):
        t = {way: took[f"{i} {way}"] for way in ("dense", "CSR", "conversion", "gather")}
        each = {"CSR": t["CSR"], "CSR + conversion": t["CSR"] + t["conversion"], "gather": t["gather"]}
        rows += [{"zeros": zeros(h), "way": way, "speed_up": t["dense"] / own} for way, own in each.items()]
    return pd.DataFrame(rows)


def ways(h: Tensor, w: Tensor) -> dict[str, Callable[[], Tensor]]:
    """What clocks and checks call: "dense", "CSR", "conversion" (of h into CSR form), "gather"; each without arguments."""
    ready = to_csr(h)
    return {
        "dense": lambda: dense(h, w),
        "CSR": lambda: csr(ready, w),
        "conversion": lambda: to_csr(h),
        "gather": lambda: gather(h, w),
    }


def curve(shares: Sequence[float], speed_ups: Sequence[float]) -> tuple[list[float], list[float]]:
    """The points of a measured curve, two or more: shares of zeros that rise, and a speed-up above 0 for each."""
    x, y = (
        checks.rising("shares", shares, least=2),
        [checks.number("each speed-up", v, above=0) for v in speed_ups],
    )
    if len(x) != len(y):
        raise ValueError(f"each share needs a speed-up; got {len(x)} shares and {len(y)} speed-ups")
    return x, y


def break_even(shares: Sequence[float], speed_ups: Sequence[float]) -> float:
    """The share of zeros from which on the speed-up is at least 1, for good.

    Between two shares the logarithm of the speed-up is taken to be linear. If the speed-up is at least 1
    throughout, the lowest share; if it is below 1 at the highest share, infinity.

    Raises:
        ValueError: fewer than two shares, not as many speed-ups, shares that do not rise, a speed-up that is not a
            finite number above 0.
    """
    x, y = curve(shares, speed_ups)
    if y[-1] < 1:
        return math.inf
    slow = [i for i, v in enumerate(y) if v < 1]
    if not slow:
        return x[0]
    i = slow[-1]
    below, above = math.log(y[i]), math.log(y[i + 1])
    return x[i] + (x[i + 1] - x[i]) * below / (below - above)
