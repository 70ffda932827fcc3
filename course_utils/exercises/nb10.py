"""Checks of notebook 10, Verdict."""

import math
import re
from typing import Any

from course_utils import activations, theory
from course_utils.exercises import Exercise, Off, number
from course_utils.exercises.answers import Unread, attempt, choice, kind, letter, near, shown, slips

__all__ = ["EXERCISES"]


def _default(answer: Any) -> None:
    value, factor = number(answer), float(theory.gradient_factor("relu", "pytorch"))
    if abs(value - factor) < 1e-2:
        raise Off("That is the factor of one layer. Twenty of them multiply.")
    if abs(value - 20 * factor) < 0.1:
        raise Off("The factors of the layers multiply; they do not add up.")
    if abs(value + factor**20) < 0.25 * factor**20:
        raise Off("The right size, and the wrong sign.")
    if abs(value * 3**10 - 1) < 0.05:
        raise Off("That leaves out the slopes: half of the units are off, in each layer.")
    if abs(value * 2**10 - 1) < 0.05:
        raise Off("That leaves out the weights: PyTorch's default has gain √⅓, not √2.")
    if value >= 1:
        raise Off("The gradient shrinks: the factor of one layer is below 1.")
    if abs(value / factor**19 - 1) < 0.25 or abs(value / factor**21 - 1) < 0.25:
        raise Off("Nearly: count the steps again, 20 are asked for.")
    if abs(value / factor**20 - 1) > 0.25:
        raise Off(
            f"It is not {value:.3g}: that is too {'small' if value < factor**20 else 'large'} (good to a quarter)."
        )


def _deepest(answer: Any) -> None:
    value = number(answer)
    steps = {
        name: math.floor(math.log(10) / math.log(theory.batch_norm_growth(name)))
        for name in ("gelu", "relu", "sigmoid")
    }
    right = steps["gelu"] + 1
    slips(
        value,
        (steps["gelu"], 1e-9, "That many steps it may take; the layers are one more."),
        (steps["relu"] + 1, 1e-9, "That is ReLU's number; GELU's growth is smaller."),
        (steps["sigmoid"] + 1, 1e-9, "That is the sigmoid's number; GELU's growth is larger."),
        (steps["gelu"] // 2 + 1, 1e-9, "That is for the square of the gradient; its size is asked for."),
        (right + 1, 1e-9, "One layer too many: there it has grown more than tenfold."),
    )
    if value != round(value):
        raise Off("Layers come whole.")
    near(value, right, 0, 0)


def _advice(answer: Any) -> None:
    if not callable(answer):
        raise Unread(f"A function is asked for; this is {kind(answer)}. Write def ... or lambda ...")
    for depth, residual, norm in (
        (5, False, "none"),
        (5, False, "batch"),
        (30, False, "none"),
        (30, False, "batch"),
    ):
        name = _known(answer, depth, residual, norm)
        total = theory.profile(name, "he", depth, norm).dz[0].item()
        if not 1 / 20 < total < 20:
            verb = "vanishes" if total < 1 else "explodes"
            raise Off(
                f"{depth} layers, norm {norm!r}: with {name} the gradient {verb}, by a factor of {total:.2g}."
            )
    _known(answer, 30, True, "layer")


def _known(advise: Any, depth: int, residual: bool, norm: str) -> str:
    """What the reader's function advises for one case, if it is the name of a nonlinear activation."""
    call = f"depth={depth}, residual={residual}, norm={norm!r}"

    def read(name: Any) -> str:
        if isinstance(name, str):
            name = re.sub(r"[\s-]+", "_", name.strip().lower())
        if not isinstance(name, str) or name not in activations.names():
            known = ", ".join(activations.names())
            raise Off(
                f"For {call} it gives {shown(name)}, which the registry does not know; it knows {known}."
            )
        if name == "identity":
            raise Off("The identity keeps every gradient, but a stack of linear layers is one linear layer.")
        return name

    return attempt([(call, lambda: advise(depth, residual, norm))], read)


EXERCISES: dict[str, Exercise] = {
    "10.1": Exercise(
        letter(
            a="Many votes are no measurement: another answer has as many claims that hold. Ahead of all others it is not.",
            c="Right about the slopes; but an answer of few claims, two of them bold, cannot lead the list.",
            d="A third of what the comments say holds; others wrote more, and are right more often.",
        ),
        "The table below the figure has the counts.",
        "Who made many claims, and named their conditions?",
        "Count for each how many of their claims hold as they stand; the table below does so, too.",
    ),
    "10.2": Exercise(
        _default,
        "√⅓ · √½ per layer: about 1.7 · 10⁻⁸ is left after 20 layers of ReLU.",
        "The factors of the layers multiply.",
        "√⅓ from the weights and √½ from the slopes, for each layer; then the power of 20.",
    ),
    "10.3": Exercise(
        _deepest,
        "Seventeen layers, sixteen steps. ReLU has less room, the sigmoid far more.",
        "One factor per step, and the steps multiply.",
        "How many times may you multiply by theory.batch_norm_growth('gelu') before you pass 10? Then count layers.",
    ),
    "10.4": Exercise(
        _advice,
        "By theory its gradient keeps its size in all cases asked for.",
        "Two cases, and one activation may pass in both: which factor is near 1 at depth 30, with batch norm?",
        "Print theory.gradient_factor(name, 'he') and theory.batch_norm_growth(name) for every name, to the power of 30.",
    ),
}


EXERCISES |= {
    "10.5": Exercise(
        choice(
            {
                "gradient": {
                    "any": "which one? dL/dz and dL/dW behave differently where h changes its size.",
                    "dL/dz": "",
                },
                "weights": {
                    "any": "at PyTorch's default it falls to 0.41 of itself per layer, and 10.2 shows what twenty of those make.",
                    "xavier": "ReLU lets half of the mean square through, and Xavier's gain does not make up for it.",
                    "he": "",
                },
                "layers": {
                    "any": "in narrow deep networks luck builds up with depth over width (notebook 03).",
                    "wide": "",
                },
                "when": {
                    "always": "training moves the weights; theory and measurement here speak of the start.",
                    "at init": "",
                },
            }
        ),
        "In wide layers, at He's init, ReLU keeps the size of dL/dz: a sentence that can be tested, and was.",
        "A sentence holds when each of its words does. Which words does the short claim leave out?",
        "Name the quantity, the weights, the width and the time; for each, recall the notebook that found it matters.",
    ),
    "10.6": Exercise(
        letter(
            a="The verdicts are derived by a program from measurements; nobody voted.",
            c="Claims that only sources can decide are marked so. They are not counted as wrong for it.",
            d="More seeds would make a verdict firmer. They would not make 'depends' into 'fails'.",
        ),
        "Depends is a verdict of its own: the claim is right where its condition is met, and the card names it.",
        "There are more verdicts than two.",
        "Take one card that depends: is its claim false where the condition holds?",
    ),
}
