"""Products that skip zeros against the dense product; timings are looked at for their form alone."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from course_utils import clock, kernels, networks


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
@example(3, 15, 0.1)  # half a zero more than four; as floats (0.1 * 3) * 15 > 4.5 = 0.1 * 45
def test_the_share_of_zeros_is_exact(batch: int, fan_in: int, share: float) -> None:
    h = kernels.sparse_activations(batch, fan_in, share)
    count = round(share * (batch * fan_in))
    assert int((h == 0).sum()) == count and bool((h >= 0).all())
    assert kernels.zeros(h) == pytest.approx(count / (batch * fan_in))
    needed = [i for i in range(fan_in) if any(h[b, i] != 0 for b in range(batch))]
    assert kernels.rows_needed(h).tolist() == needed


def test_what_is_not_zero_is_half_a_normal_distribution() -> None:
    h = kernels.sparse_activations(100, 200, 0.0)
    assert 0 < h.min() < 0.001 and h.dtype == torch.float32 and h.shape == (100, 200)
    assert h.mean().item() == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)
    assert h.square().mean().item() == pytest.approx(1, abs=0.03)


def test_one_example_is_summed_where_its_rows_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    usual = torch.nn.functional.embedding_bag

    def bag(which: torch.Tensor, *rest: torch.Tensor, **options: object) -> torch.Tensor:
        rows.extend(which.tolist())
        return usual(which, *rest, **options)

    monkeypatch.setattr(torch.nn.functional, "embedding_bag", bag)
    w = torch.arange(6.0).view(3, 2)
    assert kernels.gather(torch.tensor([[2.0, 0.0, 1.0]]), w).tolist() == [[4.0, 7.0]]
    assert rows == [[0, 2]]
    assert kernels.gather(torch.tensor([[0.0, 0.0, 0.0]]), w).tolist() == [[0.0, 0.0]]
    assert kernels.gather(torch.tensor([[2.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), w).tolist() == [[4, 7], [4, 5]]
    assert rows == [[0, 2]]


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
    assert torch.equal(two(z.view(3, 1, 4)), two(z).view(3, 1, 4)) and torch.equal(two(z[0]), two(z)[0])
    net = networks.Networks([networks.Design(kernels.keep_largest(5), gain="he")], 12, 2, 16)
    x = torch.randn(30, 12, generator=torch.Generator().manual_seed(0))
    assert all(bool(((h != 0).sum(-1) <= 5).all()) and h.any() for h in net.trace(x).h)
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="count"):
            kernels.keep_largest(wrong)  # type: ignore[arg-type]


def test_seeds_matter() -> None:
    one, same, other = (kernels.sparse_activations(3, 20, 0.5, seed) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert kernels.sparse_activations(1, 4, 0.5, 2**63 - 1).shape == (1, 4)
    usual, nought = kernels.sparse_activations(3, 20, 0.5), kernels.sparse_activations(3, 20, 0.5, seed=0)
    assert torch.equal(usual, nought) and not torch.equal(usual, one)


def test_speed_ups_are_ratios_of_times_taken_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    told, lasts = [], iter([12.0, 3.0, 1.0, 6.0, 1.0, 4.0, 4.0, 2.0])

    def seconds(arms: dict, *options: object) -> dict[str, float]:
        told.append((len(arms), *options))
        return {name: next(lasts) for name in arms}

    monkeypatch.setattr(clock, "seconds", seconds)
    tried = [kernels.sparse_activations(2, 16, share) for share in (0.25, 0.75)]
    found = kernels.speed_ups(tried, torch.ones(16, 4))
    assert found.columns.tolist() == ["zeros", "way", "speed_up"] and told == [(8, (3, 7), 8.0)]
    assert found["zeros"].tolist() == [0.25] * 3 + [0.75] * 3
    assert found["way"].tolist() == ["CSR", "CSR + conversion", "gather"] * 2
    assert found["speed_up"].tolist() == pytest.approx([4, 3, 2, 1 / 4, 1 / 8, 1 / 2])


def test_products_are_timed_on_one_thread_and_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    usual = kernels.dense

    def dense(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        seen.add(
            (torch.get_num_threads(), torch.is_inference_mode_enabled(), h.is_contiguous(), w.is_contiguous())
        )
        return usual(h, w)

    monkeypatch.setattr(kernels, "dense", dense)
    found = kernels.speed_ups([torch.ones(3, 2).T], torch.ones(4, 3).T, rounds=(1, 1))
    assert seen == {(1, True, True, True)} and (found["speed_up"] > 0).all()


def test_the_products_that_are_timed() -> None:
    h, w = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    ways = kernels.ways(h, w)
    assert list(ways) == ["dense", "CSR", "conversion", "gather"]
    for name in ("dense", "CSR", "gather"):
        assert torch.equal(ways[name](), torch.tensor([[6.0, 8.0], [1.0, 2.0], [0.0, 0.0]]))
    assert ways["conversion"]().layout == torch.sparse_csr


@pytest.mark.parametrize(
    ("shares", "speed_ups", "expected"),
    [
        ([0.5, 0.7, 0.9], [0.5, 2.0, 4.0], 0.6),  # halfway between 0.5 and 0.7 on a log axis
        ([0.5, 0.7, 0.9], [2.0, 0.5, 2.0], 0.8),  # for good: the last crossing counts
        ([0.5, 0.7, 0.9], [1.0, 1.0, 1.0], 0.5), ([0.5, 0.7, 0.9], [0.1, 0.2, 0.9], math.inf), ([0.2, 0.6], [0.5, 1.0], 0.6),
        ([0.2, 0.4, 0.6, 0.8], [0.5, 2.0, 0.25, 2.0], 0.6 + 0.2 * 2 / 3), ([0.2, 0.4, 0.6, 0.8], [0.5, 0.25, 0.5, 2.0], 0.7),
    ],
)  # fmt: skip
def test_break_even(shares: list[float], speed_ups: list[float], expected: float) -> None:
    assert kernels.break_even(shares, speed_ups) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels.sparse_activations(0, 3, 0.5), "^batch must be .* got 0"),
        (lambda: kernels.sparse_activations(1, 2.0, 0.5), "^fan_in must be .* got 2.0"),
        (lambda: kernels.sparse_activations(1, 3, 1.5), "from 0 and up to 1, got 1.5"),
        (lambda: kernels.sparse_activations(1, 3, 0.5, -1), "seed must be .* got -1"),
        (lambda: kernels.sparse_activations(1, 3, 0.5, 2**63), "seed must be"),
        (lambda: kernels.zeros(torch.ones(0, 3)), r"no entries, its shape is \[0, 3\]"),
        (lambda: kernels.rows_needed(torch.ones(3)), r"\[batch, fan_in\], got \[3\]"),
        (lambda: kernels.csr(torch.ones(2, 3), torch.ones(3, 1)), "in CSR form"),
        (lambda: kernels.speed_ups([], torch.ones(3, 1)), "at least one h"),
        (lambda: kernels.speed_ups([torch.ones(2, 4)], torch.ones(3, 1)), r"got \[2, 4\] and \[3, 1\]"),
        (lambda: kernels.speed_ups([torch.ones(2, 3).double()], torch.ones(3, 1)), "must be float32"),
        (
            lambda: kernels.speed_ups([torch.ones(2, 3)], torch.ones(3, 1, requires_grad=True)),
            "free of gradients",
        ),
        (lambda: kernels.speed_ups([torch.ones(2, 3)], torch.ones(3, 1), (0, 3)), "rounds must be .* got 0"),
        (lambda: kernels.break_even([0.5], [1.0]), "at least 2 of them"),
        (lambda: kernels.break_even([0.5, 0.6], [1.0]), "each share needs a speed-up"),
        (lambda: kernels.break_even([0.5, 0.5], [1.0, 2.0]), "numbers that rise"),
        (lambda: kernels.break_even([0.5, 0.7, 0.6], [1.0, 2.0, 3.0]), "numbers that rise"),
        (lambda: kernels.break_even([0.5, 0.6], [1.0, -2.0]), "finite number above 0"),
        (lambda: kernels.break_even([0.5, 0.6], [0.0, 2.0]), "finite number above 0"),
        (lambda: kernels.break_even([0.5, 0.6], [1.0, math.inf]), "finite number above 0"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
