"""Training of many networks at once against torch.optim.SGD on one network at a time; the bench that times both."""

import contextlib
import copy
import dataclasses
import math

import pandas as pd
import pytest
import torch
from test_networks import DyT, one_thread, plain  # noqa: F401  one_thread applies to every test here
from torch import nn

from course_utils import activations, machine, training
from course_utils.data import Dataset
from course_utils.maintain import bench
from course_utils.networks import Design, Networks, grid

INPUTS, CLASSES, BATCH = 12, 4, 20
COLUMNS = [
    *("network", "arm", "activation", "seed", "gain", "bias", "norm", "learning_rate", "l1", "residual"),
    *("epoch", "step"),
    *("train_loss", "test_loss", "test_accuracy", "diverged"),
]
RATES = [
    Design("relu", seed=1, gain="he", learning_rate=0.05),
    Design("relu", seed=2, gain="he", learning_rate=0.3),
    Design("tanh", seed=3, learning_rate=0.1),
    Design("sigmoid", seed=4, gain=2, learning_rate=0.7),
    Design("softplus", seed=5, bias=-0.2, learning_rate=0.02),
]
NORMALISED = [
    Design("relu", seed=1, gain="he", norm="batch", learning_rate=0.05),
    Design("sigmoid", seed=2, norm="batch", learning_rate=0.2),
    Design("sigmoid", seed=3, learning_rate=0.2),
]
PATHS = [
    Design("sigmoid", seed=1, norm="layer", learning_rate=0.2),
    Design("relu", seed=2, gain="he", norm="layer", residual=True, learning_rate=0.05),
    Design("gelu", seed=3, norm="batch", residual=True, learning_rate=0.05),
    Design("tanh", seed=4, residual=True, learning_rate=0.05),
    Design("relu", seed=5, gain="he", norm="dyt", residual=True, learning_rate=0.05),
]


def dataset(count=130, inputs=INPUTS, classes=CLASSES, seed=0, split="train") -> Dataset:
    """Classes that can be told apart, but not quite."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    centres = torch.randn(classes, inputs, generator=torch.Generator().manual_seed(77))
    return Dataset(
        centres[labels] + torch.randn(count, inputs, generator=generator), labels, split, 28, 0.0, 1.0
    )


def order(count, batch_size, epochs, seed):
    """The batches that the docstring of train promises."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        yield from torch.randperm(count, generator=generator)[: count // batch_size * batch_size].split(
            batch_size
        )


def torchs(optimiser, model, rate, momentum=0.9, weight_decay=0.01):
    """What train promises to do, by torch."""
    if optimiser == "sgd":
        return torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)
    if optimiser == "adam":
        return torch.optim.Adam(model.parameters(), lr=rate)
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=weight_decay)


def train_plain(
    nets, number, data, epochs=1, batch_size=BATCH, order_seed=0, optimiser="sgd", cooldown=0.0, **choices
):
    """Network ``number`` by torch.optim, with the l1 penalty of its design; the model and the loss of each step."""
    model, design = plain(nets, number), nets.designs[number]
    step, losses = torchs(optimiser, model, design.learning_rate, **choices), []
    hidden: list[torch.Tensor] = []
    for module in model:
        if not isinstance(module, nn.Linear | nn.BatchNorm1d | nn.LayerNorm):
            module.register_forward_hook(lambda _m, _x, h: hidden.append(h))
    steps = epochs * (len(data) // batch_size)
    falling = [min(1.0, (steps - k) / (cooldown * steps)) if cooldown else 1.0 for k in range(steps + 1)]
    schedule = torch.optim.lr_scheduler.LambdaLR(step, falling.__getitem__)
    for batch in order(len(data), batch_size, epochs, order_seed):
        hidden.clear()
        loss = nn.functional.cross_entropy(model(data.images[batch].to(nets.dtype)), data.labels[batch])
        penalty = design.l1 * sum(h.abs().sum(1).mean() for h in hidden)
        step.zero_grad()
        (loss + penalty).backward()
        step.step()
        schedule.step()
        losses.append(loss.item())
    return model, torch.tensor(losses, dtype=nets.dtype)


def assert_as_torch(nets, models, tolerance):
    """All parameters, and the statistics of batch norm, are those of the models of torch."""
    close, p = {"rtol": tolerance, "atol": tolerance}, nets.parameters
    for i, model in enumerate(models):
        for layer, linear in enumerate(m for m in model if isinstance(m, nn.Linear)):
            torch.testing.assert_close(nets.weight(layer)[i], linear.weight.T, **close)
            bias = p["bias"][layer, i, 0] if layer < nets.depth else p["last_bias"][i, 0]
            torch.testing.assert_close(bias, linear.bias, **close)
        for layer, norm in enumerate(m for m in model if isinstance(m, nn.BatchNorm1d | nn.LayerNorm | DyT)):
            torch.testing.assert_close(p["scale"][layer, i, 0], norm.weight, **close)
            torch.testing.assert_close(p["shift"][layer, i, 0], norm.bias, **close)
            if isinstance(norm, nn.BatchNorm1d):
                torch.testing.assert_close(nets.running_mean[layer, i, 0], norm.running_mean, **close)
                torch.testing.assert_close(nets.running_var[layer, i, 0], norm.running_var, **close)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize(
    "designs", [RATES, NORMALISED, PATHS], ids=["plain", "batch norm", "layer norm and residual"]
)
@pytest.mark.parametrize(
    ("choices", "depth"), [({"momentum": 0.9}, 3), ({"momentum": 0.0}, 2), ({"momentum": 0.5}, 1)]
)
def test_twenty_steps_against_torch(dtype, tolerance, designs, choices, depth):
    compare(
        Networks(designs, INPUTS, depth, 9, CLASSES, dtype=dtype), tolerance, [0] * len(designs), **choices
    )


# One per network, or one for all; alike in number, unlike, none shared, of different arrangements.
ORDERS = {
    "one": 7,
    "pairs": [*[5, 6] * 6, 5],
    "unlike": [3, 3, 9, *[4] * 8, 9, 8],
    "own": list(range(12, -1, -1)),
}


@pytest.mark.parametrize(
    "choices",
    [
        {"momentum": 0.5},
        {"optimiser": "adam"},
        {"optimiser": "adamw"},
        {"optimiser": "adamw", "weight_decay": 0.3},
        {"cooldown": 0.5},
        {"optimiser": "adamw", "weight_decay": 0.3, "cooldown": 1.0},
    ],
    ids=["sgd", "adam", "adamw", "more decay", "sgd cools", "adamw cools"],
)
@pytest.mark.parametrize("orders", ORDERS)
def test_every_optimiser_and_order_against_torch(choices, orders):
    """All kinds of networks side by side, float64, with norms, residual paths and l1."""
    scale = 1.0 if choices.get("optimiser", "sgd") == "sgd" else 0.1
    designs = [
        dataclasses.replace(d, learning_rate=scale * d.learning_rate, l1=0.01 * (i % 3))
        for i, d in enumerate([*RATES, *NORMALISED, *PATHS])
    ]
    seeds = ORDERS[orders]
    nets = Networks(designs, INPUTS, 3, 9, CLASSES, dtype=torch.float64)
    compare(nets, 1e-8, [seeds] * len(designs) if isinstance(seeds, int) else seeds, given=seeds, **choices)


def compare(nets, tolerance, orders, given=None, **choices):
    """Twenty steps of training.train and of torch.optim."""
    data, run = dataset(), {"epochs": 4, "batch_size": 25, **choices}
    expected = [train_plain(nets, i, data, order_seed=seed, **run) for i, seed in enumerate(orders)]
    history = training.train(nets, data, order_seed=orders if given is None else given, **run)
    assert history.losses.shape == (20, len(nets)) and history.losses.dtype == nets.dtype
    assert history.losses[-1].mean() < 0.9 * history.losses[0].mean()
    for i, (_, losses) in enumerate(expected):
        torch.testing.assert_close(history.losses[:, i], losses, rtol=tolerance, atol=tolerance)
    assert_as_torch(nets, [model for model, _ in expected], 10 * tolerance)


def test_tiny_gradients_are_flushed_and_change_nothing(monkeypatch):
    """Saturated sigmoids, whose gradients float32 cannot hold whole: the same networks with and without the flush."""
    designs = [Design("sigmoid", gain=gain, learning_rate=1.0, seed=i) for i, gain in enumerate((1, 40, 80))]
    found, seen = [], []
    for flushes in (True, False):
        if not flushes:
            monkeypatch.setattr(training.machine, "flushed", contextlib.nullcontext)
        nets = Networks(designs, INPUTS, 6, 9, CLASSES)
        options = {
            "watch": lambda *_: seen.append(torch.tensor([1e-39], dtype=torch.float32).mul(1).item() == 0)
        }
        found.append(training.train(nets, dataset(), batch_size=BATCH, epochs=3, **options).losses)
    assert torch.equal(*found)
    assert seen == [
        False,
        *[torch.set_flush_denormal(False)] * 3,
        *[False] * 4,
    ]  # the first look is before the first step


@pytest.mark.parametrize("optimiser", training.OPTIMISERS)
def test_training_goes_on_knowingly(optimiser):
    """Two runs of one epoch are one run of two; without ``more`` the second is an error and changes nothing."""

    def fresh():
        return Networks([*RATES, *NORMALISED, *PATHS], INPUTS, 2, 8, CLASSES, dtype=torch.float64)

    once, twice, data = fresh(), fresh(), dataset()
    choices = {"batch_size": BATCH, "order_seed": [*[4, 5, 6] * 4, 4], "optimiser": optimiser}
    whole = training.train(once, data, epochs=2, **choices).losses
    first = training.train(twice, data, more=True, **choices).losses
    before = {name: p.detach().clone() for name, p in twice.parameters.items()}
    with pytest.raises(ValueError, match="trained for 1 epochs before; build them anew, or give more=True"):
        training.train(twice, data, **choices)
    assert all(torch.equal(p, before[name]) for name, p in twice.parameters.items())
    copied = copy.deepcopy(twice)
    second = training.train(twice, data, more=True, **choices)
    assert torch.equal(torch.cat([first, second.losses]), whole) and once.trained == twice.trained == 2
    assert second.table.epoch.unique().tolist() == [0, 1]
    assert torch.equal(training.train(copied, data, more=True, **choices).losses, second.losses)


def test_another_optimiser_starts_with_no_moments():
    nets, data = Networks(RATES, INPUTS, 2, 8, CLASSES, dtype=torch.float64), dataset()
    training.train(nets, data, batch_size=BATCH)
    model = plain(nets, 1)
    step = torch.optim.Adam(model.parameters(), lr=RATES[1].learning_rate)
    for batch in list(order(len(data), BATCH, 2, 0))[6:]:
        step.zero_grad()
        nn.functional.cross_entropy(model(data.images[batch].double()), data.labels[batch]).backward()
        step.step()
    training.train(nets, data, batch_size=BATCH, optimiser="adam", more=True)
    torch.testing.assert_close(nets.weight(0)[1], model[0].weight.T, rtol=1e-8, atol=1e-8)


def test_networks_that_stopped_half_way_count_as_trained():
    nets = Networks(RATES, INPUTS, 2, 8, CLASSES)

    def stop(_networks, epoch):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(nets, dataset(), epochs=2, batch_size=BATCH, watch=stop)
    assert nets.trained == 1


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize(("activation", "threads"), [("relu", 1), ("relu", 2), ("sigmoid", 1), ("gelu", 1)])
def test_alone_as_among_others(activation, norm, threads):
    """Bit for bit with one thread; with two, MKL divides the last layer's products otherwise for one network alone."""
    designs = grid(activation=activation, norm=norm, gain="he", seed=range(6), learning_rate=[0.02, 0.1])
    data = dataset(500, 784, 10)
    with machine.threads(threads):
        together = training.train(Networks(designs, 784, 3, 32), data, batch_size=50).losses
        for i in (0, 5, 11):
            alone = training.train(Networks([designs[i]], 784, 3, 32), data, batch_size=50).losses[:, 0]
            torch.testing.assert_close(alone, together[:, i], rtol=1e-6, atol=0 if threads == 1 else 2e-6)


@pytest.mark.parametrize("optimiser", training.OPTIMISERS)
def test_l1_against_torch(optimiser):
    """The penalty is added to what is minimised, in the networks that have one, and not to the reported loss."""
    designs = [
        Design("relu", seed=1, gain="he", learning_rate=0.05),
        Design("tanh", seed=2, l1=0.02, residual=True),
    ]
    nets = Networks(designs, INPUTS, 3, 9, CLASSES, dtype=torch.float64)
    free = dataclasses.replace(designs[1], l1=0.0)
    without = Networks([free], INPUTS, 3, 9, CLASSES, dtype=torch.float64)
    _, losses = train_plain(nets, 1, dataset(), optimiser=optimiser)
    assert (train_plain(without, 0, dataset(), optimiser=optimiser)[1] - losses).abs().max() > 1e-3
    compare(nets, 1e-9, [0, 0], optimiser=optimiser)


def test_watch_sees_the_start_and_every_epoch():
    nets, data, seen = Networks(RATES, INPUTS, 2, 5, CLASSES), dataset(), []
    start = nets.weight(0).detach().clone()

    def watch(networks, epoch):
        seen.append((epoch, networks.weight(0).detach().clone()))

    history = training.train(nets, data, epochs=3, batch_size=BATCH, watch=watch)
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3] == history.table.epoch.unique().tolist()
    assert torch.equal(seen[0][1], start) and torch.equal(seen[-1][1], nets.weight(0))
    assert not torch.equal(seen[1][1], seen[2][1])


def test_watch_at_steps_sees_networks_as_trained_so_far():
    """Two epochs of six steps: a look in the middle sees what a run of so many steps ends with, and disturbs nothing."""
    seen, nets = {}, Networks(RATES, INPUTS, 2, 5, CLASSES)
    keep = {
        "watch": lambda now, step: seen.update({step: now.weight(1).detach().clone()}),
        "batch_size": BATCH,
    }
    training.train(nets, dataset(), epochs=2, at=[0, 2, 6, 12], **keep)
    assert list(seen) == [0, 2, 6, 12]
    plain = Networks(RATES, INPUTS, 2, 5, CLASSES)
    assert torch.equal(seen[0], plain.weight(1))
    training.train(plain, dataset(), epochs=2, batch_size=BATCH)
    assert torch.equal(seen[12], plain.weight(1)) and not torch.equal(seen[2], seen[6])
    for wrong, word in (([3, 2], "rise"), ([13], "from 0 to the 12 steps"), ([0.5], "whole")):
        with pytest.raises(ValueError, match=word):
            training.train(Networks(RATES, INPUTS, 2, 5, CLASSES), dataset(), epochs=2, at=wrong, **keep)


def test_what_a_watcher_changes_stays_changed():
    """In place, before the first step and between epochs: with all weights 0 every loss is ln(classes)."""
    losses = {}
    for when in (0, 1):
        nets = Networks([Design("relu", gain="he", learning_rate=1e-9)], INPUTS, 2, 5, CLASSES)

        def wipe(networks, epoch, when=when):
            with torch.no_grad():
                networks.parameters["last"].mul_(epoch != when)

        losses[when] = training.train(nets, dataset(), epochs=2, batch_size=BATCH, watch=wipe).losses[:, 0]
    even = torch.full((6,), math.log(CLASSES))
    torch.testing.assert_close(losses[0], even.repeat(2), rtol=1e-5, atol=0)
    torch.testing.assert_close(losses[1][6:], even, rtol=1e-5, atol=0)
    assert (losses[1][:6] - even).abs().min() > 1e-3


def test_order_of_the_networks_does_not_matter():
    mixed, data = [*RATES, *NORMALISED, *PATHS], dataset()
    there = training.train(Networks(mixed, INPUTS, 3, 16, CLASSES), data, batch_size=BATCH).losses
    back = training.train(Networks(mixed[::-1], INPUTS, 3, 16, CLASSES), data, batch_size=BATCH).losses
    torch.testing.assert_close(there, back.flip(1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_diverged_network_harms_no_neighbour(norm):
    calm = [Design("relu", seed=s, gain="he", norm=norm, learning_rate=0.05) for s in range(3)]
    wild = [*calm[:1], Design("relu", seed=7, gain=1e30, learning_rate=1e30), *calm[1:]]
    data, test = dataset(), dataset(60, seed=1, split="test")
    history = training.train(Networks(wild, INPUTS, 3, 16, CLASSES), data, test, 2, BATCH)
    healthy = training.train(Networks(calm, INPUTS, 3, 16, CLASSES), data, test, 2, BATCH)
    torch.testing.assert_close(history.losses[:, [0, 2, 3]], healthy.losses, rtol=1e-6, atol=0)
    assert bool(history.losses[:, [0, 2, 3]].isfinite().all())
    assert not bool(history.losses[-1, 1].isfinite())
    assert history.diverged_at.tolist() == [-1, 0, -1, -1]
    final = history.final()
    assert final.diverged.tolist() == [False, True, False, False]
    assert final.test_accuracy.isna().tolist() == [False, True, False, False]
    assert not math.isfinite(final.test_loss[1]) and not math.isfinite(final.train_loss[1])
    columns = ["train_loss", "test_loss", "test_accuracy"]
    others = final.drop(1)[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, healthy.final()[columns], rtol=1e-6)


@pytest.mark.parametrize(("batch_size", "steps"), [(BATCH, 6), (130, 1)])
def test_divergence_is_dated(batch_size, steps):
    """Growing without bound, a network is entered at the first step whose loss is not finite, and stays entered."""
    nets = Networks([Design("relu", seed=1, gain="he", learning_rate=1e4)], INPUTS, 3, 16, CLASSES)
    history = training.train(nets, dataset(), epochs=9, batch_size=batch_size)
    finite = history.losses[:, 0].isfinite().tolist()
    step = int(history.diverged_at[0])
    assert 0 < step < 9 and finite == [True] * step + [False] * (9 * steps - step)
    assert history.table.diverged.tolist() == [False] + [step < steps * epoch for epoch in range(1, 10)]


def test_parameters_blown_up_by_the_last_step_are_seen():
    nets = Networks([Design("identity", seed=1, learning_rate=3e38)], INPUTS, 2, 16, CLASSES)
    data = dataset(BATCH)
    history = training.train(
        nets, data.__class__(100 * data.images, *dataclasses.astuple(data)[1:]), batch_size=BATCH
    )
    assert bool(history.losses.isfinite().all())
    assert history.diverged_at.tolist() == [0] and history.final().diverged.tolist() == [True]


def test_a_broken_start_is_seen():
    nets = Networks([Design("relu", gain=1e300), Design("relu", gain="he")], INPUTS, 2, 16, CLASSES)
    history = training.train(nets, dataset(), batch_size=BATCH)
    assert history.diverged_at.tolist() == [0, -1]
    assert history.table.diverged.tolist() == [True, False, True, False]


def test_order_seed():
    def losses(**choices):
        nets = Networks([Design("relu", gain="he")], INPUTS, 2, 8, CLASSES)
        return training.train(nets, dataset(), epochs=2, batch_size=BATCH, **choices).losses

    assert torch.equal(losses(), losses(order_seed=0))
    assert not torch.equal(losses(), losses(order_seed=1))
    nets = Networks([Design("relu", gain="he")], INPUTS, 2, 8, CLASSES)
    expected = train_plain(nets, 0, dataset(), epochs=2, order_seed=5)[1]
    torch.testing.assert_close(losses(order_seed=5)[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), dataset(), batch_size=BATCH)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("with_test", [True, False])
def test_table(dtype, with_test):
    designs = [*RATES, *NORMALISED, Design(activations.get("sigmoid").steeper(4))]
    nets = Networks(designs, INPUTS, 2, 8, CLASSES, dtype=dtype)
    test = dataset(60, seed=1, split="test") if with_test else None
    history = training.train(nets, dataset(), test, epochs=3, batch_size=BATCH)
    table, count = history.table, len(designs)
    assert list(table.columns) == COLUMNS and len(table) == 4 * count
    assert table.index.tolist() == list(range(4 * count))
    for kind, names in {
        "i": ["network", "seed", "epoch", "step"],
        "f": ["bias", "learning_rate", "train_loss", "test_loss", "test_accuracy"],
        "b": ["diverged"],
    }.items():
        assert [table[name].dtype.kind for name in names] == [kind] * len(names)
    assert {str(table[name].dtype) for name in ("train_loss", "test_loss", "test_accuracy")} == {"float64"}
    assert table.network.tolist() == 4 * list(range(count))
    assert table.activation[count - 1] == "sigmoid(x4)" and table.gain[0] == "he"
    assert table.epoch.unique().tolist() == [0, 1, 2, 3] and table.step.unique().tolist() == [0, 6, 12, 18]
    for i in range(count):
        own = table[table.network == i]
        assert math.isnan(own.train_loss.iloc[0])
        means = history.losses[:, i].view(3, 6).mean(1).double().tolist()
        assert own.train_loss.iloc[1:].tolist() == pytest.approx(means, rel=1e-6)
    if test is None:
        assert table.test_loss.isna().all() and table.test_accuracy.isna().all()
    else:
        loss, accuracy = training.evaluate(nets, test)
        final = history.final()
        assert final.test_loss.tolist() == loss.tolist() and final.test_accuracy.tolist() == accuracy.tolist()
        assert final.test_accuracy.mean() > table.test_accuracy[:count].mean() + 0.1
    assert len(history.final()) == count and history.final().network.tolist() == list(range(count))


@pytest.mark.parametrize("name", ["first", "hidden", "bias", "last", "last_bias", "scale", "shift"])
def test_a_network_is_lost_whichever_of_its_parameters_is(name):
    designs = grid(activation="relu", norm="batch", seed=range(3))
    nets = Networks(designs, INPUTS, 2, 8, CLASSES)
    with torch.no_grad():
        where = {"first": (0, 8), "hidden": (0, 1, 0, 0), "last": (1, 0, 0), "last_bias": (1, 0, 0)}
        nets.parameters[name][where.get(name, (0, 1, 0, 0))] = math.inf
    lost = torch.stack([~total.isfinite() for total in training._per_network(nets)]).any(0)
    assert lost.tolist() == [False, True, False]


def test_curves():
    history = training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), dataset(), epochs=2, batch_size=BATCH)
    table = history.curves(5)
    assert len(table) == 2 * len(RATES) and sorted(table.step.unique()) == [5, 10]
    for i in range(len(RATES)):
        own = table[table.network == i].sort_values("step")
        expected = [history.losses[:5, i].mean().item(), history.losses[5:10, i].mean().item()]
        assert own.loss.tolist() == pytest.approx(expected)
        assert own.learning_rate.tolist() == [RATES[i].learning_rate] * 2
    assert len(history.curves()) == 12 * len(RATES)
    whole = history.curves(12)
    assert whole.step.tolist() == [12] * len(RATES)
    assert whole.loss.tolist() == pytest.approx(history.losses.mean(0).tolist())
    for every in (0, 13, 1.0, True):
        with pytest.raises(ValueError, match="every must be a whole number from 1 to the 12 steps"):
            history.curves(every)


def test_an_incomplete_batch_is_left_out():
    data = dataset(130)
    history = training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), data, epochs=2, batch_size=50)
    assert len(history.losses) == 4
    whole = training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), data, batch_size=130)
    assert len(whole.losses) == 1


def test_evaluate_by_hand_and_in_pieces():
    nets, data = Networks([*RATES, *NORMALISED], INPUTS, 2, 8, CLASSES), dataset(300)
    training.train(nets, data, batch_size=BATCH)
    loss, accuracy = training.evaluate(nets, data)
    for i in range(len(nets)):
        model = plain(nets, i).eval()
        for layer, norm in enumerate(m for m in model if isinstance(m, nn.BatchNorm1d)):
            norm.running_mean, norm.running_var = (
                nets.running_mean[layer, i, 0],
                nets.running_var[layer, i, 0],
            )
        outputs = model(data.images)
        assert loss[i].item() == pytest.approx(
            nn.functional.cross_entropy(outputs, data.labels).item(), rel=1e-5
        )
        assert accuracy[i].item() == pytest.approx((outputs.argmax(1) == data.labels).double().mean().item())
    wide = Networks(RATES[:2], INPUTS, 1, 2**15, CLASSES)  # many numbers: evaluated in more than one piece
    assert training.evaluate(wide, data)[0].tolist() == pytest.approx(
        nn.functional.cross_entropy(
            wide(data.images).transpose(1, 2), data.labels.expand(2, -1), reduction="none"
        )
        .mean(1)
        .tolist(),
        rel=1e-5,
    )


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with machine.threads(before + 1):
        training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), dataset(), dataset(), batch_size=BATCH)
        assert torch.get_num_threads() == before + 1


def test_labels_of_another_whole_type():
    data = dataset()
    small = dataclasses.replace(data, labels=data.labels.to(torch.uint8))
    runs = [
        training.train(Networks(RATES, INPUTS, 2, 8, CLASSES), d, batch_size=BATCH) for d in (data, small)
    ]
    assert torch.equal(runs[0].losses, runs[1].losses)


NAN = torch.full((130, INPUTS), math.nan)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 1.5}, "epochs must be"),
        ({"epochs": True}, "epochs must be"),
        ({"batch_size": 131}, "batch_size must be a whole number from 1 to the 130 examples, got 131"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": 20.0}, "batch_size must be"),
        ({"batch_size": 1}, "batch norm in training mode needs a batch_size of at least 2"),
        ({"momentum": 1}, "momentum must be a finite number from 0 and below 1, got 1"),
        ({"momentum": -0.1}, "momentum must be"),
        ({"momentum": math.nan}, "momentum must be"),
        ({"momentum": "0.9"}, "momentum must be"),
        ({"order_seed": -1}, "order_seed must be a whole number from 0"),
        ({"order_seed": 0.5}, "order_seed must be"),
        ({"order_seed": "12345678"}, "order_seed must be"),
        ({"order_seed": [1, 2]}, "order_seed must be one number, or one for each of the 8 networks, got 2"),
        ({"order_seed": [-1] * 8}, "each order_seed must be a whole number from 0"),
        ({"optimiser": "rmsprop"}, "unknown optimiser 'rmsprop'; known are: sgd, adam, adamw"),
        ({"optimiser": "adam", "momentum": 0.5}, "momentum is used by sgd alone .*leave it out, got 0.5"),
        (
            {"optimiser": "adam", "weight_decay": 0.1},
            "weight_decay is used by adamw alone; leave it out, got 0.1",
        ),
        ({"weight_decay": 0.0}, "weight_decay is used by adamw alone"),
        (
            {"optimiser": "adamw", "weight_decay": -1.0},
            "weight_decay must be a finite number from 0, got -1.0",
        ),
        ({"cooldown": 1.1}, "cooldown must be a finite number from 0 and up to 1, got 1.1"),
        ({"cooldown": -0.1}, "cooldown must be"),
        ({"more": 1}, "more must be True or False, got 1"),
        ({"images": torch.zeros(130, 11)}, r"the networks take 12 inputs .* shape \[130, 11\]"),
        ({"images": torch.zeros(130, 3, 4)}, "the networks take 12 inputs"),
        ({"images": NAN}, "the data must be finite; 1560 entries are NaN or infinite"),
        ({"images": -1 / torch.zeros(130, INPUTS)}, "the data must be finite"),
        ({"images": torch.zeros(0, INPUTS), "labels": torch.zeros(0, dtype=torch.int64)}, "hold no example"),
        (
            {"labels": torch.full((130,), CLASSES)},
            "labels must be 130 whole numbers from 0 to 3; got from 4 to 4",
        ),
        ({"labels": torch.full((130,), -1)}, "labels must be .* got from -1 to -1"),
        ({"labels": torch.zeros(129, dtype=torch.int64)}, r"labels must be 130 .* of shape \[129\]"),
        ({"labels": torch.zeros(130, 1, dtype=torch.int64)}, r"labels must be 130 .* of shape \[130, 1\]"),
        ({"labels": torch.zeros(130)}, "labels must be 130 whole numbers .* torch.float32"),
    ],
)
@pytest.mark.parametrize("where", ["data", "test"])
def test_impossible_requests(choices, message, where):
    nets = Networks([*RATES, *NORMALISED], INPUTS, 2, 8, CLASSES)
    before = {name: tensor.clone() for name, tensor in nets.parameters.items()}
    bad = {name: value for name, value in choices.items() if name in ("images", "labels")}
    rest = {name: value for name, value in choices.items() if name not in bad}
    splits = {"data": dataset(), "test": dataset()}
    splits[where] = dataclasses.replace(splits[where], **bad)
    with pytest.raises(ValueError, match=message):
        training.train(nets, **splits, **{"batch_size": BATCH, **rest})
    if bad:
        with pytest.raises(ValueError, match=message):
            training.evaluate(nets, splits[where])
    assert all(torch.equal(nets.parameters[name], tensor) for name, tensor in before.items())


class TestBench:
    """The bench compares equals, and counts right."""

    shape = bench.Shape(3, 2, 8, 4.0)

    def test_the_plain_side_does_the_same_work(self):
        data = dataset(1000, 784, 10)
        times = bench.compare(self.shape, data, repeats=2, models=2, steps=3)
        assert times.difference < 1e-5
        assert len(times.loop) == len(times.batched) == 2 and min(times.loop + times.batched) > 0

    @pytest.mark.parametrize("shape", [bench.Shape(3, 2, 8), bench.Shape(1, 1, 16, size=14, batch=50)])
    def test_flops_against_torchs_own_count(self, shape):
        from torch.utils.flop_counter import FlopCounterMode

        nets, some = bench.fresh(shape), dataset(shape.batch, shape.inputs, 10)
        x, y = some.images, some.labels
        total = 0
        for number in range(shape.count):
            with FlopCounterMode(display=False) as counter:
                nn.functional.cross_entropy(bench.plain(nets, number)(x), y).backward()
            total += counter.get_total_flops()
        assert bench.flops(shape) == total

    def test_report(self):
        times = bench.Times(loop=[4.0, 9.0, 5.0], batched=[1.0, 2.0, 1.5])
        work = bench.flops(self.shape)
        lines = bench.report({self.shape: times}, 100.0 * work, 10_000).splitlines()
        assert len(lines) == 4
        loop, batched = lines[2].split(), lines[3].split()
        assert loop[-4:] == ["5.00", "24", f"{40 * work / 5e9:.1f}", "8%"]
        assert batched == ["batched", "1.50", "80", f"{40 * work / 1.5e9:.1f}", "27%", "3.3", "4", "12.5"]

    @pytest.mark.parametrize("arguments", [["--threads", "0"], ["--threads", "x"], ["--quickly"]])
    def test_bad_arguments(self, arguments, capsys):
        with pytest.raises(SystemExit):
            bench.main(arguments)
        assert "usage" in capsys.readouterr().err
