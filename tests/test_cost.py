"""Costs: routines against the registry, bytes, counts, products, bad input. No test asserts on a time."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from course_utils import activations, clock, cost, kernels

SMALL = (1, 1)  # one round: only the structure is looked at


@pytest.fixture
def cubic():
    entry = replace(
        activations.get("identity"), name="cubic", label="cubic", value=lambda z: z**3,
        slope=lambda z: 3 * z**2, colour="#123456", marker="8",
    )  # fmt: skip
    yield activations.register(entry)
    activations.unregister("cubic")


@pytest.fixture
def races(monkeypatch):
    """No race is run: what it is asked for is noted, and every arm takes a second."""
    noted = []

    def race(arms, rounds, **options):
        noted.append((arms, rounds, options))
        return dict.fromkeys(arms, 1.0)

    monkeypatch.setattr(clock, "seconds", race)
    return noted


def flops(take):
    with FlopCounterMode(display=False) as counter:
        take()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", activations.names())
def test_routines_are_the_registry_s_functions(name):
    z = torch.linspace(-6, 6, 401, dtype=torch.float64)
    grad = torch.linspace(1, 2, 401, dtype=torch.float64)
    routine, entry = cost.kernel(name), activations.get(name)
    h = routine.forward(z)
    assert torch.allclose(h, entry(z), atol=1e-9)
    assert torch.allclose(routine.backward(grad, z, h), grad * entry.derivative(z), atol=1e-9)
    if routine.in_place is not None:
        other = z.clone()
        assert routine.in_place(other) is other and torch.equal(other, h)


@pytest.mark.parametrize("name", activations.names())
def test_backward_is_what_autograd_does(name):
    far = torch.linspace(
        -30, 30, 121, dtype=torch.float64
    )  # with 0, and beyond where routines go straight on
    z = torch.cat([far, torch.randn(179, generator=torch.Generator().manual_seed(1))]).requires_grad_()
    grad = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    h = cost.kernel(name).forward(z)
    (wanted,) = torch.autograd.grad(h, z, grad)
    assert torch.equal(cost.kernel(name).backward(grad, z.detach(), h.detach()), wanted)


@pytest.mark.parametrize("name", activations.names())
def test_backward_needs_what_it_says(name):
    z, grad, nothing = torch.randn(50), torch.randn(50), torch.full((50,), math.nan)
    routine = cost.kernel(name)
    assert routine.needs in ("", "z", "h")
    h = routine.forward(z)
    wanted = routine.backward(grad, z, h)
    spared = (z if "z" in routine.needs else nothing, h if "h" in routine.needs else nothing)
    assert torch.equal(routine.backward(grad, *spared), wanted)
    if routine.needs:
        assert not torch.equal(routine.backward(grad, nothing, nothing), wanted)


def test_an_activation_of_the_reader_s(cubic):
    z, grad = torch.tensor([1.0, -2.0]), torch.tensor([1.0, 10.0])
    routine = cost.kernel("cubic")
    assert routine.forward(z).tolist() == [1, -8] and routine.backward(grad, z, z).tolist() == [3, 120]
    assert routine.in_place is None and cost.kernel(cubic).needs == "z"
    assert set(cost.element_times(["cubic"], [10], SMALL)["activation"]) == {"cubic"}


def test_element_times_structure():
    table = cost.element_times(["relu", activations.get("gelu")], [5, 70], SMALL)
    assert list(table.columns) == ["activation", "elements", "pass", "nanoseconds"]
    rows = list(table[["elements", "activation", "pass"]].itertuples(index=False, name=None))
    assert rows == list(itertools.product([5, 70], ["relu", "gelu"], ["forward", "backward"]))
    assert (table["nanoseconds"] > 0).all()


def test_element_times_are_per_element(monkeypatch):
    monkeypatch.setattr(clock, "seconds", lambda arms, rounds: dict.fromkeys(arms, 1e-6))
    assert cost.element_times(["relu"], [10])["nanoseconds"].tolist() == pytest.approx([100, 100], rel=1e-12)


def test_element_times_asks_for_its_rounds_and_draws_by_the_seed(races):
    def drawn(**options):
        cost.element_times(["identity"], [1000], **options)
        return races[-1][0]["identity forward"]()

    assert torch.equal(drawn(), drawn(seed=0)) and not torch.equal(drawn(), drawn(seed=1))
    assert races[0][1] == (3, 10)
    cost.element_times(["identity"], [5], (2, 4))
    assert races[-1][1] == (2, 4)
    assert drawn().dtype == torch.float32 and drawn().shape == (1000,)
    assert abs(drawn().mean()) < 0.1 and abs(drawn().std() - 1) < 0.1


def test_both_passes_are_the_routines_of_the_activation(races):
    cost.element_times(["sigmoid", "gelu", "identity"], [50])
    ((arms, _, _),) = races
    z, g = arms["identity forward"](), arms["identity backward"]()
    for name in ("sigmoid", "gelu"):
        h = arms[f"{name} forward"]()
        assert torch.equal(h, cost.kernel(name).forward(z))
        assert torch.equal(arms[f"{name} backward"](), cost.kernel(name).backward(g, z, h))
    assert not torch.equal(z, g)


def write_cache(folder, index, level, kind, size):
    place = folder / f"index{index}"
    place.mkdir(parents=True)
    for name, text in {"level": level, "type": kind, "size": size}.items():
        (place / name).write_text(f"{text}\n")


def test_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_CPU", tmp_path)
    assert cost.caches() == {}
    for index, row in enumerate(
        [(1, "Data", "48K"), (1, "Instruction", "32K"), (3, "Unified", "2M"), (2, "Unified", "1024")]
    ):
        write_cache(tmp_path, index, *row)
    write_cache(tmp_path, 7, "?", "Data", "1K")
    write_cache(tmp_path, 8, 5, "Data", "")
    write_cache(tmp_path, 9, 4, "Unified", "3G")
    (tmp_path / "index95").mkdir()
    assert cost.caches() == {"L1": 48 * 1024, "L2": 1024, "L3": 2 * 2**20, "L4": 3 * 2**30}
    assert list(cost.caches()) == ["L1", "L2", "L3", "L4"]


@given(
    width=st.integers(1, 20), depth=st.integers(1, 4), batch=st.integers(1, 9),
    inputs=st.integers(1, 12), outputs=st.integers(2, 5),
)  # fmt: skip
@settings(max_examples=8, deadline=None)
def test_flops_are_those_that_torch_counts(width, depth, batch, inputs, outputs):
    take = cost.step("relu", width, depth, batch, inputs, outputs)
    assert flops(take) == cost.step_flops(width, depth, batch, inputs, outputs)


def test_defaults_of_a_step():
    usual = {"depth": 3, "batch": 250, "inputs": 196, "outputs": 10}
    counted = 2 * 250 * 2 * (2 * 196 + 3 * 2 * 2 + 3 * 10)
    assert cost.step_flops(2) == cost.step_flops(2, **usual) == counted == flops(cost.step("relu", 2))
    assert cost.step("relu", 2)() == cost.step("relu", 2, **usual, seed=0)()


def test_a_step_learns():
    take = cost.step("tanh", width=8, depth=2, batch=20, inputs=6)
    losses = [take() for _ in range(40)]
    assert losses[-1] < losses[0] < 6 and losses[0] - losses[-1] < 0.01
    assert cost.step("tanh", width=8, depth=2, batch=20, inputs=6)() == losses[0]
    assert cost.step(None, width=8, depth=2, batch=20, inputs=6)() != losses[0]
    assert cost.step("tanh", width=8, depth=2, batch=20, inputs=6, seed=1)() != losses[0]


def test_a_step_is_sgd_with_momentum(monkeypatch):
    given_to = []
    usual = torch.optim.SGD
    monkeypatch.setattr(torch.optim, "SGD", lambda p, **options: given_to.extend(p) or usual(p, **options))
    take = cost.step("tanh", width=8, depth=2, batch=2000, inputs=6, outputs=3)
    assert [list(p.shape) for p in given_to] == [[8, 6], [8], [8, 8], [8], [3, 8], [3]]
    weights, biases = given_to[::2], given_to[1::2]
    assert not any(bias.any() for bias in biases)
    for weight, fan_in in zip(weights[:2], (6, 8), strict=True):
        assert weight.detach().std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.25)
    slopes, moved = [], []
    for _ in range(2):
        take()
        slopes.append([bias.grad.clone() for bias in biases])
        moved.append([bias.detach().clone() for bias in biases])
    assert all(weight.grad.any() for weight in weights)
    for first, second, once, twice in zip(*slopes, *moved, strict=True):
        assert first.any()
        torch.testing.assert_close(second, first, rtol=1e-3, atol=1e-5)  # so small a step changes nothing
        torch.testing.assert_close(once, -1e-6 * first)
        torch.testing.assert_close(twice, -1e-6 * (first + second + 0.9 * first))


def test_step_times_structure():
    table = cost.step_times([4, 6], ["relu", "sigmoid", "gelu"], depth=2, batch=5, rounds=SMALL)
    assert table["width"].tolist() == [4, 4, 4, 6, 6, 6]
    assert list(table.columns) == ["width", "activation", "rest", "alone", "share", "step"]
    assert table["activation"].tolist() == ["relu", "sigmoid", "gelu"] * 2
    assert table["step"].isna().tolist() == [False, False, True] * 2
    assert (table["rest"].groupby(table["width"]).nunique() == 1).all()
    assert table["share"].tolist() == pytest.approx(
        (table["alone"] / (table["alone"] + table["rest"])).tolist()
    )


def test_step_times_of_its_own_accord(races):
    table = cost.step_times([2], ["relu", "identity", "sigmoid"])
    assert table["step"].tolist() == pytest.approx([1, math.nan, 1], nan_ok=True)
    (steps, rounds, options), (passes, other_rounds, _) = races
    assert list(steps) == ["rest", "relu", "sigmoid"] and rounds == other_rounds == (5, 15)
    assert options == {"limit": 4.0}
    assert {flops(take) for take in steps.values()} == {cost.step_flops(2, depth=3, batch=250)}
    assert passes["identity forward"]().shape == (250, 2)
    assert steps["rest"]() != steps["relu"]() != steps["sigmoid"]()


def test_step_times_give_each_pass_its_own_time(monkeypatch):
    times = {"rest": 10.0, "relu": 20.0, "relu forward": 1.0, "relu backward": 2.0}
    monkeypatch.setattr(clock, "seconds", lambda arms, *_, **__: {name: times[name] for name in arms})
    table = cost.step_times([4], ["relu"], ["relu"], depth=5)
    assert table[["rest", "alone", "share", "step"]].values.tolist() == [[10.0, 15.0, 0.6, 20.0]]


def test_kept_bytes_counts_each_storage_once_and_whole():
    x = torch.randn(100, requires_grad=True)
    assert cost.kept_bytes(lambda: torch.sin(x)) == 400
    assert cost.kept_bytes(lambda: torch.sin(x) + torch.cos(x)) == 400
    assert cost.kept_bytes(lambda: torch.sin(x[:10])) == 400  # a view of it
    assert cost.kept_bytes(lambda: torch.exp(torch.sin(x))) == 800
    assert cost.kept_bytes(lambda: torch.exp(torch.sin(x)), [x]) == 400
    assert cost.kept_bytes(lambda: x + 1) == 0
    assert cost.kept_bytes(lambda: torch.sin(x.double())) == 800
    assert cost.kept_bytes(lambda: torch.sin(x).sum().backward()) == 400  # a whole backward pass can be run
    torch.testing.assert_close(x.grad, torch.cos(x.detach()))


NETWORK = {"sigmoid": 4, "tanh": 4, "relu": 4, "identity": 4}
ALONE = {"identity": 0}
IN_PLACE = {"relu": 4, "sigmoid": 4, "tanh": 4, "elu": 4, "leaky_relu": 4, "silu": 8}


@pytest.mark.parametrize("name", activations.names())
def test_kept_per_unit(name):
    assert cost.kept_per_unit(name) == NETWORK.get(name, 8)
    assert cost.kept_per_unit(name, network=False) == ALONE.get(name, 4)
    assert cost.kept_per_unit(name, batch=3, width=5) == NETWORK.get(name, 8)


def test_kept_in_place():
    found = {name: cost.kept_per_unit(name, in_place=True) for name in IN_PLACE}
    assert found == IN_PLACE


def test_sparse_times_have_the_zeros_they_say(monkeypatch):
    seen = []
    monkeypatch.setattr(clock, "seconds", lambda arms, *_: dict.fromkeys(arms, 1.0))
    products = kernels.ways
    monkeypatch.setattr(kernels, "ways", lambda h, weight: seen.append(h) or products(h, weight))
    cost.sparse_times([0.0, 0.7, 1.0], batch=100, width=200)
    assert [float((h == 0).double().mean()) for h in seen] == pytest.approx([0, 0.7, 1], abs=0.02)
    assert all((h >= 0).all() for h in seen)


def test_sparse_times_of_its_own_accord(races, monkeypatch):
    seen = []
    products = kernels.ways
    monkeypatch.setattr(kernels, "ways", lambda *both: seen.append(both) or products(*both))
    table = cost.sparse_times([0.5])
    ((_, rounds, _),) = races
    ((h, weight),) = seen
    assert h.shape == (250, 1024) and weight.shape == (1024, 1024) and rounds == (3, 8)
    assert float(weight.std() * 32) == pytest.approx(1, abs=0.01)  # products as large as what goes into them
    assert float(h[h > 0].square().mean()) == pytest.approx(1, abs=0.05)
    for seed in (0, 1):
        cost.sparse_times([0.5], batch=4, width=30, seed=seed)
    cost.sparse_times([0.5], batch=4, width=30)
    (one, _), (other, _), (usual, _) = seen[1:]
    assert torch.equal(one, usual) and not torch.equal(one, other)
    assert (
        list(table.columns) == ["zeros", "dense", "csr", "conversion", "off"]
        and 0 < table["off"].item() < 1e-5
    )


@pytest.mark.parametrize("which", ["dense", "CSR"])
def test_sparse_times_tell_the_larger_difference(races, monkeypatch, which):
    def products(h, weight):
        exact = h.double() @ weight.double()
        wrong = exact.clone()
        wrong[0, 0] -= 0.25 * exact.abs().max()
        return {"dense": lambda: exact, "CSR": lambda: exact, "gather": None} | {which: lambda: wrong}

    monkeypatch.setattr(kernels, "ways", products)
    assert cost.sparse_times([0.5], batch=6, width=20)["off"].tolist() == pytest.approx([0.25])
    for seed in range(4):  # large and small numbers alike
        assert cost.sparse_times([0], 1, 1, seed=seed)["off"].tolist() == pytest.approx([0.25])


def test_speed_up_at():
    zeros, curve = [0.5, 0.7, 0.9], [0.5, 1, 4]
    assert [cost.speed_up_at(zeros, curve, at) for at in zeros] == pytest.approx(curve)
    assert cost.speed_up_at(zeros, curve, 0.8) == pytest.approx(2)
    assert cost.speed_up_at([0.5, 0.9], [2, 32], 0.6) == pytest.approx(4)  # two are enough


SHAPE = ("width", "depth", "batch", "inputs", "outputs")
CURVES = [([0.5], [1]), ([0.5, 0.6], [1]), ([0.6, 0.5], [1, 2]), ([0.5, 0.55, 0.55], [1, 2, 3]), ([0.5, 0.6], [0, 1]),
          ([0.5, 0.6], [1, math.nan]), ([0.5, 0.6], [1, math.inf])]  # fmt: skip
FEW, SIZES = "at least one activation and one size", [0, 1.5, True]


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        (cost.kernel, ["rely"], "unknown activation 'rely'"),
        (lambda bad: cost.element_times(*bad), [([], [10]), (["relu"], [])], FEW),
        (lambda bad: cost.element_times(["relu"], [bad]), SIZES, "number of elements must be a whole number"),
        *((lambda bad, name=name: cost.step("relu", **{"width": 4, name: bad}), SIZES, f"^{name} must be a whole") for name in SHAPE),
        *((lambda bad, name=name: cost.step_flops(**{"width": 4, name: bad}), SIZES, f"^{name} must be a whole") for name in SHAPE),
        (
            lambda bad: cost.step_times(*bad), [([], ["relu"], ["relu"]), ([4], [], []), ([4], ["relu"], ["tanh"])],
            "must hold all of swapped",
        ),
        (lambda bad: cost.kept_per_unit(bad, in_place=True), ["gelu"], "no in-place gelu"),
        (lambda bad: cost.kept_per_unit("relu", batch=bad), [0], "batch must be a whole number"),
        (cost.sparse_times, [[1.5], [-0.1], [math.nan]], "^each share of zeros must be"), (cost.sparse_times, [[]], "at least one share"),
        (lambda bad: cost.sparse_times([0.5], width=bad), [0], "^width must be"),
        (lambda bad: cost.sparse_times([0.5], batch=bad), [-1], "^batch must be"),
        (lambda bad: cost.speed_up_at([0.5, 0.9], [2, 3], bad), [0.4, 0.95, math.nan], r"from 0\.5 and up to 0\.9"),
        (lambda bad: cost.speed_up_at(*bad, 0.55), CURVES, r"^(shares must|each speed-up must|each share needs)"),
    ],
)  # fmt: skip
def test_bad_input(call, bad, says):
    for value in bad:
        with pytest.raises(ValueError, match=says):
            call(value)
