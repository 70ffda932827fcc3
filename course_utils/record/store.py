"""Store: the tables of the record on disk, each with its provenance, and the one way to read them.

A table is a CSV at data/record/FAMILY/CHANGE-PART.csv. MANIFEST.json says of each with what it was made, when, with which
seeds and orders, and its SHA-256. A table that is not as the manifest says is refused.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import where

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "RecordError", "Table", "folder", "manifest", "read", "write"]

COLUMNS = (
    "arm", "seed", "order", "depth", "width", "gain", "bias", "norm", "residual", "l1", "learning_rate", "inside", "steps",
    "measure", "score", "failed", "loss", "later", "ratio", "highest", "dead", "fate", "zeros", "judged", "early",
)  # fmt: skip
"""What a table may have, in this order; a table leaves out what it does not measure."""

_MANIFEST = "MANIFEST.json"


class RecordError(RuntimeError):
    """A table of the record is missing, or altered; the message names it and says how to get it back."""


@dataclass(frozen=True, order=True)
class Table:
    """One table's name: a part of a family's experiments under a change."""

    family: str
    change: str
    part: str

    @property
    def name(self) -> str:
        """As in the manifest, e.g. "race/adam-depth_4.csv"."""
        return f"{self.family}/{self.change}-{self.part}.csv"


def folder(path: Path | None = None) -> Path:
    """Where the record lies: ``path``, or data/record."""
    return path or where.stored("record")


def manifest(path: Path | None = None) -> dict[str, Any]:
    """The manifest: table's name -> what is known of it; empty where nothing is recorded yet.

    RecordError where it is not JSON.
    """
    file = folder(path) / _MANIFEST
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8"))["tables"])
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{file} cannot be read: {error}; get it back with git checkout -- data/record"
        ) from error


def write(table: Table, rows: pd.DataFrame, seconds: float, path: Path | None = None) -> None:
    """Write a table and enter it in the manifest; each appears whole or not at all."""
    import torch

    kept = rows[[name for name in COLUMNS if name in rows and rows[name].notna().any()]]
    text = kept.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    _replace(folder(path) / table.name, text)
    device = f"CPU, {platform.machine()}, one thread"
    entry = {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "networks": len(kept),
        "seeds": sorted({int(seed) for seed in kept["seed"]}),
        "orders": sorted({int(order) for order in kept["order"]}),
        "seconds": round(seconds, 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": device,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    found = manifest(path) | {table.name: entry}
    whole = {
        "about": "What each table was made with.",
        "tables": {name: found[name] for name in sorted(found)},
    }
    _replace(folder(path) / _MANIFEST, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def read(table: Table, path: Path | None = None) -> pd.DataFrame:
    """One table, checked against the manifest. RecordError for one that is missing, altered or not in the manifest."""
    import pandas as pd

    file, known = folder(path) / table.name, manifest(path)
    again = "get it back with git checkout -- data/record, or make it anew: delete it, then make record"
    if table.name not in known or not file.is_file():
        raise RecordError(f"the record has no table {table.name}; make record makes it")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != known[table.name]["sha256"]:
        raise RecordError(
            f"{table.name} is not as it was recorded: expected sha256 {known[table.name]['sha256']}, found {found}; {again}"
        )
    return pd.read_csv(file, keep_default_na=False, na_values=[""])


def done(table: Table, path: Path | None = None) -> bool:
    """Whether a table is there and as the manifest says."""
    try:
        read(table, path)
    except RecordError:
        return False
    return True


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    fresh.replace(file)
