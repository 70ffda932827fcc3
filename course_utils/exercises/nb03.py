"""Checks of notebook 03, Gradient products across depth."""

from dataclasses import replace
from typing import Any

import torch

from course_utils import activations, theory
from course_utils.exercises import Exercise, Off, number
from course_utils.exercises.answers import choice, compare, letter, near, slips

__all__ = ["EXERCISES", "RELU6"]

RELU6 = replace(
    activations.get("relu"),
    name="relu6",
    label="ReLU6",
    value=lambda z: z.clamp(0, 6),
    slope=lambda z: torch.where(z.isnan(), z, ((z > 0) & (z < 6)).to(z.dtype)),
    formula=r"\min(\max(0, z), 6)",
    slope_formula=r"1\ \text{if}\ 0<z<6,\ \text{else}\ 0",
    marker="p",
    kinks=(0.0, 6.0),
)


def _he(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (1, 1e-6, "That keeps a linear network level. A ReLU passes on only half of the mean square."),
        (0.5, 1e-6, "One half is what ReLU keeps of the mean square; the weights must make up for it."),
        (2**0.5, 1e-2, "That is the gain. The variance times fan_in, which is asked for, is its square."),
        (4, 1e-6, "The square of it: the variance enters once."),
    )
    near(value, 2, 1e-6)


def _silu(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (1, 5e-3, "√2 keeps ReLU alive because half of its slopes are 1. What is SiLU's slope at 0?"),
        (
            0.5,
            5e-3,
            "That is SiLU's slope at 0: the weights, with a gain of √2, multiply, too. Or, with them, the factor's square.",
        ),
        (0.25, 5e-3, "The factor is of the norm, not of its square."),
        (0.125, 5e-3, "The factor is of the norm, not of its square."),
        (2**0.5, 5e-3, "That is the gain. SiLU's slope multiplies, too."),
    )
    right = theory.gradient_factor("silu", "he")
    near(value, right, 0.01 * right)


def _relu6_alive(answer: Any) -> None:
    gain = number(answer)
    if gain <= 0:
        raise Off("A gain is a standard deviation times √fan_in: it is above 0.")
    factor = theory.gradient_factor(RELU6, gain)
    if abs(factor - 1) > 0.02:
        fate = "vanish" if factor < 1 else "explode"
        raise Off(f"At this gain gradients {fate}: the factor per layer is {factor:.3f}.")


def _offset(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (0.25, 1e-6, "That is the square of the mean. The weights, of gain 4, multiply it."),
        (1, 1e-6, "4 × ¼: but a variance takes the square of the gain."),
        (2, 1e-6, "That is the offset's standard deviation, 4 × ½; its variance is asked for."),
        (5.86, 0.02, "That is the whole variance of z; the offset's part of it is asked for."),
        (16, 1e-6, "That is the weights' variance times fan_in. The mean, ½, multiplies them, squared."),
        (8, 1e-6, "16 × ½: but a variance takes the square of the mean, too."),
        (1.86, 0.02, "That is the rest of the variance of z; the offset's part is asked for."),
    )
    near(value, 4, 1e-6)


EXERCISES: dict[str, Exercise] = {
    "3.1": Exercise(
        letter(
            a="At most a quarter per layer, and the weights do not make up for it: this one keeps least of all.",
            b="Its slope is 1, but half of the units are off and these weights are small. Work out both factors.",
            c="A slope of 1 in the middle, but weights of gain √⅓ ≈ 0.58: that is lost in every layer.",
        ),
        "See how it comes about, and by how much.",
        "A layer multiplies by two things, the slope and the weights. Which of the four has both near 1?",
        "Per layer: gain times the root of the mean squared slope. Estimate it for each, then raise it to the depth.",
    ),
    "3.2": Exercise(
        _he,
        "Var(w) · fan_in = 2: He's init, because half of the mean square is lost.",
        "What share of the mean square of z does ReLU let through?",
        "Start from E[ReLU(z)²] for a symmetric z of variance q: what share of q is it? The weights must undo that.",
    ),
    "3.3": Exercise(
        letter(
            b="σ(4z) has slope 1 at z = 0: the bound of its slope is 1, as ReLU's. It is not the bound that bites.",
            c="These gradients are computed in float64, where nothing of this size is rounded away.",
            d="The weights are drawn the same way as in a tanh network, and there the gradient survives.",
        ),
        "The next figures put it to the test.",
        "What has σ(4z) that tanh, with the same slope and the same weights, has not?",
        "Compare the two networks part by part: slope at 0, weights, precision, mean of h. One part differs.",
    ),
    "3.4": Exercise(
        _offset,
        "16 · ¼ = 4: more than two thirds of the variance of z is the same for every input.",
        "It is a sum of independent terms; variances add up.",
        "The offset is Σ w · ½ over fan_in weights, each of variance 16 / fan_in.",
    ),
    "3.5": Exercise(
        _silu,
        "√2 · ½: once the signal has died, a SiLU is a straight line of slope one half.",
        "Near 0 every smooth function is a straight line.",
        "The factor is gain × slope, for all units alike; what is the slope of z σ(z) at z = 0?",
    ),
    "3.6": Exercise(
        _relu6_alive,
        "The cap at 6 is hardly ever reached there: ReLU6 lives where ReLU does.",
        "Where z hardly ever reaches 6, ReLU6 is an activation that you know.",
        "Try the gain of ReLU in theory.gradient_factor, and one above and one below it.",
    ),
}


def _least_gain(answer: Any) -> None:
    d = torch.tensor([1.0, 5.0, 20.0, 100.0], dtype=torch.float64)
    known = {
        "That gain keeps all of it. A tenth is enough here: it may be smaller.": torch.full_like(d, 2**0.5),
        "That is the factor per step. The gain makes up for the half that ReLU lets through, too.": 0.1 ** (1 / d),
        "That is the gain's square. The gain is asked for.": 2 * 0.1 ** (2 / d),
        "The factors multiply: the tenth is the d-th power of one factor.": 2**0.5 * (1 - 0.9 / d),
        "That is what is left at a factor of a tenth per step.": 2**0.5 * 0.1**d,
        "That is the largest gain at which it has not grown tenfold.": 2**0.5 * 10 ** (1 / d),
        "ReLU's factor is gain / √2, not gain / 2.": 2 * 0.1 ** (1 / d),
    }  # fmt: skip
    compare(answer, 2**0.5 * 0.1 ** (1 / d), {"d": d}, known, 1e-3)


def _which_gradient(answer: Any) -> None:
    up = torch.tensor([0.7, 1.0, 1.2, 0.9], dtype=torch.float64)
    down = torch.tensor([0.7, 0.24, 0.9, 1.3], dtype=torch.float64)
    known = {
        "That is dL/dz. dL/dW has h of the layer below in it, and that changes as well.": down,
        "Toward the input you go *down* the layers: h is then divided by what it grows by on its way up.": down
        * up,
        "The other way round: that is the change away from the input.": up / down,
        "True where both are the same, as in a ReLU network without biases.": torch.ones_like(up),
    }
    compare(answer, down / up, {"up": up, "down": down}, known, 1e-3)


EXERCISES |= {
    "3.7": Exercise(
        choice(
            {
                "arms": {
                    "depth": "depth and depth over width grow together here; it cannot tell them apart.",
                    "width": "width and depth over width move together here; it cannot tell them apart.",
                    "both": "",
                },
                "gain": {
                    "he": "",
                    "pytorch": "the gradient then shrinks by a known factor per layer, and depth enters by that door, too.",
                    "tuned": "a gain tuned for each depth varies with the depth: two knobs are turned at once.",
                },
                "measure": {
                    "mean": "at He's init the mean square is level by design; what strays is the single network.",
                    "spread": "",
                    "accuracy": "training mixes in its rate, its data and its steps. The claim is about init.",
                },
                "budget": {
                    "one": "one network has no spread.",
                    "images": "many images share the weights of one network; its own luck is in all of them.",
                    "networks": "",
                },
            }
        ),
        "Depth and width turned together and each alone, level on average, many networks: only the ratio can explain what strays.",
        "What else changes with depth / width in each set of arms? And where would luck show?",
        "Ask of each part: if the claim were false, could this experiment come out otherwise?",
    ),
    "3.8": Exercise(
        _least_gain,
        "√2 · 10^(−1/d): the deeper, the nearer to He's gain. The claim's condition is on the weights and on the depth.",
        "What is the factor of one step at gain g, and what do d of them make?",
        "(g/√2)^d is left. Set it equal to a tenth and solve for g.",
    ),
    "3.9": Exercise(
        _which_gradient,
        "down / up: level where the two are equal, as in ReLU without biases; as dL/dz where h stays, as in the sigmoid.",
        "dL/dW of a layer is a product of two things, of neighbouring layers.",
        "dL/dW is δ times the h of the layer below. Take one step toward the input: what becomes of δ, and what of h?",
    ),
}
