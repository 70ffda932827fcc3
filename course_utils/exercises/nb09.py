"""Checks of notebook 09, After the first step."""

from typing import Any

import torch

from course_utils.exercises import Exercise
from course_utils.exercises.answers import choice, compare, letter

__all__ = ["EXERCISES"]


def _aligned(answer: Any) -> None:
    g = torch.tensor([1.0, 0.5, 1.4, 1.0], dtype=torch.float64)
    c = torch.tensor([0.5, 0.9, 0.3, 2.0], dtype=torch.float64)
    known = {
        "That is the square: the factor is of the norm.": g**2 + c**2,
        "What the two parts send back are vectors at right angles, or nearly: their squares add up.": g + c,
        "That leaves out what the random part still sends back.": c,
        "That is the factor without the change. It lies along δ, and so meets all of it.": g,
        "The two parts of the weights are added, not multiplied.": g * c,
    }
    compare(answer, (g**2 + c**2).sqrt(), {"g": g, "c": c}, known, 1e-3)


def _edge(answer: Any) -> None:
    c = torch.tensor([2.0, 10.0, 24.0, 100.0], dtype=torch.float64)
    m = torch.tensor([0.5, 0.9, 0.0, 0.8], dtype=torch.float64)
    known = {
        "That is the edge without momentum. With it the step remembers the one before: try m above 0.": 2 / c,
        "That is how far a steady slope carries the weights. Here the slope turns round at every step.": 2
        / (c * (1 - m)),
        "Momentum helps here: it works against the swing, which turns round at every step. Mind the sign.": 2
        * (1 - m)
        / c,
        "Twice of it: beyond half of that the swing grows.": 4 * (1 + m) / c,
        "Half of it: at that rate a step without momentum goes just to the bottom.": (1 + m) / c,
        "The other way up: a higher curvature bears a lower rate.": c / (2 * (1 + m)),
        "That is for ηc, the rate times the curvature. The rate is asked for.": 2 * (1 + m),
    }
    compare(answer, 2 * (1 + m) / c, {"c": c, "m": m}, known, 1e-3)


EXERCISES: dict[str, Exercise] = {
    "9.1": Exercise(
        letter(
            a="Theory knows the weights as they were drawn. Training changes them; does the product not notice?",
            b="That is what one would fear. What does the loss ask of the layers below, if it is to fall?",
            d="Some do grow, and batch norm's are larger at the start. See where those end.",
        ),
        "See how far above 1, and what becomes of those that do not learn.",
        "A layer whose changes follow the gradient sends more of that gradient back.",
        "Each step adds to W a multiple of h times δ. What does this addition make of the next δ on its way down?",
    ),
    "9.2": Exercise(
        letter(
            a="The number is right: the weights' length hardly changes. What else does the formula assume?",
            b="The slopes do change a little, and mostly downward. The factor went up.",
            d="Five networks agree within a few hundredths. It is no accident.",
        ),
        "The length is one half of the assumption; that weights and gradients are strangers is the other.",
        "Two matrices of one length can do very different things to one vector.",
        "The formula multiplies lengths of weights and of slopes. When is a product's length the product of lengths?",
    ),
    "9.3": Exercise(
        _aligned,
        "√(g² + c²): at g = 1, c = ½ the factor is 1.12, while the length of 32 × 32 weights grows by 0.4 %.",
        "δ times the weights is a sum of two vectors. How long is each, and which angle is between them?",
        "δW₀ᵀ has length g, in a random direction; δ(c u vᵀ)ᵀ, with δ = v, has length c, along u.",
    ),
    "9.4": Exercise(
        _edge,
        "2(1 + m) / c: at m = 0.9 nearly twice what plain gradient descent bears.",
        "Write the step as w(t+1) from w(t) and w(t−1), and ask when it swings with the same size for ever.",
        "w(t+1) = (1 + m − ηc) w(t) − m w(t−1). Put w(t) = (−1)ᵗ.",
    ),
    "9.5": Exercise(
        letter(
            a="Eight times the gain is a large change; the sigmoid's slopes and outputs have bounds. Have ReLU's?",
            b="Its outputs are bounded by 1. Compare with a function that has no bound.",
            d="The weights of all layers multiply in ReLU's output and hence, squared, in the curvature.",
        ),
        "See by how much, and where the prediction fails.",
        "How does the output of each of them change, when all weights are doubled?",
        "A ReLU network of L layers without biases multiplies its output by 2ᴸ when the L weight matrices are doubled.",
    ),
    "9.6": Exercise(
        choice(
            {
                "renewed": {
                    "dead": "new units may help because they are new, and not because others were dead.",
                    "dead, and as many living": "",
                    "all": "this forgets everything, and is a network without any past.",
                },
                "counted": {
                    "dead units": "that tells how many die, and not what it costs.",
                    "loss of each task": "",
                    "loss of the last task": "without the first task beside it nobody knows whether anything was lost.",
                },
                "tasks": {
                    "each seed its own, shared by its arms": "",
                    "each network its own": "the luck of the tasks then hides the difference between the arms.",
                    "one row for all": "five seeds then share the luck of that one row, and the spread is too small.",
                },
                "rate": {
                    "the same for the three": "",
                    "each on its first task": "then arms with other rates are compared, and the rate decides who dies.",
                    "as high as it goes": "at the edge networks break for other reasons than deaths.",
                },
            }
        ),
        "One arm as it is, one with the dead drawn anew, one with as many living ones: only the third tells new from dead.",
        "If dead units were harmless, in which of these arms could the loss fall all the same?",
        "To tell two causes apart an arm must have the one without the other.",
    ),
    "9.7": Exercise(
        letter(
            a="More networks would narrow the spread; the argument would stay as weak.",
            c="Dead is dead on all images of the task. The count is right; what follows from it?",
            d="A task is equally hard for every network without a past, whatever the order of its pixels.",
        ),
        "Two things that rise together: the control arm without deaths tells whether one makes the other.",
        "What would the loss have done without a single death?",
        "Look at an arm in which no unit can die, under the same tasks and the same rate.",
    ),
}
