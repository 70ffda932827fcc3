"""What a teacher plans with, read from data/teaching.toml and drawn: objectives, the concept map, a route of an hour.

`python -m course_utils teaching` writes docs/teachers/map.md again.
"""

import graphlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.maintain.execute import ROOT

__all__ = ["Concept", "Objective", "Plan", "Stop", "load", "main", "page", "problems"]


@dataclass(frozen=True)
class Objective:
    """What a reader can do after a notebook, and the exercises that show it."""

    notebook: str
    can: str
    exercises: list[str]


@dataclass(frozen=True)
class Concept:
    """An idea: its home is the notebook that explains it; ``needs`` are the ids of those it builds on."""

    id: str
    name: str
    home: str
    needs: list[str]


@dataclass(frozen=True)
class Stop:
    """A stop of the short route: what to show there, for how long, and the ids of the concepts that it brings."""

    notebook: str
    show: str
    minutes: int
    concepts: list[str]


@dataclass(frozen=True)
class Plan:
    """All of data/teaching.toml."""

    objectives: list[Objective]
    concepts: list[Concept]
    stops: list[Stop]


def load(path: Path | None = None) -> Plan:
    """The plan in ``path`` (default: data/teaching.toml). TypeError for a field that is missing or unknown."""
    found = tomllib.loads((path or ROOT / "data" / "teaching.toml").read_text("utf-8"))
    return Plan(
        [Objective(**row) for row in found.get("objective", [])],
        [Concept(**row) for row in found.get("concept", [])],
        [Stop(**row) for row in found.get("stop", [])],
    )


def problems(plan: Plan) -> list[str]:
    """What is not in order in a plan by itself: unknown concepts, circles, a route that is out of order or no hour."""
    return list(_problems(plan))


def _problems(plan: Plan) -> Iterator[str]:
    home = {concept.id: concept.home for concept in plan.concepts}
    needs = {concept.id: set(concept.needs) for concept in plan.concepts}
    if len(home) < len(plan.concepts):
        yield "two concepts have one id"
    for concept in plan.concepts:
        for need in concept.needs:
            if need not in home:
                yield f"{concept.id} needs {need}, which is no concept"
            elif home[need] > concept.home:
                yield f"{concept.id} (notebook {concept.home}) needs {need}, which comes later ({home[need]})"
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        yield f"a circle: {' → '.join(error.args[1])}"
    known: set[str] = set()
    for stop in plan.stops:
        known |= set(stop.concepts)
        for idea in stop.concepts:
            if idea not in home:
                yield f"the route names {idea}, which is no concept"
            elif missing := needs[idea] - known:
                yield f"the route brings {idea} before {', '.join(sorted(missing))}"
    if [stop.notebook for stop in plan.stops] != sorted(stop.notebook for stop in plan.stops):
        yield "the route goes back"
    if (total := sum(stop.minutes for stop in plan.stops)) != 60:
        yield f"the route takes {total} minutes"


def page(plan: Plan) -> str:
    """The plan as a page of Markdown: the map as a Mermaid drawing and as a table, the route, the objectives."""
    name = {concept.id: concept.name for concept in plan.concepts}
    drawn = ["```mermaid", "graph LR"]
    for book in sorted({concept.home for concept in plan.concepts}):
        drawn.append(f'  subgraph nb{book}["notebook {book}"]')
        drawn += [f'    {c.id}["{c.name}"]' for c in plan.concepts if c.home == book]
        drawn.append("  end")
    drawn += [f"  {need} --> {concept.id}" for concept in plan.concepts for need in concept.needs] + ["```"]
    table = ["| concept | explained in | needs |", "| --- | --- | --- |"]
    for concept in plan.concepts:
        needs = "; ".join(name[need] for need in concept.needs) or "nothing"
        table.append(f"| {concept.name} | {concept.home} | {needs} |")
    route = ["| minutes | notebook | show | brings |", "| --- | --- | --- | --- |"]
    start = 0
    for stop in plan.stops:
        brings = "; ".join(name[idea] for idea in stop.concepts)
        route.append(f"| {start}–{start + stop.minutes} | {stop.notebook} | {stop.show} | {brings} |")
        start += stop.minutes
    goals = ["| notebook | The reader can | shown by |", "| --- | --- | --- |"]
    goals += [f"| {goal.notebook} | {goal.can} | {', '.join(goal.exercises)} |" for goal in plan.objectives]
    return "\n".join(
        [
            "# Map, route and objectives",
            "",
            "Drawn from `data/teaching.toml` by `python -m course_utils teaching`; edit that file, not this one.",
            *["", "## What needs what", "", *drawn, "", *table],
            *["", "## In 60 minutes", "", *route],
            *["", "## Objectives", "", *goals, ""],
        ]
    )


def main(root: Path = ROOT) -> int:
    """Write docs/teachers/map.md; returns the exit status."""
    plan = load(root / "data" / "teaching.toml")
    if found := problems(plan):
        print("\n".join(f"Error: {line}" for line in found))
        return 1
    target = root / "docs" / "teachers" / "map.md"
    target.write_text(page(plan), "utf-8")
    print(f"{target.relative_to(root)}: {len(plan.concepts)} concepts, {len(plan.objectives)} objectives")
    return 0
