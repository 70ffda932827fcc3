"""Checks of notebook 11, Your own network."""

from typing import Any

import torch

from course_utils.doctor import Limits
from course_utils.exercises import Exercise
from course_utils.exercises.answers import Off, choice, function, letter, near, number, slips

__all__ = ["EXERCISES"]


def _vanishes(answer: Any) -> None:
    f = torch.tensor([0.408, 0.408, 0.408, 0.141, 0.141, 0.9, 0.9, 0.71, 1.0, 1.2], dtype=torch.float64)
    n = torch.tensor([2.0, 4.0, 5.0, 2.0, 3.0, 10.0, 40.0, 10.0, 50.0, 20.0], dtype=torch.float64)
    right = f ** (n - 1) < Limits().left
    found = function(answer, f, n)
    if found.shape != right.shape:
        raise Off(f"For {len(f)} pairs (f, n) it should give {len(f)} answers; it gives {len(found)}.")
    if not bool(((found == 0) | (found == 1)).all()):
        raise Off("True or False is asked for, pair by pair; is it the share itself that you give?")
    wrong = found.bool() != right
    if bool(wrong.all()):
        raise Off("The other way round: true is asked for where too little is left.")
    if torch.equal(found.bool(), f**n < Limits().left):
        raise Off("Between the first and the last of n layers there is one step less than there are layers.")
    if torch.equal(found.bool(), f < Limits().left):
        raise Off("That is one step. The steps multiply.")
    if torch.equal(found.bool(), f < 1):
        raise Off("A little less than 1 over a few layers harms nobody: how much is left after all steps?")
    if bool(wrong.any()):
        i = int(wrong.int().argmax())
        left = f[i] ** (n[i] - 1)
        raise Off(f"At f = {f[i]:g}, n = {n[i]:g} there is {left:.2g} left; this says {bool(found[i])}.")


def _fan_in(answer: Any) -> None:
    value = number(answer)
    slips(
        value,
        (9, 0.1, "That is one channel's window. A unit reads the same window in every channel."),
        (8, 0.1, "Those are the channels. Of each a unit reads a window of 3 x 3."),
        (64, 0.1, "Channels in times channels out is what a dense layer has; where is the window?"),
        (576, 0.1, "That is all weights of the layer. How many does one unit read?"),
        (1568, 0.1, "That is the whole picture; a unit sees a window of it."),
    )
    near(value, 72.0, 0.01)


EXERCISES: dict[str, Exercise] = {
    "11.1": Exercise(
        choice(
            {
                "A": {
                    "vanishing": "√½ from the slopes, 3 from the weights: is the product below 1?",
                    "exploding": "",
                    "dead units": "weights symmetric about 0 and biases of 0 leave each unit on for about half of the images.",
                    "nothing": "the factor per layer is 3 · √½. What becomes of it over eight layers?",
                },
                "B": {
                    "vanishing": "its factor is about 0.9, and nine steps leave about 0.4 of it.",
                    "exploding": "tanh's slope is at most 1, and a gain of 1 adds nothing.",
                    "dead units": "tanh has a slope on both sides; who would be off for all images?",
                    "nothing": "",
                },
                "C": {
                    "vanishing": "",
                    "exploding": "a slope of at most ¼ and a gain of √⅓: which way does the product go?",
                    "dead units": "a sigmoid near its middle is on, with a slope of nearly ¼. What becomes of twelve such factors?",
                    "nothing": "work out ¼ · √⅓, and its eleventh power.",
                },
                "D": {
                    "vanishing": "He's gain keeps the gradient where units are on. How many are, with a bias of −4?",
                    "exploding": "He's gain keeps the gradient's size. What does the bias do?",
                    "dead units": "",
                    "nothing": "z has a scale of about 1.4 in the first layer; how often does it get over 4?",
                },
            }
        ),
        "Gain times slope for A, B and C; the bias beside z's scale for D.",
        "Notebook 03 has a product for the factor per layer, notebook 05 a law for who is off.",
        "A: 3·√½. B: about 0.9. C: ¼·√⅓. D: compare −4 with a z whose scale is √2. Which is far from 1, and which way?",
    ),
    "11.2": Exercise(
        _vanishes,
        "Five layers of ReLU at PyTorch's default are too many, and forty of tanh: the factor and the depth, never one alone.",
        "How often does the factor apply between the last hidden layer and the first?",
        "What is left is f to the power of the steps; compare it with 1/30.",
    ),
    "11.3": Exercise(
        _fan_in,
        "9 · 8: a window of 3 × 3 in each of eight channels. The rest of the course applies as it stands.",
        "fan_in is how many numbers one unit reads.",
        "One unit of the second convolution stands at one place of one channel. What of the eight channels below does it see?",
    ),
    "11.4": Exercise(
        letter(
            a="More images would tell dead from rarely on. This network has no such trouble; the numbers are right.",
            c="The limits stand in the open and can be moved. No limit on init knows of the rate.",
            d="It was examined at init, as it should be. The words are about something else.",
        ),
        "Nothing found is said of one moment: the rate, the optimiser and the data's order come after it.",
        "What does the doctor look at, and what has not happened by then?",
        "Which choices of a training run leave no trace in the network before its first step?",
    ),
    "11.5": Exercise(
        letter(
            a="It holds beside residual paths, where the paths carry the signal. What carries it without them?",
            b="Beside residual paths both activations train with it. See what the paths do.",
            d="Layer norm brings z to scale 1 whatever it was; tanh(z/2) makes small numbers smaller still.",
        ),
        "Beside paths as good as layer norm; without them, at these weights, not at all.",
        "Follow a small z through sixteen layers, with and without a path around each.",
        "tanh(z/2) is about z/2 for small z. What is left of a signal after sixteen halvings, and what does a path change?",
    ),
    "11.6": Exercise(
        choice(
            {
                "arms": {
                    "DyT at twice He's gain": "without the network at He's gain nobody knows what the gain did.",
                    "DyT at both gains": "",
                    "DyT and layer norm at He's gain": "that has been seen. It does not tell the S from the halving.",
                },
                "rates": {
                    "He's best for both": "twice the gain wants another rate; one that suits one arm decides the race.",
                    "each its own on held-out images": "",
                    "each its own on test images": "images that choose a rate cannot report it as well.",
                },
                "seeds": {
                    "one": "one network may be lucky.",
                    "five and the same for both": "",
                    "the best of five": "the best of five is a measure of luck.",
                },
                "depth": {
                    "2": "two halvings harm nobody: there is nothing to be mended.",
                    "16": "",
                },
            }
        ),
        "The same function at a gain that makes up for the halving: if the S itself were at fault, nothing would change.",
        "Two suspects: the shape, and the ½ in front of z. Which arm has the one without the other?",
        "Keep the S and take the halving away, by weights twice as large; everything else as before.",
    ),
}
