"""What a teacher plans with, held to the notebooks: objectives, map, route, guide, tests, bibliography, versions."""

import dataclasses
import importlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from course_utils.exercises import exercises, quiz
from course_utils.maintain import teaching

ROOT = Path(__file__).resolve().parents[1]
BOOKS = [path.name[:2] for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
PLAN = teaching.load()
COMMON = {
    "with",
    "what",
    "their",
    "that",
    "becomes",
    "brings",
    "below",
}  # in names of concepts, of no account


def text(book: str) -> str:
    path = next((ROOT / "notebooks").glob(f"{book}_*.ipynb"))
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def numbers(book: str) -> set[str]:
    module = importlib.import_module(f"course_utils.exercises.nb{book}")
    return set(exercises(book)) | set(getattr(module, "NEW", {}))


def test_every_exercise_serves_one_objective_and_every_objective_has_exercises() -> None:
    for book in BOOKS:
        goals = [goal for goal in PLAN.objectives if goal.notebook == book]
        used = [number for goal in goals for number in goal.exercises]
        assert len(goals) >= 2 and all(goal.exercises for goal in goals)
        assert sorted(used) == sorted(numbers(book)), f"notebook {book}"
        assert all(goal.can.endswith(".") and goal.can[0].islower() for goal in goals)


def test_map_and_route_are_in_order() -> None:
    assert teaching.problems(PLAN) == []
    assert {concept.home for concept in PLAN.concepts} == set(BOOKS)
    assert {stop.notebook for stop in PLAN.stops} <= set(BOOKS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"needs": ["nosuch"]}, "z-h needs nosuch, which is no concept"),
        ({"needs": ["depends"]}, "z-h (notebook 01) needs depends, which comes later (10)"),
        ({"needs": ["slope"]}, "a circle: "),
        ({"id": "slope"}, "two concepts have one id"),
    ],
)
def test_a_map_out_of_order_is_seen(change: dict, said: str) -> None:
    concepts = [
        dataclasses.replace(concept, **change) if concept.id == "z-h" else concept
        for concept in PLAN.concepts
    ]
    assert any(said in line for line in teaching.problems(dataclasses.replace(PLAN, concepts=concepts)))


def test_a_route_out_of_order_is_seen() -> None:
    back = dataclasses.replace(PLAN, stops=PLAN.stops[::-1])
    assert any(
        "before" in line for line in teaching.problems(back)
    ) and "the route goes back" in teaching.problems(back)
    assert "the route takes 50 minutes" in teaching.problems(dataclasses.replace(PLAN, stops=PLAN.stops[1:]))


@pytest.mark.parametrize("book", BOOKS)
def test_map_and_route_speak_of_what_the_notebook_has(book: str) -> None:
    """Exercises that a stop names are there, the figure after a guess is, and each concept's words are the notebook's."""
    prose = text(book).lower()
    for stop in PLAN.stops:
        if stop.notebook == book:
            named = set(re.findall(r"\b\d+\.\d+\b", stop.show))
            assert named <= numbers(book)
            assert all(f"({n})" in prose or f"exercise {n}" in prose for n in named)
    for concept in (concept for concept in PLAN.concepts if concept.home == book):
        words = {word for word in re.findall(r"[a-zé]{4,}", concept.name.lower()) if word not in COMMON}
        missing = {word for word in words if word.rstrip("sd")[:6] not in prose}
        assert 2 * len(missing) <= len(words), f"{concept.id}: the notebook never says {missing}"


def test_the_page_is_drawn_from_the_plan() -> None:
    assert (ROOT / "docs/teachers/map.md").read_text("utf-8") == teaching.page(PLAN)


# The two tests


def test_twelve_questions_asked_twice_and_letters_spread() -> None:
    questions = quiz.load()
    assert len(questions) == 12 and len({question.concept for question in questions}) == 12
    assert {question.notebook for question in questions} <= set(BOOKS)
    for question in questions:
        for item in (question.pre, question.post):
            assert item.right in "abcd"[: len(item.options)] and len(set(item.options)) == 4
        assert question.pre.ask != question.post.ask
    for test in quiz.TESTS:
        key = [getattr(question, test).right for question in questions]
        assert max(map(key.count, "abcd")) <= 5 and min(map(key.count, "abcd")) >= 1


def test_the_score_says_what_to_read_and_is_kept_if_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "score.json"
    for test in quiz.TESTS:
        key = "".join(getattr(question, test).right for question in quiz.load())
        quiz.mark(test, key, keep=kept)
        assert capsys.readouterr().out == "12 of 12. To read with care: whatever you like.\n"
        quiz.mark(test, "." + key[1:].upper())
        said = capsys.readouterr().out
        assert said.endswith("11 of 12. To read with care: 00.\n") and ("ln(1/2)" in said) == (test == "post")
    assert json.loads(kept.read_text("utf-8"))["post"]["a fair race"] is True
    quiz.show("pre")
    assert capsys.readouterr().out.count("\n   a ") == 12
    for wrong in ("abc", None, "e" * 12, 12):
        with pytest.raises(ValueError, match="12 letters from a to d"):
            quiz.mark("pre", wrong)
    with pytest.raises(ValueError, match="unknown test 'mid'"):
        quiz.show("mid")


# Guide, bibliography, versions

PARTS = ("Aim", "Minutes", "What goes wrong, and why", "On the board", "Questions to ask", "What to cut")


@pytest.mark.parametrize("book", BOOKS)
def test_the_guide_has_a_page_for_each_notebook(book: str) -> None:
    guide = (ROOT / "docs/teachers/guide.md").read_text("utf-8")
    page = re.search(rf"(?ms)^## {book} .*?(?=^## |\Z)", guide)
    assert page, "no page"
    assert [part for part in PARTS if f"**{part}.**" not in page[0]] == []
    named = set(re.findall(r"\b(?:exercise |, |and )(\d\d?\.\d)\b", page[0])) & {
        f"{int(book)}.{n}" for n in range(1, 10)
    }
    assert named <= numbers(book)


@pytest.mark.parametrize("book", BOOKS)
def test_what_is_read_further_is_in_the_bibliography(book: str) -> None:
    entries = tomllib.loads((ROOT / "data/bibliography.toml").read_text("utf-8"))["entry"]
    titles = [entry["title"].lower() for entry in entries]
    further = re.split(r"(?m)^(?:## |\*\*)Further reading", text(book))[1:]
    cited = re.findall(r"(?<![*\w])\*([^*\n]{12,}(?:\n[^*\n]+)?)\*(?!\*)", further[0]) if further else []
    missing = [
        title for title in cited if not any(" ".join(title.lower().split()) in known for known in titles)
    ]
    assert missing == []
    assert all(entry["read"] and 1900 < entry.get("year", 2000) < 2100 for entry in entries)
    assert len({entry["key"] for entry in entries}) == len(entries)


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    assert "make setup" in container["postCreateCommand"]
