"""Claims: the verdict follows from the conditions, and the stored card says what was derived."""

import html
import itertools
import json
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils import claims, where
from course_utils.claims import Card, ContradictionError, cards, derive, judge, register, scoreboard

ROW = {
    "id": "C01",
    "who": "Bill, Toll",
    "year": [2014, 2016],
    "says": "It is so.",
    "notebook": "04",
    "also": ["05"],
    "kind": "measured",
    "verdict": "depends",
    "deciding": "A count.",
}
EXPECTED = ("holds", "fails", "depends", "unproven")

# Other programs may run beside: a slow example is no failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)

# A fact on a card is one line of any text, without blanks at its ends.
facts = st.text(
    st.characters(blacklist_categories=["Cs"]) | st.sampled_from("≈×−<>&\"':/ \\"), min_size=1, max_size=40
).filter(lambda text: text == text.strip() and len(text.splitlines()) == 1)


def toml(*rows: dict[str, Any]) -> str:
    tables = ("\n".join(f"{name} = {json.dumps(value)}" for name, value in row.items()) for row in rows)
    return "".join(f"[[claim]]\n{table}\n\n" for table in tables)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a register of rows; each call gives changes to ROW, and None takes a field out."""

    def of(*changes: dict[str, Any]) -> Path:
        path = tmp_path / "claims.toml"
        rows = ({k: v for k, v in {**ROW, **change}.items() if v is not None} for change in changes)
        path.write_text(toml(*rows), encoding="utf-8")
        return path

    return of


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What is displayed, in order."""
    found: list[dict[str, str]] = []

    def display(*bundles: dict[str, str], raw: bool = False) -> None:
        assert raw
        found.extend(bundles)

    monkeypatch.setattr(IPython.display, "display", display)
    return found


def notebook(path: Path, *texts: str, listed: bool = True, page: str = "<div></div>") -> Path:
    """A notebook with one output per text, as nbformat stores it."""
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": "[C24] holds (measured)"}]
    for text in texts:
        stored = text.splitlines(keepends=True) if listed else text
        data = {"text/html": [page], "text/plain": stored}
        outputs = [
            {"output_type": "stream", "name": "stdout", "text": ["[C24] no card\n"]},
            {"output_type": "display_data", "data": data, "metadata": {}},
        ]
        cells.append({"cell_type": "code", "source": "judge(...)", "outputs": outputs})
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}), encoding="utf-8")
    return path


def text(claim: str, holds: int = 1, fails: int = 0, figure: str = "3 of 4", verdict: str = "") -> str:
    """A stored card; its verdict follows from the counts unless one is given."""
    verdict = verdict or ("depends" if holds and fails else "holds" if holds else "fails")
    names = [f"condition {n}" for n in range(holds + fails)]
    return Card(claim, verdict, "measured", tuple(names[:holds]), tuple(names[holds:]), figure).text()


# The verdict


@unhurried
@given(st.lists(st.booleans(), min_size=1, max_size=6), st.sampled_from(EXPECTED))
def test_the_verdict_follows_from_the_conditions(held: list[bool], expected: str) -> None:
    verdict = derive({str(i): value for i, value in enumerate(held)}, expected)
    if False not in held:
        assert verdict == "holds"
    elif expected == "unproven":
        assert verdict == "unproven"
    elif True not in held:
        assert verdict == "fails"
    else:
        assert verdict == "depends"


@pytest.mark.parametrize(
    "make", [bool, np.bool_, torch.tensor, lambda b: torch.tensor([b]), np.float64(1).__eq__]
)
def test_truth_of_numpy_and_torch_counts(make: Callable[[bool], Any]) -> None:
    assert derive({"a": make(True)}, "holds") == "holds"
    assert derive({"a": make(False)}, "holds") == "fails"
    assert derive({"a": make(True), "b": make(False)}, "holds") == "depends"


@pytest.mark.parametrize(
    "value",
    [1, 0, 1.0, None, "True", "", [], [True], ..., np.int64(1), np.array([True]), torch.tensor(1),
     torch.tensor([True, False]), torch.tensor(1.0), bool, float("nan")],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("expected", EXPECTED)
def test_anything_else_is_refused(value: Any, expected: str) -> None:
    with pytest.raises(
        TypeError, match=r"the condition 'b' must be True or False, got .*compare the figure with a bound"
    ):
        derive({"a": True, "b": value}, expected)


# The card


@pytest.mark.parametrize("held", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("expected", EXPECTED)
def test_a_contradiction_stops_the_notebook(write, shown, held, expected):
    path = write({"verdict": expected})
    conditions = dict(zip(("first", "second"), held, strict=True))
    derived = derive(conditions, expected)
    if derived == expected:
        judge("C01", conditions, "3 of 4", path=path)
        assert len(shown) == 1
        return
    with pytest.raises(ContradictionError) as caught:
        judge("C01", conditions, "3 of 4", path=path)
    assert f"the register says that C01 {expected}, the conditions say: {derived}." in str(caught.value)
    assert all(
        f"{'holds' if value else 'fails'}: {name}" in str(caught.value) for name, value in conditions.items()
    )
    assert "figure: 3 of 4" in str(caught.value)
    assert shown == []


def test_a_cited_claim_shows_its_sources(write: Any, shown: list, tmp_path: Path) -> None:
    sources = ["Glorot: AISTATS 2011", "Nair & Hinton, ICML 2010"]
    judge("C01", {"a": True, "b": False}, "3 of 4", sources, write({"kind": "cited"}))
    (card,) = cards(notebook(tmp_path / "04_x.ipynb", shown[0]["text/plain"]))
    assert card == Card("C01", "depends", "cited", ("a",), ("b",), "3 of 4", tuple(sources))
    assert all(f"source: {html.escape(source)}" in shown[0]["text/html"] for source in sources)
    assert "(cited)" in shown[0]["text/html"]


@unhurried
@given(st.lists(facts, min_size=2, max_size=5, unique=True), facts, st.booleans(), st.data())
def test_a_stored_card_reads_back_as_it_was(tmp_path_factory, names, figure, listed, data):
    cut = data.draw(st.integers(1, len(names) - 1))
    conditions = {name: i < cut for i, name in enumerate(names)}
    folder = tmp_path_factory.getbasetemp()
    (folder / "claims.toml").write_text(toml(ROW), encoding="utf-8")
    found: list[dict[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IPython.display, "display", lambda bundle, raw: found.append(bundle))
        judge("C01", conditions, figure, path=folder / "claims.toml")
    (bundle,) = found
    assert set(bundle) == {"text/html", "text/plain"}
    (card,) = cards(
        notebook(folder / "04_x.ipynb", bundle["text/plain"], listed=listed, page=bundle["text/html"])
    )
    assert card == Card("C01", "depends", "measured", tuple(names[:cut]), tuple(names[cut:]), figure)
    assert card.text() == bundle["text/plain"]
    plain = html.unescape(re.sub(r"<[^<>]*>", "\n", bundle["text/html"]))
    assert all(f"{'holds' if held else 'fails'}: {name}" in plain for name, held in conditions.items())
    assert f"Deciding figure: {figure}" in plain


ONE_LINE = "the card of C01 needs each fact in one line"
BAD_LINES = ["two\nlines", "two\r\nlines", "two\u2028lines", " before", "after ", "end\n"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        *(({"claim_id": name}, f"unknown claim '{name}'; the register has C01 to C01") for name in ("C99", "C1", "c01", "", "E99")),
        ({"conditions": {}}, "at least one condition"),
        *(({"figure": figure}, "the card of C01 needs the figure that decides it") for figure in ("", "  ", "\n")),
        *(({"figure": bad}, ONE_LINE) for bad in BAD_LINES), *(({"sources": [bad]}, ONE_LINE) for bad in [*BAD_LINES, "", " "]),
        *(({"conditions": {bad: True, "b": False}}, ONE_LINE) for bad in [*BAD_LINES, "", " "]),
        ({"sources": []}, "C01 is cited: sources must be given for a cited claim, and for no other"),
        ({"kind": "measured"}, "C01 is measured: sources must be given for a cited claim, and for no other"),
    ],
)  # fmt: skip
def test_judge_refuses(write: Any, shown: list, change: dict[str, Any], says: str) -> None:
    good = {
        "claim_id": "C01",
        "conditions": {"a": True, "b": False},
        "figure": "3 of 4",
        "sources": ["A paper, 2011"],
    }
    path = write({"kind": change.pop("kind", "cited")})
    with pytest.raises(ValueError, match=says):
        judge(**(good | change), path=path)
    assert shown == []


def test_the_page_shows_who_said_what_and_what_is_right(write: Any, shown: list) -> None:
    judge(
        "C01", {"a": False}, "3 of 4", path=write({"verdict": "fails", "says": "1 < 2", "correct": "2 & 3"})
    )
    page = shown[0]["text/html"]
    assert all(
        part in page
        for part in ("✗ C01 fails", "Bill", "2014", "Toll", "2016", "1 &lt; 2", "Right is: 2 &amp; 3")
    )
    assert page.count("<div") == page.count("</div>")


# The scoreboard


def test_the_scoreboard_in_the_registers_order(tmp_path: Path) -> None:
    notebook(
        tmp_path / "02_slopes.ipynb", text("C34", 2), text("C07", figure="≈ 0.25: a bound"), text("C24", 3)
    )
    notebook(tmp_path / "01_definitions.ipynb", text("E2", 0, 2), text("C21"), text("E4", 1, 1))
    notebook(tmp_path / "notes.ipynb", text("C06"))  # not one of the course's
    board = scoreboard(tmp_path)
    assert list(board.columns) == ["id", "verdict", "figure", "against", "notebook"]
    assert board["against"].tolist()[:5] == [""] * 5 and board["against"].iloc[5].startswith("condition")
    assert board.drop(columns="against").to_numpy().tolist() == [
        ["C07", "holds", "≈ 0.25: a bound", "02_slopes"],
        ["C21", "holds", "3 of 4", "01_definitions"],
        ["C24", "holds", "3 of 4", "02_slopes"],
        ["C34", "holds", "3 of 4", "02_slopes"],
        ["E2", "fails", "3 of 4", "01_definitions"],
        ["E4", "depends", "3 of 4", "01_definitions"],
    ]


def test_hinges_are_the_conditions_without_which_a_verdict_turns(tmp_path: Path) -> None:
    cards = (
        text("C24", 3),
        text("C34", 2, 1),
        text("C07", 1, 2),
        text("E2", 0, 2),
        text("E4", 1, 1),
        text("C21", 2, 2),
    )
    notebook(tmp_path / "02_x.ipynb", *cards)
    assert claims.hinges(tmp_path).to_numpy().tolist() == [
        ["C34", "depends", "condition 2", "holds"],
        ["C07", "depends", "condition 0", "fails"],
        ["E4", "depends", "condition 0", "fails"],
        ["E4", "depends", "condition 1", "holds"],
    ]
    assert claims.hinges(tmp_path / "none").empty


def test_no_notebook_no_card_an_empty_table(tmp_path: Path) -> None:
    notebook(tmp_path / "01_x.ipynb")
    for folder in (tmp_path, tmp_path / "none"):
        board = scoreboard(folder)
        assert isinstance(board, pd.DataFrame)
        assert list(board.columns) == ["id", "verdict", "figure", "against", "notebook"]
        assert len(board) == 0


HEAD, BODY = "[C24] holds (measured)", "\n  holds: a\n  figure: b"


@pytest.mark.parametrize(
    ("book", "stored", "says"),
    [
        ("02_x", [text("C24"), text("C24")], r"C24 has a card in 02_x.* and another in 02_x\.ipynb"),
        ("03_x", [text("C24")], r"C24 belongs to notebook 02, its card is in 03_x\.ipynb"),
        ("02_x", [text("C77")], r"02_x\.ipynb has a card of C77, which is not in the register"),
        ("02_x", [text("C24", 0, 0, verdict="holds")], "C24 says holds, its conditions do not"),
        *(
            ("02_x", [card], r"02_x\.ipynb: a stored card")
            for card in (
                "[C24] holds", "[C24 holds (measured)" + BODY, "[C24] holds (guessed)" + BODY, "[C24] hold (measured)" + BODY,
                "[C24] Holds (measured)" + BODY, "[C24] true (measured)" + BODY, HEAD + "\n  holds: a", HEAD + BODY + "\n  figure: c",
                HEAD + "\n  holds: a\n  figure: ", HEAD + "\n  proves: a\n  figure: b", HEAD + "\n  holds: a\n\n  figure: b",
                HEAD + "\n  figure: b\n  and so on", "[C024] holds (measured)" + BODY,
            )
        ),
    ],
)  # fmt: skip
def test_the_scoreboard_refuses(tmp_path: Path, book: str, stored: list[str], says: str) -> None:
    notebook(tmp_path / f"{book}.ipynb", *stored)
    with pytest.raises(ValueError, match=says):
        scoreboard(tmp_path)


@pytest.mark.parametrize("word", EXPECTED)
@pytest.mark.parametrize("holds, fails, right", [(2, 0, "holds"), (0, 2, "fails"), (1, 1, "depends")])
def test_an_edited_verdict(tmp_path: Path, word: str, holds: int, fails: int, right: str) -> None:
    folder = notebook(tmp_path / "02_x.ipynb", text("C24", holds, fails, verdict=word)).parent
    if word == right:
        assert scoreboard(folder)["verdict"].tolist() == [word]
    else:
        with pytest.raises(
            ValueError, match=rf"02_x\.ipynb: the card of C24 says {word}, its conditions do not"
        ):
            scoreboard(folder)


def test_unproven_where_the_register_says_so(tmp_path: Path) -> None:
    path = tmp_path / "04_x.ipynb"
    board = scoreboard(notebook(path, text("C11", 1, 1, verdict="unproven")).parent)
    assert board["verdict"].tolist() == ["unproven"]
    with pytest.raises(ValueError, match="C11 says depends, its conditions do not"):
        scoreboard(notebook(path, text("C11", 1, 1)).parent)


def test_only_outputs_with_a_page_are_cards(tmp_path: Path) -> None:
    path = notebook(tmp_path / "02_x.ipynb", text("C24"))
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["cells"][1]["outputs"][1]["data"]["text/html"]
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert cards(path) == []


# The register


def test_a_good_row(write: Any) -> None:
    found = register(write({}, {"id": "C02", "who": "Bill", "year": 2015, "also": []}))
    assert [*found] == ["C01", "C02"]
    assert (found["C01"].year, found["C01"].also, found["C02"].year, found["C02"].also) == (
        (2014, 2016),
        ("05",),
        (2015,),
        (),
    )
    assert found["C01"].correct == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({field: None}, f"C01: .*{field}") for field in ROW if field != "id"), ({"id": None}, r"\?: .*id"),
        ({"colour": "red"}, "C01: .*colour"), ({"also": 5}, "C01: "),
        ({"verdict": "true"}, "C01: the verdict must be one of .* got 'true'"), ({"verdict": "Holds"}, "C01: the verdict must be"),
        ({"kind": "guessed"}, "C01: .* the kind measured or cited, got 'depends' and 'guessed'"),
        ({"year": 2014}, "C01: each of 'Bill, Toll' needs a year"), ({"year": []}, "C01: each of 'Bill, Toll' needs a year"),
        ({"asked": ["Ann"]}, r"C01: asked names \['Ann'\], who are not in 'Bill, Toll'"),
        ({"reported": ["Ann"]}, r"C01: reported names \['Ann'\], who are not in 'Bill, Toll'"),
    ],
)  # fmt: skip
def test_a_broken_row(write: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"claims\.toml, {message}"):
        register(write(change))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        *((text, r" has no \[\[claim\]\]") for text in ("", "claim = 3", "[claim]\nid = 'C01'", "[[claims]]\nid = 'C01'", "claim = []")),
        ("[[claim]]\nid = C01\n", " is not TOML: .*line 2"), (toml(ROW, ROW | {"says": "No."}), ": the id C01 stands twice"),
        (None, "; get it back with git checkout"),
    ],
)  # fmt: skip
def test_a_broken_file(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "claims.toml").write_text(content, encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=rf"claims\.toml{says}"):
        register(tmp_path / "claims.toml")


# Tables


def test_the_overview_has_every_claim_and_the_verdicts_so_far(tmp_path: Path) -> None:
    notebook(tmp_path / "02_x.ipynb", text("C24"))
    table = claims.overview(tmp_path).set_index("id")
    assert [*table.index] == [*register()]
    assert table["verdict"].to_dict() == {name: "holds" if name == "C24" else "open" for name in register()}
    assert list(table.columns) == ["who", "asked", "reported", "says", "notebook", "verdict"]


def test_a_table_is_shown_whole(shown: list) -> None:
    long = " ".join(string.ascii_lowercase * 4)
    claims.show(pd.DataFrame({"asked": [["MAS", "Peter"], []], "count": [1, 2]}))
    bundle = shown.pop()
    assert "MAS, Peter" in bundle["text/html"] and "[" not in bundle["text/html"] + bundle["text/plain"]
    assert ">2</td>" in bundle["text/html"]
    claims.show(pd.DataFrame({"id": ["C01"], "says": [f"{long} <b> & é"]}))
    (bundle,) = shown
    assert set(bundle) == {"text/html", "text/plain"}
    assert f"{long} &lt;b&gt; &amp; é" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[0].split() == ["id", "says"]
    assert (
        bundle["text/plain"].splitlines()[1].startswith("C01") and f"{long} <b> & é" in bundle["text/plain"]
    )
    assert bundle["text/html"].count('<th style="text-align: left">') == 2


def test_each_stored_condition_reads_on_its_own() -> None:
    """A card lists what held before what failed, so no condition may lean on the one that was written above it."""
    leans = re.compile(r"(?i)^(there,|nor\b|so do|and\b|these\b|the same,)|\b(too|it is|given as many)$")
    files = sorted((where.ROOT / "notebooks").glob("*.ipynb"))
    told = [(card.id, name) for file in files for card in cards(file) for name in card.holds + card.fails]
    assert [one for one in told if leans.search(one[1])] == []
