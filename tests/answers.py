"""The tests that a notebook's tables RIGHT and WRONG ask for; tests/test_nb03.py and so on import them.

conftest.py runs each once per row. RIGHT: exercise, answer. WRONG: exercise, answer, a part of the hint. The notebook's
own ``reply(capsys, number, answer)`` says what was printed.
"""

from course_utils.exercises import exercises


def test_right_answers(right_answer, request, capsys) -> None:
    number, answer = right_answer
    assert "right." in request.module.reply(capsys, number, answer)


def test_wrong_answers_are_told_what_is_off(wrong_answer, request, capsys) -> None:
    number, answer, hint = wrong_answer
    said = request.module.reply(capsys, number, answer)
    assert "not yet." in said and hint in said


def test_unanswered(request, capsys) -> None:
    for number in exercises(request.module.__name__[-2:]):
        assert request.module.reply(capsys, number, ...) == f"{number}: not answered yet\n"
