"""A test of 12 questions before the course and one after it: the same concepts in other clothes.

>>> from course_utils.exercises import quiz
>>> quiz.show("pre")                            # doctest: +SKIP
>>> quiz.mark("pre", "caab......cc")            # doctest: +SKIP
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import checks, where

__all__ = ["Item", "Question", "load", "mark", "show"]

TESTS = ("pre", "post")


@dataclass(frozen=True)
class Item:
    """One question as it is asked: ``right`` is a letter from "a" on, by the place in ``options``."""

    ask: str
    options: list[str]
    right: str
    why: str


@dataclass(frozen=True)
class Question:
    """A concept, the notebook that is its home, and its two questions."""

    concept: str
    notebook: str
    pre: Item
    post: Item


def load(path: Path | None = None) -> list[Question]:
    """The questions in ``path`` (default: data/quiz.toml), in order."""
    found = tomllib.loads((path or where.stored("quiz.toml")).read_text("utf-8"))
    return [
        Question(row["concept"], row["notebook"], Item(**row["pre"]), Item(**row["post"]))
        for row in found["question"]
    ]


def show(test: str) -> None:
    """Print the questions of the "pre" or the "post" test, each with its options."""
    checks.among("test", test, TESTS)
    for number, question in enumerate(load(), 1):
        item: Item = getattr(question, test)
        options = "\n".join(
            f"   {letter} {option}" for letter, option in zip("abcd", item.options, strict=False)
        )
        print(f"{number}. {item.ask}\n{options}")


def mark(test: str, answers: Any, keep: str | Path | None = None) -> None:
    """Print the score of a test and what to read, and keep it in a file if asked.

    Args:
        test: "pre" or "post".
        answers: twelve letters in one text, "." for a question left out (blanks are ignored).
        keep: a JSON file to which the score is added; None (default) keeps nothing.

    Raises:
        ValueError: an unknown test, or not one letter for each question.
    """
    checks.among("test", test, TESTS)
    questions = load()
    given = "".join(str(answers).split()).lower() if isinstance(answers, str) else ""
    if len(given) != len(questions) or set(given) - set("abcd."):
        raise ValueError(
            f"answers must be a text of {len(questions)} letters from a to d, a . for one left out, got {answers!r}"
        )
    right = []
    for number, (letter, question) in enumerate(zip(given, questions, strict=True), 1):
        item: Item = getattr(question, test)
        right.append(letter == item.right)
        if test == "post" and not right[-1]:  # before the course nothing is given away
            print(f"{number}. {question.concept}: {item.right}. {item.why} Notebook {question.notebook}.")
    read = sorted({question.notebook for question, fine in zip(questions, right, strict=True) if not fine})
    print(f"{sum(right)} of {len(questions)}. To read with care: {', '.join(read) or 'whatever you like'}.")
    if keep is not None:
        path = Path(keep)
        scores = json.loads(path.read_text("utf-8")) if path.exists() else {}
        scores[test] = {question.concept: fine for question, fine in zip(questions, right, strict=True)}
        path.write_text(json.dumps(scores, ensure_ascii=False, indent=1) + "\n", "utf-8")
