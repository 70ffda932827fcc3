"""Clock: turns, rounds and blocks on a clock of the test's own, and training steps. No test asserts on a time."""

import math
import platform
import time
from types import SimpleNamespace

import pytest
import torch

from course_utils import clock, training
from course_utils.data import Dataset
from course_utils.networks import Design


@pytest.fixture
def watch(monkeypatch):
    """A clock that moves when told (watch.now += 1), a Timer that reads it, and how often that called what."""
    watch = SimpleNamespace(now=100.0, blocks=[])

    class Timer:
        def __init__(self, stmt, globals, timer):
            assert stmt == "arm()" and timer is clock.processor_time
            self.arm = globals["arm"]

        def timeit(self, number):
            start = watch.now
            for _ in range(number):
                self.arm()
            watch.blocks.append((self.arm, number))
            return SimpleNamespace(median=(watch.now - start) / number)

    monkeypatch.setattr(clock, "Timer", Timer)
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: watch.now))
    monkeypatch.setattr(clock, "processor_time", lambda: watch.now)
    return watch


def lasting(watch, *seconds):
    """An arm that takes these times, one after the other, and the last of them from then on."""
    left = list(seconds)

    def arm():
        watch.now += left.pop(0) if len(left) > 1 else left[0]

    return arm


def test_it_calls_every_arm_and_puts_threads_back():
    called = dict.fromkeys("ab", 0)
    threads = set()

    def arm(name):
        called[name] += 1
        threads.add(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = clock.seconds({name: lambda name=name: arm(name) for name in "ab"}, (2, 3), 0.0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert list(found) == ["a", "b"] and all(0 < t < math.inf for t in found.values())
    assert min(called.values()) > 2 and threads == {1}


def test_two_rounds_in_a_row_without_an_arm_bettered_end_it(monkeypatch):
    times = {
        "steady": iter([1e-12] * 9),
        "better": iter([t * 1e-12 for t in (8, 4, 3.9, 2, 1.95, 1.94, 1, 1, 1)]),
    }
    monkeypatch.setattr(clock, "_once", lambda arm, *_: next(times[arm()]))
    found = clock.seconds({"steady": lambda: "steady", "better": lambda: "better"}, (1, 9), limit=100)
    assert found == {
        "steady": 1e-12,
        "better": 1.94e-12,
    }  # quiet: the third round, then the fifth and the sixth


def test_three_percent_exactly_is_no_better(monkeypatch):
    turns = []
    monkeypatch.setattr(clock, "_once", lambda *_: turns.append(1) or 1e-12 * (1 - 0.03) ** (len(turns) - 1))
    clock.seconds({"a": lambda: None}, (1, 9), limit=100)
    assert len(turns) == 3  # the first betters the timer's, the second and the third do not


def test_short_arms_are_called_often_within_a_block(watch):
    seconds = {"none": 0.0, "1.1": 1.1e-6, "110": 1.1e-4, "300": 3e-4, "900": 9e-4, "4000": 4e-3}
    arms = {name: lasting(watch, each) for name, each in seconds.items()}
    found = clock.seconds(arms, (2, 2))
    assert found == pytest.approx(seconds)
    names = {arm: name for name, arm in arms.items()}
    assert [(names[arm], number) for arm, number in watch.blocks[:6]] == [(name, 1) for name in arms]
    often = [("none", 1000), ("1.1", 455), ("110", 5), ("300", 2), ("900", 1), ("4000", 1)]
    assert [(names[arm], number) for arm, number in watch.blocks[6:]] == often


def test_from_five_milliseconds_one_call_is_timed(watch):
    watch.now = 0.0
    arm = lasting(watch, 5e-3)
    assert clock.seconds({"a": arm}, (3, 3)) == {"a": pytest.approx(5e-3)}
    assert watch.blocks == [(arm, 1)] and watch.now == pytest.approx(3 * 5e-3)


def test_arms_take_turns_first_one_way_then_the_other(watch):
    turns = []
    arms = {name: lambda name=name: turns.append(name) or lasting(watch, 1.0)() for name in "abc"}
    clock.seconds(arms, (4, 4))
    assert "".join(turns) == "abc" + "abc" + "cba" + "abc"


def test_rounds_end_with_the_limit(watch):
    falling = [2.0**-k for k in range(20)]  # always better

    def calls(rounds, seconds):
        start, arm = len(watch.blocks), lasting(watch, *falling)
        taken = clock.seconds({"a": arm}, rounds, seconds)["a"]
        assert len(watch.blocks) == start + 1  # slow: the timer calls once, the rest is not its own
        return falling.index(taken) + 1

    assert calls((1, 20), 0.5) == 1  # over already
    assert calls((1, 20), 1.25) == 2  # 1 + 1/2
    assert calls((1, 20), 1.5) == 3  # over is more than
    assert calls((4, 20), 0.5) == 4 and calls((4, 4), 9.0) == 4  # the least, the largest
    assert calls((1, 6), 9.0) == 6


def test_without_a_limit_the_least_number_of_rounds_is_run(watch):
    arm = lasting(watch, 1e-3)
    clock.seconds({"a": arm}, (1, 9), limit=0.0)
    assert [number for _, number in watch.blocks] == [1]
    watch.blocks.clear()
    clock.seconds({"a": lasting(watch, 0.0)}, (1, 9), limit=0.0)  # no time passes: nothing is over
    assert [number for _, number in watch.blocks] == [1, 1000, 1000]


def test_rounds_of_its_own_accord(watch):
    falling = [2.0 ** -(k + 4) for k in range(40)]
    arm = lasting(watch, *falling)
    assert clock.seconds({"a": arm})["a"] == falling[11]  # at most twelve rounds
    assert clock.seconds({"a": lasting(watch, 1.0, 0.9, 0.8, 0.7)})["a"] == pytest.approx(
        0.8
    )  # at least three
    hasty = lasting(watch, 0.5, 0.4, 0.3, 0.2, 0.15, 0.12, 0.1)
    assert clock.seconds({"a": hasty})["a"] == pytest.approx(0.15)  # after 1.55 s
    assert clock.seconds({"a": lasting(watch, 1e-9)})["a"] == pytest.approx(1e-9, rel=1e-4)


@pytest.mark.parametrize("rounds", [(0, 3), (3, 2), (True, 3), (1.0, 2), (3, 4.0)])
def test_it_refuses_rounds(rounds):
    with pytest.raises(ValueError, match=r"number of rounds must be a whole number"):
        clock.seconds({"a": lambda: None}, rounds)


def test_it_refuses():
    with pytest.raises(ValueError, match="at least one arm"):
        clock.seconds({})
    for limit in (-1.0, math.nan):
        with pytest.raises(ValueError, match=r"^limit must be"):
            clock.seconds({"a": lambda: None}, limit=limit)


def test_processor_time_stands_still_while_others_work_and_goes_on_with_us(monkeypatch):
    if platform.system() == "Windows":
        pytest.skip("this system counts processor time too coarsely")
    start, begun = clock.processor_time(), time.perf_counter()
    time.sleep(0.3)
    slept, busy = clock.processor_time(), sum(i * i for i in range(2_000_000))
    worked, ended = clock.processor_time(), time.perf_counter()
    assert slept - start < 0.1 and 0.02 < worked - slept <= ended - begun - 0.29 and busy > 0
    assert clock._FINE == (platform.system() != "Windows")
    ticks = iter([1.0, 2.5])
    monkeypatch.setattr(clock.time, "process_time", lambda: 7.0)
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(ticks))
    assert clock.processor_time() == 7.0
    monkeypatch.setattr(clock, "_FINE", False)  # as on Windows
    assert clock.processor_time() == 1.0


def toy(count):
    generator = torch.Generator().manual_seed(0)
    return Dataset(torch.randn(count, 6, generator=generator), torch.arange(count) % 3, "train", 14, 0.0, 1.0)


@pytest.mark.parametrize(("options", "batch"), [({}, 100), ({"batch_size": 20, "rounds": (2, 2)}, 20)])
def test_a_training_step_is_told_per_step_and_network(watch, monkeypatch, options, batch):
    seen = []

    def train(networks, data, batch_size, more):
        seen.append(
            (networks.designs[0].activation, len(networks), networks.depth, networks.width, batch_size, more)
        )
        watch.now += len(networks) * (6.0 if networks.designs[0].activation == "tanh" else 2.0)

    monkeypatch.setattr(training, "train", train)
    arms = {"a": [Design("relu")], "b": [Design("tanh", seed=s) for s in range(3)]}
    steps = 250 // batch
    assert clock.training_step(arms, toy(250), 2, 16, **options) == pytest.approx(
        {"a": 2 / steps, "b": 6 / steps}
    )
    assert set(seen) == {("relu", 1, 2, 16, batch, True), ("tanh", 3, 2, 16, batch, True)}
    assert len(seen) == 2 * options.get("rounds", (5, 5))[1]


def test_a_training_step_of_real_networks():
    found = clock.training_step(
        {"a": [Design("relu")], "b": [Design("relu", norm="batch")]}, toy(40), 1, 4, 20, (1, 1)
    )
    assert list(found) == ["a", "b"] and all(0 < t < math.inf for t in found.values())
    with pytest.raises(ValueError, match="batch_size"):
        clock.training_step({"a": [Design("relu")]}, toy(40), 1, 4)
