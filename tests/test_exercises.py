"""Exercises: every form of a right answer is read, and no answer whatever stops the notebook."""

import dataclasses
import math
import sys
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
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
from course_utils.exercises.answers import choice, compare, kind, letter, share, shown, uses

Z = torch.tensor([-3.0, -0.5, 0.0, 0.25, 4.0], dtype=torch.float64)
SIGMOID = torch.sigmoid(Z)


# Other programs may run beside: a slow example is no failure.
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


@pytest.mark.parametrize("answer", ["", "four", "1/0", "1/2/3", [4], (4,), {}, len, object, b"x"], ids=repr)
def test_what_is_no_number(answer: Any) -> None:
    quotes = " Write it without quotation marks." if isinstance(answer, str) else ""
    called = " Call it, or write the number." if callable(answer) else ""
    assert off(number, answer) == f"One number is asked for; this is {kind(answer)}.{quotes}{called}"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (None, "print(...) shows a value and hands nothing back"),
        (..., "there is still a ... in it"),
        ("1,5", "with a point, not a comma: 1.5."),
        ("−0,37", "not a comma: -0.37."),
        ((0, 37), "Python reads 0,37 as two numbers: write the point, 0.37."),
        ("50 %", "Write 0.5 for 50 %"),
        ("12,5%", "Write 0.125 for 12.5 %"),
        ("ln(10)", "A formula in quotation marks is not worked out"),
        ("√2", "A formula in quotation marks is not worked out"),
        ("2*3", "A formula in quotation marks is not worked out"),
    ],
)
def test_a_number_in_a_form_of_its_own_is_named(answer: Any, word: str) -> None:
    assert word in off(number, answer)


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
    assert off(tensor, answer, (2,)) == f"A tensor of numbers is asked for; this is {kind(answer)}."


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
    "cases with torch": lambda z: torch.sigmoid(z) if z > 0 else 1 - torch.sigmoid(-z),
    "vectorize that would cut": np.vectorize(lambda v: 1 / (1 + math.exp(-v)) if v > -9 else 0),
    "float32 alone": lambda z: torch.sigmoid(z @ torch.eye(5)),
    "item": lambda z: 1 / (1 + math.exp(-z.item())),
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
    assert off(function, answer, Z).startswith(f"A function is asked for; this is {kind(answer)}.")


def test_whole_rows_come_as_counts_one_by_one() -> None:
    def power(base: float, times: int) -> float:
        product = 1.0
        for _ in range(times):
            product *= base
        return product

    base, times = torch.tensor([0.5, 2.0]), torch.tensor([3.0, 4.0])
    assert function(power, base.double(), times.double()).tolist() == [0.125, 16]
    assert function(lambda b, n: torch.full((n,), float(b)).prod(), base, times).tolist() == [0.125, 16]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda z: math.exp(-z) * nosuch(z), "NameError: name 'nosuch' is not defined"),  # type: ignore[name-defined]  # noqa: F821
        (lambda z: z if z > 0 else math.tanhh(z), "module 'math' has no attribute 'tanhh'"),  # type: ignore[attr-defined]
        (lambda z: math.exp(z) / 0, "ZeroDivisionError"),
        (lambda z: exit(), "SystemExit"),
        (lambda: 1, "takes 0 positional arguments"),
    ],
)
def test_the_error_quoted_is_the_readers_own(answer: Any, error: str) -> None:
    assert error in off(function, answer, Z)


@pytest.mark.parametrize("shape", [(1, 2, 3), (6,), (3, 2)])
def test_a_shape_that_is_asked_for_is_checked(shape: tuple[int, ...]) -> None:
    table = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(function(lambda h: h, table, shape=(2, 3)), table.double())
    hint = off(lambda: function(lambda h: h.reshape(shape), table, shape=(2, 3)))
    assert hint == f"The shape of what comes out should be [2, 3]; it is {list(shape)}."


def test_a_table_is_not_taken_apart() -> None:
    assert "NameError" in off(function, lambda h: nosuch, torch.zeros(2, 2))  # type: ignore[name-defined]  # noqa: F821
    assert "fails" in off(function, lambda h: math.exp(h), torch.zeros(2, 2))


def test_what_a_comparison_says() -> None:
    x, y = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([3.0, 5.0], dtype=torch.float64)

    def said(answer: Any) -> str:
        return off(compare, answer, x / y, {"x": x, "y": y}, {"A product.": x * y}, 1e-3, True)

    compare(lambda a, b: a / b, x / y, {"x": x, "y": y})
    assert said(lambda a, b: b / a) == "Right but for the order of its arguments: it is called with (x, y)."
    assert said(lambda a, b: a * b) == "A product."
    assert said(lambda a, b: 100 * a / b).startswith("These are per cent")
    assert said(lambda a, b: -a / b) == "The right size, and the wrong sign."
    assert said(lambda a, b: a / (b - 5)) == "Some of what it gives is not finite."
    assert (
        said(lambda a, b: a / b + (a == 2)) == "At x = 2, y = 5 it gives 1.4; it should give less than that."
    )
    assert said(lambda a, b: 1.002 * a / b).startswith("Near everywhere, as a simulation")
    assert said(lambda a, b: 0.5) == "For 2 values of x, y it should give 2 numbers; it gives 1."


def test_what_a_function_uses_is_seen() -> None:
    inner = lambda z: torch.exp(-z)  # noqa: E731
    assert {"exp"} <= uses(lambda z: 1 / (1 + inner(z)), Z)
    assert {"sigmoid"} <= uses(torch.nn.Sigmoid(), Z)
    assert {"exp"} <= uses(lambda z: [math.exp(v) for v in z], Z)
    assert {"expit"} <= uses(torch.special.expit, Z)
    assert not {"exp", "sigmoid"} & uses(lambda z: torch.tanh(z / 2) / 2 + 0.5, Z)


@pytest.mark.parametrize(
    ("answer", "word"), [(50, "write 0.5 for 50 %"), (101, "this is 101"), (-0.1, "-0.1")]
)
def test_a_share_lies_between_0_and_1(answer: float, word: str) -> None:
    assert share(0.5) == 0.5 and share(1) == 1
    assert word in off(share, answer)


def test_kinds_have_their_article() -> None:
    assert [kind(value) for value in (1, "x", np.zeros(1), object())] == [
        "an int",
        "a str",
        "a ndarray",
        "an object",
    ]


def test_nothing_shown_names_a_place_in_memory() -> None:
    assert shown(object()) == "<object object>" and shown(Strange()).endswith("Strange object>")
    assert len(shown("a" * 500)) == 60 and shown([1]) == "[1]"


# A letter, and a design


def test_the_letter_left_out_is_right() -> None:
    verify = letter(a="No: a.", c="No: c.")
    verify(" B ")
    assert off(verify, "c") == "No: c." and off(verify, "d") == "Answer with one letter: a, b, c."


def test_a_design_is_judged_part_by_part() -> None:
    verify = choice({"arms": {"two": "", "one": "nothing beside it."}, "seeds": {"5": "", "1": "luck."}})
    verify({"arms": "two", "seeds": "5"})
    assert off(verify, {"arms": "one", "seeds": "5"}) == 'arms, "one": nothing beside it.'
    assert off(verify, {"arms": "one", "seeds": "1"}).endswith("(1 more part spoils it, too.)")
    assert 'lacks its seeds: one of "5", "1"' in off(verify, {"arms": "two"})
    assert "lacks its seeds" in off(verify, {"arms": "two", "seeds": ...})
    assert 'seeds is one of "5", "1"; not ' + repr("9") in off(verify, {"arms": "two", "seeds": "9"})
    assert "no part 'x'" in off(verify, {"x": 1}) and "this is a str" in off(verify, "two")


# An option


@pytest.mark.parametrize(
    "answer", ["b", "B", " b ", "(b)", "b.", "b)", "'b'", '"B"', ["b"], "**b**", "Option b", "b: so"]
)
def test_an_option_in_any_form(answer: Any) -> None:
    assert option(answer, "abcd") == "b"


@pytest.mark.parametrize("answer", ["", "e", "ab", "abcd", "b or c", 2, ["b", "c"], b"b", "()"], ids=repr)
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
        "77.3": Exercise(half, "A half.", "Think of two.", "Set 2x equal to 1."),
        "77.4": Exercise(lambda f: compare(f, Z**2, {"z": Z}), "A square.", "Twice.", "z times z."),
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
        (
            None,
            "77.1: not yet. This is None: print(...) shows a value and hands nothing back. Leave print away.",
        ),
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


def replies(capsys: pytest.CaptureFixture[str], number: str, *answers: Any, hint: int = 1) -> list[str]:
    for answer in answers:
        check(number, answer, hint)
    return [line.removeprefix(f"{number}: ") for line in capsys.readouterr().out.splitlines()]


def test_more_is_said_with_each_try(invented: None, capsys: pytest.CaptureFixture[str]) -> None:
    idea, setup = " Idea: Think of two.", " Set-up: Set 2x equal to 1."
    off = "not yet. Take half."
    assert replies(capsys, "77.3", 3, 4, 5, 6) == [off, off + idea, off + setup, off + setup]
    assert replies(capsys, "77.3", 3, 4, 3) == [off, off + idea, off]  # the same answer, the same words
    assert replies(capsys, "77.3", ..., 5) == ["not answered yet", off]  # afresh
    assert replies(capsys, "77.3", {"arms": ..., "seeds": ...}) == ["not answered yet"]
    assert replies(capsys, "77.1", 3, 4, 5) == [off] * 3


def test_a_hint_may_be_asked_for(invented: None, capsys: pytest.CaptureFixture[str]) -> None:
    idea, setup = " Idea: Think of two.", " Set-up: Set 2x equal to 1."
    assert replies(capsys, "77.3", ..., 3, hint=2) == [
        "not answered yet" + idea,
        "not yet. Take half." + idea,
    ]
    assert replies(capsys, "77.3", ..., 3, hint=3) == [
        "not answered yet" + idea,
        "not yet. Take half." + setup,
    ]
    assert replies(capsys, "77.3", 0.5, hint=3) == ["right. A half."]
    for wrong in (0, 4, "2", True):
        with pytest.raises(ValueError, match="hint must be a whole number from 1 to 3"):
            check("77.3", 3, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "answers"),
    [("77.3", [0, 1, -1, "1", 0.0, "a", [], None]), ("77.4", [lambda z: 0, lambda z: z, lambda z: 1.0, 3])],
)
def test_what_is_thrown_away_buys_nothing(
    invented: None, capsys: pytest.CaptureFixture[str], number: str, answers: list[Any]
) -> None:
    said = replies(capsys, number, *answers, *answers)
    assert all(line.startswith("not yet. ") for line in said)
    assert not any("Idea" in line or "Set-up" in line for line in said)
    assert not any("Set-up" in line for line in replies(capsys, number, *answers, hint=3))
    assert (
        "Idea" not in replies(capsys, number, 3 if number == "77.3" else lambda z: z + 1)[0]
    )  # the first try


def test_tries_of_one_exercise_are_not_those_of_another(
    invented: None, capsys: pytest.CaptureFixture[str]
) -> None:
    replies(capsys, "77.4", lambda z: z + 1, lambda z: z + 2)
    assert replies(capsys, "77.3", 3) == ["not yet. Take half."]
    said = replies(
        capsys, "77.4", lambda z: z + 1, lambda z: z + 3
    )  # typed again, the first is the first still
    assert "Idea" not in said[0] and "Set-up" in said[1]


def test_one_line_without_addresses_whatever_a_function_prints_or_says(
    invented: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def loud(z: Any) -> Any:
        print("debugging")
        raise ValueError(f"two\nlines of {object()}")

    def bare(z: Any) -> Any:
        raise ValueError(object())

    said = replies(capsys, "77.4", loud, bare)
    assert len(said) == 2 and not any("0x" in line or "debugging" in line for line in said)


def test_an_interrupt_gets_through(invented: None) -> None:
    class Slow:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("77.1", Slow())


@pytest.mark.parametrize("name", ["77.5", "77", "77.", "077.1", "77.1 "])
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


BOOKS = sorted(path.stem[2:] for path in Path(exercises.__file__).parent.glob("nb*.py"))
KNOWN = [name for book in BOOKS for name in exercises.exercises(book)]


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
