"""How many threads: quotas read from made-up container folders."""

import contextlib
import os
import platform

import pytest
import torch

from course_utils import machine


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def cores(monkeypatch, tmp_path):
    """A machine of 64 cores whose container folder is tmp_path."""
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_OWN", tmp_path / "own")
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    else:
        monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "granted"),
    [
        ("200000 100000\n", 2), ("150000 100000\n", 2), ("50000 100000\n", 1), ("800000 200000", 4), ("max 100000\n", 64),
        ("0 100000", 1), ("9900000 100000\n", 64), ("", 64), ("rubbish 100000", 64), ("100000 0", 64),
    ],
)  # fmt: skip
def test_quota_of_version_2(cores, text, granted):
    assert machine.cpu_quota() == 64  # no container
    write(cores, cpu_dot_max=text)
    assert machine.cpu_quota() == granted


@pytest.mark.parametrize(("quota", "granted"), [("300000\n", 3), ("-1\n", 64), ("10000", 1), ("?", 64)])
def test_quota_of_version_1_and_the_least_of_both_versions_and_all_slices(cores, quota, granted):
    write(cores, cpu__cpu_dot_cfs_quota_us=quota, cpu__cpu_dot_cfs_period_us="100000\n")
    assert machine.cpu_quota() == granted
    write(cores, cpu_dot_max="200000 100000")
    assert machine.cpu_quota() == min(granted, 2)
    (cores / "own").write_text("0::/a/b/c\n")
    for place, of_slice in (("", "600000"), ("a", "500000"), ("a/b", "200000"), ("a/b/c", "max")):
        write(cores / place, cpu_dot_max=f"{of_slice} 100000\n")
    assert machine.cpu_quota() == min(granted, 2)


@pytest.mark.parametrize(
    ("own", "slice_", "granted"),
    [
        ("0::/user/one", "user/one", 2), ("0::/user/one", "user", 2), ("0::/user/one", "user/two", 64),
        ("0::/user/one", "unified/user/one", 2), ("0::/user/one", "cpu/user/one", 64), ("0::/", "user", 64),
        ("4:memory:/a\n3:cpu:/user/one\n0::/", "cpu/user/one", 2), ("3:cpu,cpuacct:/user/one", "cpu,cpuacct/user", 2),
        ("3:cpuacct,cpu:/user", "cpu/user", 2), ("3:cpuset:/user/one", "cpu/user/one", 64), ("3:cpu:/user:x", "cpu/user:x", 2),
        ("0::/../other", "other", 64), ("0::/gone", "user", 64), ("rubbish", "user", 64), ("", "user", 64),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [1, 2])
def test_quota_of_the_own_slice_and_those_above_it(cores, own, slice_, granted, version):
    """Not of those beside it; v1 or v2 is told by what the slice holds."""
    (cores / "own").write_text(own + "\n")
    if version == 2:
        write(cores / slice_, cpu_dot_max="200000 100000\n")
    else:
        write(cores / slice_, cpu_dot_cfs_quota_us="200000\n", cpu_dot_cfs_period_us="100000\n")
    assert machine.cpu_quota() == granted


def test_affinity_counts(cores, monkeypatch):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no affinity on this system")
    monkeypatch.setattr(os, "sched_getaffinity", {0: {3, 5}}.__getitem__)  # 0: whoever asks
    write(cores, cpu_dot_max="800000 100000")
    assert machine.cpu_quota() == 2


def test_without_affinity_the_cores_count(cores, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cpu_quota() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cpu_quota() == 6


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with machine.threads(before + 1) as count:
        assert count == torch.get_num_threads() == before + 1
        with machine.threads(1) as inner:
            assert inner == torch.get_num_threads() == 1
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), machine.threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before


def test_threads_follow_the_quota_and_never_rise(cores):
    before = torch.get_num_threads()
    with machine.threads(3):
        write(cores, cpu_dot_max="200000 100000")
        with machine.threads() as count:
            assert count == 2
        assert torch.get_num_threads() == 3
        write(cores, cpu_dot_max="800000 100000")
        with machine.threads() as count:
            assert count == 3
        write(cores, cpu_dot_max="100000 100000")
        machine.follow_quota()
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2"])
def test_threads_refuses(count):
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="number of threads"), machine.threads(count):
        pass
    assert torch.get_num_threads() == before


def test_describe_word_for_word(cores, monkeypatch):
    write(cores, cpu_dot_max="300000 100000")
    monkeypatch.setattr(torch, "__version__", "2.99.1+cu900")  # which wheel it is does not matter
    capability = torch.backends.cpu.get_cpu_capability()
    assert machine.describe() == (
        f"{platform.system()} {platform.machine()}, 3 processors granted, {torch.get_num_threads()} torch threads, "
        f"{capability}, torch 2.99.1, Python {platform.python_version()}"
    )


def tiny() -> float:
    return float(torch.tensor([1e-39], dtype=torch.float32).mul(1).item())


@pytest.mark.parametrize("before", [False, True])
def test_flushed_within_and_as_before_after(before):
    if not torch.set_flush_denormal(before):
        pytest.skip("this processor cannot flush")
    try:
        for fails in (False, True):
            with pytest.raises(KeyError) if fails else contextlib.nullcontext(), machine.flushed():
                assert tiny() == 0
                if fails:
                    raise KeyError
            assert (tiny() == 0) == before
    finally:
        torch.set_flush_denormal(False)
