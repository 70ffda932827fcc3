"""How often units fire: against a loop over units, and in networks whose answer is known."""

import math
from dataclasses import FrozenInstanceError

import pytest
import torch

from course_utils import units
from course_utils.networks import Design, Networks, grid


def images(count: int = 300, inputs: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, inputs, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("chunk", [7, 2**22])
def test_against_a_loop(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    designs = [Design("relu", 1), Design("leaky_relu", 2), Design("relu", 3, bias=-1.5, norm="batch")]
    nets, x = Networks(designs, 12, 3, 6), images()
    nets(x, training=True)  # moves the running statistics, which must then be used and left alone
    monkeypatch.setattr(units, "_VALUES_AT_ONCE", chunk * len(nets) * nets.width)
    before = nets.running_mean.clone()
    found, trace = units.firing(nets, x), nets.trace(x)
    for i in range(3):
        for layer in range(3):
            for unit in range(6):
                z, h = trace.z[layer][i, :, unit], trace.h[layer][i, :, unit]
                on = sum(value != 0 for value in h.tolist()) / 300
                assert found.on[i, layer, unit].item() == pytest.approx(on)
                assert found.positive[i, layer, unit].item() == pytest.approx((z > 0).double().mean().item())
                assert bool(found.dead[i, layer, unit]) == (on == 0)
                assert bool(found.always_on[i, layer, unit]) == bool((z > 0).all())
                assert bool(found.never_positive[i, layer, unit]) == bool((z <= 0).all())
            zeros = (trace.h[layer][i] == 0).double().mean().item()
            assert found.zeros[i, layer].item() == pytest.approx(zeros)
    assert torch.equal(nets.running_mean, before)


def test_dead_units_and_layers() -> None:
    nets = Networks(grid(activation=["relu", "leaky_relu"]), 12, 2, 4)
    with torch.no_grad():
        nets.weight(0).zero_()
        nets.parameters["bias"][0] = -1.0
        nets.parameters["bias"][1] = torch.tensor([1.0, -1.0, 0.0, 2.0])
    found = units.firing(nets, images())
    assert found.layer_off.tolist() == [[True, False], [False, False]]
    assert found.dead_share[0].tolist() == [1.0, 0.5]
    assert found.dead_share[1].tolist() == [0.0, 0.0] and bool(found.never_positive[1, 0].all())
    assert found.always_on[0, 1].tolist() == [True, False, False, True]
    assert found.zeros[0].tolist() == [1.0, 0.5]


def test_training_mode_uses_all_images_and_leaves_the_statistics_alone() -> None:
    nets, x = Networks([Design("relu", bias=5.0, norm="batch")], 12, 3, 20), images()
    before = nets.running_mean.clone(), nets.running_var.clone()
    assert units.firing(nets, x).always_on.any(), "mean 0 and variance 1 do not fit these units"
    found, trace = units.firing(nets, x, training=True), nets.trace(x, training=True)
    torch.testing.assert_close(found.positive[0, 2], (trace.z[2][0] > 0).double().mean(0))
    assert not found.dead.any() and not found.always_on.any()
    nets = Networks([Design("relu", bias=5.0, norm="batch")], 12, 3, 20)
    units.firing(nets, x, training=True)
    assert torch.equal(nets.running_mean, before[0]) and torch.equal(nets.running_var, before[1])


def test_a_broken_network_is_named_and_harms_no_neighbour() -> None:
    nets = Networks(grid(activation="relu", seed=range(3)), 12, 2, 4)
    alone = units.firing(nets, images()).on
    for bad in (math.nan, math.inf, -math.inf):
        with torch.no_grad():
            nets.parameters["bias"][1, 1, 0, 3] = bad  # all other z of the network are finite
        found = units.firing(nets, images())
        assert found.broken.tolist() == [False, True, False]
        for figure in (found.dead_share, found.on, found.positive, found.zeros):
            assert bool(figure[1].isnan().all()) and not bool(figure[[0, 2]].isnan().any())
        assert not (found.dead[1] | found.never_positive[1] | found.always_on[1]).any()
        assert torch.equal(found.on[[0, 2]], alone[[0, 2]])
    with pytest.raises(FrozenInstanceError):
        found.on = found.positive


@pytest.mark.parametrize("room", [1, 30])
def test_little_room_cuts_the_images_but_not_a_batch_norm_batch(room, monkeypatch):
    nets = Networks([Design("relu", 1, norm="batch"), Design("tanh", 2)], 12, 2, 5)
    whole = [units.firing(nets, images(), training) for training in (False, True)]
    sizes: list[int] = []
    layers = nets._layers
    monkeypatch.setattr(nets, "_layers", lambda x, training: sizes.append(len(x)) or layers(x, training))
    monkeypatch.setattr(units, "_VALUES_AT_ONCE", room)
    for training, expected in zip((False, True), whole, strict=True):
        found = units.firing(nets, images(), training)
        assert torch.equal(found.on, expected.on) and torch.equal(found.positive, expected.positive)
    each = max(1, room // 10)  # of 2 networks of 5 units
    assert sizes == [each] * (300 // each) + [300]


def test_bad_input() -> None:
    nets = Networks([Design("relu", norm="batch")], 12, 2, 4)
    with pytest.raises(ValueError, match="at least one image, got none"):
        units.firing(nets, images(0))
    with pytest.raises(ValueError, match=r"x must have shape \[examples, 12\], got \[5, 11\]"):
        units.firing(nets, images(5, 11))
    with pytest.raises(ValueError, match="at least 2 examples"):
        units.firing(nets, images(1), training=True)
