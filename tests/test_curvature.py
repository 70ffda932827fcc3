"""The Hessian's largest eigenvalue against autograd's whole Hessian, and the highest rate against a parabola."""

import math

import pytest
import torch

from course_utils import curvature, data, training
from course_utils.networks import Networks, grid

EIGHT = {"inputs": 3, "depth": 2, "width": 3, "outputs": 3, "dtype": torch.float64}


def batch(count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (count,), generator=generator)


def whole_hessian(networks: Networks, index: int, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of one network alone, by all parameters in a row."""
    names = list(networks.parameters)
    shapes = [networks.parameters[name].shape for name in names]
    start = torch.cat([networks.parameters[name].detach().flatten() for name in names])

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.split([math.prod(shape) for shape in shapes])
        networks.parameters.update({n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)})
        outputs = networks(x, training=networks.normalised)[index]
        return torch.nn.functional.cross_entropy(outputs, labels)

    kept = dict(networks.parameters)
    found = torch.autograd.functional.hessian(loss, start)
    networks.parameters.update(kept)
    return found


@pytest.mark.parametrize(
    ("name", "norm"), [("sigmoid", "none"), ("relu", "none"), ("relu", "batch"), ("tanh", "layer")]
)
def test_it_is_the_top_of_the_whole_hessian(name: str, norm: str) -> None:
    x, labels = batch()
    networks = Networks(grid(activation=name, gain=2.0, norm=norm, seed=[0, 1]), **EIGHT)
    found = curvature.largest(networks, x, labels, rounds=45)
    for index in range(2):
        values = torch.linalg.eigvalsh(whole_hessian(networks, index, x, labels))
        assert found[index].item() == pytest.approx(values[-1].item(), rel=1e-6)
        assert values[0] < -1e-4, "the largest is asked for, not the largest in size: both signs occur"
    few = [curvature.largest(networks, x, labels, rounds) for rounds in (1, 2, 5, 10)]
    assert all((a <= b + 1e-9).all() for a, b in zip(few, [*few[1:], found], strict=True)), "from below"


def test_a_single_hidden_layer_will_do() -> None:
    x, labels = batch()
    networks = Networks(grid(activation="tanh", seed=[0]), **EIGHT | {"depth": 1})
    first = curvature.largest(networks, x, labels, rounds=20).item()
    values = torch.linalg.eigvalsh(whole_hessian(networks, 0, x, labels))
    assert first == pytest.approx(values[-1].item(), rel=1e-6)


def test_nothing_of_the_networks_changes_and_neighbours_do_not_matter() -> None:
    images = data.load("train", count=60, size=14)
    designs = grid(activation=["relu", "tanh"], norm=["none", "batch"], seed=range(2))
    networks = Networks(designs, 196, 3, 8)
    networks.running_mean.fill_(0.3)
    before = {name: p.detach().clone() for name, p in networks.parameters.items()}
    together = curvature.largest(networks, images.images, images.labels)
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in networks.parameters.items())
    assert (networks.running_mean == 0.3).all() and (networks.running_var == 1).all()
    assert torch.equal(together, curvature.largest(networks, images.images, images.labels))
    for i, design in enumerate(designs):
        alone = curvature.largest(Networks([design], 196, 3, 8), images.images, images.labels, seed=7)
        assert alone.item() == pytest.approx(together[i].item(), rel=0.01)


def test_a_network_that_blew_up_has_none_and_its_neighbour_has() -> None:
    networks = Networks(grid(activation="relu", gain="he", seed=range(2)), 196, 2, 8)
    with torch.no_grad():
        networks.parameters["last"][0, 0, 0] = math.inf
    found = curvature.largest(
        networks, *(lambda d: (d.images, d.labels))(data.load("train", count=20, size=14))
    )
    assert found[0].isnan() and found[1] > 0


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_below_the_highest_rate_a_parabola_calms_down_and_above_it_does_not(momentum: float) -> None:
    steep = 3.0
    edge = curvature.highest_rate(torch.tensor([steep]), momentum).item()
    ends = []
    for rate in (0.99 * edge, 1.01 * edge):
        w, v = 1.0, 0.0
        for _ in range(3000):
            v = momentum * v + steep * w
            w -= rate * v
        ends.append(abs(w))
    assert ends[0] < 1e-3 and ends[1] > 1e3


def test_no_curvature_no_highest_rate() -> None:
    assert curvature.highest_rate(torch.tensor([0.0, -2.0])).tolist() == [math.inf, math.inf]
    assert curvature.highest_rate(torch.tensor([1.9])).item() == pytest.approx(2.0), (
        "the momentum of training"
    )
    assert training.MOMENTUM == 0.9


def test_errors() -> None:
    x, labels = batch()
    networks = Networks(grid(activation="relu"), **EIGHT)
    with pytest.raises(ValueError, match="rounds must be a whole number of at least 1, got 0"):
        curvature.largest(networks, x, labels, rounds=0)
    with pytest.raises(ValueError, match=r"^seed must be a whole number"):
        curvature.largest(networks, x, labels, seed=-1)
    with pytest.raises(ValueError, match="shape"):
        curvature.largest(networks, x[:, :2], labels)
    with pytest.raises(ValueError, match=r"^momentum must be"):
        curvature.highest_rate(torch.ones(1), 1.0)
