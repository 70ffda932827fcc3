"""Over training and over a row of tasks: against networks trained alone, by hand, and on images shuffled in earnest."""

import math
from typing import Any

import pytest
import torch

from course_utils import activations, data, lifetime, measure, networks, training
from course_utils.data import Dataset
from course_utils.networks import Design, Networks, grid

IMAGES = data.load("train", count=240, size=14)
TRAIN, PROBE = data.split(IMAGES, 200)
SHAPE: dict[str, Any] = {"depth": 5, "width": 12}
SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 20}  # 20 steps
DESIGNS = [
    Design("relu", seed=1, gain="he"), Design("tanh", seed=2), Design("sigmoid", seed=1, norm="batch"),
]  # fmt: skip


def trained(epochs: int) -> Networks:
    """The same networks, trained without anybody looking."""
    found = Networks(DESIGNS, 196, **SHAPE)
    if epochs:
        training.train(found, TRAIN, epochs=epochs, batch_size=20, order_seed=[1, 2, 1])
    return found


def way(at: list[int], **options: Any) -> lifetime.Way:
    return lifetime.follow(DESIGNS, TRAIN, PROBE, at, **SHAPE, **SHORT, **options)


def test_each_look_is_a_look_at_networks_trained_so_far() -> None:
    seen = []
    found = way([0, 3, 10, 20], watch=lambda now, step: seen.append(step))
    assert found.steps == (0, 3, 10, 20) and seen == [0, 3, 10, 20]
    for look, epochs in ((0, 0), (2, 1), (3, 2)):
        alone = trained(epochs)
        profile = measure.now(alone, PROBE.images, PROBE.labels)
        torch.testing.assert_close(found.dz[look], profile.dz, rtol=1e-3, atol=1e-9)
        torch.testing.assert_close(found.factor()[look], profile.factor(), rtol=1e-3, atol=0)
        weights = torch.stack([alone.weight(layer).square().sum((1, 2)).sqrt() for layer in range(5)])
        fan_out = math.sqrt(12)
        torch.testing.assert_close(found.gain[look].float(), weights / fan_out, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.run.losses, way([0]).run.losses, rtol=1e-4, atol=1e-5)


def test_looking_changes_nothing() -> None:
    plain, seen = trained(2), way([0, 2, 5, 11, 20]).run.networks
    for name, parameter in plain.parameters.items():
        torch.testing.assert_close(parameter, seen.parameters[name], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(plain.running_var, seen.running_var, rtol=1e-5, atol=1e-6)


def test_the_update_is_one_step_over_the_weights() -> None:
    found, weights = way([0, 10, 20]), {}

    def keep(now: Networks, step: int) -> None:
        weights[step] = [now.weight(layer).detach().clone() for layer in range(5)]

    training.train(
        Networks(DESIGNS, 196, **SHAPE), TRAIN, **SHORT, order_seed=[1, 2, 1], watch=keep, at=[0, 1, 10, 11]
    )
    for look, step in ((0, 0), (1, 10)):
        for layer in range(5):
            before, after = weights[step][layer], weights[step + 1][layer]
            wanted = (after - before).norm(dim=(1, 2)) / before.norm(dim=(1, 2))
            torch.testing.assert_close(found.update[look, layer].float(), wanted, rtol=1e-3, atol=1e-9)
    assert found.update[2].isnan().all(), "after the last step comes none"


def test_slopes_are_those_of_the_probe() -> None:
    found, start = way([0]), Networks(DESIGNS, 196, **SHAPE)
    z = start.trace(PROBE.images, training=True).z
    for i, design in enumerate(DESIGNS):
        slope = activations.get(design.activation).derivative(z[3][i]).square().mean().sqrt()
        assert found.slope[0, 3, i].item() == pytest.approx(slope.item(), rel=1e-5)


def test_the_parts_make_the_factor_and_at_init_nothing_is_aligned() -> None:
    designs = grid(activation=["relu", "tanh", "sigmoid"], gain=[1.0, 3.0], seed=range(2))
    found = lifetime.follow(designs, TRAIN, PROBE, [0, 20], depth=10, width=96, **SHORT)
    for look in range(2):
        parts = lifetime.parts(found.dz[look], found.gain[look], found.slope[look])
        assert list(parts) == ["gain", "slope", "alignment"]
        product = parts["gain"] * parts["slope"] * parts["alignment"]
        torch.testing.assert_close(product, found.factor()[look], rtol=1e-9, atol=0, equal_nan=True)
        if look == 0:
            assert (parts["alignment"] - 1).abs().max() < 0.06
            gains = torch.tensor([d.std_times_root_fan_in for d in designs], dtype=torch.float64)
            torch.testing.assert_close(parts["gain"], gains, rtol=0.02, atol=0)


def test_alignment_is_seen_where_it_was_put() -> None:
    """A gradient along the longest direction of weights of rank one: their length times root width, with slopes of 1."""
    depth, width = 6, 8
    dz = torch.ones(depth, 1, dtype=torch.float64) * torch.arange(depth, 0, -1).double().view(-1, 1).exp()
    ones = torch.ones(depth, 1, dtype=torch.float64)
    parts = lifetime.parts(dz, ones * 0.5, ones * 2)
    assert parts["alignment"].item() == pytest.approx(math.e) and width == 8
    assert parts["gain"].item() == pytest.approx(0.5) and parts["slope"].item() == pytest.approx(2)


def test_shuffled_keeps_all_but_the_order_of_the_changes() -> None:
    begin, now = trained(0), trained(1)
    copy = lifetime.shuffled(now, begin)
    for name, parameter in now.parameters.items():
        assert torch.equal(parameter, copy.parameters[name]) == (name != "hidden")
    change, moved = (n.parameters["hidden"] - begin.parameters["hidden"] for n in (now, copy))
    torch.testing.assert_close(
        change.flatten(2).sort(2).values, moved.flatten(2).sort(2).values, rtol=0, atol=1e-6
    )
    assert not torch.allclose(change, moved) and torch.equal(
        copy.parameters["hidden"], lifetime.shuffled(now, begin).parameters["hidden"]
    )
    assert not torch.equal(copy.parameters["hidden"], lifetime.shuffled(now, begin, 1).parameters["hidden"])
    still = lifetime.shuffled(begin, begin)
    assert torch.equal(still.parameters["hidden"], begin.parameters["hidden"])


def row(designs: list[Design], count: int = 3, **options: Any) -> lifetime.Row:
    return lifetime.tasks(designs, TRAIN, count, depth=2, width=10, epochs=1, batch_size=20, **options)


def test_a_row_is_a_network_trained_on_images_whose_pixels_are_shuffled() -> None:
    designs = [
        Design("relu", seed=3, gain="he"),
        Design("tanh", seed=4),
        Design("sigmoid", seed=3, norm="batch"),
    ]
    found = row(designs)
    for i, design in enumerate(designs):
        alone, lot = Networks([design], 196, 2, 10), torch.Generator().manual_seed(design.seed)
        place = torch.arange(196)
        for task in range(3):
            place = place[torch.randperm(196, generator=lot)]
            images = torch.empty_like(TRAIN.images)
            images[:, place] = TRAIN.images  # pixel k stands at place[k]
            alone.moments, alone.trained = None, 0
            mine = Dataset(images, TRAIN.labels, "train", 14, 0.0, 1.0)
            history = training.train(alone, mine, batch_size=20, order_seed=design.seed * 10_000 + task)
            assert found.losses[task, i].item() == pytest.approx(history.losses.mean().item(), rel=2e-3)
    assert found.table["arm"].tolist() == [d.arm for d in designs] and set(found.table["reset"]) == {"none"}
    torch.testing.assert_close(found.mean("tanh", slice(1, 3)), found.losses[1:3, 1].mean(0, keepdim=True))


def test_drawing_dead_units_anew_leaves_the_network_s_answers_and_wakes_them() -> None:
    now = Networks([Design("relu", seed=s, gain="he") for s in (0, 1)], 196, 3, 8)
    which = torch.zeros(2, 3, 8, dtype=torch.bool)
    which[0, 1, 2] = which[1, 2, 5] = True
    with torch.no_grad():
        now.parameters["bias"][1, 0, 0, 2] = now.parameters["bias"][2, 1, 0, 5] = -1e3
    before, answers = now.weight(1).detach().clone(), now(TRAIN.images)
    lifetime.renew(now, which, [torch.Generator().manual_seed(s) for s in (5, 6)])
    torch.testing.assert_close(now(TRAIN.images), answers, rtol=1e-5, atol=1e-5)
    assert (now.trace(TRAIN.images).h[1][0, :, 2] > 0).any() and now.parameters["bias"][1, 0, 0, 2] == 0
    changed = (now.weight(1) != before).any(1)
    assert changed[0].tolist() == which[0, 1].tolist() and not changed[1].any()
    assert (now.weight(2)[0, 2] == 0).all() and (now.weight(3)[1, 5] == 0).all()


def test_new_weights_have_the_size_of_the_init_s() -> None:
    now = Networks([Design("tanh", gain=3.0)], 196, 2, 400)
    which = torch.ones(1, 2, 400, dtype=torch.bool)
    lifetime.renew(now, which, [torch.Generator().manual_seed(0)])
    assert now.weight(0).std().item() * 14 == pytest.approx(3, rel=0.01) and (now.weight(2) == 0).all()


def test_as_many_living_units_are_drawn_as_there_are_dead_ones() -> None:
    dead = torch.rand(3, 2, 20, generator=torch.Generator().manual_seed(0)) < 0.3
    dead[2, 1] = True  # none living: none to draw
    lots = [torch.Generator().manual_seed(s) for s in range(3)]
    which = lifetime._chosen(dead, ["none", "dead", "living"], lots)
    assert not which[0].any() and torch.equal(which[1], dead[1])
    assert not (which[2] & dead[2]).any() and which[2].sum(1).tolist() == [int(dead[2, 0].sum()), 0]


def test_arms_of_a_seed_share_tasks_and_a_reset_changes_only_its_own() -> None:
    relu = Design("relu", seed=0, gain="he", bias=-1.0, learning_rate=0.05)
    found = row([relu, relu, relu], reset=["none", "dead", "none"], names=["a", "b", "c"])
    torch.testing.assert_close(found.losses[:, 0], found.losses[:, 2], rtol=1e-3, atol=1e-3)
    assert found.dead[0, 1] > 0 and found.losses[0, 0] == pytest.approx(found.losses[0, 1].item(), rel=1e-3)
    assert abs(found.losses[2, 0] - found.losses[2, 1]) > 1e-3


def test_left_to_themselves_runs_are_as_long_as_they_say() -> None:
    found = lifetime.follow(DESIGNS[:1], TRAIN, PROBE, [0, 6], depth=2, width=4)
    assert len(found.run.losses) == 6 and found.update[0].isfinite().all() and found.update[1].isnan().all()
    odd = lifetime.follow(DESIGNS[:1], TRAIN, PROBE, [0, 6], depth=2, width=4, epochs=1, batch_size=30)
    assert len(odd.run.losses) == 6, "what does not fill a batch is left out"
    short, told = (
        lifetime.tasks([Design("tanh")], TRAIN, 1, depth=2, width=4, **how)
        for how in ({}, SHORT | {"batch_size": 100})
    )
    assert torch.equal(short.losses, told.losses)
    living = lifetime.tasks([Design("tanh")], TRAIN, 1, depth=2, width=4, reset=["living"])
    assert living.table["reset"].tolist() == ["living"]


def test_a_network_that_diverges_has_an_infinite_loss_and_no_dead() -> None:
    found = row([Design("identity", learning_rate=50.0), Design("tanh")])
    assert (
        found.losses[-1, 0] == math.inf and found.dead[-1, 0].isnan() and found.losses[:, 1].isfinite().all()
    )


def test_errors() -> None:
    tanh = Design("tanh")
    with pytest.raises(ValueError, match="neighbours"):
        way([0, 4, 5])
    with pytest.raises(ValueError, match=r"^seed must be a whole number"):
        lifetime.shuffled(trained(0), trained(0), -1)
    with pytest.raises(ValueError, match="from 0 to the 20 steps of this run"):
        way([0, 22])
    with pytest.raises(ValueError, match="unknown reset 'all'; known are: none, dead, living"):
        row([tanh], reset=["all"])
    with pytest.raises(ValueError, match="reset must be 1"):
        row([tanh], reset=["none"] * 2)
    with pytest.raises(ValueError, match=r"^names must be 1"):
        row([tanh], names=[])
    with pytest.raises(ValueError, match=r"^count must be"):
        row([tanh], count=0)
    with pytest.raises(ValueError, match="unknown arm 'ReLU'"):
        row([tanh], count=1).mean("ReLU", slice(None))
    with pytest.raises(ValueError, match="which must be"):
        lifetime.renew(Networks([tanh], 196, 2, 4), torch.ones(1, 2, 5, dtype=torch.bool), [])
    assert networks.grid(activation="tanh") == [tanh]
