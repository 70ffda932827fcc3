"""Checks of notebook 01, Definitions."""

from typing import Any

import torch
from torch import Tensor

from course_utils import activations
from course_utils.exercises import Exercise, Off, function, number

__all__ = ["EXERCISES"]

_Z = torch.tensor([-6.0, -2.5, -1.0, -0.3, 0.2, 0.9, 2.0, 5.5], dtype=torch.float64)


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-5, atol=1e-7)


def _compare(found: Tensor, right: Tensor, z: Tensor, name: str) -> None:
    if found.shape != right.shape:
        raise Off(f"It takes {len(z)} numbers and should give back {len(right)}; it gives {len(found)}.")
    if not _close(found, right):
        worst = int(torch.nan_to_num(found - right, nan=torch.inf).abs().argmax())
        raise Off(f"At {name} = {z[worst]:g} it gives {found[worst]:.4g}; it should give {right[worst]:.4g}.")


def _slope_at_zero(answer: Any) -> None:
    value = number(answer)
    if value == 1:
        raise Off(
            "That is the slope from the right, and what Toll's rule gives. PyTorch decides otherwise: run autograd."
        )
    if value == 0.5:
        raise Off(
            "The middle of the subgradients from 0 to 1 would be a fair choice; PyTorch did not take it."
        )
    if value != 0:
        raise Off("The slopes from the left and from the right are 0 and 1; the answer lies in that range.")


def _logistic_from_tanh(answer: Any) -> None:
    found = function(answer, _Z)
    if _close(found, torch.tanh(_Z)):
        raise Off("That is tanh itself: it runs from -1 to 1, the logistic from 0 to 1.")
    if _close(found, (1 + torch.tanh(_Z)) / 2):
        raise Off("Right height, but too steep: this is σ(2z). What must go into tanh?")
    if _close(found, torch.tanh(_Z / 2)):
        raise Off("Right steepness, but it runs from -1 to 1. Squeeze it into 0 to 1.")
    _compare(found, torch.sigmoid(_Z), _Z, "z")


def _slope_from_output(answer: Any) -> None:
    h = torch.tensor([-0.9, -0.3, 0.25, 0.5, 0.99], dtype=torch.float64)
    found = function(answer, h)
    if _close(found, 1 - torch.tanh(h) ** 2):
        raise Off("This takes its input for z. The input is h itself, the output of tanh.")
    if _close(found, h * (1 - h)):
        raise Off("That is the sigmoid's rule. For tanh, start from 2σ(2z) − 1.")
    _compare(found, 1 - h * h, h, "h")


def _printed_at_zero(answer: Any) -> None:
    value = number(answer)
    if value == 0.25:
        raise Off("That is the right slope. Take the formula as it is printed: a power of −2 below the line.")
    if value == 1:
        raise Off("e⁰ = 1 is the numerator; the part below the line is not 1.")
    if value in (0.5, 2):
        raise Off("Below the line stands (1 + 1) to the power −2, not −1.")
    if value != 4:
        raise Off("At z = 0 every e⁻ᶻ is 1: what is 1 divided by 2 to the power −2?")


def _silu_slope(answer: Any) -> None:
    found = function(answer, _Z)
    sigma = torch.sigmoid(_Z)
    if _close(found, sigma):
        raise Off("The product rule has two terms; this is the one from the factor z.")
    if _close(found, _Z * sigma * (1 - sigma)):
        raise Off("The product rule has two terms; this is the one from the factor σ(z).")
    if _close(found, sigma * (1 - sigma)):
        raise Off("That is the slope of σ; SiLU is z times σ.")
    _compare(found, activations.get("silu").derivative(_Z), _Z, "z")


def _squared_relu_slope(answer: Any) -> None:
    found = function(answer, _Z)
    if _close(found, 2 * _Z):
        raise Off("Right above zero. Below zero the function is flat, so its slope is 0.")
    if _close(found, torch.relu(_Z)):
        raise Off("The 2 that comes down from the power is missing.")
    if _close(found, torch.relu(_Z) ** 2):
        raise Off("That is the function; its slope is asked for.")
    _compare(found, 2 * torch.relu(_Z), _Z, "z")


EXERCISES = {
    "1.1": Exercise(_printed_at_zero, "1 / (2 to the power −2) = 4, sixteen times the right value."),
    "1.2": Exercise(
        _logistic_from_tanh,
        "σ(z) = (1 + tanh(z/2)) / 2, if you used tanh: one function up to scale and shift.",
    ),
    "1.3": Exercise(_slope_at_zero, "The next cell asks PyTorch, and the one after it why it may choose."),
    "1.4": Exercise(_slope_from_output, "1 − h²: here, too, the backward pass needs h alone."),
    "1.5": Exercise(_silu_slope, "σ(z) + z σ(z)(1 − σ(z)); it exceeds 1 and is steepest near z = 2.4."),
    "1.6": Exercise(_squared_relu_slope, "2 max(0, z): no jump at zero, and no bound on the right."),
}
