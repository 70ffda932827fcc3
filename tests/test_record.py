"""The record on disk: provenance, refusal of what was altered, verdicts by the cards' conditions, cells made anew."""

import hashlib
import json
import math
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from course_utils import claims, record, where
from course_utils.record import judges, make, parts, settings, signals, store
from course_utils.record.store import RecordError, Table

STORED = sorted(store.manifest())
NAMED = {
    "C02",
    "C08",
    "C11",
    "C14",
    "C20",
    "C22",
    "C23",
    "C26",
    "C28",
    "C30",
    "C32",
    "C35",
    "C36",
    "C37",
    "C38",
}


@pytest.fixture(scope="module")
def matrix() -> pd.DataFrame:
    return record.verdicts()


def table_of(name: str) -> Table:
    family, rest = name.removesuffix(".csv").split("/")
    change, part = rest.split("-", 1)
    return Table(family, change, part)


# What is stored


def test_all_tables_together_are_small() -> None:
    files = [file for file in store.folder().rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 8e6
    assert {file.relative_to(store.folder()).as_posix() for file in files} == {*STORED, "MANIFEST.json"}


@pytest.mark.parametrize("name", STORED)
def test_each_table_says_what_it_was_made_with(name: str) -> None:
    entry, rows = store.manifest()[name], store.read(table_of(name))
    assert set(entry) == {"sha256", "networks", "seeds", "orders", "seconds", "date", "device", "versions"}
    assert entry["networks"] == len(rows) and entry["seeds"] == sorted(rows["seed"].unique())
    assert (
        set(rows.columns) <= set(store.COLUMNS)
        and rows[["arm", "seed", "order", "steps"]].notna().all().all()
    )


def test_every_arm_has_five_seeds_each_with_its_own_order() -> None:
    runs = record.load()
    own = runs.groupby(["claim", "change", "family", "part", "arm"])
    assert own["seed"].nunique().min() >= 5
    assert (runs["seed"] == runs["order"]).all(), "each seed has its own order, shared by all arms"
    by_part = runs.groupby(["change", "family", "part"])
    for _, rows in by_part:
        assert len({frozenset(one["seed"]) for _, one in rows.groupby("arm")}) == 1, (
            "arms of a part form pairs"
        )


def test_seeds_that_chose_a_rate_report_nothing() -> None:
    for setting in settings.SETTINGS.values():
        assert not set(setting.tuning) & {*setting.seeds, *setting.many}
    assert not set(settings.SETTINGS["order"].many) & set(settings.SETTINGS["course"].many)


def test_a_linear_baseline_stands_beside_every_race() -> None:
    runs = record.load()
    for family in ("race", "deep", "deaths", "sparse", "methods"):
        for change, rows in runs[runs["family"] == family].groupby("change"):
            words = " ".join(rows["arm"].unique())
            assert "softmax regression" in words or "linear" in words, (family, change)


# Verdicts


def test_every_claim_has_a_verdict_or_a_reason_under_every_change(matrix: pd.DataFrame) -> None:
    assert set(record.CLAIMS) == NAMED
    assert len(matrix) == len(record.CLAIMS) * len(record.CHANGES)
    assert not matrix.duplicated(["id", "change"]).any()
    judged = matrix[matrix["judged"]]
    assert len(judged) >= 70 and judged["verdict"].isin(claims.VERDICTS).all()
    assert (
        set(judged[judged["change"] == "adam"]["id"])
        == set(judged[judged["change"] == "course"]["id"])
        == NAMED
    )
    assert (judged["networks"] >= 10).all() and (judged["figure"] != "").all()
    assert (matrix.loc[~matrix["judged"], "figure"].str.len() > 10).all()


def test_verdicts_follow_from_the_conditions_and_same_from_the_register(matrix: pd.DataFrame) -> None:
    register = claims.register()
    for row in matrix[matrix["judged"]].itertuples():
        held = record.conditions(row.id, row.change)
        assert row.verdict == claims.derive(held, register[row.id].verdict)
        assert row.same == (row.verdict == register[row.id].verdict)


def test_judges_ask_as_many_conditions_as_the_cards() -> None:
    cards = {card.id: card for file in where.ROOT.glob("notebooks/*.ipynb") for card in claims.cards(file)}
    for claim in record.CLAIMS:
        assert len(record.conditions(claim, "course")) == len(cards[claim].holds) + len(cards[claim].fails), (
            claim
        )


def test_the_notebooks_own_setting_gives_the_registers_verdicts(matrix: pd.DataFrame) -> None:
    course = matrix[matrix["change"] == "course"]
    assert list(course.loc[~course["same"], "id"]) == []


def test_conditions_can_come_out_either_way(matrix: pd.DataFrame) -> None:
    told = {claim: set[bool]() for claim in record.CLAIMS}
    for row in matrix[matrix["judged"]].itertuples():
        told[row.id] |= {*record.conditions(row.id, row.change).values()}
    assert sum(values == {True, False} for values in told.values()) >= 10


# Loading


def test_load_gives_a_row_per_network_and_claim() -> None:
    one = record.load("C30", "course")
    assert set(one["claim"]) == {"C30"} and set(one["change"]) == {"course"}
    assert list(one.columns) == ["claim", "family", "change", "part", *store.COLUMNS]
    known = store.manifest()
    assert len(one) == sum(known[table.name]["networks"] for table in parts.tables("course", "C30"))


@pytest.mark.parametrize("given", [("C99", None), (None, "moon")])
def test_unknown_names_are_refused(given: tuple[str | None, str | None]) -> None:
    with pytest.raises(ValueError, match=r"C99|moon"):
        record.load(*given)
    with pytest.raises(ValueError, match="unknown"):
        record.conditions(given[0] or "C30", given[1] or "course")


def copied(folder: Path) -> Path:
    shutil.copytree(store.folder(), folder / "record")
    return folder / "record"


@pytest.mark.parametrize(
    "harm", [lambda t: t.replace("0.7", "0.8", 1), lambda t: t + "\n", lambda t: t[:-40]]
)
def test_a_table_altered_by_hand_is_refused(tmp_path: Path, harm: Callable[[str], str]) -> None:
    own = copied(tmp_path)
    file = own / "deep" / "course-depth_8.csv"
    before = file.read_text("utf-8")
    file.write_text(harm(before), "utf-8")
    assert file.read_text("utf-8") != before
    for call in (lambda: record.load("C30", path=own), lambda: record.verdicts(own)):
        with pytest.raises(RecordError, match=r"course-depth_8.*not as it was recorded.*git checkout"):
            call()


def test_a_missing_table_and_a_broken_manifest_are_named(tmp_path: Path) -> None:
    own = copied(tmp_path)
    (own / "deep" / "course-depth_8.csv").unlink()
    with pytest.raises(RecordError, match=r"no table deep/course-depth_8.csv"):
        record.load("C30", path=own)
    (own / "MANIFEST.json").write_text("{", "utf-8")
    with pytest.raises(RecordError, match="cannot be read"):
        record.load(path=own)


def test_an_empty_record_has_no_rows_and_no_verdicts(tmp_path: Path) -> None:
    assert record.load(path=tmp_path).empty
    assert not record.verdicts(tmp_path)["judged"].any()


# Made anew

QUICK_TO_MAKE = [name for name in STORED if store.manifest()[name]["seconds"] < 4]


@pytest.mark.parametrize("name", random.Random(11).sample(QUICK_TO_MAKE, min(4, len(QUICK_TO_MAKE))))
def test_a_cell_made_anew_is_as_recorded(name: str) -> None:
    """Within bounds that another machine's last digits may move: accuracies by 0.05, steps by a quarter, in the mean."""
    table = table_of(name)
    stored, fresh = store.read(table), make.compute(table)
    assert list(stored["arm"]) == list(fresh["arm"]) and list(stored["seed"]) == list(fresh["seed"])
    kind = stored["measure"].iloc[0]
    for arm, rows in stored.groupby("arm"):
        again = fresh[fresh["arm"].to_numpy() == arm]["score"].astype(float)
        was, now = rows["score"].astype(float).median(), again.median()
        bound = 0.25 * was if kind.startswith("steps") else 0.05 if kind != "training loss" else 0.1
        assert (was == now) or (math.isnan(was) and math.isnan(now)) or abs(was - now) <= bound, arm


def test_a_run_that_was_killed_goes_on_to_the_same_tables(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert make.main(["C35", "C22"], quick=True, path=whole) == 0
    todo = "from course_utils.record import make; from pathlib import Path; import sys;"
    killed = todo + (
        "done = make.store.write\n"
        "def write(table, *rest):\n"
        "    done(table, *rest)\n"
        "    if len(make.store.manifest(Path(sys.argv[1]))) == 3: import os; os._exit(9)\n"
        "make.store.write = write\n"
        "make.main(['C35', 'C22'], quick=True, path=Path(sys.argv[1]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", killed, str(cut)], cwd=where.ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 9 and len(store.manifest(cut)) == 3
    (cut / "deaths" / ".half.csv.1").write_text("a,b", "utf-8")  # what a kill may leave behind
    assert make.main(["C35", "C22"], quick=True, path=cut) == 0
    said = [{name: entry["sha256"] for name, entry in store.manifest(path).items()} for path in (whole, cut)]
    assert said[0] == said[1] and len(said[0]) > 5
    for name in said[0]:
        assert (whole / name).read_bytes() == (cut / name).read_bytes()


def test_what_is_there_is_not_made_again_and_what_is_altered_is(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    make.main(["C36"], quick=True, path=tmp_path)
    assert make.jobs(["C36"], ["quick"], tmp_path) == []
    (first, *_) = store.manifest(tmp_path)
    (tmp_path / first).write_text("arm\n", "utf-8")
    assert [table.name for table in make.jobs(["C36"], ["quick"], tmp_path)] == [first]


def test_jobs_are_chosen_by_claim_and_change(tmp_path: Path) -> None:
    every = make.jobs([], settings.CHANGES, tmp_path)
    assert (
        len(every) == len(set(every)) == 6 * sum(len(p) for p in parts.PARTS.values()) + len(parts.CONVOLVED)
    )
    assert {table.change for table in make.jobs(["C11"], ["adam"], tmp_path)} == {"adam"}
    assert make.jobs(["C11"], ["conv"], tmp_path) == []
    with pytest.raises(ValueError, match="C99"):
        make.jobs(["C99"], ["adam"], tmp_path)
    with pytest.raises(ValueError, match="claim or change"):
        make.main(["everything"], path=tmp_path)
    with pytest.raises(ValueError, match="processes"):
        make.main([], processes=0, path=tmp_path)


def test_writing_rounds_orders_and_signs(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "seed": [1, 2],
            "order": [1, 2],
            "arm": ["a", "b"],
            "score": [1 / 3, math.inf],
            "dead": math.nan,
            "x": 1,
        }
    )
    table = Table("race", "course", "odd")
    store.write(table, rows, 1.26, tmp_path)
    text = (tmp_path / table.name).read_bytes()
    assert text == b"arm,seed,order,score\na,1,1,0.333333\nb,2,2,inf\n"
    entry = json.loads((tmp_path / "MANIFEST.json").read_text("utf-8"))["tables"]["race/course-odd.csv"]
    assert entry["sha256"] == hashlib.sha256(text).hexdigest() and entry["seconds"] == 1.3
    assert store.read(table, tmp_path)["score"].tolist() == [pytest.approx(1 / 3, rel=1e-5), math.inf]


# Judging


def test_a_lead_is_the_mean_ratio_and_infinite_where_most_are_out_of_time() -> None:
    def rows(slow: list[float]) -> pd.DataFrame:
        both = [("ReLU", s, 100.0 + s) for s in range(5)] + [("x", s, v) for s, v in enumerate(slow)]
        table = pd.DataFrame(both, columns=["arm", "seed", "score"])
        return table.assign(failed=table["score"] == math.inf)

    ratio, low, high = judges.lead(rows([2 * (100.0 + s) for s in range(5)]), "x")
    assert ratio == pytest.approx(2) and low == pytest.approx(2) and high == pytest.approx(2)
    late = rows([math.inf] * 3 + [100.0, 100.0])
    assert judges.lead(late, "x") == (math.inf,) * 3
    assert all(math.isnan(value) for value in judges.lead(late, "ReLU", "x")), (
        "a rival that is out of time decides nothing"
    )


def maps(sigmoid: int, relu: int) -> pd.DataFrame:
    """Five seeds of nine cells, of which so many train."""
    rows = [
        {"arm": arm, "seed": seed, "score": 0.5 if cell < count else 2.0, "early": 0.5 if cell < count else 2.0}
        for arm, count in {"sigmoid": sigmoid, "ReLU": relu}.items() for seed in range(5) for cell in range(9)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("counts", "twice"), [((4, 8), True), ((4, 7), False), ((0, 1), True), ((0, 0), False), ((5, 2), False)]
)
def test_relu_forgives_where_it_trains_in_twice_as_many_cells(counts: tuple[int, int], twice: bool) -> None:
    held, figure = judges.c35(judges.Rows({"near": maps(*counts), "whole": maps(*counts)}))
    assert set(held.values()) == {twice}
    assert f"{counts[0]:.1f} and {counts[1]:.1f}" in figure


@pytest.mark.parametrize(
    ("lift", "held"), [(0.0, [True, True, True]), (0.03, [True, True, False]), (-0.2, [False, True, True])]
)
def test_a_hair_is_two_points(lift: float, held: list[bool]) -> None:
    means = {"relu": 0.8, "gelu": 0.8, "tanh": 0.8, "sigmoid": 0.8 + lift}
    rows = [
        {"arm": f"{name}, adam", "seed": seed, "score": mean + seed / 1000, "failed": False}
        for name, mean in means.items() for seed in range(5)
    ]  # fmt: skip
    found, figure = judges.c36(judges.Rows({"batch_norm": pd.DataFrame(rows)}))
    assert list(found.values()) == held and f"{max(lift, 0):+.3f}" in figure


def test_a_sigmoid_that_never_trains_makes_the_claim_hold() -> None:
    def rows(score: float, *arms: str) -> pd.DataFrame:
        return pd.DataFrame([{"arm": arm, "seed": s, "score": score} for arm in arms for s in range(5)])

    def all_at(score: float) -> judges.Rows:
        return judges.Rows({
            "depth_30": rows(score, "sigmoid + batch norm"),
            "remedies": rows(score, "residual paths", "centred, gain 4"),
            "under_adam": rows(score, "plain, gain 4"),
        })  # fmt: skip

    assert claims.derive(judges.c26(all_at(0.1))[0], "fails") == "holds"
    assert claims.derive(judges.c26(all_at(0.7))[0], "fails") == "fails"


# The settings


def test_a_setting_changes_what_it_names_and_nothing_else() -> None:
    usual = settings.SETTINGS["course"]
    assert (usual.wide(32), usual.epochs(3), usual.rate(0.2), usual.method) == (32, 3, 0.2, "SGD")
    adam, long, wide = (settings.SETTINGS[name] for name in ("adam", "budget", "size"))
    assert (adam.rate(0.2), adam.method, adam.rates([1.0], [2.0])) == (0.02, "Adam", [2.0])
    assert (long.epochs(3), long.wide(32), wide.wide(64), wide.epochs(3)) == (30, 32, 128, 3)
    train, held, test = usual.sets(200, 100)
    assert (len(train), len(held), len(test), train.images.shape[1]) == (200, 100, 2000, 196)
    assert wide.sets(200, 100)[0].images.shape[1] == 784
    assert settings.SETTINGS["data"].sets(10_000)[0].images.shape == (10_000, 40)
    assert len(settings.QUICK.sets(1000, 100)[0]) == 100
    with pytest.raises(ValueError, match="change"):
        settings.setting("moon")


def test_images_that_train_judge_and_report_are_three_sets() -> None:
    train, held, test = settings.SETTINGS["data"].sets(4000, 1000)
    assert len({id(one.images) for one in (train, held, test)}) == 3
    assert not torch.equal(train.images[:1000], held.images)


# The generated set


def test_signals_are_the_same_each_time_and_balanced() -> None:
    values, labels = signals.generate(500, seed=3)
    again, _ = signals.generate(500, seed=3)
    assert values.shape == (500, 40) and torch.equal(values, again) and values.isfinite().all()
    assert not torch.equal(values, signals.generate(500, seed=4)[0])
    assert labels.bincount(minlength=10).min() > 25
    assert torch.equal(values * signals.STEPS, (values * signals.STEPS).round()), (
        "on a grid, alike on every machine"
    )


def test_the_sets_of_signals_are_those_of_the_record() -> None:
    found = {split: signals.checksum(split) for split in signals.COUNTS}
    assert found == signals.SHA256, "another set than the record's was generated"
    assert [len(signals.load(split)) for split in signals.COUNTS] == list(signals.COUNTS.values())


def test_signals_refuse_what_there_is_not() -> None:
    with pytest.raises(ValueError, match="split"):
        signals.load("moon")
    with pytest.raises(ValueError, match="count"):
        signals.generate(0, 1)
