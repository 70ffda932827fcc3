"""The step written by hand against autograd over the same networks; flat tensors."""

import random

import pytest
import torch
from test_networks import one_thread  # noqa: F401  applies to every test here

from course_utils import activations, steps
from course_utils.networks import Design, Networks

INPUTS, CLASSES, WIDTH = 7, 5, 6
KINDS = [*activations.names(), activations.get("tanh").steeper(3)]  # the last has no kernel


def drawn(seed: int) -> Networks:
    """Networks of all kinds in an arrangement, depth and number of their own."""
    chance = random.Random(seed)
    designs = [
        Design(
            kind,
            seed=chance.randrange(99),
            gain=chance.choice(["he", "pytorch", 1.7]),
            norm=chance.choice(["none", "none", "batch", "layer", "dyt"]),
            l1=chance.choice([0.0, 0.0, 0.3]) * (seed % 2),
            residual=chance.random() < 0.4,
        )
        for kind in chance.choices(KINDS, k=chance.randint(1, 14))
    ]
    nets = Networks(designs, INPUTS, chance.randint(1, 4), WIDTH, CLASSES, dtype=torch.float64)
    with torch.no_grad():
        for name in ("scale", "shift", "alpha"):
            if name in nets.parameters:
                nets.parameters[name].add_(torch.randn(nets.parameters[name].shape, dtype=torch.float64) / 3)
    return nets


def autograd(nets: Networks, x: torch.Tensor, y: torch.Tensor, group: torch.Tensor, weight: torch.Tensor):
    """Losses [N], gradients by name and running statistics, and nothing of the room that is tested."""
    losses, running, total = [], [], 0.0
    kept = nets.running_mean, nets.running_var
    for i, design in enumerate(nets.designs):
        nets.running_mean, nets.running_var = (each.clone() for each in kept)
        layers = [h for _, h in nets._layers(x[group[i]], training=True)]
        running.append(torch.stack([nets.running_mean[:, i], nets.running_var[:, i]]))
        loss = torch.nn.functional.cross_entropy(nets._last(layers[-1])[i], y[i])
        losses.append(loss.detach())
        total = total + weight[i] * (loss + design.l1 * sum(h[i].abs().sum(1).mean() for h in layers))
    nets.running_mean, nets.running_var = kept
    gradients = torch.autograd.grad(total, list(nets.parameters.values()), materialize_grads=True)
    return torch.stack(losses), dict(zip(nets.parameters, gradients, strict=True)), torch.stack(running, 2)


@pytest.mark.parametrize("seed", range(40))
def test_by_hand_as_by_autograd(seed):
    """To rounding in float64, at the first call and at one whose buffers hold the numbers of the call before."""
    nets, generator = drawn(seed), torch.Generator().manual_seed(seed)
    groups = 1 + seed % 3
    group = torch.cat([torch.arange(groups), torch.randint(groups, (len(nets),), generator=generator)])[
        : len(nets)
    ]
    if seed % 2:
        group = group.sort().values
    weight = torch.rand(len(nets), generator=generator, dtype=torch.float64) + 0.5
    step = steps.Step(nets, group, 9, weight)
    for _ in range(2):
        x = torch.randn(int(group.max()) + 1, 9, INPUTS, generator=generator, dtype=torch.float64)
        y = torch.randint(CLASSES, (len(nets), 9), generator=generator)
        losses, gradients, running = autograd(nets, x, y, group, weight)
        torch.testing.assert_close(step(x, y), losses, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(torch.stack([nets.running_mean, nets.running_var]), running)
        found = {name: torch.empty_like(p) for name, p in nets.parameters.items()}
        step.gradients.write(found)
        for name, expected in gradients.items():
            torch.testing.assert_close(
                found[name], expected, rtol=1e-10, atol=1e-11, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_every_activation_of_the_course_has_a_kernel():
    assert [name for name in activations.names() if activations.get(name).value not in steps._KERNELS] == []
    for kind in KINDS:
        lean = steps.Step(Networks([Design(kind)], INPUTS, 2, WIDTH), torch.tensor([0]), 3)
        needs_z = kind in ("softplus", "gelu", "silu", KINDS[-1])
        assert (lean._hidden is not lean._streams) == needs_z  # h lies where z was, unless z is needed


def test_an_activation_that_took_a_name_is_itself(monkeypatch):
    """A kernel goes by the function, not by the name."""
    other = activations.get("tanh").steeper(2)
    monkeypatch.setitem(activations._REGISTRY, "relu", other)
    nets, x = Networks([Design("relu")], INPUTS, 2, WIDTH, CLASSES), torch.randn(1, 4, INPUTS)
    losses = steps.Step(nets, torch.tensor([0]), 4)(x, torch.ones(1, 4, dtype=torch.int64))
    expected = torch.nn.functional.cross_entropy(nets(x[0])[0], torch.ones(4, dtype=torch.int64))
    torch.testing.assert_close(losses[0], expected)


@pytest.mark.parametrize("group", [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [2, 0, 1, 0]])
def test_flat_tensors_hand_back_what_they_read(group):
    nets = Networks([Design("relu", seed=s, norm="batch") for s in range(4)], INPUTS, 3, WIDTH, CLASSES)
    flat = steps.Flat(nets, torch.tensor(group)).read(nets.parameters)
    found = {name: torch.full_like(p, torch.nan) for name, p in nets.parameters.items()}
    flat.write(found)
    assert all(torch.equal(found[name], p) for name, p in nets.parameters.items())
    flat.fill(torch.arange(4.0) + 1).write(found)
    assert found["first"].view(INPUTS, 4, -1)[2, :, 3].tolist() == [1, 2, 3, 4]
    assert {
        tuple(found[name].transpose(0, 1).flatten(1)[:, 0].tolist()) for name in ("hidden", "bias", "scale")
    } == {(1.0, 2.0, 3.0, 4.0)}
    assert (
        found["last"].flatten(1)[:, -1].tolist()
        == found["last_bias"].flatten(1)[:, 0].tolist()
        == [1, 2, 3, 4]
    )


def test_places_of_a_group_at_equal_distances_are_one_slice():
    columns = [torch.empty(3, 4 * 2), torch.empty(3, 3 * 2)]
    found = list(steps._places([torch.tensor([0, 2, 4, 6]), torch.tensor([1, 3, 7])], columns, 2))
    assert [place for place, _ in found] == [slice(0, 7, 2), slice(1, 4, 2), slice(7, 8, 1)]
    assert [tuple(part.shape) for _, part in found] == [(4, 3, 2), (2, 3, 2), (1, 3, 2)]


def test_autograd_for_one_activation_bears_neighbours_that_write_over_their_stream():
    """Batch norm without a residual path normalises in place, in the tensor that the other networks' z lie in."""
    unknown = activations.leaky(0.3)  # keeps its z for the way back
    designs = [Design(unknown), Design("relu", norm="batch"), Design(unknown, seed=1)]
    nets = Networks(designs, INPUTS, 3, WIDTH, CLASSES, dtype=torch.float64)
    generator, group, weight = (
        torch.Generator().manual_seed(0),
        torch.zeros(3, dtype=torch.int64),
        torch.ones(3).double(),
    )
    x = torch.randn(1, 9, INPUTS, generator=generator, dtype=torch.float64)
    y = torch.randint(CLASSES, (3, 9), generator=generator)
    losses, gradients, _ = autograd(nets, x, y, group, weight)
    step = steps.Step(nets, group, 9)
    torch.testing.assert_close(step(x, y), losses)
    found = {name: torch.zeros_like(p) for name, p in nets.parameters.items()}
    step.gradients.write(found)
    torch.testing.assert_close(found["hidden"], gradients["hidden"])
