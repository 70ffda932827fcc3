"""Checks of notebook 05, Dead units."""

from typing import Any

import torch

from course_utils import theory
from course_utils.exercises import Exercise, Off, function, number
from course_utils.exercises.answers import compare, letter, near, share, slips

__all__ = ["EXERCISES"]


def _narrow(answer: Any) -> None:
    width = number(answer)
    if width != round(width) or width < 1:
        raise Off("A width is a whole number of at least 1.")
    enough = int(min(width, 64))  # far more than enough
    share = theory.born_dead(enough, 100)
    if share > 0.01:
        raise Off(f"At this width {100 * share:.3g} % of the networks are born dead: wider.")
    if theory.born_dead(enough - 1, 100) <= 0.01:
        raise Off(
            f"Wide enough ({100 * share:.3g} %), but not the narrowest: one unit fewer would do as well."
        )


def _seem_dead(answer: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    h = torch.relu(torch.randn(40, 30, generator=generator, dtype=torch.float64) - 0.5)
    h[:, [3, 7, 21]] = 0  # dead
    h[:, 5] = 0
    h[37, 5] = 1e-9  # on for one image of the second half, and hardly
    h[:20, [9, 12, 14, 16]] = 0  # off in the first half alone
    h[:, 9] = 0
    h[24, 9] = 50.0  # rare, but loud
    h[20:, [1, 2, 4, 6, 8, 10]] = 0  # off in the second half alone
    h[[11, 15]] = 0  # images that find nobody on
    count = _count(answer, h)
    early, late, dead = (int((part == 0).all(0).sum()) for part in (h[:20], h[20:], h))
    if count == dead:
        raise Off("That counts the dead. Asked for are those that only look dead on the first half.")
    if count == early:
        raise Off("That counts all that look dead on the first half; some of them are dead indeed.")
    if count in (late, late - dead):
        raise Off("That takes the second half for the first: h[: len(h) // 2] are the first images.")
    if abs(count - (early - dead) / 30) < 1e-6:
        raise Off("That is a share of the units; their count is asked for.")
    # Another layer, of 16 images, where others seem dead.
    other = torch.cat([h[30:38], h[:8]])[:, :20]
    again = _count(answer, other)
    for (word, value), second in zip(_slips(h).items(), _slips(other).values(), strict=True):
        if (count, again) == (value, second):
            raise Off(word)
    if count == early - dead - 1:
        raise Off("One that is on for a single image, however weakly, is not dead: no threshold, no average.")
    if count != early - dead:
        raise Off(
            f"In a trial layer {early} of 30 units look dead on the first half, and {dead} are; the function finds {count:g}."
        )
    if _count(answer, h[:, 8:]) == count:
        raise Off(
            "In a layer without the first eight of these units it is one fewer: the count must follow h."
        )
    if again != int(((other[:8] == 0).all(0) & (other != 0).any(0)).sum()):
        raise Off("Right for one layer and not for another, of 16 images: the half must follow h.")


def _slips(h: torch.Tensor) -> dict[str, int]:
    """What other ways of counting give, by the word for each."""
    off, half = h == 0, len(h) // 2
    early, late, dead = (int(part.all(0).sum()) for part in (off[:half], off[half:], off))
    image = "That counts images on which no unit is on. A unit is a column of h."
    return {
        "The right size, and the wrong sign.": dead - early,
        "That counts those off on one half alone, whichever; asked for are those off on the first.": early + late - 2 * dead,
        image: int(off.all(1).sum()),
        image + " ": int(off[:half].all(1).sum()),
        "That takes every other image; the first half is h[: len(h) // 2].": int(off[::2].all(0).sum()) - dead,
    }  # fmt: skip


def _count(answer: Any, h: torch.Tensor) -> float:
    found = function(answer, h)
    if found.numel() != 1:
        raise Off(f"One number is asked for, the count of such units; the function gives {found.numel()}.")
    return float(found[0])


def _louder(answer: Any) -> None:
    value = share(answer)
    if value > 0.75:
        raise Off("A large bias may be negative or positive. Which of the two is more likely?")
    if value < 0.25:
        raise Off("The image has died out long before layer 10; what then decides the sign of z?")
    near(value, 0.5, 0.05, 0.1)


def _drift(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (10, 1e-6, "1 + 0.9 + 0.81 + ... counts the last live step as well; only those after it are asked for."),
        (0.9, 1e-6, "That is the first step after death. The velocity dies away slowly: sum all of them."),
        (0, 1e-9, "The gradient is 0, but w moves by the velocity, of which a step keeps nine tenths."),
        (1 / 9, 1e-3, "Upside down: what is kept is above, what is lost is below."),
    )  # fmt: skip
    if 8 < value < 8.99:
        raise Off("The series has no end: a few more terms, or its closed form.")
    near(value, 9, 1e-2)


EXERCISES: dict[str, Exercise] = {
    "5.1": Exercise(
        letter(
            a="The other two networks in the figure have the same ten layers.",
            b="Without biases, what does multiplying all weights of a ReLU network do to who is on?",
            c="Biases of that size do little beside weights that keep the signal up. What shrinks it?",
        ),
        "See how it comes about: section 5.3 changes one thing at a time.",
        "z is a sum of two parts, one that depends on the image and one that does not. Which is larger, layer by layer?",
        "Follow the size of h through ten layers with gain √⅓, and set it beside the size of a bias.",
    ),
    "5.2": Exercise(
        _seem_dead,
        "Off on the first half, exactly, and on somewhere later.",
        "Two conditions, both about a whole column.",
        "Make one row of truth values for 'off on the first half' and one for 'on somewhere'; count where both hold.",
    ),
    "5.3": Exercise(
        _narrow,
        "1 − (1 − 2⁻ᴺ)¹⁰⁰ falls below 1 % there, and by half with every further unit.",
        "A layer is dead when all of its N units are off. How likely is that, and how often may it happen?",
        "One layer of 100 dies with 2⁻ᴺ; a hundred of them with nearly 100 · 2⁻ᴺ.",
    ),
    "5.4": Exercise(
        _louder,
        "The biases decide from which layer on; symmetry decides how many.",
        "In layer 10 z is one number for all images. When is the unit dead?",
        "z is one draw for all images, symmetric about 0. How often is such a draw below 0?",
    ),
    "5.5": Exercise(
        letter(
            a="What would move a dead unit's own weights? In one of the layers, nothing else can move either.",
            c="The layer's own weights stand still in both. But z = hW + b: what else is in it?",
            d="The gradient of a dead unit's weights is exactly 0 in every layer: it cannot heal itself.",
        ),
        "See how it comes about.",
        "A unit comes back when its z changes. z = hW + b: which of the three can change?",
        "For layer 1, h is the image. For layer 3 it is what layer 2 makes, and layer 2 learns.",
    ),
    "5.6": Exercise(
        _drift,
        "0.9 / (1 − 0.9) = 9 more steps of the last one's length, and then it stands.",
        "The gradient is 0; the velocity is not.",
        "Sum the geometric series 0.9 + 0.9² + 0.9³ + ...",
    ),
}


def _least_slope(answer: Any) -> None:
    k = torch.tensor([1.0, 2.0, 4.0, 10.0], dtype=torch.float64)
    known = {
        "That is enough for one unit. Each further one multiplies by a once more.": torch.full_like(k, 0.01),
        "The slopes multiply; they do not share the hundredth among them.": 0.01 / k,
        "The slopes multiply; they do not add up.": 0.01 * k,
        "That is what is left after k units of slope 0.01.": 0.01**k,
        "Upside down: a slope above 1 would make the gradient grow.": 100 ** (1 / k),
        "That is what is lost of the slope; the slope is asked for.": 1 - 0.01 ** (1 / k),
    }
    compare(answer, 0.01 ** (1 / k), {"k": k}, known, 1e-3)


EXERCISES |= {
    "5.7": Exercise(
        letter(
            a="A leaky unit's zeros are rare whatever the line; that is the point: the count is 0 by its formula.",
            b="More images would help the first sentence. They would not help the second.",
            d="Four units in ten that are off for one batch are nothing strange; half are off for one image at init.",
        ),
        "Off on a batch is not dead, and a count that is 0 by definition shows no cure.",
        "What is counted, and could the count for leaky ReLU have come out otherwise?",
        "Take the two sentences one by one: is 'off on this batch' dead? Is 'never exactly 0' healthy?",
    ),
    "5.8": Exercise(
        _least_slope,
        "0.01^(1/k): a leak of 0.01 carries a gradient through one unit, not through ten.",
        "What is left of a gradient after two units of slope a?",
        "After k of them aᵏ is left. Set it equal to 0.01.",
    ),
}
