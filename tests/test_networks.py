"""The batched networks against plain nn.Sequential networks with the same weights."""

import dataclasses
import math
import typing

import pytest
import torch
from torch import nn

from course_utils import activations, machine, networks
from course_utils.networks import Design, Networks, grid

MIXED = [
    Design("relu", seed=3, gain="he"),
    Design("relu", seed=4, gain=0.5, bias=0.25),
    Design("tanh", seed=5, norm="batch"),
    Design("sigmoid", seed=6, norm="batch", gain=2),
    Design("sigmoid", seed=7, gain="pytorch"),
    Design(activations.get("sigmoid").steeper(4), seed=8),
    Design("relu", seed=9, norm="batch", gain="he"),
    Design("sigmoid", seed=10, norm="layer"),
    Design("gelu", seed=11, norm="layer", residual=True),
    Design("relu", seed=12, norm="batch", gain="he", residual=True),
    Design("tanh", seed=13, residual=True),
    Design("relu", seed=14, gain="he", norm="dyt"),
    Design("sigmoid", seed=15, norm="dyt", residual=True),
]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class Phi(nn.Module):
    """One activation as a module; torch's own where it has one, so that nothing of the course is in it."""

    OWN: typing.ClassVar = {
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "gelu": nn.GELU,
        "softplus": nn.Softplus,
    }

    def __init__(self, activation):
        super().__init__()
        name = activation if isinstance(activation, str) else None
        self.function = self.OWN[name]() if name in self.OWN else activations.get(activation)

    def forward(self, z):
        return self.function(z)


class DyT(nn.Module):
    """tanh(alpha x), scaled and shifted, as its authors print it (arXiv:2503.10622)."""

    def __init__(self, width, dtype=None):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 0.5, dtype=dtype))
        self.weight = nn.Parameter(torch.ones(width, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(width, dtype=dtype))

    def forward(self, x):
        return self.weight * torch.tanh(self.alpha * x) + self.bias


class Plain(nn.Sequential):
    """Layers of torch.nn; with residual paths a linear layer's output is added to that of the one before."""

    residual = False

    def forward(self, x):
        stream = 0.0
        for module in self:
            x = module(x)
            if isinstance(module, nn.Linear) and module is not self[-1] and self.residual:
                x = stream = stream + x
        return x


def plain(nets: Networks, number: int) -> Plain:
    """Network ``number`` as layers of torch.nn with copies of its weights."""
    layers, design, p = [], nets.designs[number], nets.parameters
    for layer in range(nets.depth + 1):
        linear = nn.Linear(*nets.weight(layer)[number].shape, dtype=nets.dtype)
        bias = p["bias"][layer, number, 0] if layer < nets.depth else p["last_bias"][number, 0]
        with torch.no_grad():
            linear.weight.copy_(nets.weight(layer)[number].T)
            linear.bias.copy_(bias)
        layers.append(linear)
        if layer < nets.depth:
            if design.norm != "none":
                kind = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "dyt": DyT}[design.norm]
                norm = kind(nets.width, dtype=nets.dtype)
                with torch.no_grad():
                    norm.weight.copy_(p["scale"][layer, number, 0])
                    norm.bias.copy_(p["shift"][layer, number, 0])
                    if design.norm == "dyt":
                        norm.alpha.copy_(p["alpha"][layer, number, 0])
                layers.append(norm)
            layers.append(Phi(design.activation))
    model = Plain(*layers)
    model.residual = design.residual
    return model


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are tiny; threads only wait for each other, above all on a busy machine."""
    with machine.threads(1):
        yield


def examples(count=40, inputs=12, dtype=torch.float32, seed=0):
    return torch.randn(count, inputs, generator=torch.Generator().manual_seed(seed)).to(dtype)


def shake(nets: Networks) -> None:
    """Give every parameter other values than at the start, so that nothing is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(99)
    with torch.no_grad():
        for tensor in nets.parameters.values():
            tensor.add_(0.3 * torch.randn(tensor.shape, generator=generator))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("depth", "width", "outputs"), [(1, 5, 10), (2, 8, 3), (4, 7, 16), (3, 6, 17)])
def test_forward_train_and_eval(dtype, depth, width, outputs):
    nets = Networks(MIXED, 12, depth, width, outputs, dtype=dtype)
    shake(nets)
    models = [plain(nets, i) for i in range(len(nets))]
    x, rtol = examples(dtype=dtype), TOLERANCE[dtype]
    for step in range(3):  # training: running statistics move
        batch = x + step
        got = nets(batch, training=True)
        assert got.shape == (len(nets), len(x), outputs) and got.dtype == dtype
        for i, model in enumerate(models):
            torch.testing.assert_close(got[i], model.train()(batch), rtol=rtol, atol=rtol)
    for i, model in enumerate(models):
        norms = [module for module in model if isinstance(module, nn.BatchNorm1d)]
        for layer, norm in enumerate(norms):
            close = {"rtol": rtol, "atol": rtol}
            torch.testing.assert_close(nets.running_mean[layer, i, 0], norm.running_mean, **close)
            torch.testing.assert_close(nets.running_var[layer, i, 0], norm.running_var, **close)
        if not norms:
            assert bool((nets.running_mean[:, i] == 0).all() and (nets.running_var[:, i] == 1).all())
    before = nets.running_mean.clone(), nets.running_var.clone()
    got = nets(x[:1])
    for i, model in enumerate(models):
        torch.testing.assert_close(got[i], model.eval()(x[:1]), rtol=rtol, atol=rtol)
    assert torch.equal(before[0], nets.running_mean) and torch.equal(before[1], nets.running_var)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "dyt"])
def test_gradients(norm, residual):
    designs = grid(activation=["tanh", "relu"], norm=norm, residual=residual, seed=[0, 1])
    nets = Networks(designs, 12, 3, 6, dtype=torch.float64)
    shake(nets)
    x, names = examples(dtype=torch.float64), list(nets.parameters)
    gradients = dict(
        zip(
            names,
            torch.autograd.grad(nets(x, training=True).square().sum(), nets.parameters.values()),
            strict=True,
        )
    )
    for i in range(len(nets)):
        model = plain(nets, i)
        model(x).square().sum().backward()
        linears = [m for m in model if isinstance(m, nn.Linear)]
        own = gradients["first"].view(12, len(nets), 6)[:, i]
        close = {"rtol": 1e-9, "atol": 1e-9}
        torch.testing.assert_close(own, linears[0].weight.grad.T, **close)
        for layer in (1, 2):
            torch.testing.assert_close(
                gradients["hidden"][layer - 1, i], linears[layer].weight.grad.T, **close
            )
        for layer in range(3):
            torch.testing.assert_close(gradients["bias"][layer, i, 0], linears[layer].bias.grad, **close)
        torch.testing.assert_close(gradients["last"][i], linears[3].weight.grad.T, **close)
        torch.testing.assert_close(gradients["last_bias"][i, 0], linears[3].bias.grad, **close)
        for layer, module in enumerate(
            m for m in model if isinstance(m, nn.BatchNorm1d | nn.LayerNorm | DyT)
        ):
            if norm == "dyt":
                torch.testing.assert_close(gradients["alpha"][layer, i, 0], module.alpha.grad, **close)
            torch.testing.assert_close(gradients["scale"][layer, i, 0], module.weight.grad, **close)
            torch.testing.assert_close(gradients["shift"][layer, i, 0], module.bias.grad, **close)


def test_trace():
    nets = Networks(MIXED, 12, 3, 5)
    trace = nets.trace(examples())
    assert [len(trace.z), len(trace.h)] == [3, 3]
    assert all(t.shape == (len(MIXED), 40, 5) for t in trace.z + trace.h)
    assert trace.outputs.shape == (len(MIXED), 40, 10)
    torch.testing.assert_close(trace.outputs, nets(examples()), rtol=0, atol=0)
    for i, design in enumerate(MIXED):
        for z, h in zip(trace.z, trace.h, strict=True):
            torch.testing.assert_close(h[i], activations.get(design.activation)(z[i]), rtol=1e-6, atol=1e-7)
    by_hand = examples() @ nets.weight(0)[1] + 0.25
    torch.testing.assert_close(trace.z[0][1], by_hand, rtol=1e-5, atol=1e-6)


def test_trace_in_training_gives_normalised_z():
    z = Networks([Design("relu", norm="batch")], 12, 2, 5).trace(examples(), training=True).z
    for layer in z:
        torch.testing.assert_close(layer.mean(1), torch.zeros(1, 5), rtol=0, atol=1e-6)
        torch.testing.assert_close(layer.var(1, correction=0), torch.ones(1, 5), rtol=1e-3, atol=0)


def test_layer_norm_is_over_the_units_of_each_example():
    nets = Networks([Design("relu", norm="layer")], 12, 2, 50)
    for training in (True, False):
        for layer in nets.trace(examples(1), training=training).z:  # one example is enough
            torch.testing.assert_close(layer.mean(2), torch.zeros(1, 1), rtol=0, atol=1e-6)
            torch.testing.assert_close(layer.var(2, correction=0), torch.ones(1, 1), rtol=1e-3, atol=0)


def test_residual_paths_add_up():
    nets = Networks([Design("tanh", residual=True, bias=0.5)], 12, 3, 5)
    z, h, _ = nets.trace(examples())
    torch.testing.assert_close(z[2], z[1] + h[1] @ nets.weight(2) + 0.5)
    torch.testing.assert_close(z[1], z[0] + h[0] @ nets.weight(1) + 0.5)


def test_arms():
    assert [d.arm for d in MIXED[-6:]] == [
        "sigmoid + layer norm", "GELU + layer norm + residual", "ReLU + batch norm + residual", "tanh + residual",
        "ReLU + DyT", "sigmoid + DyT + residual",
    ]  # fmt: skip
    assert Design("relu").arm == "ReLU"


def test_weight_shapes_and_views():
    nets = Networks(grid(activation="relu", seed=range(3)), 12, 2, 5, 4)
    assert [list(nets.weight(layer).shape) for layer in range(3)] == [[3, 12, 5], [3, 5, 5], [3, 5, 4]]
    with torch.no_grad():
        nets.weight(0)[1].zero_()
    assert bool((nets.parameters["first"][:, 5:10] == 0).all())
    assert bool((nets.parameters["first"][:, :5] != 0).all())
    for layer in (-1, 3, True, 1.0):
        with pytest.raises(ValueError, match="layer must be a whole number from 0 to 2"):
            nets.weight(layer)


@pytest.mark.parametrize(("gain", "factor"), [("he", math.sqrt(2)), ("xavier", 1.0), (0.3, 0.3), (4, 4.0)])
def test_normal_initial_weights(gain, factor):
    design = Design("relu", gain=gain, bias=-0.5)
    nets = Networks([design], 400, 3, 200, 100)
    assert design.std_times_root_fan_in == pytest.approx(factor)
    for layer, scale in ((0, factor / 20), (1, factor / math.sqrt(200)), (2, factor / math.sqrt(200))):
        weight = nets.weight(layer)[0]
        # 80,000 and 40,000 draws: standard errors of 1/400 and less
        assert weight.std().item() == pytest.approx(scale, rel=0.015)
        assert abs(weight.mean().item()) < 0.02 * scale
        assert (weight.abs() < scale).float().mean().item() == pytest.approx(
            math.erf(math.sqrt(0.5)), abs=0.01
        )
    assert nets.weight(3).std().item() == pytest.approx(1 / math.sqrt(200), rel=0.03)
    assert bool((nets.parameters["bias"] == -0.5).all() and (nets.parameters["last_bias"] == 0).all())


def test_pytorch_default_against_linear():
    nets = Networks([Design("relu", gain="pytorch")], 400, 3, 200, 100)
    p = nets.parameters
    pairs = [(nets.weight(i)[0], p["bias"][i, 0, 0], f) for i, f in enumerate((400, 200, 200))]
    pairs.append((nets.weight(3)[0], p["last_bias"][0, 0], 200))
    for weight, bias, fan_in in pairs:
        linear, bound = nn.Linear(fan_in, weight.shape[1]), 1 / math.sqrt(fan_in)
        for ours, torchs, rel in ((weight, linear.weight, 0.015), (bias, linear.bias, 0.2)):
            assert ours.abs().max().item() <= bound * (1 + 1e-6) >= torchs.abs().max().item()
            assert ours.abs().max().item() > 0.95 * bound
            assert ours.std().item() == pytest.approx(torchs.std().item(), rel=2 * rel)
            assert ours.std().item() == pytest.approx(bound / math.sqrt(3), rel=rel)
    assert Design("relu", gain="pytorch").std_times_root_fan_in == pytest.approx(math.sqrt(1 / 3))


def test_a_gain_of_zero():
    nets = Networks([Design("tanh", gain=0)], 12, 2, 5)
    assert bool((nets.weight(0) == 0).all() and (nets.weight(1) == 0).all())


def test_weights_depend_on_the_own_seed_alone():
    together = Networks(MIXED, 12, 3, 5)
    for i, design in enumerate(MIXED):
        alone = Networks([design], 12, 3, 5)
        for layer in range(4):
            assert torch.equal(alone.weight(layer)[0], together.weight(layer)[i])
        assert torch.equal(alone.parameters["bias"][:, 0], together.parameters["bias"][:, i])
    same, other = (Networks(grid(activation=a, seed=[1, 1, 2]), 12, 2, 5) for a in ("relu", "tanh"))
    assert torch.equal(same.weight(0), other.weight(0))
    assert torch.equal(same.weight(0)[0], same.weight(0)[1])
    several = Networks(grid(activation="relu", seed=range(6)), 12, 2, 5).weight(0).flatten(1)
    assert len({tuple(row) for row in several.tolist()}) == 6


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Networks(MIXED, 12, 3, 5)
    assert torch.equal(torch.rand(3), expected)


def test_float64_holds_the_same_numbers():
    single, double = Networks(MIXED, 12, 3, 5), Networks(MIXED, 12, 3, 5, dtype=torch.float64)
    for name, tensor in single.parameters.items():
        assert torch.equal(tensor.double(), double.parameters[name])


def test_the_same_name_is_not_the_same_activation():
    """Two activations may share a name, as 4 and 4.0000001 print alike; each network must keep its own."""
    twins = [dataclasses.replace(activations.get(a), name="twin") for a in ("relu", "tanh")]
    x = examples()
    h = Networks([Design(twin) for twin in twins], 12, 2, 5).trace(x).h[0]
    assert bool((h[0] >= 0).all()) and bool((h[1] < 0).any())


def test_attributes():
    nets = Networks(MIXED, 12, 3, 5, dtype=torch.float64)
    assert (
        len(nets) == len(MIXED)
        and nets.normalised
        and nets.dtype == torch.float64
        and nets.device.type == "cpu"
    )
    assert not Networks(MIXED[:2], 12, 3, 5).normalised
    assert not Networks([Design("relu", norm="layer")], 12, 3, 5).normalised  # by the batch, that is
    assert all(p.requires_grad and p.is_contiguous() for p in nets.parameters.values())


def test_grid():
    designs = grid(activation=["sigmoid", "relu"], seed=range(3), norm="batch")
    assert len(designs) == 6
    assert [(d.activation, d.seed) for d in designs[:4]] == [
        ("sigmoid", 0),
        ("sigmoid", 1),
        ("sigmoid", 2),
        ("relu", 0),
    ]
    assert all(d.norm == "batch" for d in designs)
    with pytest.raises(ValueError, match=r"unknown choice \['sed'\]; a design has: activation, seed"):
        grid(activation="relu", sed=1)
    with pytest.raises(ValueError, match="at least one value"):
        grid(activation="relu", seed=[])


def test_describe_names_the_activation():
    steep = activations.get("sigmoid").steeper(4)
    assert Design(steep).describe()["activation"] == steep.name
    assert Design("relu", seed=3).describe()["seed"] == 3


def test_a_design_unless_told_otherwise():
    assert Design("relu").describe() == {
        **{"arm": "ReLU", "activation": "relu", "seed": 0, "gain": "xavier", "bias": 0.0, "norm": "none"},
        **{"learning_rate": 0.1, "l1": 0.0, "residual": False},
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        Design("relu").seed = 1


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"activation": "rel"}, "unknown activation 'rel'; known are: sigmoid"),
        ({"seed": -1}, "a seed must be a whole number from 0 to .*, got -1"),
        ({"seed": 1.0}, "a seed must be"),
        ({"seed": True}, "a seed must be"),
        ({"seed": 2**64}, "a seed must be"),
        ({"gain": "kaiming"}, "unknown gain 'kaiming'; give a number or one of: he, xavier, pytorch"),
        ({"gain": -1}, "a gain must be a finite number from 0, got -1"),
        ({"gain": math.nan}, "a gain must be"),
        ({"gain": None}, "a gain must be"),
        ({"gain": "pytorch", "bias": 1}, "leave bias at 0, got 1"),
        ({"bias": math.inf}, "a bias must be a finite number, got inf"),
        ({"bias": "0"}, "a bias must be"),
        ({"norm": "group"}, "unknown normalisation 'group'; known are: none, batch, layer"),
        ({"l1": -1e-3}, "an l1 penalty must be a finite number from 0, got -0.001"),
        ({"l1": math.nan}, "an l1 penalty"),
        ({"l1": "1"}, "an l1 penalty"),
        ({"residual": 1}, "residual must be True or False, got 1"),
        ({"norm": None}, "unknown normalisation None"),
        ({"learning_rate": -0.1}, "a learning rate must be a finite number above 0, got -0.1"),
        ({"learning_rate": 0}, "a learning rate must be"),
        ({"learning_rate": math.nan}, "a learning rate must be"),
        ({"learning_rate": True}, "a learning rate must be"),
    ],
)
def test_impossible_designs(choices, message):
    with pytest.raises(ValueError, match=message):
        Design(**{"activation": "relu", **choices})


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None])
@pytest.mark.parametrize("name", ["inputs", "depth", "width", "outputs"])
def test_impossible_sizes(name, size):
    sizes = {"inputs": 12, "depth": 2, "width": 5, "outputs": 10, name: size}
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got {size}"):
        Networks([Design("relu")], **sizes)


def test_impossible_batches_of_networks():
    with pytest.raises(ValueError, match="at least one design is needed"):
        Networks([], 12, 2, 5)
    with pytest.raises(TypeError, match=r"networks.Design objects \(see networks.grid\), got 'relu'"):
        Networks(["relu"], 12, 2, 5)
    with pytest.raises(ValueError, match=r"dtype must be .*, got torch\.float16"):
        Networks([Design("relu")], 12, 2, 5, dtype=torch.float16)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(4, 11), r"x must have shape \[examples, 12\], got \[4, 11\]"),
        (torch.zeros(12), r"x must have shape \[examples, 12\], got \[12\]"),
        (torch.zeros(2, 4, 12), "x must have shape"),
        (torch.zeros(4, 12, dtype=torch.float64), "x must be torch.float32 on cpu.*got torch.float64"),
        (torch.zeros(4, 12, dtype=torch.int64), "x must be torch.float32 on cpu.*got torch.int64"),
        (torch.zeros(4, 12, device="meta"), "x must be torch.float32 on cpu.*on meta"),
        (torch.full((4, 12), math.nan), "x must be finite; 48 of its entries"),
        (torch.full((1, 12), math.inf), "x must be finite; 12 of its entries"),
    ],
)
def test_impossible_inputs(x, message):
    nets = Networks(MIXED, 12, 2, 5)
    for function in (nets, nets.trace):
        with pytest.raises(ValueError, match=message):
            function(x)


@pytest.mark.parametrize("x", [[1.0, math.inf], [-math.inf, 1.0], [math.nan, 1.0], [1.0, math.nan, math.inf]])
def test_one_entry_that_is_not_finite_is_enough(x):
    assert not networks.all_finite(torch.tensor(x))
    assert networks.all_finite(torch.tensor(x).nan_to_num(0.0, 1.0, -1.0)) and networks.all_finite(
        torch.empty(0)
    )


def test_one_example_cannot_be_normalised():
    nets = Networks(MIXED, 12, 2, 5)
    with pytest.raises(ValueError, match="batch norm in training mode needs at least 2 examples"):
        nets(examples(1), training=True)
    assert nets(examples(1)).shape == (len(MIXED), 1, 10)
    assert Networks(MIXED[:2], 12, 2, 5)(examples(1), training=True).shape == (2, 1, 10)


def test_the_gains_are_the_published_ones():
    assert networks.GAINS == pytest.approx({"he": 2**0.5, "xavier": 1, "pytorch": 3**-0.5})
