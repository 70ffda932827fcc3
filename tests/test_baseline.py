"""The linear baseline: the protocol's rules, the networks' batches, torch's optimisers."""

import pytest
import torch

from course_utils import baseline, data, training

RATES = [0.01, 0.1, 1.0]


@pytest.fixture(scope="module")
def sets() -> tuple[data.Dataset, data.Dataset, data.Dataset]:
    some, rest = data.split(data.load("train", count=600, size=14), 300)
    held_back, test = data.split(rest, 150)
    return some, held_back, test


def by_hand(
    sets: tuple[data.Dataset, data.Dataset, data.Dataset],
    rate: float,
    seed: int,
    judge: int,
    adam: bool,
    epochs: int = 2,
    cooldown: float = 0.0,
) -> float:
    """The same classifier written out: softmax less the label, by the images."""
    some, images, labels = sets[0], sets[judge].images.double(), sets[judge].labels
    x = torch.cat([some.images.double(), torch.ones(len(some), 1, dtype=torch.float64)], 1)
    w, first, second, step = torch.zeros(x.shape[1], 10, dtype=torch.float64), 0.0, 0.0, 0
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for batch in torch.randperm(len(some), generator=generator)[:280].view(-1, 40):
            step += 1
            error = torch.softmax(x[batch] @ w, 1) - torch.eye(10, dtype=torch.float64)[some.labels[batch]]
            slope = x[batch].T @ error / len(batch)
            first = (0.9 * first + 0.1 * slope) if adam else 0.9 * first + slope
            second = 0.999 * second + 0.001 * slope**2
            scale = ((second / (1 - 0.999**step)).sqrt() + 1e-8) * (1 - 0.9**step) if adam else 1.0
            left = (7 * epochs - step + 1) / (7 * epochs * cooldown) if cooldown else 1.0
            w = w - min(1.0, left) * rate * first / scale
    found = images @ w[:-1] + w[-1]
    return float((found.argmax(1) == labels).double().mean())


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_as_written_by_hand(sets: tuple[data.Dataset, data.Dataset, data.Dataset], optimiser: str) -> None:
    found = baseline.softmax_regression(
        RATES, *sets, epochs=2, batch_size=40, seeds=[5, 6], tuning_seeds=[0, 1, 2], optimiser=optimiser
    )
    adam = optimiser == "adam"
    means = [sum(by_hand(sets, rate, seed, 1, adam) for seed in (0, 1, 2)) for rate in RATES]
    assert found.rate == RATES[means.index(max(means))]
    assert found.inside == (found.rate == RATES[1])
    assert found.way.shape == (2, 2) and found.scores.dtype == torch.float64
    expected = [[by_hand(sets, found.rate, seed, 2, adam, epochs) for seed in (5, 6)] for epochs in (1, 2)]
    assert found.way.tolist() == [pytest.approx(row, abs=1.5 / len(sets[2])) for row in expected]


def test_cools_as_written_by_hand(sets: tuple[data.Dataset, data.Dataset, data.Dataset]) -> None:
    shape = {"epochs": 3, "batch_size": 40, "cooldown": 0.6}
    found = baseline.softmax_regression(RATES, *sets, seeds=[5, 6], tuning_seeds=[0, 1], **shape)  # type: ignore[arg-type]
    expected = [by_hand(sets, found.rate, seed, 2, False, 3, 0.6) for seed in (5, 6)]
    assert found.scores.tolist() == pytest.approx(expected, abs=1.5 / len(sets[2]))
    assert expected != [by_hand(sets, found.rate, seed, 2, False, 3) for seed in (5, 6)]


def test_the_batches_are_those_of_the_networks() -> None:
    orders = training._Orders.of([5], 1, torch.device("cpu")).batches(300, 40, 0, 1)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(5))
    assert torch.equal(torch.cat([batch for (batch,) in orders]), order[:280])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimiser": "adamw"}, "optimiser"),
        ({"epochs": 0}, "epochs"),
        ({"cooldown": 2}, "cooldown must be"),
        ({"batch_size": 301}, "batch_size"),
        ({"seeds": [1, 7]}, "in both lists: \\[1\\]"),
        ({"rates": [0.1, 1.0]}, "three"),
    ],
)
def test_refuses(
    sets: tuple[data.Dataset, data.Dataset, data.Dataset], options: dict[str, object], words: str
) -> None:
    some, held_back, test = sets
    usual = {"rates": RATES, "data": some, "held_back": held_back, "test": test}
    with pytest.raises(ValueError, match=words):
        baseline.softmax_regression(**(usual | options))  # type: ignore[arg-type]
