"""Notebooks in a reader's hands: cells run twice, names of one's own, foreign settings, other seeds.

The cheap notebooks are run here, all of them by `make stress ARGS="clicks settings machine seeds"`.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altered
import pytest
import stress

from course_utils import claims

NOTEBOOKS = sorted((stress.ROOT / "notebooks").glob("[0-9]*.ipynb"))
CHEAP = [path.name for path in NOTEBOOKS[1:3]]


def notebook(*cells: str) -> dict[str, Any]:
    return {"cells": [altered.silent(text, f"c{number}") for number, text in enumerate(cells)]}


@pytest.mark.parametrize(
    "changes", [[altered.named, altered.twice], [altered.set_up]], ids=["clicks", "settings"]
)
def test_cheap_notebooks_come_out_alike(
    changes: list[Callable[[dict[str, Any]], None]], tmp_path: Path
) -> None:
    stress.copy_course(stress.ROOT, tmp_path)
    for name in CHEAP:
        altered.altered(tmp_path / "notebooks" / name, *changes)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [str(tmp_path / "notebooks" / name) for name in CHEAP]
    env = stress.environment({"OMP_NUM_THREADS": "1"})
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_translated_notebook_compares_strictly(tmp_path: Path) -> None:
    """Words changed, outputs stored anew as CONTRIBUTING says: nbval finds the same again, and the cards are the same."""
    stress.copy_course(stress.ROOT, tmp_path)
    path = tmp_path / "notebooks" / CHEAP[0]
    before = claims.cards(path)
    altered.altered(path, altered.translated)
    words = [altered.source(cell) for cell in altered.read(path)["cells"]]
    assert sum("ä" in text for text in words) > len(words) / 3
    for command in (["course_utils", "refresh", CHEAP[0]], ["pytest", "-q", "-p", "no:cacheprovider", path]):
        env = stress.environment({"OMP_NUM_THREADS": "1"}, path=[tmp_path])
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    printed = "".join(str(cell["outputs"]) for cell in altered.code(altered.read(path)))
    assert "ä" in printed and claims.cards(path) == before


def test_what_is_translated() -> None:
    assert (
        altered.in_other_words("A `name`, $a$ and **Reading:** it. [C01] holds (a)")
        == "Ä `name`, $a$ änd **Reading:** ït. [C01] holds (a)"
    )
    found = notebook("print(f'rate {rate:g} of', 'it', name)  # why\nlabel('rate')")
    altered.translated(found)
    assert altered.source(found["cells"][0]) == "print(f'rätë {rate:g} öf', 'ït', name)\nlabel('rate')"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_answers_share_no_name_with_what_later_cells_need(path: Path) -> None:
    shared = {}
    for cell, awaited in altered.awaited(altered.read(path)):
        text = altered.source(cell)
        own = {*altered.NAMES, *altered.parameters(text)} if altered.ANSWER.search(text) else set()
        if "solution" in cell["metadata"].get("tags", []):
            own |= altered.needs_and_makes(text)[1]
        if own & awaited:
            shared[cell["id"]] = own & awaited
    assert shared == {}, "a student's answer would put something else there: call it otherwise"


def test_names_that_are_awaited() -> None:
    cells = [
        "a = b = c = 1",
        "answer_1_1 = ...",
        "def f():\n    return b\nc = 2",
        "[a for a in (1,)], f(), c, d",
    ]
    found = [awaited for _, awaited in altered.awaited(notebook(*cells))]
    assert found == [{"b", "d"}, {"b", "d"}, {"c", "d", "f"}, set()]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("answer = ...  # e.g. lambda s, m: ...", {"s", "m"}),
        ("# def steps_to(a, b): ...", {"steps_to", "a", "b"}),
    ],
)
def test_names_that_an_answer_is_told_to_use(text: str, names: set[str]) -> None:
    assert altered.parameters(text) == names


def test_cells_twice_with_names_and_settings() -> None:
    found = notebook("first", "import x\nplots.use_style()", "answer_1_1 = ...  # lambda growth_: ...")
    altered.named(found)
    assert {"growth_", "z", "edge", "sigmoid", "growth", "share", "x", "W"} <= set(
        altered.source(altered.code(found)[2]).split(" = 'a name")[0].split(" = ")
    )
    altered.set_up(found, "head", "later")
    altered.twice(found)
    order = ["head", "c0", "c1", "later", "c2"]
    assert [cell["id"] for cell in found["cells"]] == [name + end for name in order for end in ("", "-again")]


def test_the_second_of_a_card_stores_none() -> None:
    found = notebook("first", 'judge(\n    "C01", {}\n)')
    found["cells"][1]["outputs"] = ["a card"]
    altered.twice(found)
    card, again = found["cells"][2:]
    assert card["outputs"] == ["a card"] and again["outputs"] == []
    assert again["source"] == "# NBVAL_IGNORE_OUTPUT\n" + altered.source(card)


def test_other_seeds_and_what_gives_way() -> None:
    text = """
SIZE, SEEDS = 3, range(10, 15)
runs = [(s, k) for k in range(2) for s in range(len(SEEDS))]
made = grid(seed=range(5), many=2)
more = [s for s in range(9 if k else 5)]
for k in range(3):
    assert k < 2, f"k = {k}"
claims.judge("C1", {"a": True})
"""
    found = notebook("first", "imports", text)
    altered.shifted(found)
    lines = altered.source(altered.code(found)[2]).splitlines()
    assert lines[:5] == [
        "SIZE, SEEDS = (3, range(10 + 5, 15 + 5))",
        "runs = [(s, k) for k in range(2) for s in range(0 + 5, len(SEEDS) + 5)]",
        "made = grid(seed=range(0 + 5, 5 + 5), many=2)",
        "more = [s for s in range(0 + 5, (9 if k else 5) + 5)]",
        "for k in range(3):",
    ]
    assert lines[5:7] == ["    if not k < 2:", "        print('gave way: ' + f'k = {k}')"]
    assert lines[7:9] == ["try:", "    claims.judge('C1', {'a': True})"]
