"""Costs: routines against the registry, bytes, counts, products, bad input. No test asserts on a time."""

import itertools
import math
import time
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from course_utils import activations, cost

SMALL = (1, 1)  # one round: only the structure is looked at


@pytest.fixture
def cubic():
    entry = replace(
        activations.get("identity"), name="cubic", label="cubic", value=lambda z: z**3,
        slope=lambda z: 3 * z**2, colour="#123456", marker="8",
    )  # fmt: skip
    yield activations.register(entry)
    activations.unregister("cubic")


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
    z = torch.randn(300, generator=torch.Generator().manual_seed(1)).requires_grad_()
    grad = torch.randn(300, generator=torch.Generator().manual_seed(2))
    h = cost.kernel(name).forward(z)
    (wanted,) = torch.autograd.grad(h, z, grad)
    assert torch.equal(cost.kernel(name).backward(grad, z.detach(), h.detach()), wanted)


@pytest.mark.parametrize("name", activations.names())
def test_backward_needs_what_it_says(name):
    z, grad, nothing = torch.randn(50), torch.randn(50), torch.full((50,), math.nan)
    routine = cost.kernel(name)
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


def test_unknown_activation():
    with pytest.raises(ValueError, match="unknown activation 'rely'"):
        cost.kernel("rely")


def test_race_calls_every_arm_and_puts_threads_back():
    called = dict.fromkeys("ab", 0)
    threads = set()

    def arm(name):
        called[name] += 1
        threads.add(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = cost.race({name: lambda name=name: arm(name) for name in "ab"}, (2, 3), 0.0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert list(found) == ["a", "b"] and all(0 < t < math.inf for t in found.values())
    assert min(called.values()) > 2 and threads == {1}


def test_race_takes_the_least(monkeypatch):
    clock = iter([1.0, 5.0, 0.25, 3.0, 2.0])  # the timer's, then of the rounds
    monkeypatch.setattr(cost, "_clock", lambda *_: next(clock))
    assert cost.race({"a": lambda: time.sleep(0.003)}, (5, 5))["a"] <= 0.25


def test_race_stops_when_nothing_gets_better(monkeypatch):
    rounds = []
    monkeypatch.setattr(cost, "_clock", lambda *_: rounds.append(1) or 1.0)
    cost.race({"a": lambda: None}, (2, 50), seconds=100)
    assert len(rounds) == 2
    rounds.clear()
    falling = itertools.count(-1, -1)
    monkeypatch.setattr(cost, "_clock", lambda *_: rounds.append(1) or 2.0 ** next(falling) * 1e-9)
    cost.race({"a": lambda: None}, (2, 20), seconds=100)
    assert len(rounds) == 19


def test_slow_arms_are_called_once_a_round():
    calls = []
    cost.race({"slow": lambda: (calls.append(1), time.sleep(0.006))}, (3, 3), 0.0)
    assert len(calls) == 3 + 2  # the first time with two calls before the clock


@pytest.mark.parametrize("rounds", [(0, 3), (3, 2), (True, 3), (1.0, 2)])
def test_race_refuses_rounds(rounds):
    with pytest.raises(ValueError, match="round"):
        cost.race({"a": lambda: None}, rounds)


def test_race_refuses():
    with pytest.raises(ValueError, match="at least one arm"):
        cost.race({})
    for seconds in (-1.0, math.nan):
        with pytest.raises(ValueError, match="seconds from 0"):
            cost.race({"a": lambda: None}, seconds=seconds)


def test_element_times_structure():
    table = cost.element_times(["relu", activations.get("gelu")], [5, 70], SMALL)
    assert list(table.columns) == ["activation", "elements", "pass", "nanoseconds"]
    rows = list(table[["elements", "activation", "pass"]].itertuples(index=False, name=None))
    assert rows == list(itertools.product([5, 70], ["relu", "gelu"], ["forward", "backward"]))
    assert (table["nanoseconds"] > 0).all()


def test_element_times_are_per_element(monkeypatch):
    monkeypatch.setattr(cost, "race", lambda arms, rounds: dict.fromkeys(arms, 1e-6))
    assert cost.element_times(["relu"], [10])["nanoseconds"].tolist() == pytest.approx([100, 100])


def test_element_times_refuses():
    with pytest.raises(ValueError, match="at least one activation and one size"):
        cost.element_times([], [10])
    with pytest.raises(ValueError, match="at least one activation and one size"):
        cost.element_times(["relu"], [])
    for size in (0, -3, 2.0, True):
        with pytest.raises(ValueError, match="number of elements must be a whole number"):
            cost.element_times(["relu"], [size])


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
    write_cache(tmp_path, 8, 4, "Data", "")
    assert cost.caches() == {"L1": 48 * 1024, "L2": 1024, "L3": 2 * 2**20}
    assert list(cost.caches()) == ["L1", "L2", "L3"]


def test_the_real_caches():
    assert all(size >= 1024 for size in cost.caches().values())


@given(
    width=st.integers(1, 20), depth=st.integers(1, 4), batch=st.integers(1, 9),
    inputs=st.integers(1, 12), outputs=st.integers(2, 5),
)  # fmt: skip
@settings(max_examples=8, deadline=None)
def test_flops_are_those_that_torch_counts(width, depth, batch, inputs, outputs):
    take = cost.step("relu", width, depth, batch, inputs, outputs)
    with FlopCounterMode(display=False) as counter:
        take()
    assert counter.get_total_flops() == cost.step_flops(width, depth, batch, inputs, outputs)


def test_a_step_learns():
    take = cost.step("tanh", width=8, depth=2, batch=20, inputs=6)
    losses = [take() for _ in range(40)]
    assert losses[-1] < losses[0] < 6 and losses[0] - losses[-1] < 0.01
    assert cost.step("tanh", width=8, depth=2, batch=20, inputs=6)() == losses[0]
    assert cost.step(None, width=8, depth=2, batch=20, inputs=6)() != losses[0]
    assert cost.step("tanh", width=8, depth=2, batch=20, inputs=6, seed=1)() != losses[0]


@pytest.mark.parametrize("name", ["width", "depth", "batch", "inputs", "outputs"])
@pytest.mark.parametrize("size", [0, 1.5, True])
def test_sizes_below_one(name, size):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        cost.step("relu", **{"width": 4, name: size})
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        cost.step_flops(**{"width": 4, name: size})


def test_step_times_structure():
    table = cost.step_times([4, 6], ["relu", "sigmoid", "gelu"], depth=2, batch=5, rounds=SMALL)
    assert table["width"].tolist() == [4, 4, 4, 6, 6, 6]
    assert table["step"].isna().tolist() == [False, False, True] * 2
    assert (table["rest"].groupby(table["width"]).nunique() == 1).all()
    assert table["share"].tolist() == pytest.approx(
        (table["alone"] / (table["alone"] + table["rest"])).tolist()
    )


def test_step_times_count_every_layer(monkeypatch):
    monkeypatch.setattr(cost, "race", lambda arms, *_, **__: dict.fromkeys(arms, 1.0))
    table = cost.step_times([4], ["relu"], ["relu"], depth=3)
    assert table[["rest", "alone", "share", "step"]].values.tolist() == [[1.0, 6.0, 6 / 7, 1.0]]


@pytest.mark.parametrize(
    ("widths", "names", "swapped"), [([], ["relu"], ["relu"]), ([4], [], []), ([4], ["relu"], ["tanh"])]
)
def test_step_times_refuses(widths, names, swapped):
    with pytest.raises(ValueError, match="must hold all of swapped"):
        cost.step_times(widths, names, swapped)


def test_kept_bytes_counts_each_storage_once_and_whole():
    x = torch.randn(100, requires_grad=True)
    assert cost.kept_bytes(lambda: torch.sin(x)) == 400
    assert cost.kept_bytes(lambda: torch.sin(x) + torch.cos(x)) == 400
    assert cost.kept_bytes(lambda: torch.sin(x[:10])) == 400  # a view of it
    assert cost.kept_bytes(lambda: torch.exp(torch.sin(x))) == 800
    assert cost.kept_bytes(lambda: torch.exp(torch.sin(x)), [x]) == 400
    assert cost.kept_bytes(lambda: x + 1) == 0
    assert cost.kept_bytes(lambda: torch.sin(x.double())) == 800


NETWORK = {"sigmoid": 4, "tanh": 4, "relu": 4, "identity": 4}
ALONE = {"identity": 0}


@pytest.mark.parametrize("name", activations.names())
def test_kept_per_unit(name):
    assert cost.kept_per_unit(name) == NETWORK.get(name, 8)
    assert cost.kept_per_unit(name, network=False) == ALONE.get(name, 4)
    assert cost.kept_per_unit(name, batch=3, width=5) == NETWORK.get(name, 8)


def test_kept_in_place():
    found = {name: cost.kept_per_unit(name, in_place=True) for name in ("relu", "sigmoid", "elu", "silu")}
    assert found == {"relu": 4, "sigmoid": 4, "elu": 4, "silu": 8}
    with pytest.raises(ValueError, match="no in-place gelu"):
        cost.kept_per_unit("gelu", in_place=True)
    with pytest.raises(ValueError, match="batch must be a whole number"):
        cost.kept_per_unit("relu", batch=0)


def test_sparse_times_structure():
    table = cost.sparse_times([0, 0.5, 1], batch=6, width=20, rounds=SMALL)
    columns = ["zeros", "dense", "csr", "conversion", "off"]
    assert list(table.columns) == columns and table["zeros"].tolist() == [0, 0.5, 1]
    assert (table[columns[1:-1]] > 0).all().all() and table["off"].max() < 1e-5


def test_sparse_times_have_the_zeros_they_say(monkeypatch):
    seen = []
    monkeypatch.setattr(cost, "race", lambda *_: {})
    products = cost._products
    monkeypatch.setattr(cost, "_products", lambda h, weight: seen.append(h) or products(h, weight))
    cost.sparse_times([0.0, 0.7, 1.0], batch=100, width=200)
    assert [float((h == 0).double().mean()) for h in seen] == pytest.approx([0, 0.7, 1], abs=0.02)
    assert all((h >= 0).all() for h in seen)


@pytest.mark.parametrize("zeros", [[], [1.5], [-0.1], [math.nan]])
def test_sparse_times_refuses_shares(zeros):
    with pytest.raises(ValueError, match="from 0 to 1"):
        cost.sparse_times(zeros)


def test_sparse_times_refuses_sizes():
    with pytest.raises(ValueError, match="width must be"):
        cost.sparse_times([0.5], width=0)
    with pytest.raises(ValueError, match="batch must be"):
        cost.sparse_times([0.5], batch=-1)


def test_speed_up_at():
    zeros, curve = [0.5, 0.7, 0.9], [0.5, 1, 4]
    assert [cost.speed_up_at(zeros, curve, at) for at in zeros] == pytest.approx(curve)
    assert cost.speed_up_at(zeros, curve, 0.8) == pytest.approx(2)
    for at in (0.4, 0.95, math.nan):
        with pytest.raises(ValueError, match=r"from 0\.5 to 0\.9"):
            cost.speed_up_at(zeros, curve, at)


@pytest.mark.parametrize(
    ("zeros", "speed_up"),
    [
        ([0.5], [1]),
        ([0.5, 0.6], [1]),
        ([0.6, 0.5], [1, 2]),
        ([0.5, 0.6], [0, 1]),
        ([0.5, 0.6], [1, math.nan]),
    ],
)
def test_curves_that_are_none(zeros, speed_up):
    with pytest.raises(ValueError, match="zeros must rise"):
        cost.speed_up_at(zeros, speed_up, 0.55)
