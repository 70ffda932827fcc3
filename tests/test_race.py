"""The race room: step counts, tuning, and the map of what trains, against plain PyTorch."""

import math
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from course_utils import activations, data, machine, race
from course_utils.networks import Design, Networks
from course_utils.training import train

SMALL = data.load("train", count=400, size=14)


def by_hand(losses: list[float], target: float, window: int) -> float:
    for step in range(window, len(losses) + 1):
        if sum(losses[step - window : step]) / window <= target:
            return step
    return math.inf


def test_steps_to_is_the_plain_loop() -> None:
    losses = 2.3 - torch.rand(60, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64).cumsum(
        0
    ) * torch.linspace(0, 0.1, 30)
    for target, window in ((1.0, 20), (1.5, 1), (0.3, 7), (2.2, 60)):
        expected = [by_hand(row, target, window) for row in losses.T.tolist()]
        assert race.steps_to(losses, target, window).tolist() == expected


def test_steps_to_never_counts_what_is_not_finite() -> None:
    losses = torch.full((10, 3), 2.0)
    losses[5:, 0], losses[5:, 1], losses[8:, 2] = math.nan, math.inf, -50.0
    assert race.steps_to(losses, 1.0, 2).tolist() == [math.inf, math.inf, 9]
    assert race.steps_to(-losses.abs(), -60.0, 2).tolist() == [math.inf] * 3


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((torch.zeros(5), 1.0, 1), "steps, networks"), (([1.0], 1.0, 1), "list"), ((torch.zeros(5, 2), 1.0, 6), "5 steps"),
        ((torch.zeros(5, 2), 1.0, 0), "window"), ((torch.zeros(5, 2), math.nan, 1), "finite"), ((torch.zeros(5, 2), "1", 1), "finite"),
    ],
)  # fmt: skip
def test_steps_to_names_what_is_wrong(arguments: tuple, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        race.steps_to(*arguments)


@pytest.mark.parametrize(("activation", "norm"), [("relu", "none"), ("sigmoid", "none"), ("tanh", "batch")])
def test_cells_of_the_map_agree_with_plain_pytorch(activation: str, norm: str) -> None:
    gains, rates = [0.5, 1.0, 4.0], [0.01, 0.1]
    found = race.survey(activation, SMALL, gains, rates, depth=2, width=8, norm=norm, epochs=2, batch_size=50)
    generator = torch.Generator().manual_seed(0)
    for at in torch.randperm(6, generator=generator)[:3].tolist():
        row, column = divmod(at, 2)
        expected = one_by_one(activation, norm, gains[row], rates[column], seed=at)
        assert torch.allclose(found.losses[:, row, column], expected, rtol=2e-3, atol=2e-3)


def one_by_one(activation: str, norm: str, gain: float, rate: float, seed: int) -> torch.Tensor:
    """The same network as an nn.Module, trained by torch.optim.SGD in the same order."""
    start = Networks([Design(activation, seed=seed, gain=gain, norm=norm)], 196, 2, 8)
    act = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}[activation]
    layers: list[torch.nn.Module] = []
    for layer, (fan_in, fan_out) in enumerate(((196, 8), (8, 8), (8, 10))):
        linear = torch.nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            linear.weight.copy_(start.weight(layer)[0].T)
            linear.bias.zero_()
        layers.append(linear)
        if layer < 2:
            layers += [torch.nn.BatchNorm1d(8)] * (norm == "batch") + [act()]
    layers = [torch.nn.BatchNorm1d(8) if isinstance(x, torch.nn.BatchNorm1d) else x for x in layers]
    model = torch.nn.Sequential(*layers)
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    order, losses = torch.Generator().manual_seed(0), []
    for _ in range(2):
        for batch in torch.randperm(400, generator=order).view(-1, 50):
            loss = torch.nn.functional.cross_entropy(model(SMALL.images[batch]), SMALL.labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return torch.tensor(losses)


def a_map() -> race.Map:
    losses = torch.full((30, 3, 2), 2.3)
    losses[5:, 0, 0], losses[25:, 1, 1], losses[9:, 2, 0] = 0.5, 0.2, math.nan
    return race.Map(activations.get("relu"), "none", 4, (0.5, 1.0, 2.0), (0.1, 1.0), losses)


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


def test_heat_races_with_fresh_seeds_at_the_tuned_rate() -> None:
    arms = {"a": {"activation": "relu", "gain": "he"}, "b": {"activation": "sigmoid", "gain": 0.1}}
    heat = race.heat(arms, SMALL, 2, 8, [1e-6, 0.1, 1e6], 1.6, epochs=5, batch_size=20, seeds=3)
    found = race.summary(heat.table).set_index("arm")
    assert found.loc["a", "learning_rate"] == 0.1 and bool(found.loc["a", "inside"])
    assert found.loc["a", "reached"] == 3 and found.loc["a", "seeds"] == 3
    nets = Networks([Design("relu", seed=s, gain="he", learning_rate=0.1) for s in range(3)], 196, 2, 8)
    alone = train(nets, SMALL, epochs=5, batch_size=20).losses
    assert torch.allclose(heat.losses[:, :3], alone, rtol=1e-2, atol=1e-2)
    assert race.count_text(84.6) == "≈ 85" and race.count_text(math.inf) == "never"


@pytest.mark.parametrize(
    ("change", "hint"),
    [({"arms": {}}, "arm"), ({"rates": [0.1, 0.1, 0.2]}, "three"),
     ({"seeds": 0}, "^seeds must be"), ({"tune_seeds": True}, "^tune_seeds must be")],
)  # fmt: skip
def test_heat_names_what_is_wrong(change: dict, hint: str) -> None:
    arguments = {"arms": {"a": {"activation": "relu"}}, "rates": [0.01, 0.1, 1.0]} | change
    with pytest.raises(ValueError, match=hint):
        race.heat(data=SMALL, depth=1, width=4, target=1.0, epochs=1, **arguments)


@pytest.mark.parametrize(
    "change", [{"gains": []}, {"gains": [2.0, 1.0]}, {"rates": [0.0, 0.1]}, {"rates": [0.1, 0.1]}]
)
def test_survey_names_what_is_wrong(change: dict) -> None:
    with pytest.raises(ValueError, match="ascending"):
        race.survey("relu", SMALL, **({"gains": [1.0], "rates": [0.1]} | change), depth=1, width=4)


def test_a_loss_of_exactly_the_line_is_not_below_it() -> None:
    found = race.Map(
        activations.get("relu"), "batch", 4, (1.0,), (0.1, 1.0), torch.tensor([1.0, 0.99]).expand(20, 1, 2)
    )
    assert found.trained().tolist() == [[False, True]] and found.label == "ReLU + batch norm"
    assert found.steps().tolist() == [20] == found.steps(0.99001).tolist()
    assert found.final(1).tolist() == [[1.0, pytest.approx(0.99)]]
    with pytest.raises(FrozenInstanceError):
        found.depth = 5


def test_the_middle_gain_is_a_geometric_mean_and_share_takes_both_ends() -> None:
    found = race.Map(activations.get("relu"), "none", 4, (0.5, 1.0, 8.0), (0.1,), torch.zeros(20, 3, 1))
    assert found.middle_gain() == pytest.approx(4 ** (1 / 3))
    assert found.middle_gain(among=[1.0, 8.0, 3.0]) == pytest.approx(8**0.5)
    assert math.isnan(found.middle_gain(among=[3.0]))
    assert found.share(1.0, 0.5, 1.0)[:2] == (2, 2) and found.share(1.0, 1.0)[:2] == (2, 2)
    assert found.share(1.0, highest=0.5)[:2] == (1, 1)
    with pytest.raises(ValueError, match=r"between 9.0 and inf; it has \(0.5, 1.0, 8.0\)"):
        found.share(1.0, 9.0)


def test_summary_by_hand() -> None:
    table = pd.DataFrame(
        {
            "arm": ["b", "b", "b", "a", "a", "b"],
            "depth": [4, 4, 4, 4, 4, 2],
            "learning_rate": [0.1, 0.1, 0.1, 0.2, 0.2, 0.3],
            "inside": [True, True, True, False, False, True],
            "steps": [30.0, 20.0, math.inf, math.inf, math.inf, 50.0],
        }
    )
    found = race.summary(table)
    assert found["arm"].tolist() == ["b", "a", "b"] and found["depth"].tolist() == [4, 4, 2]  # as they appear
    assert found["learning_rate"].tolist() == [0.1, 0.2, 0.3] and found["inside"].tolist() == [
        True,
        False,
        True,
    ]
    assert found["median"].tolist() == [30, math.inf, 50] and found["lowest"].tolist() == [20, math.inf, 50]
    assert found["highest"].tolist() == [math.inf, math.inf, 50]
    assert found["reached"].tolist() == [2, 0, 1] and found["seeds"].tolist() == [3, 2, 1]


def test_heat_tunes_with_seeds_and_an_order_that_the_race_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[dict] = []

    def spy(nets: Networks, data: object, **how: object) -> object:
        runs.append(
            {"seeds": [d.seed for d in nets.designs], "depth": nets.depth, "width": nets.width, **how}
        )
        return train(nets, data, **how)

    monkeypatch.setattr(race, "train", spy)
    arms = {"b": {"activation": "relu", "gain": "he"}, "a": {"activation": "tanh", "norm": "batch"}}
    heat = race.heat(arms, SMALL, 2, 4, [0.01, 0.1, 1.0], target=1.0, epochs=6)
    tuning, raced = runs
    assert tuning["seeds"] == [1000, 1001] * 6 and raced["seeds"] == [0, 1, 2, 3, 4] * 2
    assert tuning["order_seed"] != raced["order_seed"] == 0
    for run in runs:
        assert (run["depth"], run["width"], run["epochs"], run["batch_size"]) == (2, 4, 6, 100)
    table = heat.table
    assert list(table.columns) == [
        *(
            "arm",
            "depth",
            "activation",
            "gain",
            "bias",
            "norm",
            "learning_rate",
            "inside",
            "seed",
            "steps",
            "loss",
        )
    ]
    assert table["arm"].tolist() == ["b"] * 5 + ["a"] * 5 and table["seed"].tolist() == [0, 1, 2, 3, 4] * 2
    assert table["activation"].tolist() == ["relu"] * 5 + ["tanh"] * 5 and set(table["depth"]) == {2}
    assert table["norm"].tolist() == ["none"] * 5 + ["batch"] * 5
    assert table["loss"].tolist() == pytest.approx(heat.losses[-race.WINDOW :].double().mean(0).tolist())
    assert table["steps"].tolist() == race.steps_to(heat.losses, 1.0).tolist()
    with pytest.raises(FrozenInstanceError):
        heat.table = None


@pytest.mark.parametrize(
    ("last", "chosen", "target"),
    [
        (
            {0.1: 0.2, 0.2: 0.9, 0.3: 1.4},
            0.1,
            1.0,
        ),  # 0.1 and 0.2 get to 1 at the same step, the grid's first wins
        ({0.1: 3.0, 0.2: 1.3, 0.3: 1.2}, 0.3, 1.0),  # nobody gets there: the lowest last loss
        ({0.1: 0.9, 0.2: 1.01, 0.3: 1.01}, 0.1, 1.0),  # who gets there, however late, beats all who do not
        ({0.1: 0.2, 0.2: 0.3, 0.3: 0.3}, 0.1, 0.25),  # also where nobody is far away
        ({0.1: math.nan, 0.2: 8.0, 0.3: 9.0}, 0.2, 1.0),  # the diverged is worst of all
        ({0.1: math.inf, 0.2: 8.0, 0.3: math.nan}, 0.2, 1.0),
    ],
)
def test_how_tuning_scores(
    last: dict[float, float], chosen: float, target: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every loss is 2 but the last two, which depend on the learning rate."""

    def fake(nets: Networks, *_: object, **__: object) -> SimpleNamespace:
        losses = torch.full((20, len(nets)), 2.0)
        losses[18:] = torch.tensor([last[d.learning_rate] for d in nets.designs])
        return SimpleNamespace(losses=losses)

    monkeypatch.setattr(race, "train", fake)
    heat = race.heat({"a": {"activation": "relu"}}, SMALL, 1, 4, [0.1, 0.2, 0.3], target, epochs=5, window=2)
    assert set(heat.table["learning_rate"]) == {chosen}
    assert set(heat.table["inside"]) == {chosen == 0.2}


def test_survey_has_a_seed_for_each_cell_and_two_epochs_of_hundreds() -> None:
    found = race.survey("tanh", SMALL, [0.5, 2.0], [0.01, 0.1, 1.0], depth=2, width=4, first_seed=70)
    assert found.losses.shape == (8, 2, 3) and found.gains == (0.5, 2.0) and found.rates == (0.01, 0.1, 1.0)
    assert found.activation is activations.get("tanh") and found.norm == "none" and found.depth == 2
    designs = [
        Design("tanh", gain=gain, learning_rate=rate, seed=70 + i)
        for i, (gain, rate) in enumerate((g, r) for g in (0.5, 2.0) for r in (0.01, 0.1, 1.0))
    ]
    alone = train(Networks(designs, 196, 2, 4), SMALL, epochs=2, batch_size=100).losses
    torch.testing.assert_close(found.losses.flatten(1), alone)
    first = race.survey("tanh", SMALL, [0.5], [0.01], 2, 4, epochs=1).losses[0].item()
    own = train(
        Networks([Design("tanh", gain=0.5, seed=0, learning_rate=0.01)], 196, 2, 4), SMALL, batch_size=100
    )
    assert first == pytest.approx(own.losses[0, 0].item())  # seeds count from 0


def test_seconds_are_those_of_the_fastest_turn_of_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, now, trained = iter([8.0, 80.0, 4.0, 120.0, 6.0, 100.0]), [0.0], []

    def fake(nets: Networks, data: object, batch_size: int) -> None:
        assert torch.get_num_threads() == 1
        trained.append((nets.designs[0].activation.name, len({d.seed for d in nets.designs}), batch_size))
        now[0] += next(turns)

    monkeypatch.setattr(race, "train", fake)
    monkeypatch.setattr(machine, "processor_time", lambda: now[0])
    spent = race.seconds_per_step(["relu", "tanh"], SMALL, 1, 4, count=2, batch_size=50, rounds=3)
    assert spent == {"relu": 4 / 8 / 2, "tanh": 80 / 8 / 2}
    assert trained == [("relu", 2, 50), ("tanh", 2, 50)] * 3  # they take turns
    turns = iter([1.0] * 5)
    assert race.seconds_per_step(["relu"], SMALL, 1, 4) == {
        "relu": 1 / 4 / 10
    }  # 10 networks, batches of 100, 5 rounds
    assert len(trained) == 11 and trained[-1] == ("relu", 10, 100)


def test_seconds() -> None:
    spent = race.seconds_per_step(["relu", "tanh"], SMALL, 1, 4, count=2, rounds=1)
    assert list(spent) == ["relu", "tanh"] and all(0 < s < 1 for s in spent.values())
    for names, rounds in (([], 1), (["relu", "relu"], 1), (["relu"], 0)):
        with pytest.raises(ValueError, match=r"once|rounds"):
            race.seconds_per_step(names, SMALL, 1, 4, rounds=rounds)
