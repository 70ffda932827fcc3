"""Numbers behind ≈ stay where they were seen, though their cells' asserts would let them go further."""

import json
from pathlib import Path

import drift
import pytest
from drift import Seen

NOTEBOOKS = sorted((drift.ROOT / "notebooks").glob("[0-9]*.ipynb"))
ROWS = drift.read()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_no_stored_number_has_wandered_off(path: Path) -> None:
    rows = {place: seen for place, seen in ROWS.items() if place[0] == path.name[:2]}
    if drift.printed(path) and not rows:
        pytest.skip(f"{path.name} is not in tests/drift.csv yet: make drift ARGS={path.name[:2]}")
    wrong = drift.strayed(rows, drift.printed(path))
    assert not wrong, "\n".join([*wrong, f"Find out why; if it is right: make drift ARGS={path.name[:2]}"])


def stored(folder: Path, text: str, cell: str = "a") -> Path:
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    picture = {"data": {"text/plain": "near ≈ 7.5", "image/png": ""}}
    cells = [{"id": cell, "outputs": [output, picture]}, {"id": "text"}]
    path = folder / "05_x.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_what_is_printed(tmp_path: Path) -> None:
    found = drift.printed(stored(tmp_path, "3 of 4, ≈ 0.25 and ≈ −1,200\n≈ 1.5e-3"))
    assert list(found.items()) == [
        (("05", "a", i), n) for i, n in enumerate(["0.25", "−1,200", "1.5e-3", "7.5"])
    ]
    assert [drift.value(number) for number in found.values()] == [0.25, -1200, 0.0015, 7.5]
    assert [drift.step(number) for number in found.values()] == pytest.approx([0.01, 1, 1e-4, 0.1])


def test_rows_grow_with_each_run_and_begin_anew_with_another_cell(tmp_path: Path) -> None:
    rows = {("06", "a", 0): Seen(1, 2, 5)}
    for text in ("≈ 0.25", "≈ 0.30", "≈ 0.28"):
        rows = drift.add(rows, drift.printed(stored(tmp_path, text)))
    assert rows == {
        ("06", "a", 0): Seen(1, 2, 5),
        ("05", "a", 0): Seen(0.25, 0.3, 3),
        ("05", "a", 1): Seen(7.5, 7.5, 3),
    }
    drift.write(rows, tmp_path / "drift.csv")
    assert drift.read(tmp_path / "drift.csv") == rows
    rows = drift.add(rows, drift.printed(stored(tmp_path, "≈ 0.25 ≈ 1")))
    assert [seen.runs for seen in rows.values()] == [5, 1, 1, 1]
    assert drift.read(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("seen", "number", "said"),
    [
        (Seen(0.25, 0.27, 4), "0.30", ""),  # three spreads of 0.02 from 0.26 on
        (Seen(0.25, 0.27, 4), "0.33", "≈ 0.33 was seen from 0.25 to 0.27"),
        (Seen(0.25, 0.25, 4), "0.28", ""),  # three units of the last digit
        (Seen(0.25, 0.25, 4), "0.29", "≈ 0.29 was seen from 0.25 to 0.25"),
        (Seen(0.25, 0.25, 1), "0.25", "≈ 0.25 has no known spread"),
    ],
)
def test_what_has_strayed(seen: Seen, number: str, said: str) -> None:
    place = ("05", "a", 0)
    assert drift.strayed({place: seen}, {place: number}) == (
        [f"05, cell a, number 0: {said}"] if said else []
    )
    assert drift.strayed({place: seen}, {}) == ["05, cell a, number 0: is printed no more"]


def test_the_tool_adds_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "DRIFT", tmp_path / "drift.csv")
    monkeypatch.setattr(drift.read, "__defaults__", (drift.DRIFT,))
    monkeypatch.setattr(drift.write, "__defaults__", (drift.DRIFT,))
    stored(tmp_path, "≈ 3")
    assert drift.main(["--add", str(tmp_path)]) == drift.main(["05", "--add", str(tmp_path)]) == 0
    assert drift.main(["06", "--add", str(tmp_path)]) == 0
    assert drift.read()["05", "a", 0] == Seen(3, 3, 2)
