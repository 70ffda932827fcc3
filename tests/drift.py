"""`make drift`: how far each number behind ≈ moves from condition to condition, kept in tests/drift.csv.

    make drift                    run all notebooks under each condition and add what they print
    make drift ARGS="05 06"       those only
    make drift ARGS="--add build" add what the notebooks in a folder print already (another machine's, say)

A row says where a number stands (notebook, cell, its place among the cell's numbers behind ≈), the lowest and the
highest value seen, and in how many runs. tests/test_drift.py holds the stored notebooks to it: a number may lie
:data:`TIMES` its spread from the middle. That is narrower than most bounds that the cells assert, and finds out what
wanders off inside them. Rows of a cell that prints another count of numbers than before are begun anew.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DRIFT = ROOT / "tests" / "drift.csv"
TIMES = 3
CONDITIONS: dict[str, dict[str, str]] = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "no vector instructions": {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "avx2"},
}
ABOUT = re.compile(r"\u2248\s*([-+\u2212]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")

Place = tuple[str, str, int]  # notebook ("05"), cell id, place among the cell's numbers


class Seen(NamedTuple):
    """What runs have printed at a place."""

    low: float
    high: float
    runs: int


def printed(path: Path) -> dict[Place, str]:
    """Every number behind ≈ in a notebook's outputs, as it is written there."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        texts = [
            out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.get("outputs", [])
        ]
        numbers = ABOUT.findall("\n".join("".join(text) for text in texts))
        found |= {(path.name[:2], cell["id"], place): number for place, number in enumerate(numbers)}
    return found


def value(number: str) -> float:
    """What a written number is worth."""
    return float(re.sub("[,_+]", "", number).replace("\u2212", "-"))


def step(number: str) -> float:
    """One unit of a written number's last digit."""
    digits, _, power = number.lower().partition("e")
    return float(10.0 ** (int(power or 0) - len(digits.partition(".")[2])))


def read(path: Path = DRIFT) -> dict[Place, Seen]:
    """The rows of the file; none where it is missing."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["notebook"], row["cell"], int(row["number"])): Seen(
            float(row["low"]), float(row["high"]), int(row["runs"])
        )
        for row in rows
    }


def write(rows: Mapping[Place, Seen], path: Path = DRIFT) -> None:
    """Store the rows, in order."""
    lines = ["notebook,cell,number,low,high,runs"]
    lines += [
        f"{n},{cell},{at},{seen.low!r},{seen.high!r},{seen.runs}"
        for (n, cell, at), seen in sorted(rows.items())
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def add(rows: Mapping[Place, Seen], found: Mapping[Place, str]) -> dict[Place, Seen]:
    """The rows with one more run of the notebooks that ``found`` is about."""
    books = {place[0] for place in found}
    count, before = (
        {place[:2]: sum(place[:2] == other[:2] for other in places) for place in places}
        for places in (found, rows)
    )
    kept = {place: seen for place, seen in rows.items() if place[0] not in books}
    for place, number in found.items():
        new = value(number)
        old = rows.get(place) if count[place[:2]] == before.get(place[:2]) else None
        kept[place] = Seen(min(old.low, new), max(old.high, new), old.runs + 1) if old else Seen(new, new, 1)
    return kept


def strayed(rows: Mapping[Place, Seen], found: Mapping[Place, str]) -> list[str]:
    """What lies too far from where it was seen, or was never seen more than once; each in a sentence."""
    said = []
    for (book, cell, at), number in found.items():
        seen = rows.get((book, cell, at), Seen(0.0, 0.0, 0))
        middle, spread = (seen.low + seen.high) / 2, max(seen.high - seen.low, step(number))
        where = f"{book}, cell {cell}, number {at}"
        if seen.runs < 2:
            said.append(f"{where}: ≈ {number} has no known spread")
        elif abs(value(number) - middle) > TIMES * spread * (1 + 1e-9):
            said.append(f"{where}: ≈ {number} was seen from {seen.low:g} to {seen.high:g}")
    gone = rows.keys() - found.keys()
    return said + [f"{book}, cell {cell}, number {at}: is printed no more" for book, cell, at in sorted(gone)]


def main(argv: Iterable[str] | None = None) -> int:
    """Run the notebooks under each condition, or read a folder, and add to the file; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make drift", description="The spread of each number behind ≈.")
    parser.add_argument("notebook", nargs="*", help="names or their beginnings, such as 05 (default: all)")
    parser.add_argument(
        "--add", metavar="FOLDER", type=Path, help="run nothing; read the notebooks in this folder"
    )
    options = parser.parse_args(None if argv is None else list(argv))
    wanted = tuple(options.notebook) or ("",)
    for name, extra in {"": {}}.items() if options.add else CONDITIONS.items():
        if not options.add:
            print(f"--- {name}", flush=True)
            command = [sys.executable, "-m", "course_utils", "run", *options.notebook]
            if status := subprocess.run(command, cwd=ROOT, env=os.environ | extra, check=False).returncode:
                return status
        folder, rows = options.add or ROOT / "build", read()
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
            if path.name.startswith(wanted):
                rows = add(rows, printed(path))
        write(rows)
    print(f"{len(read())} numbers in {DRIFT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
