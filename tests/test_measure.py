"""Measurement against theory and against a plain nn.Sequential; and its clear errors."""

import math

import pytest
import torch
from torch import nn

from course_utils import activations, measure, theory
from course_utils.networks import Networks, grid


def batch(count: int = 8, inputs: int = 12, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, inputs, generator=generator, dtype=torch.float64)
    return x, torch.randint(10, (count,), generator=generator)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_profile_is_what_a_plain_network_gives(name: str, norm: str) -> None:
    x, labels = batch()
    designs = grid(activation=name, gain=1.3, norm=norm, seed=[3, 4])
    found = measure.profile(designs, x, labels, depth=4, width=7)
    networks = Networks(designs, 12, 4, 7, dtype=torch.float64)
    h, zs, weights = x, [], []
    for layer in range(4):
        weights.append(networks.weight(layer)[1].detach().clone().requires_grad_())
        z = h @ weights[-1]
        if norm == "batch":
            z = nn.functional.batch_norm(z, None, None, training=True)
        zs.append(z)
        h = activations.get(name)(z)
    loss = nn.functional.cross_entropy(h @ networks.weight(4)[1].detach(), labels, reduction="sum")
    gradients = torch.autograd.grad(loss, zs + weights)
    for layer in range(4):
        rms = gradients[layer].square().mean().sqrt().item()
        assert found.dz[layer, 1].item() == pytest.approx(rms, rel=1e-9)
        assert found.dw[layer, 1].item() == pytest.approx(gradients[4 + layer].norm().item(), rel=1e-9)
        assert found.z[layer, 1].item() == pytest.approx(zs[layer].square().mean().sqrt().item(), rel=1e-9)


def test_profile_does_not_depend_on_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = batch()
    designs = grid(activation=["sigmoid", "relu"], gain=[1.0, 2.0], seed=range(3))
    together = measure.profile(designs, x, labels, 3, 6)
    monkeypatch.setattr(measure, "_WEIGHTS_AT_ONCE", 1)
    alone = measure.profile(designs, x, labels, 3, 6)
    torch.testing.assert_close(together.dz, alone.dz)
    torch.testing.assert_close(together.dw, alone.dw)


CASES = [
    ("sigmoid", "pytorch"), ("sigmoid", "xavier"), ("sigmoid", "he"), ("sigmoid", 4.0), ("sigmoid", 16.0),
    ("tanh", "pytorch"), ("tanh", 2.0), ("relu", "pytorch"), ("relu", "xavier"), ("relu", "he"), ("relu",
    4.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "gain"), CASES)
def test_measured_factor_is_the_predicted_one(name: str, gain: float | str) -> None:
    factors = measure.gradient_factor(name, gain)
    assert len(factors) == 8
    assert factors.log().mean().exp().item() == pytest.approx(theory.gradient_factor(name, gain), rel=0.02)


def test_measured_factor_of_tanh_at_gain_one_follows_the_profile() -> None:
    factors = measure.gradient_factor("tanh", "xavier")
    assert factors.mean().item() == pytest.approx(theory.profile("tanh", "xavier", 24).factor(), rel=0.02)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_measured_growth_with_batch_norm(name: str) -> None:
    growth = measure.batch_norm_growth(name).mean().item()
    assert growth == pytest.approx(theory.batch_norm_growth(name), rel=0.02)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_measured_growth_with_layer_norm(name: str) -> None:
    growth = measure.layer_norm_growth(name).mean().item()
    assert growth == pytest.approx(theory.layer_norm_growth(name), rel=0.02)


@pytest.mark.parametrize(("name", "gain"), [("sigmoid", "xavier"), ("relu", "he"), ("tanh", 1.5)])
def test_two_inputs_merge_as_predicted(name: str, gain: float | str) -> None:
    x, _ = batch(64, 256)
    found = measure.merging(grid(activation=name, gain=gain, seed=range(12)), x, depth=8, width=256)
    predicted = theory.merging(name, gain, 8)
    assert found.distance.mean(1).tolist() == pytest.approx(predicted.distance.tolist(), rel=0.08)
    assert found.angle.mean(1).tolist() == pytest.approx(predicted.angle.tolist(), rel=0.09)


def test_underflow_is_named() -> None:
    x, labels = batch(4)
    designs = grid(activation="sigmoid", gain="pytorch", seed=0)
    deep = measure.profile(designs, x, labels, depth=60, width=16)
    assert deep.underflow[0, 0] and not deep.underflow[-1, 0]
    assert deep.dz[0, 0] > 0 and not deep.overflow.any()  # float64 sees it all the same
    single = measure.profile(designs, x, labels, depth=60, width=16, dtype=torch.float32)
    assert single.dz[0, 0] == 0 and single.underflow[0, 0]


def test_overflow_is_named() -> None:
    x, labels = batch(4)
    designs = grid(activation="relu", gain=16.0, seed=0)
    single = measure.profile(designs, x, labels, depth=60, width=64, dtype=torch.float32)
    assert single.overflow[-1, 0]
    assert not measure.profile(designs, x, labels, depth=20, width=64).overflow.any()


def test_log_norm() -> None:
    logs = measure.log_norm(64, 20, count=600)
    assert logs.var().item() == pytest.approx(theory.log_norm_variance(64, 20), rel=0.2)
    assert logs.mean().item() == pytest.approx(theory.log_norm_mean(64, 20), abs=0.15)
    assert torch.equal(logs, measure.log_norm(64, 20, count=600))
    assert measure.log_norm_variance(64, 20, count=600) == pytest.approx(logs.var().item())


@pytest.mark.parametrize(("width", "layers"), [(2, 4), (3, 9), (4, 3)])
def test_born_dead(width: int, layers: int) -> None:
    predicted = theory.born_dead(width, layers)
    spread = math.sqrt(predicted * (1 - predicted) / 4000)
    assert measure.born_dead(width, layers, count=4000) == pytest.approx(predicted, abs=4 * spread)


def test_jacobian_spread() -> None:
    gaussian = measure.jacobian_spread(measure.jacobian("relu", math.sqrt(2)))
    orthogonal = measure.jacobian_spread(measure.jacobian("relu", math.sqrt(2), orthogonal=True))
    assert gaussian.mean().item() == pytest.approx(theory.jacobian_spread("relu", 1, 10), rel=0.25)
    assert orthogonal.mean().item() == pytest.approx(theory.jacobian_spread("relu", 1, 10, True), rel=0.25)
    isometry = measure.jacobian("identity", 1.0, orthogonal=True, width=50, seeds=[0])
    torch.testing.assert_close(isometry, torch.ones_like(isometry))
    assert measure.jacobian("tanh", 1.0, depth=3, width=20, seeds=range(4)).shape == (4, 20)


def test_clear_errors() -> None:
    x, labels = batch()
    designs = grid(activation="relu", seed=0)
    broken = x.clone()
    broken[0, 0] = math.nan
    with pytest.raises(ValueError, match="NaN"):
        measure.profile(designs, broken, labels, 3, 6)
    with pytest.raises(ValueError, match="NaN"):
        measure.merging(designs, broken, 3, 6)
    with pytest.raises(ValueError, match="depth"):
        measure.profile(designs, x, labels, 0, 6)
    with pytest.raises(ValueError, match="width"):
        measure.profile(designs, x, labels, 3, 0)
    with pytest.raises(ValueError, match="labels"):
        measure.profile(designs, x, labels + 10, 3, 6)
    with pytest.raises(ValueError, match="even"):
        measure.merging(designs, x[:7], 3, 6)
    with pytest.raises(ValueError, match="design"):
        measure.profile([], x, labels, 3, 6)
    with pytest.raises(ValueError, match="gain"):
        measure.gradient_factor("relu", -1.0)
    with pytest.raises(ValueError, match="unknown activation"):
        measure.gradient_factor("swish", 1.0)
    with pytest.raises(ValueError, match="examples"):
        measure.gradient_factor("relu", 1.0, examples=0)
    with pytest.raises(ValueError, match="unknown activation"):
        measure.layer_norm_growth("swish")
    with pytest.raises(ValueError, match="width"):
        measure.log_norm(0, 5)
    with pytest.raises(ValueError, match="layers"):
        measure.born_dead(3, 0)
    with pytest.raises(ValueError, match="gain"):
        measure.jacobian("relu", math.nan)
    with pytest.raises(ValueError, match="start"):
        measure.jacobian("relu", 1.0, start=0)
    with pytest.raises(ValueError, match="seed"):
        measure.jacobian("relu", 1.0, seeds=[])
