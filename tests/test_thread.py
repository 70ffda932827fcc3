"""The verdicts by person, against counts by hand, and the links to the cards."""

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from course_utils import claims, thread, where

OVERVIEW = pd.DataFrame(
    {
        "id": ["C01", "C02", "E1"],
        "who": ["Ann 2014, Bob B. 2015", "Bob B. 2016", "Ann 2014"],
        "says": ["x", "y", "z"],
        "notebook": ["01"] * 3,
        "verdict": ["holds", "depends", "fails"],
    }
)


def test_a_claim_counts_for_everyone_who_made_it() -> None:
    people = thread.by_person(OVERVIEW)
    rows = list(zip(people["person"], people["id"], people["verdict"], strict=True))
    assert people.columns.tolist() == ["person", "id", "says", "verdict", "claimed"]
    assert people.index.tolist() == [0, 1, 2, 3] and people["claimed"].tolist() == [True] * 4
    assert rows == [
        ("Ann", "C01", "holds"), ("Bob B.", "C01", "holds"), ("Bob B.", "C02", "depends"), ("Ann", "E1", "fails")
    ]  # fmt: skip


def test_tally() -> None:
    people = thread.by_person(OVERVIEW)
    counts = thread.tally(people)
    assert counts.columns.tolist() == ["person", "claims", *claims.VERDICTS, "open"]
    assert counts.to_numpy().tolist() == [["Bob B.", 2, 1, 0, 1, 0, 0], ["Ann", 1, 1, 0, 0, 0, 0]]
    assert thread.tally(people, "E").to_numpy().tolist() == [["Ann", 1, 0, 1, 0, 0, 0]]
    with pytest.raises(ValueError, match="got 'X'"):
        thread.tally(people, "X")
    with pytest.raises(ValueError, match="no column 'who'"):
        thread.by_person(OVERVIEW.drop(columns="who"))


@pytest.mark.parametrize("column", ["asked", "reported"])
def test_who_only_asked_or_reported_is_not_counted(column: str) -> None:
    people = thread.by_person(OVERVIEW.assign(**{column: [["Bob B."], [], []]}))
    assert people["claimed"].tolist() == [True, False, True, True]
    counts = thread.tally(people).to_numpy().tolist()
    assert counts == [["Ann", 1, 1, 0, 0, 0, 0], ["Bob B.", 1, 0, 0, 1, 0, 0]]


def test_the_whole_register_has_its_people() -> None:
    people = thread.by_person(claims.overview())
    assert set(people["id"]) == set(claims.register())
    claimed = people["id"].str.startswith("C") & people["claimed"]
    assert thread.tally(people)["claims"].sum() == claimed.sum()
    apart = people[~people["claimed"]]
    assert list(zip(apart["id"], apart["person"], strict=True)) == [
        ("C04", "RockTheStar"), ("C11", "Hi-Angel"), ("C11", "Saxena"), ("C12", "MAS"), ("C13", "Gorelik"),
        ("C25", "D.W."), ("C27", "D.W."),
    ]  # fmt: skip


def test_places_point_at_the_cards() -> None:
    to, folder = thread.places(), Path(where.ROOT / "notebooks")
    assert set(to) == set(claims.scoreboard()["id"])
    for name, link in to.items():
        notebook, _, cell_id = link.partition("#cell-id=")
        book = nbformat.read(folder / notebook, as_version=4)
        (cell,) = [cell for cell in book.cells if cell.id == cell_id]
        assert f'"{name}"' in cell.source, f"{link} is not where {name} is judged"


def test_links(shown: list) -> None:
    long = "a < b " * 20 + "in the end"
    board = pd.DataFrame({"id": ["C01", "E2"], "verdict": ["holds", "fails"], "figure": [long, "1 & 2"]})
    thread.links(board, {"C01": "01_x.ipynb#cell-id=q", "E2": "02_y.ipynb#cell-id=r"})
    ((page, plain),) = [(bundle["text/html"], bundle["text/plain"]) for bundle, _ in shown]
    heads = re.findall(r'<th style="text-align: left">(.*?)</th>', page)
    assert heads == ["id", "verdict", "figure"]  # and no row numbers
    cells = [
        '<a href="01_x.ipynb#cell-id=q">C01</a>', "holds", long.replace("<", "&lt;"),
        '<a href="02_y.ipynb#cell-id=r">E2</a>', "fails", "1 &amp; 2",
    ]  # fmt: skip
    assert re.findall(r'<td style="text-align: left">(.*?)</td>', page) == cells
    assert 'border="1"' not in page
    head, *lines = plain.splitlines()
    assert head.split() == ["id", "verdict", "figure"]
    assert [line.split() for line in lines] == [
        ["C01", "holds", *long.split()],
        ["E2", "fails", "1", "&", "2"],
    ]
