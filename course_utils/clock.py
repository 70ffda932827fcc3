"""Clock: how long things take, measured against each other.

There is one way: the arms take turns, on one thread, in processor time, and of each the least time counts. Other programs
can make an arm slower, by what they do to the caches, but not faster: so the least is what comes closest to the arm
alone, and it needs fewer rounds to settle than a median, which half of the disturbances reach. Only ratios of such
times are worth keeping; the seconds are this machine's own.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from torch.utils.benchmark import Timer

from course_utils import checks, machine, training
from course_utils.data import Dataset
from course_utils.networks import Design, Networks

__all__ = ["processor_time", "seconds", "training_step"]

_BLOCK = 5e-4  # seconds: what is quicker is called many times in a row
_SLOW = 5e-3  # seconds: from here on one call is timed
_SETTLED = 0.03  # a round that betters no arm by more than this share is a quiet one
_QUIET = 2  # rounds
# Windows counts a process's time in steps of 16 ms, which is too coarse.
_FINE = "clock_gettime" in time.get_clock_info("process_time").implementation


def processor_time() -> float:
    """Seconds of processor time that this process has used, all its threads together; differences are timings.

    While other programs have the processor the clock stands still, so that a busy machine disturbs little. Where the
    system counts too coarsely for that (Windows), time.perf_counter.
    """
    return time.process_time() if _FINE else time.perf_counter()


def seconds(
    arms: Mapping[str, Callable[[], object]], rounds: tuple[int, int] = (3, 12), limit: float = 1.5
) -> dict[str, float]:
    """Seconds of processor time per call of each arm, on one thread: the least over rounds in which the arms take turns.

    In a round each arm is timed over a block of calls, of about half a millisecond, by torch.utils.benchmark (which calls
    it a few times first, without the clock); an arm that takes 5 ms or more is timed over one call, without more ado.
    Rounds go on until two in a row have bettered no arm by more than 3 %, within ``rounds``; after the least number of
    rounds they also end when ``limit`` seconds of the clock on the wall are over. The number of torch threads is put
    back.

    Args:
        arms: name -> function without arguments.
        rounds: least and largest number of rounds; default 3 and 12.
        limit: see above; default 1.5 seconds.

    Raises:
        ValueError: no arm, or rounds that are not two whole numbers 1 <= least <= largest, or a limit below 0.
    """
    least = checks.whole("the least number of rounds", rounds[0])
    largest = checks.whole("the largest number of rounds", rounds[1], least)
    checks.number("limit", limit, low=0)
    if not arms:
        raise ValueError("at least one arm must be timed, got none")
    with machine.threads(1):
        start, quiet = time.perf_counter(), 0
        timers = {
            name: Timer("arm()", globals={"arm": arm}, timer=processor_time) for name, arm in arms.items()
        }
        best = {name: timer.timeit(1).median for name, timer in timers.items()}
        calls = {name: min(1000, math.ceil(_BLOCK / max(t, 1e-9))) for name, t in best.items()}
        for turn in range(1, largest):
            if turn >= least and (quiet >= _QUIET or time.perf_counter() - start > limit):
                break
            order = list(timers) if turn % 2 else list(timers)[::-1]
            found = {name: _once(arms[name], timers[name], calls[name], best[name]) for name in order}
            quiet = 0 if any(found[name] < (1 - _SETTLED) * best[name] for name in found) else quiet + 1
            best = {name: min(best[name], found[name]) for name in best}
    return best


def _once(arm: Callable[[], object], timer: Timer, calls: int, expected: float) -> float:
    if expected < _SLOW:
        return float(timer.timeit(calls).median)
    start = processor_time()
    arm()
    return processor_time() - start


def training_step(
    arms: Mapping[str, Sequence[Design]],
    data: Dataset,
    depth: int,
    width: int,
    batch_size: int = 100,
    rounds: tuple[int, int] = (5, 5),
) -> dict[str, float]:
    """Seconds of processor time for one training step of one network of each arm; for ratios, not to be quoted.

    The networks of an arm train together; a turn is one epoch of ``data`` (:func:`seconds` takes three without the
    clock for the first).

    Args:
        arms: name -> designs.
        data: to train on. depth, width: of all networks. batch_size: as training.train; default 100.
        rounds: as :func:`seconds`; default five.

    Raises:
        ValueError: as :func:`seconds`, Networks and training.train.
    """
    teams = {name: Networks(designs, data.images.shape[1], depth, width) for name, designs in arms.items()}

    def turn(team: Networks) -> Callable[[], object]:
        return lambda: training.train(team, data, batch_size=batch_size, more=True)

    found = seconds({name: turn(team) for name, team in teams.items()}, rounds, limit=60.0)
    return {name: took / (len(data) // batch_size) / len(teams[name]) for name, took in found.items()}
