"""Checks of notebook 01, Definitions."""

import math
from typing import Any

import torch

from course_utils.exercises import Exercise, Off, function, number
from course_utils.exercises.answers import compare, near, slips, uses

__all__ = ["EXERCISES"]

_Z = torch.tensor([-6.0, -2.5, -1.0, -0.3, 0.2, 0.9, 2.0, 5.5], dtype=torch.float64)
# What would make the logistic without tanh.
_FORBIDDEN = {
    "sigmoid", "sigmoid_", "expit", "logsigmoid", "exp", "exp_", "exp2", "expm1", "softmax", "softplus", "silu", "erf",
    "logit", "logaddexp", "cosh", "sinh", "Sigmoid", "rpow",
}  # fmt: skip


def _slope_at_zero(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (
            1,
            0,
            "That is the slope from the right, and what Toll's rule gives. PyTorch decides otherwise: run autograd.",
        ),
        (
            0.5,
            0,
            "The middle of the subgradients from 0 to 1 would be a fair choice; PyTorch did not take it.",
        ),
    )
    if value != 0:
        raise Off("The slopes from the left and from the right are 0 and 1; the answer lies in that range.")


def _logistic_from_tanh(answer: Any) -> None:
    known = {
        "That is tanh itself: it runs from -1 to 1, the logistic from 0 to 1.": torch.tanh(_Z),
        "Right height, but too steep: this is σ(2z). What must go into tanh?": (1 + torch.tanh(_Z)) / 2,
        "Right steepness, but it runs from -1 to 1. Squeeze it into 0 to 1.": torch.tanh(_Z / 2),
        "The same with its sides changed: this is σ(−z).": torch.sigmoid(-_Z),
        "Right height, but too flat.": (1 + torch.tanh(_Z / 4)) / 2,
        "Right steepness, but it runs from 0 to 2.": 1 + torch.tanh(_Z / 2),
    }
    compare(answer, torch.sigmoid(_Z), {"z": _Z}, known)
    names = uses(answer, _Z)
    if found := sorted(names & _FORBIDDEN):
        raise Off(
            f"The numbers are right, but {found[0].replace('rpow', 'a power')} is not allowed: torch.tanh and arithmetic alone."
        )
    if not names & {"tanh", "tanh_", "Tanh"}:
        raise Off("The numbers are right, but not made with tanh: torch.tanh and arithmetic alone.")


def _slope_from_output(answer: Any) -> None:
    h = torch.tensor([-1.8, -0.6, 0.5, 1.0, 1.98], dtype=torch.float64)
    known = {
        "That is the rule for tanh itself. This one runs from −2 to 2; its slope must be 0 at both ends.": 1
        - h * h,
        "This takes its input for z. The input is h itself, the output.": 1 - torch.tanh(h / 2) ** 2,
        "That is the sigmoid's rule. Begin with the slope as a function of z.": h * (1 - h),
        "Twice too steep: the chain rule brings ½, for the z/2 inside.": 2 - h * h / 2,
        "Half too flat: the 2 in front of tanh multiplies the slope, too.": (1 - h * h / 4) / 2,
        "tanh is h/2 here: the half is squared as well.": 1 - h * h / 2,
    }
    compare(answer, 1 - h * h / 4, {"h": h}, known)


def _printed_at_zero(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (0.25, 0, "That is the right slope. Take the formula as it is printed: a power of −2 below the line."),
        (1, 0, "e⁰ = 1 is the numerator; the part below the line is not 1."),
        (0.5, 0, "Below the line stands (1 + 1) to the power −2, not −1."),
        (2, 0, "Below the line stands (1 + 1) to the power −2, not −1."),
        (-4, 0, "The right size; nothing in the formula is below 0."),
    )  # fmt: skip
    near(value, 4, 1e-9)


def _gate_slope(answer: Any) -> None:
    sigma, plain = torch.sigmoid(2 * _Z), torch.sigmoid(_Z)
    known = {
        "The product rule has two terms; this is the one from the factor z.": sigma,
        "The product rule has two terms; this is the one from the factor σ(2z).": 2 * _Z * sigma * (1 - sigma),
        "The chain rule brings a 2 for the 2z inside.": sigma + _Z * sigma * (1 - sigma),
        "That is the slope of SiLU, z σ(z); here the sigmoid is of 2z.": plain + _Z * plain * (1 - plain),
        "That is the slope of σ(2z); this is z times σ(2z).": 2 * sigma * (1 - sigma),
        "That is the function; its slope is asked for.": _Z * sigma,
        "The 2 multiplies one of the two terms alone.": 2 * sigma + 2 * _Z * sigma * (1 - sigma),
    }  # fmt: skip
    compare(answer, sigma + 2 * _Z * sigma * (1 - sigma), {"z": _Z}, known)


def _squared_relu_slope(answer: Any) -> None:
    known = {
        "Right above zero. Below zero the function is flat, so its slope is 0.": 2 * _Z,
        "The 2 that comes down from the power is missing.": torch.relu(_Z),
        "That is the function; its slope is asked for.": torch.relu(_Z) ** 2,
        "Above zero the slope still grows with z.": 2.0 * (_Z > 0),
        "Below zero the function is flat; this is the slope of z |z|.": 2 * _Z.abs(),
    }
    compare(answer, 2 * torch.relu(_Z), {"z": _Z}, known)


EXERCISES: dict[str, Exercise] = {
    "1.1": Exercise(
        _printed_at_zero,
        "1 / (2 to the power −2) = 4, sixteen times the right value.",
        "Do not think of what is meant; work out what stands there, at z = 0.",
        "At z = 0 every e⁻ᶻ is 1: what is 1 divided by 2 to the power −2?",
    ),
    "1.2": Exercise(
        _logistic_from_tanh,
        "σ(z) = (1 + tanh(z/2)) / 2: one function up to scale and shift.",
        "Both are S-curves. Compare their heights, and their slopes at 0.",
        "Find numbers a, b and c with σ(z) = a + b tanh(cz): two come from the ends, one from the slope at 0.",
    ),
    "1.3": Exercise(
        _slope_at_zero,
        "The next cell asks PyTorch, and the one after it why it may choose.",
        "It is a choice, and PyTorch has made it: ask it.",
        "Make a tensor `corner = torch.zeros(1, requires_grad=True)`, and take torch.autograd.grad of torch.relu(corner).sum().",
    ),
    "1.4": Exercise(
        _slope_from_output,
        "1 − h²/4: here, too, the backward pass needs h alone.",
        "Write the slope with tanh(z/2) in it; which part of h is tanh(z/2)?",
        "The chain rule gives 1 − tanh²(z/2). Put h in.",
    ),
    "1.5": Exercise(
        _gate_slope,
        "σ(2z) + 2z σ(2z)(1 − σ(2z)): it exceeds 1, as SiLU's does.",
        "It is a product of two functions of z, and one of them has 2z inside.",
        "(uv)′ = u′v + uv′ with u = z and v = σ(2z); what is v′?",
    ),
    "1.6": Exercise(
        _squared_relu_slope,
        "2 max(0, z): no jump at zero, and no bound on the right.",
        "There are two sides, and one of them is flat.",
        "Above 0 it is z²; below 0 it is 0. Write one formula for the two slopes.",
    ),
}


def _subgradient(answer: Any) -> None:
    g = torch.tensor([-0.5, -0.05, 0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5], dtype=torch.float64)
    right = (g >= 0.1) & (g <= 1)
    found = function(answer, g)
    if found.shape != g.shape:
        raise Off(f"For {len(g)} slopes g it should give {len(g)} answers; it gives {len(found)}.")
    if not bool(((found == 0) | (found == 1)).all()):
        raise Off("True or False is asked for, slope by slope.")
    sides = "The slopes of the two sides are two of them; lines in between touch from below as well."
    ends = "The ends count, too: a line of slope 0.1 or 1 lies along one side."
    known = [
        ((g >= 0) & (g <= 1), "Those are ReLU's. This one's left side is no level line."),
        (g == 1, sides),
        ((g == 0.1) | (g == 1), sides),
        ((g > 0.1) & (g < 1), ends),
        ((g > 0.1) & (g <= 1), ends),
        ((g >= 0.1) & (g < 1), ends),
        ((g >= -0.1) & (g <= 1), "On the left it is 0.1 z with z below 0: its slope there is 0.1, not -0.1."),
        ((g >= 0.01) & (g <= 1), "The slope on the left is 0.1 here, not 0.01."),
        ((g >= 0) & (g <= 0.1), "That is between the left side and a level line. Which two sides meet at the corner?"),
        ((g <= 0.1) | (g >= 1), "The lines outside of the two sides cut the curve. The others are asked for."),
    ]  # fmt: skip
    for wrong, word in known:
        if torch.equal(found.bool(), wrong):
            raise Off(word)
    wrong = found.bool() != right
    if bool(wrong.all()):
        raise Off("The other way round: true is asked for where g *is* a subgradient.")
    if bool(wrong.any()):
        i = int(wrong.int().argmax())
        side = "on or below the curve" if right[i] else "above the curve on one side"
        raise Off(f"A line of slope {g[i]:g} through the corner lies {side}; this says {bool(found[i])}.")


def _rungs(answer: Any) -> None:
    gap = torch.tensor([0.05, 0.1, 0.3, 0.05], dtype=torch.float64)
    reach = torch.tensor([10.0, 100.0, 100.0, 20.0], dtype=torch.float64)
    ln2 = torch.tensor(2.0, dtype=torch.float64).log()
    known = {
        "The gap is ln 2 / k, not 1 / k.": reach / gap,
        "That is how many there are to the unit. The ladder is as high as it reaches.": ln2 / gap,
        "A smaller gap wants more of them, not fewer.": reach * gap / ln2,
        "The gap is ln 2 / k: it is ln 2 that stands above.": reach / (gap * ln2),
        "That is twice too many: a ladder climbs on one side only.": 2 * reach * ln2 / gap,
        "That takes the logarithm to base 10; ln is the natural one.": reach * ln2 / (gap * math.log(10)),
    }
    compare(answer, reach * ln2 / gap, {"gap": gap, "reach": reach}, known, 0.02)


EXERCISES |= {
    "1.7": Exercise(
        _subgradient,
        "From 0.1 to 1: whatever lies between the slopes of the two sides.",
        "Draw the corner, and turn a line about it. When does it cut the curve?",
        "On the right the line must not be above z, on the left not above 0.1 z; there z is below 0.",
    ),
    "1.8": Exercise(
        _rungs,
        "reach · ln 2 / gap: half the gap costs twice the sigmoids, and every ladder ends.",
        "Two things decide: how many there are to the unit, and how many units.",
        "Section 1.5 has the gap as ln 2 / k, and k sigmoids to the unit. Solve for k, then climb to the reach.",
    ),
}
