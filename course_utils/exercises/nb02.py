"""Exercises of notebook 02: derivative bounds. Spoilers: the answers stand here."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils import saturation
from course_utils.exercises import Exercise, Off, function, number, option

__all__ = ["EXERCISES"]

HALF = math.log(3 + 2 * math.sqrt(2))  # where the sigmoid's slope is half its maximum: 1.763
EDGE = 2 * math.acosh(5.0)  # where it is 0.01: 4.585


def _close(value: float, target: float, tolerance: float) -> bool:
    return abs(value - target) <= tolerance * abs(target)


def _all_close(value: Tensor, target: Tensor) -> bool:
    return value.shape == target.shape and torch.allclose(value, target, rtol=5e-3, atol=1e-9)


def _which_loses(answer: Any) -> None:
    hints = {
        "a": "The sigmoid is flat only far out: its slope falls below 0.01 at |z| of about 4.6. "
        "How many of a standard Gaussian's values lie beyond that?",
        "c": "One of them is flat on a whole side of 0, where half of the z lie.",
    }
    choice = option(answer, "abc")
    if choice in hints:
        raise Off(hints[choice])


def _edge(answer: Any) -> None:
    k = torch.tensor([0.5, 1.0, 2.0, 4.0, 10.0], dtype=torch.float64)
    if isinstance(answer, int | float) and _close(float(answer), EDGE, 5e-3):
        raise Off("That is the edge for k = 1. A function of k is asked for: where does the edge move?")
    value = function(answer, k)
    if value.shape != k.shape:
        raise Off(f"For {len(k)} values of k it should give {len(k)} edges; it gives {value.numel()}.")
    right = 2 * torch.acosh(5 * k.sqrt()) / k
    if _all_close(value, right):
        return
    if _all_close(value, 2 * right):
        raise Off("That is the distance between the two edges; asked for is |z|, from 0 to one of them.")
    if _all_close(value, EDGE / k):
        raise Off(
            "That is where σ′(kz) is 0.01. The slope of σ(kz) has a factor k in front: k σ′(kz) = 0.01."
        )
    if _all_close(value, right * k):
        raise Off("That is kz at the edge. Divide by k to get z.")
    if _all_close(value, EDGE * k):
        raise Off("Right at k = 1, but it grows with k. Put kz for z: a steeper curve is a narrower one.")
    if _all_close(value, value.new_full(value.shape, EDGE)):
        raise Off("Right at k = 1, but the edge depends on k.")
    if _all_close(value, 2 * HALF / k) or _all_close(value, HALF / k):
        raise Off("That is where the slope is half of its maximum. Here the edge is at 0.01, whatever k.")
    if _close(float(value[1]), EDGE, 5e-3):
        raise Off("Right at k = 1, but not at every k: solve k / (4 cosh²(kz/2)) = 0.01 for z.")
    raise Off(f"At k = 1 the edge is 4.585, as printed above; yours gives {float(value[1]):.4g} there.")


def _float32_zero(answer: Any) -> None:
    value = number(answer)
    right = 13 * math.log(2)
    if abs(value - right) <= 0.06:
        return
    if abs(value + right) <= 0.06:
        raise Off("On the other side, then; tanh is odd, so the place above 0 has the same size.")
    if abs(value - 12 * math.log(2)) <= 0.06:
        raise Off(
            "Half of the sigmoid's 16.64: near, as tanh z = 2σ(2z) - 1. But here tanh itself is rounded, not "
            "1 + e^(-2z), and just below 1 the numbers of float32 lie 2⁻²⁴ apart."
        )
    if abs(value - 24 * math.log(2)) <= 0.06:
        raise Off("That is the sigmoid's. tanh comes near 1 twice as fast: 1 - tanh z is about 2 e^(-2z).")
    if abs(value - 26 * math.log(2)) <= 0.06:
        raise Off("Twice too far: in 2 e^(-2z) = 2⁻²⁵ it is 2z that equals 26 ln 2.")
    if abs(value - 27.5 * math.log(2)) <= 0.06:
        raise Off("That is for float64, with 53 bits; float32 has 24.")
    if value > 40:
        raise Off(
            "There the exact derivative leaves the range of float32. Rounding of tanh to 1 comes long before."
        )
    raise Off(f"At z = {value:g} autograd gives {_tanh_slope(value)}. Ask where tanh z is rounded to 1.")


def _tanh_slope(z: float) -> str:
    slope = float(saturation.autograd_derivative("tanh", torch.tensor([z], dtype=torch.float32)))
    return "0 already, and so it does a little before" if slope == 0 else "a number that is not yet 0"


def _leaky_gain(answer: Any) -> None:
    a = torch.tensor([0.0, 0.01, 0.25, 0.5, 1.0], dtype=torch.float64)
    value = function(answer, a)
    if value.shape != a.shape:
        raise Off(f"For {len(a)} slopes it should give {len(a)} numbers; it gives {value.numel()}.")
    right = 2 / (1 + a**2)
    if _all_close(value, right):
        return
    if _all_close(value, 1 / right):
        raise Off(
            "That is the mean of φ′² itself. The weights have to make up for it: what times it gives 1?"
        )
    if _all_close(value, right.sqrt()):
        raise Off("That is the gain, a standard deviation. Its square is asked for.")
    if _all_close(value, 2 / (1 + a)):
        raise Off(
            "You averaged the slope. The squared gradient takes the mean of the squared slope: a² for a."
        )
    if _all_close(value, 1 / (1 + a**2)):
        raise Off("Each half of the line has weight 1/2; at a = 0 this must give He's 2.")
    if _close(float(value[0]), 2, 5e-3):
        raise Off("Right at a = 0 (ReLU), but not at every slope; at a = 1 the unit is linear and needs 1.")
    raise Off(f"At a = 0 the unit is ReLU, and the factor is He's 2; yours gives {float(value[0]):.4g}.")


def _crossing(answer: Any) -> None:
    value = number(answer)
    right = EDGE / 0.6744897501960817
    if _close(value, right, 0.02):
        return
    if _close(value, EDGE, 0.01):
        raise Off(
            "At a scale of 4.585 the edge lies one standard deviation out: 32 % are beyond it, not half."
        )
    if _close(value, EDGE / 2, 0.01):
        raise Off(
            "That is half the edge, so that the edge lies two deviations out: 5 % are beyond, not half."
        )
    if _close(value, EDGE * 0.6744897501960817, 0.02):
        raise Off("The edge must lie at 0.674 standard deviations: 0.674 s = 4.585, so divide, not multiply.")
    if value <= 0:
        raise Off("A standard deviation is above 0.")
    share = float(saturation.gaussian_share("sigmoid", value))
    side = "smaller" if share > 0.5 else "larger"
    raise Off(f"There the sigmoid loses {100 * share:.1f} % of its units; half needs a {side} scale.")


def _same_network(answer: Any) -> None:
    if not callable(answer):
        raise Off("A function of (W, b) is asked for that returns the new pair: lambda W, b: (..., ...).")
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    new_weight, new_bias = _pair(answer, weight, bias)
    right_weight, right_bias = torch.allclose(new_weight, 4 * weight), torch.allclose(new_bias, 4 * bias)
    if right_weight and right_bias:
        return
    if torch.allclose(new_weight, weight) and torch.allclose(new_bias, bias):
        raise Off("That is the network as it was. Multiply out 4(Wx + b).")
    if torch.allclose(new_weight, weight / 4):
        raise Off("The other way round: this makes the weights smaller, and so the sigmoid flatter.")
    if right_weight and torch.allclose(new_bias, bias):
        raise Off("The weights are right. The bias stands inside the sigmoid too: 4(Wx + b) = 4Wx + ...")
    if torch.allclose(new_weight, weight) and torch.allclose(new_bias, bias + 4):
        raise Off("Adding to the bias moves the curve to the side; it makes it no steeper.")
    if torch.allclose(new_weight, weight) and right_bias:
        raise Off("The bias is right. The weights stand inside the sigmoid too.")
    if torch.allclose(new_weight, 2 * weight) or torch.allclose(new_weight, 16 * weight):
        raise Off("Neither square nor root: the factor 4 multiplies Wx + b once.")
    raise Off(
        "The " + ("bias" if right_weight else "weights") + " would not give 4(Wx + b). Multiply it out."
    )


def _pair(answer: Callable[..., Any], weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """What the answer makes of W and b, given as tensors or, where it fails on these, as arrays."""
    complaint = ""
    for given in ((weight, bias), (weight.numpy(), bias.numpy())):
        try:
            result = answer(*given)
        except Exception as error:  # a reader's function may fail in any way
            complaint = complaint or f"{type(error).__name__}: {error}"
            continue
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Off("Return two things, the new weights and the new bias: (W, b).")
        pair = []
        for old, new in zip((weight, bias), result, strict=True):
            try:
                tensor = new.detach() if isinstance(new, Tensor) else torch.as_tensor(np.asarray(new, float))
            except (TypeError, ValueError):
                raise Off(f"Weights and bias are tensors; one of yours is a {type(new).__name__}.") from None
            if tensor.shape != old.shape:
                raise Off(f"The shape should stay {list(old.shape)}; it became {list(tensor.shape)}.")
            pair.append(tensor.to(torch.float64))
        return pair[0], pair[1]
    raise Off(f"The function fails when it is called with W and b: {complaint}")


def _elu_share(answer: Any) -> None:
    s = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
    value = function(answer, s)
    if value.shape != s.shape:
        raise Off(f"For {len(s)} scales it should give {len(s)} shares; it gives {value.numel()}.")
    right = saturation.gaussian_share("elu", s)
    if torch.allclose(value, right, rtol=0, atol=3e-4):
        return
    if torch.allclose(value, 2 * right, rtol=0, atol=3e-4):
        raise Off("Twice too many: ELU is flat on the left only.")
    if torch.allclose(value, 1 - right, rtol=0, atol=3e-4):
        raise Off("That is the share of usable units. What is left over to 1?")
    if torch.allclose(value, torch.full_like(s, 0.5), rtol=0, atol=3e-4):
        raise Off("That is ReLU. ELU's slope below 0 is e^z, which takes a while to fall below 0.01.")
    if torch.allclose(value, saturation.gaussian_share("sigmoid", s) / 2, rtol=0, atol=3e-4):
        raise Off("Nearly: you used the sigmoid's edge, 4.585. For ELU solve e^z = 0.01.")
    if float(value.max()) > 1 or float(value.min()) < 0:
        raise Off("A share lies between 0 and 1.")
    if bool((value[1:] < value[:-1]).any()):
        raise Off("The share should grow with the scale: more units lie beyond a fixed edge.")
    raise Off(
        f"At scale 4 it should be about {float(right[3]):.2f}, yours gives {float(value[3]):.2f}. "
        "Find the z with e^z = 0.01, then ask which share of a Gaussian lies below it."
    )


EXERCISES: dict[str, Exercise] = {
    "2.1": Exercise(_which_loses, "See in the figure by how much, and at which scales it is otherwise."),
    "2.2": Exercise(_edge, "2 arcosh(5√k) / k: a higher top and a narrower bell, so a nearer edge."),
    "2.3": Exercise(
        _float32_zero, "About 9.01, 13 ln 2: there 1 - tanh z sinks below half a step of float32."
    ),
    "2.4": Exercise(_leaky_gain, "2 / (1 + a²), He's rule for leaky units; at a = 0 it is ReLU's 2."),
    "2.5": Exercise(_crossing, "About 6.8: the edge 4.585 at 0.674 standard deviations."),
    "2.6": Exercise(_same_network, "Four times the weights and four times the bias."),
    "2.7": Exercise(_elu_share, "Φ(ln 0.01 / s): one edge, at z = -4.605, and nothing lost to its right."),
}
"""The exercises of notebook 02 by number."""
