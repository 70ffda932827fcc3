"""Products that skip zeros against the dense product; timings are looked at for their form alone."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils import kernels, networks


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99, 1.0])
def test_all_ways_agree(batch: int, share: float) -> None:
    h = kernels.sparse_activations(batch, 40, share, seed=3)
    w = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    by_hand = torch.stack([sum((h[b, i] * w[i] for i in range(40)), torch.zeros(7)) for b in range(batch)])
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(kernels.dense(h, w), by_hand, **close)
    torch.testing.assert_close(kernels.csr(kernels.to_csr(h), w), by_hand, **close)
    torch.testing.assert_close(kernels.gather(h, w), by_hand, **close)


@given(st.integers(1, 6), st.integers(1, 30), st.floats(0, 1))
def test_the_share_of_zeros_is_exact(batch: int, fan_in: int, share: float) -> None:
    h = kernels.sparse_activations(batch, fan_in, share)
    assert int((h == 0).sum()) == round(share * batch * fan_in) and bool((h >= 0).all())
    assert kernels.zeros(h) == pytest.approx(round(share * batch * fan_in) / (batch * fan_in))
    needed = [i for i in range(fan_in) if any(h[b, i] != 0 for b in range(batch))]
    assert kernels.rows_needed(h).tolist() == needed


def test_keep_largest() -> None:
    two = kernels.keep_largest(2)
    z = torch.tensor(
        [[3.0, -1.0, 2.0, 0.5], [-1.0, 0.25, -3.0, -2.0], [1.0, 1.0, 0.0, 1.0]], dtype=torch.float64
    )
    kept = [[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1]]  # two; the only one above 0; three that are level
    mask = torch.tensor(kept, dtype=torch.float64)
    leaf = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(two(leaf).sum(), leaf)
    assert (
        torch.equal(two(z), z * mask) and torch.equal(gradient, mask) and torch.equal(two.derivative(z), mask)
    )
    assert torch.equal(kernels.keep_largest(9)(z), torch.relu(z)) and "2 largest" in two.label
    net = networks.Networks([networks.Design(kernels.keep_largest(5), gain="he")], 12, 2, 16)
    x = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    assert all(bool(((h != 0).sum(-1) <= 5).all()) and h.any() for h in net.trace(x).h)
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="count"):
            kernels.keep_largest(wrong)  # type: ignore[arg-type]


def test_seeds_matter() -> None:
    one, same, other = (kernels.sparse_activations(3, 20, 0.5, seed) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_race_is_a_tidy_table() -> None:
    tried = [kernels.sparse_activations(2, 16, share) for share in (0.25, 0.75)]
    threads = torch.get_num_threads()
    found = kernels.race(tried, torch.ones(16, 4), repeats=2)
    assert found.columns.tolist() == ["zeros", "way", "speed_up"]
    assert found["zeros"].tolist() == [0.25] * 3 + [0.75] * 3
    assert found["way"].tolist() == ["CSR", "CSR + conversion", "gather"] * 2
    assert (found["speed_up"] > 0).all() and torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("speed_ups", "expected"),
    [
        ([0.5, 2.0, 4.0], 0.6),  # halfway between 0.5 and 0.7 on a log axis
        ([2.0, 0.5, 2.0], 0.8),  # for good: the last crossing counts
        ([1.0, 1.0, 1.0], 0.5),
        ([0.1, 0.2, 0.9], math.inf),
    ],
)
def test_break_even(speed_ups: list[float], expected: float) -> None:
    assert kernels.break_even([0.5, 0.7, 0.9], speed_ups) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels.sparse_activations(0, 3, 0.5), "batch must be .* got 0"),
        (lambda: kernels.sparse_activations(1, 2.0, 0.5), "fan_in must be .* got 2.0"),
        (lambda: kernels.sparse_activations(1, 3, 1.5), "between 0 and 1, got 1.5"),
        (lambda: kernels.sparse_activations(1, 3, 0.5, -1), "a seed must be .* got -1"),
        (lambda: kernels.zeros(torch.ones(0, 3)), r"no entries, its shape is \[0, 3\]"),
        (lambda: kernels.rows_needed(torch.ones(3)), r"\[batch, fan_in\], got \[3\]"),
        (lambda: kernels.csr(torch.ones(2, 3), torch.ones(3, 1)), "in CSR form"),
        (lambda: kernels.race([], torch.ones(3, 1)), "at least one h"),
        (lambda: kernels.race([torch.ones(2, 4)], torch.ones(3, 1)), r"got \[2, 4\] and \[3, 1\]"),
        (lambda: kernels.race([torch.ones(2, 3).double()], torch.ones(3, 1)), "must be float32"),
        (lambda: kernels.race([torch.ones(2, 3)], torch.ones(3, 1, requires_grad=True)), "free of gradients"),
        (lambda: kernels.race([torch.ones(2, 3)], torch.ones(3, 1), 0), "repeats must be .* got 0"),
        (lambda: kernels.break_even([0.5], [1.0]), "two or more shares"),
        (lambda: kernels.break_even([0.5, 0.5], [1.0, 2.0]), "must rise"),
        (lambda: kernels.break_even([0.5, 0.6], [1.0, -2.0]), "finite numbers above 0"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
