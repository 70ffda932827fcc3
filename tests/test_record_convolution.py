"""Grouped convolutions beside the same layers of torch.nn, and their training beside torch.optim."""

import pytest
import torch

from course_utils import data
from course_utils.networks import Design
from course_utils.record.convolution import Stack, train

ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}


def alone(stack: Stack, index: int) -> torch.nn.Sequential:
    """One network of a stack as torch.nn builds it."""
    channels, layers = stack.channels, []
    own = slice(index * channels, (index + 1) * channels)
    for layer, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        made = torch.nn.Conv2d(weight.shape[1], channels, 3, stride=2 if layer == 0 else 1, padding=1)
        made.weight.data, made.bias.data = weight[own].detach().clone(), bias[own].detach().clone()
        layers += [made, ACTIVATIONS[stack.designs[index].activation]()]
    last = torch.nn.Linear(stack.features, 10)
    last.weight.data, last.bias.data = (
        stack.last[index].detach().T.clone(),
        stack.last_bias[index, 0].detach().clone(),
    )
    return torch.nn.Sequential(*layers, torch.nn.MaxPool2d(2), torch.nn.Flatten(), last)


def some(rate: float = 0.1) -> list[Design]:
    return [Design(a, gain="he", seed=s, learning_rate=rate * (1 + s)) for a in ACTIVATIONS for s in (0, 1)]


@pytest.mark.parametrize(("side", "depth"), [(14, 1), (14, 3), (28, 2)])
def test_outputs_and_gradients_are_those_of_torch_nn(side: int, depth: int) -> None:
    stack = Stack(some(), side, depth, channels=4)
    images = torch.randn(7, side * side, generator=torch.Generator().manual_seed(1))
    outputs = stack(images)
    gradient = torch.autograd.grad(outputs.square().sum(), stack.weights[0])[0].view(len(some()), 4, 1, 3, 3)
    for i in range(len(some())):
        model = alone(stack, i)
        expected = model(images.view(-1, 1, side, side))
        torch.testing.assert_close(outputs[i], expected, rtol=1e-5, atol=1e-5)
        expected.square().sum().backward()
        torch.testing.assert_close(gradient[i], model[0].weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_training_is_that_of_torch_optim(optimiser: str) -> None:
    images = data.load("train", count=60, size=14)
    designs = some(0.01)
    stack = Stack(designs, 14, 2, channels=4)
    models = [alone(stack, i) for i in range(len(designs))]
    found = train(stack, images, epochs=2, batch_size=20, optimiser=optimiser, cooldown=0.5)
    assert found.losses.shape == found.errors.shape == (6, len(designs))
    for i, (design, model) in enumerate(zip(designs, models, strict=True)):
        kinds = {"sgd": lambda p, r: torch.optim.SGD(p, r, momentum=0.9), "adam": torch.optim.Adam}
        update, draw, losses = (
            kinds[optimiser](model.parameters(), design.learning_rate),
            torch.Generator(),
            [],
        )
        draw.manual_seed(design.seed)
        falling = torch.optim.lr_scheduler.LambdaLR(update, lambda k: min(1.0, (6 - k) / 3))
        for _ in range(2):
            for batch in torch.randperm(60, generator=draw).split(20):
                loss = torch.nn.functional.cross_entropy(
                    model(images.images[batch].view(-1, 1, 14, 14)), images.labels[batch]
                )
                update.zero_grad()
                loss.backward()
                update.step()
                falling.step()
                losses.append(loss.detach())
        torch.testing.assert_close(found.losses[:, i], torch.stack(losses), rtol=1e-3, atol=1e-4)


def test_weights_have_the_deviation_that_the_gain_says() -> None:
    stack = Stack([Design("relu", gain="he", seed=s) for s in range(40)], 14, 3)
    assert stack.weights[1].std().item() == pytest.approx((2 / 72) ** 0.5, rel=0.03)
    assert stack.weights[0].std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.06)
    assert all(not bias.any() for bias in stack.biases)


def test_a_network_does_not_depend_on_its_neighbours() -> None:
    both, one = Stack(some(), 14, 2), Stack(some()[3:4], 14, 2)
    assert torch.equal(both.last[3], one.last[0]) and torch.equal(both.weights[1][24:32], one.weights[1])


@pytest.mark.parametrize(
    ("design", "given"),
    [(Design("relu", norm="batch"), {}), (Design("relu", residual=True), {}), (Design("relu", gain="pytorch"), {}),
     (Design("relu"), {"side": 3}), (Design("relu"), {"depth": 0}), (Design("relu"), {"channels": 0})],
)  # fmt: skip
def test_what_there_is_not_is_refused(design: Design, given: dict) -> None:
    with pytest.raises(ValueError, match=r"plain|side|depth|channels"):
        Stack([design], **{"side": 14, "depth": 2} | given)
