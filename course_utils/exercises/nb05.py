"""Checks of notebook 05, Dead units."""

import math
from typing import Any

import torch

from course_utils import theory
from course_utils.exercises import Exercise, Off, function, number, option

__all__ = ["EXERCISES"]


def _what_kills(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off("The other two networks in the figure have the same ten layers.")
    if letter == "b":
        raise Off("Without biases, what does multiplying all weights of a ReLU network do to who is on?")
    if letter == "c":
        raise Off("Biases of that size do little beside weights that keep the signal up. What shrinks it?")


def _narrow(answer: Any) -> None:
    width = number(answer)
    if width != round(width) or width < 1:
        raise Off("A width is a whole number of at least 1.")
    share = theory.born_dead(int(min(width, 64)), 100)
    if share > 0.01:
        raise Off(f"At this width {100 * share:.2g} % of the networks are born dead: wider.")
    if theory.born_dead(max(1, int(min(width, 64)) - 1), 100) <= 0.01 and width > 1:
        raise Off(
            f"Wide enough ({100 * share:.2g} %), but not the narrowest: one unit fewer would do as well."
        )


def _count_dead(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    h = torch.relu(torch.randn(40, 30, generator=generator, dtype=torch.float64) - 0.5)
    h[:, [3, 7, 21]] = 0  # dead
    h[:, 5] = 0
    h[17, 5] = 1e-9  # on for one image, and hardly
    h[:, 9] = 0
    h[4, 9] = 50.0  # rare, but loud
    h[11] = 0  # an image that finds nobody on
    found = function(answer, h)
    if found.numel() != 1:
        raise Off(f"One number is asked for, the count of dead units; the function gives {found.numel()}.")
    count = float(found[0])
    off_once, silent_images = int((h == 0).any(0).sum()), int((h == 0).all(1).sum())
    if count == off_once:
        raise Off("That counts units that are off for some image: nearly all. Dead is off for every image.")
    if count == silent_images:
        raise Off("That counts images for which all units are off. Images are rows, units are columns.")
    if count == int((h == 0).sum()):
        raise Off("That counts zeros. A unit is dead when its whole column is zero.")
    if math.isclose(count, 3 / 30):
        raise Off("That is the share of dead units; their count is asked for.")
    if count == 4 or count == 5:
        raise Off("One that is on for a single image, however weakly, is not dead: no threshold, no average.")
    if count != 3:
        raise Off(f"In a trial layer with 3 dead units of 30 the function finds {count:g}.")


def _scaled(answer: Any) -> None:
    value = number(answer)
    if abs(value - 0.5) < 1e-9 or abs(value - 50) < 1e-9:
        raise Off("Half of the units are on for an image before and after; how many change sides?")
    if value != 0:
        raise Off(
            "Without biases z of the first layer is 3 times as large. Does it change its sign? And then?"
        )


def _wounded(answer: Any) -> None:
    letter = option(answer, "abcd")
    if letter == "a":
        raise Off(
            "What would move a dead unit's own weights? In one of the layers, nothing else can move either."
        )
    if letter == "c":
        raise Off("The layer's own weights stand still in both. But z = hW + b: what else is in it?")
    if letter == "d":
        raise Off("The gradient of a dead unit's weights is exactly 0 in every layer: it cannot heal itself.")


def _drift(answer: Any) -> None:
    value = number(answer)
    if abs(value - 10) < 1e-6:
        raise Off(
            "1 + 0.9 + 0.81 + ... counts the last live step as well; only those after it are asked for."
        )
    if abs(value - 0.9) < 1e-6:
        raise Off("That is the first step after death. The velocity dies away slowly: sum all of them.")
    if abs(value) < 1e-9:
        raise Off("The gradient is 0, but w moves by the velocity, of which a step keeps nine tenths.")
    if abs(value - 9) > 1e-6:
        raise Off("Sum the geometric series 0.9 + 0.9² + 0.9³ + ...")


EXERCISES = {
    "5.1": Exercise(_what_kills, "Take either away and most of the dead are gone: section 5.3 does both."),
    "5.2": Exercise(_count_dead, "Off for every image, exactly: the largest h of the column is 0."),
    "5.3": Exercise(_narrow, "1 − (1 − 2⁻ᴺ)¹⁰⁰ falls below 1 % there, and by half with every further unit."),
    "5.4": Exercise(_scaled, "ReLU is homogeneous: h grows by 3, then by 9, and no z changes its sign."),
    "5.5": Exercise(_wounded, "Below the first layer lie the images, and they stand still."),
    "5.6": Exercise(_drift, "0.9 / (1 − 0.9) = 9 more steps of the last one's length, and then it stands."),
}
