"""Landscape: the map of what trains, against networks trained alone and by hand."""

import math
from dataclasses import FrozenInstanceError

import pytest
import torch

from course_utils import activations, data, landscape, training
from course_utils.networks import Design, Networks

SMALL = data.load("train", count=400, size=14)


@pytest.mark.parametrize(
    ("activation", "norm", "first"), [("relu", "none", 0), ("sigmoid", "none", 20), ("tanh", "batch", 0)]
)
def test_cells_of_the_map_are_networks_trained_alone(activation: str, norm: str, first: int) -> None:
    gains, rates = [0.5, 1.0, 4.0], [0.01, 0.1]
    how = {"depth": 2, "width": 8, "norm": norm, "batch_size": 50, "first_seed": first}
    found = landscape.survey(activation, SMALL, gains, rates, **how)
    assert (found.gains, found.rates, found.depth, found.norm) == ((0.5, 1.0, 4.0), (0.01, 0.1), 2, norm)
    generator = torch.Generator().manual_seed(0)
    for at in torch.randperm(6, generator=generator)[:3].tolist():
        row, column = divmod(at, 2)
        expected = one_by_one(activation, norm, gains[row], rates[column], first + at, first)
        assert torch.allclose(found.losses[:, row, column], expected, rtol=2e-3, atol=2e-3)


def one_by_one(activation: str, norm: str, gain: float, rate: float, seed: int, order: int) -> torch.Tensor:
    """The losses of the same network by itself; tests/test_training.py holds them to plain PyTorch."""
    design = Design(activation, seed=seed, gain=gain, norm=norm, learning_rate=rate)
    return training.train(
        Networks([design], 196, 2, 8), SMALL, epochs=2, batch_size=50, order_seed=order
    ).losses[:, 0]


def a_map() -> landscape.Map:
    losses = torch.full((30, 3, 2), 2.3)
    losses[5:, 0, 0], losses[25:, 1, 1], losses[9:, 2, 0] = 0.5, 0.2, math.nan
    return landscape.Map(activations.get("relu"), "none", 4, (0.5, 1.0, 2.0), (0.1, 1.0), losses)


def test_a_map_counts_its_cells() -> None:
    found = a_map()
    assert found.trained().tolist() == [[True, False], [False, False], [False, False]]
    assert found.final()[2, 0] == math.inf and found.final()[0, 0] == 0.5
    assert found.share()[:2] == (1, 6) and found.share(1.0, 0.9, 2.0)[:2] == (0, 4)
    low, high = found.share()[2]
    assert 0 < low < 1 / 6 < high < 1
    assert found.middle_gain() == pytest.approx(0.5) and math.isnan(found.middle_gain(0.1))
    assert found.steps(0.5).tolist() == [25, math.inf, math.inf] and found.label == "ReLU"
    with pytest.raises(ValueError, match="no gain"):
        found.share(1.0, 5.0, 6.0)


def test_a_loss_of_exactly_the_line_is_not_below_it() -> None:
    found = landscape.Map(
        activations.get("relu"), "batch", 4, (1.0,), (0.1, 1.0), torch.tensor([1.0, 0.99]).expand(20, 1, 2)
    )
    assert found.trained().tolist() == [[False, True]] and found.label == "ReLU + batch norm"
    assert found.steps().tolist() == [20] == found.steps(0.99001).tolist()
    assert found.final(1).tolist() == [[1.0, pytest.approx(0.99)]]
    with pytest.raises(FrozenInstanceError):
        found.depth = 5


def test_the_middle_gain_is_a_geometric_mean_and_share_takes_both_ends() -> None:
    found = landscape.Map(activations.get("relu"), "none", 4, (0.5, 1.0, 8.0), (0.1,), torch.zeros(20, 3, 1))
    assert found.middle_gain() == pytest.approx(4 ** (1 / 3))
    assert found.middle_gain(among=[1.0, 8.0, 3.0]) == pytest.approx(8**0.5)
    assert math.isnan(found.middle_gain(among=[3.0]))
    assert found.share(1.0, 0.5, 1.0)[:2] == (2, 2) and found.share(1.0, 1.0)[:2] == (2, 2)
    assert found.share(1.0, highest=0.5)[:2] == (1, 1)
    with pytest.raises(ValueError, match=r"between 9.0 and inf; it has \(0.5, 1.0, 8.0\)"):
        found.share(1.0, 9.0)


@pytest.mark.parametrize(
    "change", [{"gains": []}, {"gains": [2.0, 1.0]}, {"rates": [0.0, 0.1]}, {"rates": [0.1, 0.1]}]
)
def test_survey_names_what_is_wrong(change: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        landscape.survey("relu", SMALL, **({"gains": [1.0], "rates": [0.1]} | change), depth=1, width=4)
