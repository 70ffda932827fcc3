"""Exercises of notebook 02: derivative bounds. Spoilers: the answers stand here."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils import saturation
from course_utils.exercises import Exercise, Off, function, number
from course_utils.exercises.answers import Unread, compare, letter, ordered, parts
from course_utils.exercises.answers import tensor as read_tensor

__all__ = ["EXERCISES"]

HALF = math.log(3 + 2 * math.sqrt(2))  # where the sigmoid's slope is half its maximum: 1.763
EDGE = 2 * math.acosh(5.0)  # where it is 0.01: 4.585


def _close(value: float, target: float, tolerance: float) -> bool:
    return abs(value - target) <= tolerance * abs(target)


def _edge(answer: Any) -> None:
    k = torch.tensor([0.5, 1.0, 2.0, 4.0, 10.0], dtype=torch.float64)
    if isinstance(answer, int | float) and _close(float(answer), EDGE, 5e-3):
        raise Off("That is the edge for k = 1. A function of k is asked for: where does the edge move?")
    right = 2 * torch.acosh(5 * k.sqrt()) / k
    half = "That is where the slope is half of its maximum. Here the edge is at 0.01, whatever k."
    known = {
        "That is the distance between the two edges; asked for is |z|, from 0 to one of them.": 2 * right,
        "That is where σ′(kz) is 0.01. The slope of σ(kz) has a factor k in front: k σ′(kz) = 0.01.": EDGE
        / k,
        "That is kz at the edge. Divide by k to get z.": right * k,
        "Right at k = 1, but it grows with k. Put kz for z: a steeper curve is a narrower one.": EDGE * k,
        "Right at k = 1, but the edge depends on k.": torch.full_like(k, EDGE),
        half: 2 * HALF / k,
        half + " ": HALF / k,
        "Half of it: in cosh(kz/2) stands half of kz.": right / 2,
    }
    compare(answer, right, {"k": k}, known, 5e-3)


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
    if abs(value - 12.5 * math.log(2)) <= 0.06:
        raise Off(
            "There 1 - tanh z is the whole gap below 1. What is nearer to 1 than to the number below it rounds up."
        )
    if value > 40:
        raise Off(
            "There the exact derivative leaves the range of float32. Rounding of tanh to 1 comes long before."
        )
    raise Off(f"At z = {value:g} autograd gives {_tanh_slope(value)}.")


def _tanh_slope(z: float) -> str:
    slope = float(saturation.autograd_derivative("tanh", torch.tensor([z], dtype=torch.float32)))
    return "0 already, and so it does a little before" if slope == 0 else "a number that is not yet 0"


def _leaky_gain(answer: Any) -> None:
    a = torch.tensor([0.0, 0.01, 0.25, 0.5, 1.0], dtype=torch.float64)
    right = 2 / (1 + a**2)
    known = {
        "That is the mean of φ′² itself. The weights have to make up for it: what times it gives 1?": 1 / right,
        "That is the gain, a standard deviation. Its square is asked for.": right.sqrt(),
        "You averaged the slope. The squared gradient takes the mean of the squared slope: a² for a.": 2 / (1 + a),
        "Each slope is squared by itself, and then the mean is taken; here the mean is squared.": 2 / (1 + a) ** 2,
        "Each slope is squared by itself, and then the mean is taken; here it is the other way round.": 4 / (1 + a) ** 2,
        "Each half of the line has weight 1/2; at a = 0 this must give He's 2.": 1 / (1 + a**2),
        "Right at a = 0 (ReLU), but not at every slope; at a = 1 the unit is linear and needs 1.": torch.full_like(a, 2.0),
        "The negative side adds to what is kept, so that the weights need less, not more.": 2 * (1 + a**2),
    }  # fmt: skip
    compare(answer, right, {"a": a}, known, 5e-3)


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
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    new = parts(answer, 2, "Return two things, the new weights and the new bias: (W, b).", weight, bias)
    try:
        new_weight, new_bias = (
            read_tensor(value, tuple(old.shape)) for value, old in zip(new, (weight, bias), strict=True)
        )
    except Unread as unread:
        if [getattr(part, "shape", None) for part in new] == [bias.shape, weight.shape]:
            raise Off("These are the two, but in the other order: the weights first.") from None
        raise Off(f"Of the new weights and bias: {unread}") from None
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


def _elu_share(answer: Any) -> None:
    s = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)
    right, sigmoid = saturation.gaussian_share("elu", s), saturation.gaussian_share("sigmoid", s)
    known = {
        "Twice too many: ELU is flat on the left only.": 2 * right,
        "That is the share of usable units. What is left over to 1?": 1 - right,
        "That is ReLU. ELU's slope below 0 is e^z, which takes a while to fall below 0.01.": torch.full_like(s, 0.5),
        "Nearly: you used the sigmoid's edge, 4.585. For ELU solve e^z = 0.01.": sigmoid / 2,
        "That is the sigmoid's share: two sides, and another edge.": sigmoid,
        "The scale divides: an edge of −4.605 lies 4.605/s deviations out.": torch.special.ndtr(math.log(0.01) * s),
        "A logarithm to base 10; e^z = 0.01 wants the natural one.": torch.special.ndtr(-2 / s),
    }  # fmt: skip
    _compare_shares(answer, right, s, known)


def _compare_shares(answer: Any, right: Tensor, s: Tensor, known: dict[str, Tensor]) -> None:
    """As `compare`, but good to 0.0003, whatever the size."""
    found = function(answer, s)
    if found.shape == right.shape and bool(((found - right).abs() <= 3e-4).all()):
        return
    for word, wrong in known.items():
        if found.shape == wrong.shape and bool(((found - wrong).abs() <= 3e-4).all()):
            raise Off(word)
    if found.shape == right.shape:
        if bool(((found - 100 * right).abs() <= 3e-2).all()):
            raise Off("These are per cent; a share from 0 to 1 is asked for.")
        if float(found.max()) > 1 or float(found.min()) < 0:
            raise Off("A share lies between 0 and 1.")
        if bool((found[1:] < found[:-1]).any()):
            raise Off("The share should grow with the scale: more units lie beyond a fixed edge.")
    compare(answer, right, {"s": s})


EXERCISES: dict[str, Exercise] = {
    "2.1": Exercise(
        letter(
            b="The sigmoid is flat only far out: its slope falls below 0.01 at |z| of about 4.6. "
            "How many of a standard Gaussian's values lie beyond that?",
            c="One of them is flat on a whole side of 0, where half of the z lie.",
        ),
        "See in the figure by how much, and at which scales it is otherwise.",
        "Ask of each where its slope is below 0.01, and then how many z lie there.",
        "At scale 1 nearly all z lie between −3 and 3. Mark where each activation is flat on that line.",
    ),
    "2.2": Exercise(
        _edge,
        "2 arcosh(5√k) / k: a higher top and a narrower bell, so a nearer edge.",
        "A steeper curve has a higher top, too: both enter.",
        "The slope of σ(kz) is k / (4 cosh²(kz/2)). Set it equal to 0.01 and solve for z.",
    ),
    "2.3": Exercise(
        _float32_zero,
        "About 9.01, 13 ln 2: there 1 - tanh z sinks below half a step of float32.",
        "1 - tanh² z is exactly 0 where the computed tanh z is exactly 1. Ask where tanh z is rounded to 1.",
        "Far out 1 - tanh z ≈ 2 e^(-2z). A number less than half a gap below 1 is rounded to 1; the gap is 2⁻²⁴.",
    ),
    "2.4": Exercise(
        _leaky_gain,
        "2 / (1 + a²), He's rule for leaky units; at a = 0 it is ReLU's 2.",
        "What share of the mean squared gradient does the activation let through?",
        "(n times the variance) · E[φ′²] = 1. Half of the slopes are 1, half are a; at a = 0 He's 2 must come out.",
    ),
    "2.5": Exercise(
        _crossing,
        "About 6.8: the edge 4.585 at 0.674 standard deviations.",
        "ReLU loses one half at every scale. When does the sigmoid?",
        "Half beyond ±4.585 means a quarter on each side: which quantile of the Gaussian is that, and in units of s?",
    ),
    "2.6": Exercise(
        _same_network,
        "Four times the weights and four times the bias.",
        "Where does the 4 stand: in front of z, which is a sum of two things.",
        "Multiply out 4(Wx + b), and read off what multiplies x and what does not.",
    ),
    "2.7": Exercise(
        _elu_share,
        "Φ(ln 0.01 / s): one edge, at z = -4.605, and nothing lost to its right.",
        "Where is ELU's slope below 0.01? On one side only.",
        "Find the z with e^z = 0.01, then ask which share of a Gaussian lies below it.",
    ),
}


def _more_lost(answer: Any) -> None:
    s = torch.tensor([1.0, 4.0, 10.0, 1.0, 1.0, 1.0, 4.0, 10.0], dtype=torch.float64)
    m = torch.tensor([0.0, 0.0, 0.0, 2.0, 4.0, -2.0, 3.0, -10.0], dtype=torch.float64)
    relu, sigmoid = (saturation.gaussian_share(name, s, m) for name in ("relu", "sigmoid"))
    right = relu > sigmoid
    pairs = {"s": s, "m": m}
    try:
        found = function(answer, s, m)
    except Unread:
        ordered(answer, right, pairs)
        raise
    if found.shape != right.shape:
        raise Off(f"For {len(s)} pairs (s, m) it should give {len(s)} answers; it gives {len(found)}.")
    if not bool(((found == 0) | (found == 1)).all()):
        raise Off("True or False is asked for, pair by pair.")
    wrong = found.bool() != right
    if bool(wrong.all()):
        raise Off("The other way round: true is asked for where *ReLU* loses more.")
    if torch.equal(found.bool(), s < EDGE / 0.6744897501960817):
        raise Off("Right at mean 0, where that is the crossing of 2.5. The mean moves both shares.")
    if bool(wrong.any()):
        ordered(answer, right, pairs)
        i = int(wrong.int().argmax())
        raise Off(
            f"At s = {s[i]:g}, m = {m[i]:g} ReLU loses {relu[i]:.2g} of its units and the sigmoid {sigmoid[i]:.2g}; "
            f"this says {bool(found[i])}."
        )


EXERCISES |= {
    "2.8": Exercise(
        letter(
            a="A million draws see a share of a few millionths. At scale 4 a quarter of the slopes is below 0.01.",
            b="Other seeds would move the counts by their spread. Between none and half there is more than that.",
            c="It is off where z is below 0, and that is half of a Gaussian of any scale.",
        ),
        "Whoever counts names the line: at 0.01 the sigmoid loses a quarter of its units at scale 4.",
        "A count hangs on what is counted. Would it come out the same for 'slope below 0.01'?",
        "Ask saturation.gaussian_share for the same scales, with threshold=0.001, 0.01 and 0.1.",
    ),
    "2.9": Exercise(
        _more_lost,
        "It hangs on scale *and* mean: a claim about one of them alone is true of some layers only.",
        "Write down both shares for a Gaussian with scale s and mean m, and compare.",
        "ReLU loses P(z < 0), the sigmoid P(|z| > 4.585). saturation.gaussian_share(name, s, m) has both.",
    ),
}
