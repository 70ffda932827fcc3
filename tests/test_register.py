"""The register of claims: complete, in order, and within its own rules."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from course_utils import claims

REGISTER = Path(__file__).resolve().parent.parent / "data" / "claims.toml"
TEXT = REGISTER.read_text(encoding="utf-8")
CLAIMS: list[dict[str, Any]] = tomllib.loads(TEXT)["claim"]
IDS = [f"C{n:02}" for n in range(1, 39)] + [f"E{n}" for n in range(1, 10)]
FIELDS = {"id", "who", "year", "says", "notebook", "also", "kind", "verdict", "deciding"}
NOTEBOOKS = [path.name[:2] for path in sorted((REGISTER.parents[1] / "notebooks").glob("*.ipynb"))]
HOME = {
    "01": "C21 E1 E2 E3 E4 E5",
    "02": "C06 C07 C24 C34",
    "03": "C12 C16 C17 C18 C25 C27 C29 C33 E6 E7",
    "04": "C03 C09 C10 C11",
    "05": "C13 C22 C23",
    "06": "C14 C26 C30 C32 C38 E8",
    "07": "C02 C08 C20 C28 C35 C37 E9",
    "08": "C05 C15 C19",
    "10": "C01 C04 C31 C36",
}
ALSO = {
    "C05": ["04"], "C06": ["03"], "C13": ["02", "09"], "C14": ["05"], "C21": ["02"], "C22": ["09"],
    "C23": ["09"], "C28": ["02", "03"], "C29": ["02"], "C32": ["07"], "C35": ["09"], "C36": ["06", "07"],
}  # fmt: skip
EXPECTED = {
    "holds": "C06 C07 C09 C10 C13 C14 C16 C21 C24 C33 C34 C36",
    "fails": "C05 C26 E1 E2 E6",
    "unproven": "C03 C11",
    "depends": "C01 C02 C04 C08 C12 C15 C17 C18 C19 C20 C22 C23 C25 C27 C28 C29 C30 C31 C32 C35 C37 C38 E3 E4 E5 E7 E8 E9",
}

each = pytest.mark.parametrize("claim", CLAIMS, ids=[claim["id"] for claim in CLAIMS])


def grouped(field: str) -> dict[str, str]:
    """The ids that share each value of a field."""
    groups: dict[str, list[str]] = {}
    for claim in CLAIMS:
        groups.setdefault(claim[field], []).append(claim["id"])
    return {value: " ".join(ids) for value, ids in groups.items()}


@each
def test_fields(claim: dict[str, Any]) -> None:
    also = {"correct"} if claim["id"].startswith("E") else set()
    assert set(claim) - {"asked", "reported"} == FIELDS | also
    for name in set(claim) - {"year", "also", "asked", "reported"}:
        assert isinstance(claim[name], str)
        assert claim[name] == claim[name].strip() != ""


@each
def test_allowed_values(claim: dict[str, Any]) -> None:
    assert claim["kind"] in ("measured", "cited")
    assert claim["verdict"] in ("holds", "fails", "depends", "unproven")
    assert claim["notebook"] in NOTEBOOKS
    assert claim["also"] == sorted(set(claim["also"]) - {claim["notebook"]})
    assert set(claim["also"]) <= set(NOTEBOOKS)


@each
def test_a_year_for_each_name(claim: dict[str, Any]) -> None:
    names = claim["who"].split(", ")
    years = claim["year"] if isinstance(claim["year"], list) else [claim["year"]]
    assert len(years) == len(names) == len(set(names))
    assert isinstance(claim["year"], list) == (len(names) > 1)
    assert all(type(year) is int and 2014 <= year <= 2020 for year in years)


def test_who_only_asked_or_reported() -> None:
    asked, reported = (
        {claim["id"]: claim[how] for claim in CLAIMS if how in claim} for how in ("asked", "reported")
    )
    assert asked == {
        "C04": ["RockTheStar"],
        "C11": ["Hi-Angel", "Saxena"],
        "C12": ["MAS"],
        "C13": ["Gorelik"],
    }
    assert reported == {"C25": ["D.W."], "C27": ["D.W."]}


def test_a_person_who_wrote_once_has_one_year() -> None:
    """Only DaemonMaker wrote in two years: the answer in 2014, the comment on gradients in 2015."""
    years: dict[str, set[int]] = {}
    for claim in CLAIMS:
        of_each = claim["year"] if isinstance(claim["year"], list) else [claim["year"]]
        for name, year in zip(claim["who"].split(", "), of_each, strict=True):
            years.setdefault(name, set()).add(year)
    assert years.pop("DaemonMaker") == {2014, 2015}
    assert {name: len(of_one) for name, of_one in years.items() if len(of_one) > 1} == {}
    assert len(years) == 14


@each
def test_sentences(claim: dict[str, Any]) -> None:
    for name in {"says", "deciding", "correct"} & set(claim):
        assert 20 <= len(claim[name]) <= 240
        assert claim[name][0] == claim[name][0].upper()
        assert claim[name][-1] in ".?"
        assert not any(
            character in claim[name] for character in "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\t\n"
        )


def test_ids_homes_kinds_and_expected_verdicts() -> None:
    assert list(tomllib.loads(TEXT)) == ["claim"] and [claim["id"] for claim in CLAIMS] == IDS
    assert grouped("notebook") == HOME and grouped("verdict") == EXPECTED
    assert {claim["id"]: claim["also"] for claim in CLAIMS if claim["also"]} == ALSO
    assert grouped("kind")["cited"] == "C01 C03 E8 E9"
    for name in ("says", "deciding"):
        assert len({claim[name] for claim in CLAIMS}) == len(CLAIMS), "a sentence stands twice"


def test_every_row_has_exactly_one_card_and_its_verdict() -> None:
    board = claims.scoreboard()
    assert board["id"].tolist() == [claim["id"] for claim in CLAIMS]
    assert board["verdict"].tolist() == [claim["verdict"] for claim in CLAIMS]
