"""Measurement against theory and against a plain nn.Sequential; and its clear errors."""

import math
from dataclasses import FrozenInstanceError

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


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_now_is_the_profile_of_networks_as_they_stand(norm: str) -> None:
    x, labels = batch()
    designs = grid(activation="relu", gain=1.3, norm=norm, seed=[3, 4])
    networks, fresh = (
        Networks(designs, 12, 4, 7, dtype=torch.float64),
        measure.profile(designs, x, labels, 4, 7),
    )
    torch.testing.assert_close(measure.now(networks, x, labels).dz, fresh.dz)
    assert (networks.running_mean == 0).all() and (networks.running_var == 1).all()
    with torch.no_grad():
        networks.parameters["last"] *= 3
    if norm == "none":
        assert (measure.now(networks, x, labels).z == fresh.z).all()
    assert (measure.now(networks, x, labels).dz > 1.5 * fresh.dz).all()
    with pytest.raises(ValueError, match="labels must be 8 whole numbers"):
        measure.now(networks, x, labels[:-1])


def test_profile_does_not_depend_on_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = batch()
    designs = grid(activation=["sigmoid", "relu"], gain=[1.0, 2.0], seed=range(3))
    together, merged = measure.profile(designs, x, labels, 3, 6), measure.merging(designs, x, 3, 6)
    monkeypatch.setattr(measure, "_WEIGHTS_AT_ONCE", 1)
    alone = measure.profile(designs, x, labels, 3, 6)
    torch.testing.assert_close(together.dz, alone.dz)
    torch.testing.assert_close(together.dw, alone.dw)
    torch.testing.assert_close(measure.merging(designs, x, 3, 6), merged)


CASES = [
    ("sigmoid", "pytorch"), ("sigmoid", "xavier"), ("sigmoid", "he"), ("sigmoid", 4.0), ("sigmoid", 16.0),
    ("tanh", "pytorch"), ("tanh", 2.0), ("relu", "pytorch"), ("relu", "xavier"), ("relu", "he"), ("relu",
    4.0),
]  # fmt: skip


def factors(name: str, gain: float | str = 1.0, norm: str = "none", **shape: int) -> float:
    """The measured factor per layer of eight networks, on Gaussian inputs."""
    shape = {"depth": 24, "width": 256, "examples": 16} | shape
    x, labels = batch(shape.pop("examples"), shape["width"])
    designs = grid(activation=name, gain=gain, norm=norm, seed=range(8))
    return measure.profile(designs, x, labels, **shape).factor().log().mean().exp().item()


@pytest.mark.parametrize(("name", "gain"), CASES)
def test_measured_factor_is_the_predicted_one(name: str, gain: float | str) -> None:
    assert factors(name, gain) == pytest.approx(theory.gradient_factor(name, gain), rel=0.02)


def test_measured_factor_of_tanh_at_gain_one_follows_the_profile() -> None:
    assert factors("tanh") == pytest.approx(theory.profile("tanh", "xavier", 24).factor(), rel=0.02)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_measured_growth_with_batch_norm(name: str) -> None:
    found = factors(name, norm="batch", depth=20, examples=256)
    assert found == pytest.approx(theory.batch_norm_growth(name), rel=0.02)


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
    assert logs.mean().item() == pytest.approx(-theory.log_norm_variance(64, 20) / 2, abs=0.15)
    assert torch.equal(logs, measure.log_norm(64, 20, count=600))


def test_jacobian_spread() -> None:
    gaussian = measure.jacobian_spread(measure.jacobian("relu", math.sqrt(2)))
    orthogonal = measure.jacobian_spread(measure.jacobian("relu", math.sqrt(2), orthogonal=True))
    assert gaussian.mean().item() == pytest.approx(theory.jacobian_spread("relu", 1, 10), rel=0.25)
    assert orthogonal.mean().item() == pytest.approx(theory.jacobian_spread("relu", 1, 10, True), rel=0.25)
    by_hand = measure.jacobian_spread(
        torch.tensor([[1.0, 2.0], [3.0, 3.0]])
    )  # squares 1 and 4: variance 2.25, mean 2.5
    assert by_hand.tolist() == pytest.approx([2.25 / 6.25, 0.0])
    isometry = measure.jacobian("identity", 1.0, orthogonal=True, width=50, seeds=[0])
    torch.testing.assert_close(isometry, torch.ones_like(isometry))
    assert measure.jacobian("tanh", 1.0, depth=3, width=20, seeds=range(4)).shape == (4, 20)


def test_a_single_hidden_layer_has_a_profile() -> None:
    x, labels = batch()
    found = measure.profile(grid(activation="tanh", seed=[0, 1]), x, labels, depth=1, width=5)
    assert [part.shape for part in (found.dz, found.dw, found.z, found.h)] == [(1, 2)] * 4
    nets = Networks(grid(activation="tanh", seed=[0, 1]), 12, 1, 5, dtype=torch.float64)
    assert found.h[0].tolist() == pytest.approx(nets.trace(x).h[0].square().mean((1, 2)).sqrt().tolist())


def test_relative_and_factor_read_the_profile() -> None:
    x, labels = batch()
    found = measure.profile(grid(activation="tanh", gain=2.0, seed=[0, 1]), x, labels, depth=7, width=6)
    for quantity in ("dz", "dw", "z", "h"):
        values = getattr(found, quantity)
        assert torch.equal(found.relative(quantity), values / values[6])
        assert torch.equal(found.factor(quantity), theory.middle_factor(values))
        assert torch.equal(found.factor(quantity, skip=2), theory.middle_factor(values, 2))
    assert torch.equal(found.relative(), found.relative("dz")) and torch.equal(
        found.factor(), found.factor("dz")
    )


def test_no_signal_is_zero_and_not_nan() -> None:
    x, labels = batch()
    found = measure.profile(grid(activation="relu", gain=0.0), x, labels, depth=3, width=6)
    assert (
        found.z.flatten().tolist() == found.h.flatten().tolist() == found.dw.flatten().tolist() == [0, 0, 0]
    )
    assert bool(found.underflow[0, 0]) and not found.overflow.any()


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1.0, 1e200])
def test_norms_neither_under_nor_overflow(size: float) -> None:
    values = size * torch.tensor([[[3.0, 0.0], [0.0, -4.0]], [[0.0, 0.0], [0.0, 0.0]]], dtype=torch.float64)
    assert (measure._norm(values, (1, 2)) / size).tolist() == pytest.approx([5, 0])
    rms = measure._rms([values[:, :, :1], values])[:, 0] / size
    assert rms.tolist() == pytest.approx([3 / math.sqrt(2), 5 / 2])


@pytest.mark.parametrize("name", ["z", "h", "dz", "dw"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_overflow_in_any_quantity_is_named(name: str, bad: float) -> None:
    parts = {part: torch.ones(2, 3) for part in ("dz", "dw", "z", "h")}
    parts[name][1, 2] = bad
    assert measure.Profile(**parts).overflow.tolist() == [[False] * 3, [False, False, True]]


def test_underflow_starts_below_the_smallest_normal_number() -> None:
    edge = torch.finfo(torch.float32).tiny
    sizes = torch.tensor([[edge, edge * (1 - 1e-9), 0.0]], dtype=torch.float64)
    found = measure.Profile(sizes, sizes, sizes, sizes)
    assert found.underflow.tolist() == [[False, True, True]]
    with pytest.raises(FrozenInstanceError):
        found.dz = sizes


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_merging_by_hand(norm: str) -> None:
    x, _ = batch(6)
    designs = grid(activation="tanh", gain=1.5, norm=norm, seed=[0, 1])
    found = measure.merging(designs, x, depth=3, width=7)
    zs = Networks(designs, 12, 3, 7, dtype=torch.float64).trace(x, training=norm == "batch").z
    for layer, z in enumerate(zs):
        for i in range(2):
            apart = (z[i, :3] - z[i, 3:]).square().mean().sqrt() / z[i].square().mean().sqrt()
            assert found.distance[layer, i].item() == pytest.approx(apart.item(), rel=1e-12)
            angle = 2 * math.asin(min(1.0, apart.item() / 2))
            assert found.angle[layer, i].item() == pytest.approx(math.degrees(angle), rel=1e-12)
    same = measure.merging(designs, torch.cat([x[:3], x[:3]]), depth=3, width=7)
    assert (
        same.distance.max() < 1e-14 and same.angle.max() < 1e-12
    )  # where a row stands may move its last bit
    opposite = measure.merging(grid(activation="identity"), torch.cat([x[:3], -x[:3]]), depth=2, width=7)
    assert opposite.distance.flatten().tolist() == pytest.approx([2, 2])
    assert opposite.angle.flatten().tolist() == pytest.approx([180, 180])
    assert measure.merging(designs, x, 3, 7, dtype=torch.float32).distance.allclose(found.distance, rtol=1e-4)


@pytest.mark.parametrize(
    ("room", "sizes"), [(69, [1] * 10), (70, [1] * 10), (139, [1] * 10), (210, [3, 3, 3, 1]), (10**6, [10])]
)
def test_chunks_hold_as_many_networks_as_there_is_room(room, sizes, monkeypatch):
    monkeypatch.setattr(
        measure, "_WEIGHTS_AT_ONCE", room
    )  # a network of 4 inputs, 3 layers of 5: 20 + 2 * 25
    designs = grid(activation="relu", seed=range(10))
    parts = measure._chunks(designs, 4, 3, 5)
    assert [len(part) for part in parts] == sizes
    assert [design.seed for part in parts for design in part] == list(range(10))


def test_layer_norm_growth_is_batched_networks_growth() -> None:
    """The loop of matrices against the batched networks, which know layer norm, too."""
    loop = measure.layer_norm_growth("tanh", 128, 12, range(8), 8).log().mean().item()
    batched = factors("tanh", norm="layer", width=128, depth=12, examples=8)
    assert loop == pytest.approx(math.log(batched), abs=0.01)
    assert measure.layer_norm_growth("relu", 16, 6, [3, 4], 2).shape == (2,)
    assert torch.equal(
        measure.layer_norm_growth("relu", 4, 5), measure.layer_norm_growth("relu", 4, 5, [0, 1, 2, 3, 4])
    )
    told = measure.layer_norm_growth("relu", width=256, depth=20, examples=16, seeds=[3])
    assert torch.equal(measure.layer_norm_growth("relu", seeds=[3]), told), "the sizes unless told otherwise"


@pytest.mark.parametrize("room", [1, 35, 2**23])
def test_log_norm_by_hand(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_WEIGHTS_AT_ONCE", room)
    found, generator, step = (
        measure.log_norm(4, 3, count=5, seed=7),
        torch.Generator().manual_seed(7),
        room // 16,
    )
    by_hand = []
    for start in range(0, 5, max(1, step)):
        size = min(max(1, step), 5 - start)
        first = h = torch.randn(size, 1, 4, generator=generator)
        for _ in range(3):
            h = torch.relu(h @ (torch.randn(size, 4, 4, generator=generator) * math.sqrt(2 / 4)))
        by_hand.append((h.double().square().sum((1, 2)) / first.double().square().sum((1, 2))).log())
    torch.testing.assert_close(found, torch.cat(by_hand), rtol=1e-5, atol=1e-5)
    assert found.dtype == torch.float64


def test_log_norm_keeps_every_network_in_range_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Network i with weights 10^-3i or 10^3i times as large: its log moves by that much per layer, and no other's."""
    plain, drawn = measure.log_norm(16, 20, count=3), torch.randn
    for power in (-3, 3):

        def scaled(*size: int, power: int = power, **options: torch.Generator) -> torch.Tensor:
            return drawn(*size, **options) * 10.0 ** (power * torch.arange(3)).view(3, 1, 1)

        monkeypatch.setattr(torch, "randn", scaled)
        moved = measure.log_norm(16, 20, count=3)
        by = 2 * 20 * math.log(10) * power * torch.arange(3, dtype=torch.float64)
        torch.testing.assert_close(moved, plain + by, rtol=0, atol=1e-3)


def test_deep_and_narrow_logs_are_minus_infinity_where_the_signal_died() -> None:
    logs = measure.log_norm(2, 6, count=300)
    dead = logs.isinf()
    assert 0 < dead.sum() < 300 and bool((logs[dead] < 0).all())
    assert dead.double().mean().item() == pytest.approx(theory.born_dead(2, 6), abs=0.1)
    assert not torch.equal(logs, measure.log_norm(2, 6, count=300, seed=1))
    assert torch.equal(measure.log_norm(2, 6), measure.log_norm(2, 6, count=200, seed=0))


@pytest.mark.parametrize("orthogonal", [False, True])
def test_jacobian_against_autograd(orthogonal: bool) -> None:
    found = measure.jacobian("tanh", 1.3, depth=3, width=6, orthogonal=orthogonal, start=0.5, seeds=[4, 1])
    for row, seed in zip(found, (4, 1), strict=True):
        generator = torch.Generator().manual_seed(seed)
        z = math.sqrt(0.5) * torch.randn(6, generator=generator, dtype=torch.float64)
        weights = [measure._weights(generator, 1, 6, 1.3, orthogonal)[0] for _ in range(3)]

        def network(z: torch.Tensor, weights: list[torch.Tensor] = weights) -> torch.Tensor:
            for w in weights:
                z = torch.tanh(z) @ w
            return z

        whole = torch.autograd.functional.jacobian(network, z)
        torch.testing.assert_close(row, torch.linalg.svdvals(whole), rtol=1e-10, atol=1e-12)
    assert found.shape == (2, 6) and measure.jacobian("relu", 1.0, depth=1).shape == (5, 200)


def test_random_weights() -> None:
    gaussian = measure._weights(torch.Generator().manual_seed(0), 3, 60, 2.0)
    assert gaussian.shape == (3, 60, 60)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(
        gaussian, torch.randn(gaussian.shape, generator=generator, dtype=torch.float64) * (2 / math.sqrt(60))
    )
    assert gaussian.std().item() == pytest.approx(2 / math.sqrt(60), rel=0.03)
    rotated = measure._weights(torch.Generator().manual_seed(0), 3, 60, 2.0, orthogonal=True)
    eye = torch.eye(60, dtype=torch.float64).expand(3, -1, -1)
    torch.testing.assert_close(rotated @ rotated.mT, 4 * eye)
    # Evenly spread over the rotations: QR with a positive diagonal (Mezzadri 2007).
    upper = rotated.mT @ gaussian
    torch.testing.assert_close(upper.tril(-1), torch.zeros_like(upper), rtol=0, atol=1e-12)
    assert bool((torch.diagonal(upper, dim1=1, dim2=2) > 0).all())


def profile(
    x: torch.Tensor | None = None, labels: object = None, depth: int = 2, width: int = 4, **more: object
):
    labels = batch()[1] if labels is None else torch.tensor(labels)
    return measure.profile(
        grid(activation="relu"), batch()[0] if x is None else x, labels, depth, width, **more
    )


def test_a_class_may_be_missing_and_all_labels_alike() -> None:
    for labels in ([2, 2, 2], [0, 2, 2]):
        assert profile(batch(3)[0], labels, outputs=3).dz.shape == (2, 1)


BROKEN = torch.full((8, 12), math.nan)
SIZES, LABELS = [0, -1, True, 2.0], [[0, 1], [0.0, 1.0, 2.0], [0, 1, 10], [-1, 1, 2], [[0], [1], [2]]]
SIZE = "must be a whole number of at least 1, got"


@pytest.mark.parametrize(
    ("call", "bad", "says"),
    [
        (lambda bad: measure.layer_norm_growth("relu", width=bad), SIZES, f"^width {SIZE}"),
        (lambda bad: measure.layer_norm_growth("relu", depth=bad), SIZES, f"^depth {SIZE}"),
        (lambda bad: measure.layer_norm_growth("relu", examples=bad), SIZES, f"^examples {SIZE}"),
        (lambda bad: measure.layer_norm_growth(bad), ["swish"], "unknown activation"),
        (lambda bad: measure.log_norm(bad, 3), SIZES, f"^width {SIZE}"),
        (lambda bad: measure.log_norm(3, bad), SIZES, f"^layers {SIZE}"),
        (lambda bad: measure.log_norm(3, 3, count=bad), SIZES, f"^count {SIZE}"),
        (lambda bad: measure.log_norm(3, 3, seed=bad), [-1, 2.0], "^a seed must be a whole number from 0 to"),
        (lambda bad: measure.jacobian("relu", 1.0, depth=bad), SIZES, f"^depth {SIZE}"),
        (lambda bad: measure.jacobian("relu", 1.0, width=bad), SIZES, f"^width {SIZE}"),
        (lambda bad: measure.jacobian("relu", 1.0, start=bad), [0.0, -1.0, math.nan, math.inf], "^start must be a finite"),
        (lambda bad: measure.jacobian("relu", bad), [math.nan], "gain"),
        (lambda bad: measure.jacobian("relu", 1.0, seeds=bad), [[]], "at least one seed"),
        (lambda bad: profile(batch(3)[0], bad), LABELS, "labels must be 3 whole numbers from 0 to 9, got shape"),
        (lambda bad: profile(batch(3)[0], bad, outputs=2), [[2, 2, 2]], "labels must be 3 whole numbers from 0 to 1"),
        (lambda bad: profile(depth=bad), [0], "depth"),
        (lambda bad: profile(width=bad), [0], "width"),
        (lambda bad: profile(bad), [BROKEN], "NaN"),
        (lambda bad: measure.profile(bad, *batch(), 3, 6), [[]], "design"),
        (lambda bad: measure.merging(grid(activation="relu"), bad, 2, 4), [BROKEN], "NaN"),
        (
            lambda bad: measure.merging(grid(activation="relu"), torch.zeros(bad), 2, 4),
            [(3, 12), (0, 12), (4,), (2, 2, 12)], "pairs need an even number of examples, got x of shape",
        ),
    ],
)  # fmt: skip
def test_clear_errors(call, bad: list, says: str) -> None:
    for value in bad:
        with pytest.raises(ValueError, match=says):
            call(value)
