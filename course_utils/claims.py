"""Claims: the register of what the thread says, and the cards that judge it.

A card takes named conditions on measured figures. Each condition is put so that *true* speaks for the claim. The verdict
is derived, never typed: all conditions hold: **holds**; none: **fails**; some: **depends**. Only where the register says
"unproven" (a motive, or no evidence either way) does a claim whose conditions do not all hold stay **unproven**. A card
whose verdict is not the register's raises :class:`ContradictionError` and so stops the notebook.

Cards are stored in the notebooks as text, which nbval compares; :func:`scoreboard` reads them back from there.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from course_utils import where

if TYPE_CHECKING:
    import pandas as pd


VERDICTS = ("holds", "fails", "depends", "unproven")


class ContradictionError(RuntimeError):
    """A card's derived verdict is not the one the register states."""


@dataclass(frozen=True)
class Claim:
    """One row of the register data/claims.toml.

    Attributes:
        id: C01 and on, or E1 and on for an error in the thread's formulas and facts.
        who, year: who said it, and when.
        says: what it says, in the course's own words.
        notebook: the number of the home notebook, such as "05", which holds its card.
        also: other notebooks that try a part of it.
        kind: "measured", or "cited" for history and opinion that only sources can decide.
        verdict: expected verdict.
        deciding: what decides it.
        correct: for an error, the right form; else empty.
        asked: those of ``who`` who only asked: they show, but no verdict counts for or against them.
        reported: those of ``who`` who retold it as what others say, and doubted it; likewise.
    """

    id: str
    who: str
    year: tuple[int, ...]
    says: str
    notebook: str
    also: tuple[str, ...]
    kind: str
    verdict: str
    deciding: str
    correct: str = ""
    asked: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()

    @property
    def said_by(self) -> str:
        """Who said it, each with the year: "Bill 2016, Toll 2018"."""
        return ", ".join(f"{who} {year}" for who, year in zip(self.who.split(", "), self.year, strict=True))


def register(path: Path | None = None) -> dict[str, Claim]:
    """The register, by id, in order. ``path`` defaults to data/claims.toml.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, no row, a doubled id, an unknown verdict or kind, a missing or unknown field, not one year
            for each name, an asker who is not in ``who``; the message names the row.
    """
    path = path or where.stored("claims.toml")
    if not path.is_file():
        raise FileNotFoundError(
            f"the register of claims is missing: {path}; get it back with git checkout -- data, or from {where.home()}"
        )
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from error
    rows = found.get("claim")
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path.name} has no [[claim]]")
    claims: dict[str, Claim] = {}
    for row in rows:
        name = row.get("id", "?")
        try:
            years, also = row["year"], row["also"]
            years = tuple(years if isinstance(years, list) else [years])
            apart = {field: tuple(row.get(field, ())) for field in ("asked", "reported")}
            claim = Claim(**{**row, "year": years, "also": tuple(also), **apart})
        except KeyError as error:
            raise ValueError(f"{path.name}, {name}: the field {error} is missing") from error
        except TypeError as error:
            raise ValueError(f"{path.name}, {name}: {error}") from error
        if len(claim.who.split(", ")) != len(claim.year):
            raise ValueError(f"{path.name}, {name}: each of {claim.who!r} needs a year, got {claim.year}")
        for field, names in apart.items():
            if strangers := set(names) - set(claim.who.split(", ")):
                raise ValueError(
                    f"{path.name}, {name}: {field} names {sorted(strangers)}, who are not in {claim.who!r}"
                )
        if claim.id in claims:
            raise ValueError(f"{path.name}: the id {claim.id} stands twice")
        if claim.verdict not in VERDICTS or claim.kind not in ("measured", "cited"):
            raise ValueError(
                f"{path.name}, {name}: the verdict must be one of {VERDICTS} and the kind measured or cited, "
                f"got {claim.verdict!r} and {claim.kind!r}"
            )
        claims[claim.id] = claim
    return claims


def derive(conditions: Mapping[str, object], expected: str) -> str:
    """The verdict that follows from the conditions: all: holds; none: fails; mixed: depends.

    ``expected`` matters only when it is "unproven": then anything short of all conditions is "unproven".

    Raises:
        ValueError: no condition.
        TypeError: a condition that is neither True nor False (bool, or a bool scalar of numpy or torch).
    """
    if not conditions:
        raise ValueError("a verdict needs at least one condition, got none")
    held = [_truth(name, value) for name, value in conditions.items()]
    if all(held):
        return "holds"
    if expected == "unproven":
        return "unproven"
    return "depends" if any(held) else "fails"


def _truth(name: str, value: object) -> bool:
    if isinstance(value, torch.Tensor) and value.numel() == 1 and value.dtype == torch.bool:
        return bool(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(
        f"the condition {name!r} must be True or False, got {value!r}; compare the figure with a bound"
    )


@dataclass(frozen=True)
class Card:
    """One judged claim: id, verdict, basis ("measured" or "cited"), what held and what failed, the deciding figure."""

    id: str
    verdict: str
    basis: str
    holds: tuple[str, ...]
    fails: tuple[str, ...]
    figure: str
    sources: tuple[str, ...] = ()

    def text(self) -> str:
        """The card as plain text, one fact a line. :func:`cards` reads this form back."""
        lines = [f"[{self.id}] {self.verdict} ({self.basis})"]
        lines += [f"  holds: {name}" for name in self.holds]
        lines += [f"  fails: {name}" for name in self.fails]
        lines += [f"  figure: {self.figure}"]
        lines += [f"  source: {source}" for source in self.sources]
        return "\n".join(lines)

    def page(self, claim: Claim) -> str:
        """The card as HTML for the notebook page."""
        mark = {"holds": "✓", "fails": "✗", "depends": "◐", "unproven": "?"}[self.verdict]
        items = [f"<li>holds: {html.escape(name)}</li>" for name in self.holds]
        items += [f"<li>fails: {html.escape(name)}</li>" for name in self.fails]
        items += [f"<li>source: {html.escape(source)}</li>" for source in self.sources]
        correct = f"<div>Right is: {html.escape(claim.correct)}</div>" if claim.correct else ""
        return (
            '<div style="border-left: 4px solid #888; padding: 0.4em 0 0.4em 1em; margin: 0.4em 0">'
            f"<div><b>{mark} {self.id} {self.verdict}</b> ({self.basis}) · {html.escape(claim.said_by)}: "
            f"<i>{html.escape(claim.says)}</i></div>"
            f'<ul style="margin: 0.3em 0">{"".join(items)}</ul>'
            f"<div>Deciding figure: {html.escape(self.figure)}</div>{correct}</div>"
        )


def judge(
    claim_id: str,
    conditions: Mapping[str, object],
    figure: str,
    sources: Sequence[str] = (),
    path: Path | None = None,
) -> None:
    """Judge a claim, show its card, and stop the notebook if the verdict contradicts the register.

    Args:
        claim_id: e.g. "C24".
        conditions: name -> True or False, each a comparison of a measured (or cited) figure with a bound, put so that
            True speaks for the claim.
        figure: the deciding figure in one line, one that the cells above printed. Numbers that may move between
            machines stand behind the sign for "about".
        sources: citations; needed for, and only for, a claim whose kind is "cited".
        path: another register, for tests.

    Raises:
        ValueError: unknown id; no condition; no deciding figure; sources missing or out of place; a condition, figure
            or source that is not one line of text, without blanks at its ends (a card stores one fact a line).
        TypeError: a condition that is neither True nor False.
        ContradictionError: the derived verdict is not the register's.
    """
    from IPython.display import display

    claims = register(path)
    if claim_id not in claims:
        known = [[name for name in claims if name.startswith(kind)] for kind in "CE"]
        known_text = " and ".join(f"{names[0]} to {names[-1]}" for names in known if names)
        raise ValueError(f"unknown claim {claim_id!r}; the register has {known_text}")
    claim = claims[claim_id]
    if not figure.strip():
        raise ValueError(f"the card of {claim_id} needs the figure that decides it, got {figure!r}")
    if (claim.kind == "cited") != bool(sources):
        raise ValueError(
            f"{claim_id} is {claim.kind}: sources must be given for a cited claim, and for no other; got {sources!r}"
        )
    for line in (*conditions, figure, *sources):
        if len(line.splitlines()) != 1 or line != line.strip():
            raise ValueError(
                f"the card of {claim_id} needs each fact in one line, with no blank at its ends; got {line!r}"
            )
    verdict = derive(conditions, claim.verdict)
    held = tuple(name for name, value in conditions.items() if value)
    failed = tuple(name for name, value in conditions.items() if not value)
    card = Card(claim_id, verdict, claim.kind, held, failed, figure, tuple(sources))
    if verdict != claim.verdict:
        raise ContradictionError(
            f"the register says that {claim_id} {claim.verdict}, the conditions say: {verdict}.\n{card.text()}\n"
            "If the measurement is right, it wins: correct data/claims.toml and write up what was found. Other seeds than "
            "the stored ones may turn a condition by their luck."
        )
    bundle = {"text/html": card.page(claim), "text/plain": card.text()}
    display(bundle, raw=True)  # type: ignore[no-untyped-call]


_HEAD = re.compile(r"\[([CE]\d{1,2})\] (\w+) \((measured|cited)\)")


def cards(notebook: Path) -> list[Card]:
    """The cards stored in a notebook's outputs, in order. ValueError for a card that cannot be read."""
    return [card for _, card in placed(notebook)]


def placed(notebook: Path) -> list[tuple[str, Card]]:
    """The same, each behind the id of its cell ("" where a cell has none)."""
    found = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            data: Mapping[str, Any] = output.get("data", {})
            text = data.get("text/plain", "")
            text = "".join(text) if isinstance(text, list) else text
            if "text/html" in data and re.match(r"\[[CE]\d", text):
                found.append((cell.get("id", ""), _read(text, notebook.name)))
    return found


def _read(text: str, where: str) -> Card:
    head, *lines = text.split("\n")
    match = _HEAD.fullmatch(head)
    facts: dict[str, list[str]] = {"holds": [], "fails": [], "figure": [], "source": []}
    for line in lines:
        key, _, value = line.strip().partition(": ")
        if key not in facts or not value:
            raise ValueError(f"{where}: a stored card has a line that cannot be read: {line!r}")
        facts[key].append(value)
    if not match or match[2] not in VERDICTS or len(facts["figure"]) != 1:
        raise ValueError(f"{where}: a stored card cannot be read: {text!r}; refresh the notebook")
    holds, fails = tuple(facts["holds"]), tuple(facts["fails"])
    return Card(match[1], match[2], match[3], holds, fails, facts["figure"][0], tuple(facts["source"]))


def scoreboard(folder: Path | None = None) -> pd.DataFrame:
    """All stored cards as a table with the columns id, verdict, figure, against, notebook, in the register's order.

    ``against``: for a claim that depends, the conditions that did not hold, which is what it depends on; else nothing.

    Args:
        folder: where the notebooks are; default: the course's own. A claim judged twice is an error: one home each.

    Raises:
        ValueError: a card that cannot be read, a card of an unknown claim, a claim with two cards, a card outside its
            home notebook, or one whose verdict does not follow from its own conditions.
    """
    import pandas as pd

    folder = folder or where.ROOT / "notebooks"
    claims = register()
    rows: dict[str, dict[str, str]] = {}
    columns = ["id", "verdict", "figure", "against", "notebook"]
    for notebook in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        for card in cards(notebook):
            if card.id not in claims:
                raise ValueError(f"{notebook.name} has a card of {card.id}, which is not in the register")
            if card.id in rows:
                raise ValueError(
                    f"{card.id} has a card in {rows[card.id]['notebook']} and another in {notebook.name}"
                )
            if claims[card.id].notebook != notebook.name[:2]:
                raise ValueError(
                    f"{card.id} belongs to notebook {claims[card.id].notebook}, its card is in {notebook.name}"
                )
            conditions = dict.fromkeys(card.holds, True) | dict.fromkeys(card.fails, False)
            if not conditions or card.verdict != derive(conditions, claims[card.id].verdict):
                raise ValueError(
                    f"{notebook.name}: the card of {card.id} says {card.verdict}, its conditions do not"
                )
            against = "; ".join(card.fails) if card.verdict == "depends" else ""
            row = (card.id, card.verdict, card.figure, against, notebook.stem)
            rows[card.id] = dict(zip(columns, row, strict=True))
    return pd.DataFrame([rows[name] for name in claims if name in rows], columns=columns)


def hinges(folder: Path | None = None) -> pd.DataFrame:
    """The rows whose verdict hangs on one condition: left out, the others give another verdict.

    Columns id, verdict, condition (the one it hangs on), without (the verdict that the others give), in the order of
    the notebooks. A card with a single condition hangs on nothing that could be left out.
    """
    import pandas as pd

    folder, claims, rows = folder or where.ROOT / "notebooks", register(), []
    for notebook in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        for card in cards(notebook):
            conditions = dict.fromkeys(card.holds, True) | dict.fromkeys(card.fails, False)
            for name in conditions if len(conditions) > 1 else ():
                others = {other: held for other, held in conditions.items() if other != name}
                without = derive(others, claims[card.id].verdict)
                if without != card.verdict:
                    rows.append([card.id, card.verdict, name, without])
    return pd.DataFrame(rows, columns=["id", "verdict", "condition", "without"])


def overview(folder: Path | None = None) -> pd.DataFrame:
    """The whole register beside the verdicts stored so far.

    Columns id, who, asked and reported (lists of names), says, notebook, verdict ("open": no card yet).
    """
    import pandas as pd

    judged = scoreboard(folder).set_index("id")["verdict"].to_dict()
    columns = ["id", "who", "asked", "reported", "says", "notebook", "verdict"]
    rows = [
        (c.id, c.said_by, list(c.asked), list(c.reported), c.says, c.notebook, judged.get(c.id, "open"))
        for c in register().values()
    ]
    return pd.DataFrame(rows, columns=columns)


def show(table: pd.DataFrame, marked: pd.DataFrame | None = None) -> None:
    """Show a table with the full text of every cell, as HTML for the page and as plain text for everything else.

    A list of names is shown as names with commas between them, an empty one as nothing. ``marked``: the same table with
    HTML in its cells, for the page; by default every cell is plain text.
    """
    import pandas as pd
    from IPython.display import display

    table = table.map(lambda cell: ", ".join(cell) if isinstance(cell, list) else cell)
    look: dict[str, Any] = {"index": False, "justify": "left"}
    with pd.option_context("display.max_colwidth", None):
        page = (
            table.to_html(border=0, **look)
            if marked is None
            else marked.to_html(border=0, escape=False, **look)
        )
        plain = table.to_string(**look)
    for cell in ("th", "td"):  # where JupyterLab would have them to the right
        page = page.replace(f"<{cell}>", f'<{cell} style="text-align: left">')
    display({"text/html": page, "text/plain": plain}, raw=True)  # type: ignore[no-untyped-call]
