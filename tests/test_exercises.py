"""Exercises: every form of a right answer is read, and no answer whatever stops the notebook."""

import dataclasses
import math
import sys
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from course_utils import activations, exercises
from course_utils.exercises import Exercise, Off, check, function, number, option, tensor

Z = torch.tensor([-3.0, -0.5, 0.0, 0.25, 4.0], dtype=torch.float64)
SIGMOID = torch.sigmoid(Z)


# Several sessions may share the machine: a slow example is no failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


class Strange:
    """An object that answers every question with an error."""

    def __float__(self) -> float:
        raise KeyError("no float")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise LookupError("no array")

    def __len__(self) -> int:
        raise AttributeError("no length")

    def __bool__(self) -> bool:
        raise ArithmeticError("no truth")

    def __eq__(self, _: object) -> bool:
        raise AssertionError("no equality")

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, *_: Any) -> Any:
        raise MemoryError("no call")


STRANGE: list[Any] = [
    Strange(), [Strange()], object(), type, "", "text", b"1", [], [[]], [1, [2]], {}, {"a": 1}, {1}, range(3), print, len,
    lambda: 1, lambda z: None, lambda z: "x", lambda z: Strange(), lambda z: z + "x", lambda z: [None] * len(z),
    lambda z: z[:2], lambda z: z.sum(), lambda z: 1 / 0, lambda z: {}, lambda *z: z, lambda z: z * 1j, lambda z: z[0, 0],
    math.nan, math.inf, 10**400, -(10**400), 1j, 1e308, Decimal("sNaN"), Decimal("0.25"), Fraction(10**400), True, False,
    np.nan, np.complex64(1 + 2j), np.datetime64("2020"), np.array(["a"]), np.array([object()]), np.zeros(0), np.ma.masked,
    np.array([1j]), torch.zeros(0), torch.tensor(1j), torch.zeros(2, 3), torch.tensor(True), torch.empty(1, device="meta"),
    torch.empty(8, device="meta"), torch.zeros(1, dtype=torch.bfloat16), torch.zeros(8).to_sparse(),
    torch.zeros(1, requires_grad=True), [torch.zeros(2), torch.zeros(3)], torch.nn.Linear(3, 4), torch.nn.Sigmoid,
    pd.DataFrame(), pd.Series([0.25]), pd.NA, pd.NaT, NotImplemented, Ellipsis, None, "1/0", "1/2/3", "/", "1e999", "٣",
    "1e999999999", "1/1e-400", "−", "0x10", "a" * 10_000,
]  # fmt: skip


def off(call: Callable[..., Any], *arguments: Any) -> str:
    """The hint with which an answer is refused."""
    with pytest.raises(Off) as caught:
        call(*arguments)
    assert str(caught.value).strip()
    return str(caught.value)


# A number


@pytest.mark.parametrize(
    "answer",
    [-0.25, Fraction(-1, 4), Decimal("-0.25"), "-1/4", "−0.25", "−1/4", " -.25 ", "-1 / 4", "-2.5e-1", np.float64(-0.25),
     np.float32(-0.25), np.array(-0.25), np.array([-0.25]), np.array([[-0.25]], dtype=np.float16), torch.tensor(-0.25),
     torch.tensor([-0.25]), torch.tensor([[-0.25]], dtype=torch.bfloat16), torch.tensor(-0.25, requires_grad=True),
     torch.nn.Parameter(torch.tensor([-0.25])), np.array([Fraction(-1, 4)])],
    ids=repr,
)  # fmt: skip
def test_a_number_in_any_form(answer: Any) -> None:
    value = number(answer)
    assert type(value) is float
    assert value == -0.25


@pytest.mark.parametrize(
    "answer", [4, "4", "8/2", np.int64(4), np.uint8(4), torch.tensor(4), np.array([4]), Fraction(4)]
)
def test_a_whole_number_in_any_form(answer: Any) -> None:
    assert number(answer) == 4


@unhurried
@given(st.fractions() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_a_number_is_itself_and_its_text(value: Any) -> None:
    assert number(value) == float(value)
    top, slash, bottom = str(value).partition("/")
    assert number(str(value)) == (float(top) / float(bottom) if slash else float(value))


@pytest.mark.parametrize("answer", [True, False, np.True_, np.array([True]), torch.tensor(False)], ids=repr)
def test_true_is_no_number(answer: Any) -> None:
    assert off(number, answer) in (
        "One number is asked for; this is True.",
        "One number is asked for; this is False.",
    )


@pytest.mark.parametrize("answer", [1j, 1 + 0j, np.complex64(1), np.array([1j]), torch.tensor(2j)], ids=repr)
def test_a_complex_number_is_not_cut(answer: Any) -> None:
    assert off(number, answer) == "A real number is asked for; this is a complex one."


@pytest.mark.parametrize(
    "answer", [math.nan, "nan", np.float32("nan"), torch.tensor(math.nan), -math.inf, "inf", "1e999"]
)
def test_nan_and_infinity(answer: Any) -> None:
    assert off(number, answer).startswith("A finite number is asked for; this is ")


@pytest.mark.parametrize("answer", [10**400, Fraction(10**400), "1" * 400])
def test_too_large(answer: Any) -> None:
    assert off(number, answer).startswith("A finite number is asked for; this is ")


@pytest.mark.parametrize("answer", [torch.zeros(2, 3), np.zeros((2, 3)), torch.zeros(0, 2, 3)])
def test_many_numbers_are_not_one(answer: Any) -> None:
    assert off(number, answer) == f"One number is asked for; this has shape {list(answer.shape)}."


@pytest.mark.parametrize(
    "answer", ["", "four", "1/0", "1/2/3", [4], (4,), {}, None, ..., len, object, "1,5", b"x"], ids=repr
)
def test_what_is_no_number(answer: Any) -> None:
    quotes = " Write it without quotation marks." if isinstance(answer, str) else ""
    assert off(number, answer) == f"One number is asked for; this is a {type(answer).__name__}.{quotes}"


# A tensor


@pytest.mark.parametrize(
    "answer",
    [[[1, 2.5], [-3, 0]], ((1, 2.5), (-3, 0)), np.array([[1, 2.5], [-3, 0]]), np.array([[-3, 0], [1, 2.5]])[::-1],
     np.array([[1, 2.5], [-3, 0]], dtype=np.float16), torch.tensor([[1, 2.5], [-3, 0]], requires_grad=True),
     [torch.tensor([1, 2.5]), torch.tensor([-3.0, 0])], torch.tensor([[1, 2.5], [-3, 0]], dtype=torch.bfloat16),
     [[Fraction(1), Fraction(5, 2)], [-3, 0]], pd.DataFrame([[1, 2.5], [-3, 0]]), torch.tensor([[1, -3], [2.5, 0]]).T,
     np.broadcast_to(np.array([[1, 2.5], [-3, 0]]), (2, 2))],
)  # fmt: skip
def test_a_tensor_in_any_form(answer: Any) -> None:
    value = tensor(answer, (2, 2))
    assert value.dtype == torch.float64
    assert not value.requires_grad
    assert value.tolist() == [[1, 2.5], [-3, 0]]


def test_a_list_of_tensors_with_a_gradient_or_of_both_kinds() -> None:
    weight = torch.tensor([1.0, 2.5], requires_grad=True)
    assert tensor([weight, 2 * weight], (2, 2)).tolist() == [[1, 2.5], [2, 5]]
    assert tensor([torch.tensor(1.0), 2.5], (2,)).tolist() == [1, 2.5]


def test_a_mask_counts_as_zeros_and_ones() -> None:
    assert tensor(torch.tensor([True, False]), (2,)).tolist() == [1, 0]
    assert tensor([True, False], (2,)).tolist() == [1, 0]


def test_the_wrong_shape_says_both() -> None:
    assert off(tensor, torch.zeros(2, 3), (3, 2)) == "The shape should be [3, 2]; this has [2, 3]."
    assert off(tensor, 1.0, (1,)) == "The shape should be [1]; this has []."
    assert off(tensor, [], (2,)) == "The shape should be [2]; this has [0]."


@pytest.mark.parametrize(
    "answer",
    ["ab", ["a", "b"], ["1", "2"], [None, 1], None, {}, [[1], [1, 2]], object(), {1, 2}],
    ids=["text", "letters", "digits", "gap", "None", "dict", "ragged", "object", "set"],
)
def test_what_is_no_tensor(answer: Any) -> None:
    assert (
        off(tensor, answer, (2,)) == f"A tensor of numbers is asked for; this is a {type(answer).__name__}."
    )


@pytest.mark.parametrize("answer", [torch.tensor([1j]), np.array([1 + 0j]), [1j]], ids=repr)
def test_complex_tensors_are_not_cut(answer: Any) -> None:
    assert off(tensor, answer, (1,)) == "Real numbers are asked for; these are complex."


# A function


def by_cases(z: Any) -> Any:
    if z > 0:
        return 1 / (1 + math.exp(-z))
    return math.exp(z) / (1 + math.exp(z))


class Module(torch.nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.special.expit(z)


FORMS: dict[str, Any] = {
    "torch": torch.sigmoid,
    "lambda for tensors": lambda z: 1 / (1 + torch.exp(-z)),
    "lambda for any": lambda z: 1 / (1 + np.exp(-z)),
    "numpy alone": lambda z: 1 / (1 + np.exp(-np.asarray(z, dtype=float))),
    "numpy arrays alone": lambda z: 1 / (1 + np.exp(-z.astype(float))),
    "math": lambda z: 1 / (1 + math.exp(-z)),
    "cases": by_cases,
    "list": lambda z: [1 / (1 + math.exp(-v)) for v in z],
    "list of tensors": lambda z: [torch.sigmoid(v) for v in z],
    "tuple": lambda z: tuple(1 / (1 + math.exp(-float(v))) for v in z),
    "vectorize": np.vectorize(lambda v: 1 / (1 + math.exp(-v))),
    "float32": lambda z: torch.sigmoid(z.float()),
    "with gradient": lambda z: torch.sigmoid(z.requires_grad_()),
    "activation": activations.get("sigmoid"),
    "module class": Module(),
    "module": torch.nn.Sigmoid(),
    "in place": lambda z: z.neg_().exp_().add_(1).reciprocal_(),
    "column": lambda z: torch.sigmoid(z)[:, None],
    "reversed twice": lambda z: (1 / (1 + np.exp(-np.asarray(z)[::-1])))[::-1],
    "fraction": lambda z: [Fraction(1 / (1 + math.exp(-v))) for v in z.tolist()],
    "series": lambda z: pd.Series(1 / (1 + np.exp(-np.asarray(z)))),
}


@pytest.mark.parametrize("answer", FORMS.values(), ids=list(FORMS))
def test_a_function_in_any_form(answer: Any) -> None:
    before = Z.clone()
    value = function(answer, Z)
    assert value.dtype == torch.float64
    torch.testing.assert_close(value, SIGMOID, rtol=1e-6, atol=1e-7)
    assert torch.equal(Z, before)
    assert not Z.requires_grad


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: a**2 + b,
        lambda a, b: np.square(a) + np.asarray(b),
        lambda a, b: math.pow(a, 2) + b,
        lambda *ab: ab[0] ** 2 + ab[1],
    ],
)
def test_a_function_of_two(answer: Any) -> None:
    assert function(answer, Z, Z + 1).tolist() == (Z**2 + Z + 1).tolist()


def test_inputs_of_different_lengths_are_not_cut() -> None:
    assert "The function fails" in off(function, lambda a, b: math.pow(a, 2) + float(b), Z, Z[:3])


@pytest.mark.parametrize("layout", ["to_sparse", "to_mkldnn"])
def test_numbers_in_any_layout(layout: str) -> None:
    value = torch.tensor([[0.0, 2.5], [-3.0, 0.0]])
    assert tensor(getattr(value, layout)(), (2, 2)).tolist() == value.tolist()
    assert function(lambda z: getattr(z.float().reshape(1, -1), layout)(), Z).tolist() == Z.tolist()


def test_in_place_on_arrays_does_no_harm_either() -> None:
    def wipe(z: Any) -> Any:
        if not isinstance(z, np.ndarray):
            raise TypeError("arrays, please")
        z[:] = 0
        return z

    before = Z.clone()
    assert function(wipe, Z).tolist() == [0] * 5
    assert torch.equal(Z, before)


def test_a_function_that_warns_is_judged_all_the_same() -> None:
    value = function(lambda z: 1 / (1 + np.exp(-1e4 * np.asarray(z))), Z)
    assert value.tolist() == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize("answer", [lambda z: z[:3], lambda z: list(z)[:3], lambda z: np.asarray(z)[:3]])
def test_the_wrong_count_comes_back_as_it_is(answer: Any) -> None:
    assert function(answer, Z).tolist() == Z[:3].tolist()


def test_one_number_for_all() -> None:
    assert function(lambda z: 0.25, Z).tolist() == [0.25]
    assert function(lambda z: torch.sigmoid(z).sum(), Z).shape == (1,)


def test_nan_comes_back_as_it_is() -> None:
    assert bool(function(lambda z: torch.sqrt(z), Z).isnan()[0])


def no_return(z: Any) -> None:
    z + 1


def no_return_for_numbers(z: Any) -> None:
    math.exp(z)


@pytest.mark.parametrize(
    "answer", [no_return, no_return_for_numbers, lambda z: None, lambda z: [None for _ in z]]
)
def test_a_function_without_return(answer: Any) -> None:
    assert off(function, answer, Z) == "The function gives back None; does its def end in a return?"


def test_a_function_that_returns_for_some_numbers_alone() -> None:
    hint = off(function, lambda z: [1.0 if v > 0 else None for v in z.tolist()], Z)
    assert hint.startswith("What the function gives back is not right. A tensor of numbers is asked for")


@pytest.mark.parametrize(
    "answer", [lambda z: 1 / 0, lambda z: z.nosuch(), lambda: 1, torch.nn.Sigmoid, lambda z: z[0, 0]]
)
def test_a_function_that_fails(answer: Any) -> None:
    hint = off(function, answer, Z)
    assert hint.startswith("The function fails when it is called with [5] numbers: ")
    assert any(name in hint for name in ("ZeroDivisionError", "AttributeError", "TypeError", "IndexError"))


def test_the_complaint_is_the_one_about_tensors() -> None:
    def picky(z: Any) -> Any:
        raise ValueError(f"not for {type(z).__name__}")

    assert off(function, picky, Z).endswith("ValueError: not for Tensor")


@pytest.mark.parametrize(
    "answer", [lambda z: {}, lambda z: "σ", lambda z: object(), lambda z: torch.nn.Sigmoid()]
)
def test_a_function_that_gives_no_numbers(answer: Any) -> None:
    assert "What the function gives back is not right. A tensor of numbers is asked for" in off(
        function, answer, Z
    )


def test_a_function_that_gives_complex_numbers() -> None:
    assert off(function, lambda z: z * 1j, Z).endswith("Real numbers are asked for; these are complex.")


@pytest.mark.parametrize(
    "answer", [1, "lambda z: z", SIGMOID, [1.0], np.zeros(5)], ids=lambda a: type(a).__name__
)
def test_what_is_no_function(answer: Any) -> None:
    assert off(function, answer, Z).startswith(f"A function is asked for; this is a {type(answer).__name__}.")


# An option


@pytest.mark.parametrize("answer", ["b", "B", " b ", "(b)", "b.", "b)", "'b'", '"B"'])
def test_an_option_in_any_form(answer: str) -> None:
    assert option(answer, "abcd") == "b"


@pytest.mark.parametrize("answer", ["", "e", "ab", "abcd", "b or c", 2, None, ["b"], b"b", "()"], ids=repr)
def test_what_is_no_option(answer: Any) -> None:
    assert off(option, answer, "abcd") == "Answer with one letter: a, b, c, d."


# check


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook 77 with exercises of its own."""

    def half(answer: Any) -> None:
        if number(answer) != 0.5:
            raise Off("Take half.")

    def careless(answer: Any) -> None:
        assert answer.shape == (1,)

    module = types.ModuleType("course_utils.exercises.nb77")
    module.EXERCISES = {  # type: ignore[attr-defined]
        "77.1": Exercise(half, "A half."),
        "77.2": Exercise(careless, "As wished."),
    }
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize(
    "answer, line",
    [
        (0.5, "77.1: right. A half."),
        ("1/2", "77.1: right. A half."),
        (0.4, "77.1: not yet. Take half."),
        ("x", "77.1: not yet. One number is asked for; this is a str. Write it without quotation marks."),
        (..., "77.1: not answered yet"),
        (None, "77.1: not answered yet"),
    ],
)
def test_one_line_for_each_answer(
    invented: None, capsys: pytest.CaptureFixture[str], answer: Any, line: str
) -> None:
    assert check("77.1", answer) is None
    assert capsys.readouterr() == (f"{line}\n", "")


def test_an_answer_nobody_thought_of_does_not_stop_the_notebook(
    invented: None, capsys: pytest.CaptureFixture[str]
) -> None:
    check("77.2", 3)
    assert capsys.readouterr().out == "77.2: not yet. The check cannot read this answer (AttributeError).\n"


def test_an_interrupt_gets_through(invented: None) -> None:
    class Slow:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("77.1", Slow())


@pytest.mark.parametrize("name", ["77.3", "77", "77.", "077.1", "77.1 "])
def test_an_unknown_exercise_lists_the_known(invented: None, name: str) -> None:
    with pytest.raises(ValueError, match=rf"no exercise '{name}'; this notebook has 77\.1, 77\.2"):
        check(name, 1)


def test_an_exercise_stays_as_it_is() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        exercises.exercises("01")["1.1"].right = "whatever you say"  # type: ignore[misc]


def test_the_known_ones_are_listed_for_a_real_notebook() -> None:
    with pytest.raises(ValueError, match=r"no exercise '1\.9'; this notebook has 1\.1, 1\.2, 1\.3"):
        check("1.9", ...)


@pytest.mark.parametrize("name", ["", ".", "x.1", "-1.1", "².1", "one"])
def test_an_exercise_of_no_notebook(name: str) -> None:
    with pytest.raises(ValueError, match=r"no exercise .*; this notebook has none of that name"):
        check(name, 1)


@pytest.mark.parametrize("name", [1.2, 1, None, ["1.1"]])
def test_a_number_without_quotes(name: Any) -> None:
    with pytest.raises(
        ValueError, match=r'the number of an exercise is a text, as in check\("1\.2", answer\); got'
    ):
        check(name, 1)


def test_a_notebook_without_exercises() -> None:
    with pytest.raises(ValueError, match="notebook '98' has no exercises"):
        check("98.1", 1)
    with pytest.raises(ValueError, match="notebook 'x' has no exercises"):
        exercises.exercises("x")


def test_a_missing_package_is_not_taken_for_a_missing_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ModuleNotFoundError, match="scipy"):
        exercises.exercises("01")


KNOWN = [name for book in ("00", "01", "02") for name in exercises.exercises(book)]


@pytest.mark.parametrize("name", KNOWN)
def test_no_strange_answer_stops_a_notebook(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in STRANGE:
        check(name, answer)
    lines = capsys.readouterr().out.splitlines()
    replies = [line for line in lines if line.startswith(f"{name}: ")]
    assert len(replies) == len(STRANGE)
    assert all(
        line[len(name) + 2 :].startswith(("not yet. ", "not answered yet", "right. ")) for line in replies
    )


def test_a_sparse_tensor_is_a_tensor() -> None:
    half = torch.tensor([0.0, 0.5]).to_sparse()
    assert torch.equal(tensor(half, (2,)), torch.tensor([0.0, 0.5], dtype=torch.float64))
    given = torch.zeros(2, dtype=torch.float64)
    assert torch.equal(function(lambda z: half, given), torch.tensor([0.0, 0.5], dtype=torch.float64))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
    | st.fractions() | st.decimals() | st.sampled_from(STRANGE),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | inner.map(lambda value: lambda *_: value),
    max_leaves=6,
)  # fmt: skip


@unhurried
@given(anything)
def test_readers_of_answers_refuse_in_one_way(answer: Any) -> None:
    for call in (number, lambda a: tensor(a, (2,)), lambda a: function(a, Z), lambda a: option(a, "abcd")):
        try:
            value = call(answer)
        except Off as hint:
            assert str(hint).strip()
        else:
            assert isinstance(value, float | str) or (
                isinstance(value, Tensor) and value.dtype == torch.float64
            )


@unhurried
@given(anything, st.sampled_from(KNOWN))
def test_check_never_raises(answer: Any, name: str) -> None:
    check(name, answer)


def test_a_worked_solution_says_only_that_it_passes(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.solution("1.1", 4)
    assert capsys.readouterr().out == "1.1: the worked solution passes its check\n"
    with pytest.raises(
        AssertionError, match=r"1\.1 does not pass its own check: not yet\. That is the right slope"
    ):
        exercises.solution("1.1", 0.25)
    with pytest.raises(AssertionError, match="not answered yet"):
        exercises.solution("1.1", ...)
    with pytest.raises(ValueError, match=r"this notebook has 1\.1"):
        exercises.solution("1.99", 4)
