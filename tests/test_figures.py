"""Every figure of the course, drawn from small made-up figures, must come out as it is described in figures.json.

A description is plain data (:func:`describe`): texts, limits, ticks, and of each line, patch, image and collection where it
lies and how it looks. Pixels and layout are left out, so that another version of matplotlib gives the same. The file holds
numbers to four significant digits, a line for each drawing.

After a wanted change: `python tests/test_figures.py` stores the descriptions anew and says which changed. Then look at these
pictures, in the notebooks or in the folder that `python tests/test_figures.py FOLDER` draws them into.
"""

import importlib
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python tests/test_figures.py`

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox, BboxBase, Transform
from torch import Tensor

from course_utils import activations, doctor, plots
from course_utils.data import Dataset
from course_utils.figures import nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, tiles

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "tests" / "figures.json"
ROOMS = sorted({file.stem for file in (ROOT / "course_utils" / "figures").glob("*.py")} - {"__init__"})
DIGITS = 4
NAN, INF = math.nan, math.inf

Plain = Any  # dict, list, str, int, float, bool


# What a figure is, in plain data.  What is left out stands at its usual value.


def describe(figure: Figure) -> dict[str, Plain]:
    """All that can be seen of a figure, but for the layout; numbers as they are (:func:`rounded` shortens them)."""
    return some(
        size=list(map(float, figure.get_size_inches())),
        layout=None if is_constrained(figure) else type(figure.get_layout_engine()).__name__,
        texts=[of_text(text, figure.transFigure) for text in figure.texts],
        legends=[of_legend(legend, figure.transFigure) for legend in figure.legends],
        axes=[of_axes(ax) for ax in figure.axes],
    )


def is_constrained(figure: Plain) -> bool:
    return isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)


def of_axes(ax: Axes) -> dict[str, Plain]:
    spec, placed = ax.get_subplotspec(), {}
    if spec is not None:
        grid = spec.get_gridspec()
        ratios = [*map(float, grid.get_width_ratios()), *map(float, grid.get_height_ratios())]
        gaps = [getattr(grid, "wspace", None), getattr(grid, "hspace", None)]
        placed = some(
            at=[grid.nrows, grid.ncols, spec.rowspan.start, spec.colspan.start],
            ratios=ratios if set(ratios) != {1.0} else None,
            gaps=gaps if any(gap is not None for gap in gaps) else None,
        )
    if spec is None or not is_constrained(ax.figure):
        placed["box"] = list(ax.get_position(original=True).bounds)
    titles = [(side, ax.get_title(side)) for side in ("left", "center", "right")]
    artists = {
        "lines": [of_line(line, ax) for line in ax.lines],
        "texts": [of_text(text, ax.transData) for text in ax.texts],
        "images": [of_image(image) for image in ax.images],
        "patches": [of_patch(patch, ax.transData) for patch in ax.patches],
        "collections": [of_collection(collection, ax) for collection in ax.collections],
    }
    spines = {name: colour(spine.get_edgecolor()) for name, spine in ax.spines.items() if spine.get_visible()}
    return some(
        **placed,
        **artists,
        x=of_axis(ax.xaxis, ax.get_xlim()),
        y=of_axis(ax.yaxis, ax.get_ylim()),
        shared=[len(axes.get_siblings(ax)) for axes in (ax.get_shared_x_axes(), ax.get_shared_y_axes())],
        titles=[
            of_text(text, ax.transAxes)
            for text in (ax.title, getattr(ax, "_left_title", None), getattr(ax, "_right_title", None))
            if text is not None and text.get_text()
        ],
        title_lift=ax.titleOffsetTrans.get_matrix()[1, 2] / ax.figure.dpi * 72 if any(t for _, t in titles) else None,
        aspect=None if ax.get_aspect() == "auto" else ax.get_aspect(),
        box_aspect=ax.get_box_aspect(),
        off=not ax.axison,
        spines=None if not ax.axison or spines == SPINES else spines or "none",
        legend=of_legend(ax.get_legend(), ax.transAxes) if ax.get_legend() else None,
        containers=[f"{type(each).__name__} {shown_label(each)}".strip() for each in ax.containers],
    )  # fmt: skip


def of_axis(axis: Axis, limits: tuple[float, float]) -> dict[str, Plain]:
    locator, write, scale = axis.get_major_locator(), axis.get_major_formatter(), axis.get_scale()
    fixed, labels, looks = isinstance(locator, FixedLocator), None, None
    if fixed and isinstance(write, FuncFormatter):
        labels = [write(place, i) for i, place in enumerate(locator.locs)]
        looks = sorted({(t.get_fontsize(), t.get_rotation()) for t in axis.get_ticklabels()})
    elif isinstance(write, FuncFormatter):
        labels = [write(place, i) for i, place in enumerate((0.01234, 0.5, 2))]
    usual = {"left": True, "bottom": True, "labelleft": True, "labelbottom": True, "gridOn": True}
    usual |= {"right": False, "top": False, "labelright": False, "labeltop": False}
    options = {key: value for key, value in axis.get_tick_params().items() if key in TICK_OPTIONS}
    return some(
        label=of_text(axis.label, None, at_all=False) if axis.label.get_text() else None,
        limits=list(map(float, limits)),
        scale=None if scale == "linear" else scale,
        base=getattr(axis.get_transform(), "base", None),
        ticks=list(map(float, locator.locs)) if fixed else type(locator).__name__,
        minor=None if isinstance(axis.get_minor_locator(), NullLocator) else type(axis.get_minor_locator()).__name__,
        labels=labels,
        label_looks=[list(look) for look in looks or []],
        options={key: str(value) for key, value in options.items() if usual.get(key) != value},
    )  # fmt: skip


SPINES = {"left": "#999999", "bottom": "#999999"}
TICK_OPTIONS = {
    "left", "right", "bottom", "top", "labelleft", "labelright", "labelbottom", "labeltop", "gridOn", "length", "width",
    "pad", "labelsize", "labelrotation", "labelcolor",
}  # fmt: skip


def of_line(line: Line2D, ax: Axes) -> dict[str, Plain]:
    marked = line.get_marker() not in ("None", "none", "", " ", None)
    ruled = line.get_linestyle() not in ("None", "none", "", " ")
    return some(
        x=of_array(line.get_xdata(orig=False)),
        y=of_array(line.get_ydata(orig=False)),
        **of_line_look(line),
        width=line.get_linewidth() if ruled else None,
        size=line.get_markersize() if marked else None,
        edge=colour(line.get_markeredgecolor()) if marked else None,
        edge_width=line.get_markeredgewidth() if marked else None,
        alpha=line.get_alpha(),
        label=shown_label(line),
        cap=line.get_solid_capstyle() if line.get_solid_capstyle() == "butt" else None,
        **of_place(line, line.get_transform(), ax.transData, 2),
    )


def of_line_look(line: Line2D) -> dict[str, Plain]:
    marked = line.get_marker() not in ("None", "none", "", " ", None)
    offset, lengths = line._unscaled_dash_pattern  # get_linestyle calls all of these "--"
    ruled = line.get_linestyle() not in ("None", "none", "", " ")
    return some(
        color=colour(line.get_color()) if ruled or line.get_marker() in ("x", "+") else None,
        dash=None if not ruled else [offset, *lengths] if lengths else "-",
        marker=line.get_marker() if marked else None,
        face=colour(line.get_markerfacecolor()) if marked else None,
    )


def of_text(text: Text, usual: Transform | None, at_all: bool = True) -> dict[str, Plain]:
    box, effects = text.get_bbox_patch(), text.get_path_effects()
    found = some(
        words=text.get_text(),
        color=colour(text.get_color()),
        size=text.get_fontsize(),
        weight=None if text.get_fontweight() == "normal" else text.get_fontweight(),
        style=None if text.get_fontstyle() == "normal" else text.get_fontstyle(),
        turned=text.get_rotation(),
        alpha=text.get_alpha(),
        ground=of_patch(box, None) if box else None,
        effects=[[type(each).__name__, *sorted(map(str, vars(each).items()))] for each in effects],
    )
    if isinstance(text, Annotation):
        found |= {"marks": list(map(float, text.xy)), "shift": list(map(float, text.xyann))}
        found |= {"shift_in": str(text.anncoords)}
    elif at_all and usual is not None:
        found |= {"place": list(map(float, text.get_position()))}
        found |= of_place(text, text.get_transform(), usual, 3)
    if at_all:
        found |= {"align": f"{text.get_ha()} {text.get_va()}"}
    return found


def of_image(image: AxesImage) -> dict[str, Plain]:
    values = np.ma.filled(np.ma.asarray(image.get_array()).astype(float), np.nan)
    coloured = values.ndim == 3
    return some(
        shape=list(values.shape),
        mean=[float(np.nanmean(v)) for v in (np.moveaxis(values, 2, 0) if coloured else [values])],
        low=float(np.nanmin(values)),
        high=float(np.nanmax(values)),
        nan=int(np.isnan(values).sum()),
        lean=of_array(values.ravel())["lean"] if values.size > 4 else None,
        cmap=None if coloured else image.get_cmap().name,
        bad=None if coloured else colour(image.get_cmap().get_bad()),
        limits=None if coloured else list(map(float, image.get_clim())),
        smooth=None if image.get_interpolation() == "nearest" else True,
        origin=image.origin,
        extent=list(map(float, image.get_extent())),
        alpha=image.get_alpha(),
    )


def of_patch(patch: Patch, usual: Transform | None) -> dict[str, Plain]:
    found = some(
        face=colour(patch.get_facecolor()),
        edge=colour(patch.get_edgecolor()),
        width=patch.get_linewidth(),
        dash=None if patch.get_linestyle() in ("-", "solid") else str(patch.get_linestyle()),
        alpha=patch.get_alpha(),
        hatch=patch.get_hatch(),
        label=shown_label(patch),
    )
    if isinstance(patch, FancyBboxPatch):
        found["style"] = [type(patch.get_boxstyle()).__name__, *of_values(vars(patch.get_boxstyle()))]
    if usual is not None:
        points = patch.get_patch_transform().transform(patch.get_path().vertices)
        if isinstance(patch, FancyBboxPatch):
            found["box"] = list(patch.get_bbox().bounds)
        elif isinstance(patch, Rectangle):
            found["box"] = of_bounds(points)
        else:
            found |= {"x": of_array(points[:, 0]), "y": of_array(points[:, 1])}
        found |= of_place(patch, patch.get_data_transform(), usual, 1)
    return found


def of_values(values: dict[str, Plain]) -> list[Plain]:
    return [value for _, value in sorted(values.items()) if value is not None]


def of_collection(collection: Collection, ax: Axes) -> dict[str, Plain]:
    points = np.concatenate([path.vertices for path in collection.get_paths()] or [np.empty((0, 2))])
    found = some(
        paths=len(collection.get_paths()),
        width=sorted(set(map(float, np.atleast_1d(collection.get_linewidth())))),
        alpha=collection.get_alpha(),
        hatch=collection.get_hatch(),
        label=shown_label(collection),
    )
    if isinstance(collection, ContourSet):  # where its lines begin is up to the library that draws them
        found |= {"levels": list(map(float, collection.levels)), "hatches": collection.hatches}
        found |= {"box": of_bounds(points), "hatch_width": getattr(collection, "_hatch_linewidth", None)}
        found |= {
            "area": sum(area(polygon) for path in collection.get_paths() for polygon in path.to_polygons())
        }
        return found | of_place(collection, collection.get_transform(), ax.transData, 1)
    if collection.get_array() is not None:
        found |= {"values": of_array(collection.get_array()), "cmap": collection.get_cmap().name}
        found |= {"limits": list(map(float, collection.get_clim()))}
    else:
        found |= {"face": sorted({colour(c) for c in collection.get_facecolor()})}
        found |= {"edge": sorted({colour(c) for c in collection.get_edgecolor()})}
    found |= {"x": of_array(points[:, 0]), "y": of_array(points[:, 1])}
    return found | of_place(collection, collection.get_transform(), ax.transData, 1)


def area(polygon: np.ndarray) -> float:
    """Of a hole: below 0."""
    x, y = polygon.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def of_legend(legend: Legend, usual: Transform) -> dict[str, Plain]:
    anchor = legend.get_bbox_to_anchor()
    anchor = Bbox(usual.inverted().transform(anchor.get_points()) if isinstance(anchor, BboxBase) else anchor)
    entries = []
    for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
        look = of_line_look(handle) if isinstance(handle, Line2D) else type(handle).__name__
        entries.append([text.get_text(), text.get_fontsize(), look])
    title = legend.get_title()
    return some(
        entries=entries,
        where=str(legend._loc),  # nothing public tells it
        anchor=list(anchor.bounds),
        columns=legend._ncols,
        handle_length=legend.handlelength,
        title=of_text(title, None, at_all=False) if title.get_text() else None,
    )


def of_place(artist: Plain, transform: Transform, usual: Transform, height: float) -> dict[str, Plain]:
    """Whether x and y are in the usual coordinates; how high it lies; whether it is cut at the axes."""
    inside = transform.contains_branch_seperately(usual)
    return some(
        other_coordinates=None if all(inside) else ["xy"[i] for i in (0, 1) if not inside[i]],
        z=None if artist.get_zorder() == height else artist.get_zorder(),
        uncut=not artist.get_clip_on() if not isinstance(artist, Text) else None,
    )


def of_array(values: Plain) -> Plain:
    """Up to four numbers as they are, of more: how many, first, last, sum, and a sum that sees their order."""
    values = np.ma.filled(np.ma.asarray(values).astype(float), np.nan).ravel()
    if len(values) <= 4:
        return [float(value) for value in values]
    finite = np.where(np.isfinite(values), values, 0.0)
    size = float(np.abs(finite).sum())

    def tidy(value: float) -> float:
        return 0.0 if abs(value) < 1e-12 * size else float(value)

    return some(
        n=len(values),
        nan=int(np.isnan(values).sum()),
        infinite=int(np.isinf(values).sum()),
        first=tidy(values[0]),
        last=tidy(values[-1]),
        sum=tidy(finite.sum()),
        lean=tidy(finite @ np.linspace(0, 1, len(values))),
    )


def of_bounds(points: np.ndarray) -> list[float]:
    (left, low), (right, high) = points.min(0), points.max(0)
    return [float(left), float(low), float(right - left), float(high - low)]


def colour(value: Plain) -> str:
    return (
        "none"
        if isinstance(value, str) and value == "none"
        else to_hex(value, keep_alpha=True).removesuffix("ff")
    )


def shown_label(artist: Plain) -> str | None:
    label = artist.get_label()
    return None if label is None or str(label).startswith("_") else str(label)


def some(**entries: Plain) -> dict[str, Plain]:
    """Those entries that say something."""
    return {
        key: value for key, value in entries.items()
        if value is not None and value is not False and not (isinstance(value, list | dict | str) and not value)
        and not (key in ("turned", "nan", "infinite") and value == 0)
    }  # fmt: skip


# Storing and comparing.


def rounded(plain: Plain) -> Plain:
    """The description as it is stored: numbers to four significant digits, and as words where they are none."""
    if isinstance(plain, dict):
        return {str(key): rounded(value) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [rounded(value) for value in plain]
    if isinstance(plain, bool | str) or plain is None:
        return plain
    if not math.isfinite(plain):
        return str(float(plain))
    short = float(f"{float(plain):.{DIGITS}g}") + 0.0
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def differences(stored: Plain, found: Plain, where: str = "") -> Iterator[str]:
    """Where a description (numbers as they are) is not what is stored, in words."""
    if isinstance(stored, dict) and isinstance(found, dict):
        for key in sorted(stored.keys() | found.keys()):
            yield from differences(
                stored.get(key, "nothing"), found.get(key, "nothing"), f"{where}.{key}".strip(".")
            )
    elif isinstance(stored, list) and isinstance(found, list | tuple) and len(stored) == len(found):
        for i, (one, other) in enumerate(zip(stored, found, strict=True)):
            yield from differences(one, other, f"{where}[{i}]")
    elif not agree(stored, found):
        yield f"{where}: {_short(stored)} before, {_short(rounded(found))} now"


def agree(stored: Plain, found: Plain) -> bool:
    """Whether a number rounds to the stored one, a hair more allowed: it may lie in the middle on another machine."""
    if is_number(stored) and is_number(found) and math.isfinite(found):
        unit = 10.0 ** (math.floor(math.log10(abs(stored))) - DIGITS + 1) if stored else 1e-12
        return abs(found - stored) <= 0.501 * unit
    return bool(stored == rounded(found))


def is_number(value: Plain) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _short(plain: Plain) -> str:
    words = json.dumps(plain, ensure_ascii=False)
    return words if len(words) <= 120 else f"{words[:117]}..."


def written(descriptions: dict[str, Plain]) -> str:
    lines = [
        f"{json.dumps(name)}:{json.dumps(rounded(descriptions[name]), sort_keys=True, ensure_ascii=False, separators=(',', ':'))}"
        for name in sorted(descriptions)
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read() -> dict[str, Plain]:
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}


# The drawings.  A drawing's name: the room, the function, and what is special about it.

CALLS: dict[str, Callable[[], Figure]] = {}


def drawing(draw: Callable[[], Figure]) -> Callable[[], Figure]:
    room, _, rest = draw.__name__.partition("_")
    CALLS[f"{room}.{rest.replace('__', ' ')}"] = draw
    return draw


def wave(*shape: int, low: float = 0.1, high: float = 0.9, start: float = 0.3) -> Tensor:
    """Numbers between two bounds, up and down."""
    places = torch.arange(math.prod(shape), dtype=torch.float64)
    return (low + (high - low) * (0.5 + 0.5 * torch.sin(start + 1.7 * places))).reshape(shape)


def line(low: float, high: float, count: int) -> Tensor:
    return torch.linspace(low, high, count, dtype=torch.float64)


def bell(z: Tensor) -> Tensor:
    return torch.exp(-z.square() / 2)


@drawing
def tiles_draw() -> Figure:
    figure, ax = plots.axes("Tiles")
    for y, faint in enumerate((False, True)):
        for x, verdict in enumerate(tiles.COLOURS):
            tiles.draw(ax, x, y, f"C{x}", verdict, faint)
    tiles.draw(ax, 7.5, 1.25, "C9", "holds")
    return figure


def losses(*arms: tuple[str, str, str, float], steps: int = 80) -> tuple[pd.DataFrame, Tensor]:
    """Two networks for each (arm, activation, norm, where its loss ends; infinite: it diverges): table and losses."""
    table = pd.DataFrame([arm[:3] for arm in arms for _ in range(2)], columns=["arm", "activation", "norm"])
    ends = torch.tensor([end + 0.1 * network for *_, end in arms for network in range(2)])
    way = line(0, 1, steps).unsqueeze(1)
    found = torch.where(ends.isinf() & (way > 0), NAN, 2.3 + (ends.nan_to_num(posinf=2.3) - 2.3) * way)
    return table.assign(learning_rate=0.1), found


@drawing
def nb00_hook() -> Figure:
    arms = [
        ("plain", "sigmoid", "none", 2.2),
        ("normed", "sigmoid", "batch", 0.7),
        ("ReLU", "relu", "none", 0.5),
    ]
    return nb00.hook(*losses(*arms), 2.303, "A finding", every=20)


@drawing
def nb00_at_rate() -> Figure:
    arms = [
        ("plain", "sigmoid", "none", 2.2),
        ("normed", "sigmoid", "batch", 0.9),
        ("ReLU", "relu", "none", INF),
        ("tanh", "tanh", "none", 3.0),
        ("high", "tanh", "batch", 3.0),
    ]
    return nb00.at_rate(*losses(*arms), "0.1", 2.303, every=20)


@drawing
def nb00_one_of_each() -> Figure:
    images = Dataset(wave(30, 16, low=-2, high=2).float(), torch.arange(30) * 7 % 10, "train", 4, 0.4, 0.2)
    return nb00.one_of_each(images, "A finding")


def overview(*verdicts: str) -> pd.DataFrame:
    rows = [(f"C{i}", f"{1 + i % 9:02d}", verdict) for i, verdict in enumerate(verdicts)]
    return pd.DataFrame(rows, columns=["id", "notebook", "verdict"])


@drawing
def nb00_claims_map() -> Figure:
    return nb00.claims_map(overview(*["holds", "fails", "depends", "unproven"] * 3))


@drawing
def nb00_claims_map__some_open() -> Figure:
    return nb00.claims_map(overview("holds", "open", "fails"))


@drawing
def nb00_claims_map__many() -> Figure:
    return nb00.claims_map(overview("holds", "fails").iloc[[1, *[0] * 12]])


@drawing
def nb01_gallery() -> Figure:
    entries = (activations.get(name) for name in ("sigmoid", "relu", "tanh", "gelu"))
    return nb01.gallery(entries, line(-3, 3, 13), "A finding")


@drawing
def nb01_gallery__two() -> Figure:
    return nb01.gallery([activations.get("elu"), activations.get("softplus")], line(-3, 3, 13), "A finding")


@drawing
def nb01_misprints() -> Figure:
    z = line(-6, 6, 13)
    return nb01.misprints(z, torch.sigmoid(z) * torch.sigmoid(-z), 4 * torch.exp(-z), "A finding")


@drawing
def nb01_half_lines() -> Figure:
    x = line(-3, 3, 13)
    return nb01.half_lines(x, lambda a, b: torch.relu(a * x + b), 1.5, "A finding")


def stack(count: int, k: float) -> Figure:
    z = line(-3, 6, 19)
    steps = torch.sigmoid(k * z - torch.arange(count)[:, None]) / k
    return nb01.sigmoid_stack(z, steps, steps.sum(0), torch.nn.functional.softplus(z), count, k)


@drawing
def nb01_sigmoid_stack() -> Figure:
    return stack(3, 2.0)


@drawing
def nb01_sigmoid_stack__one() -> Figure:
    return stack(1, 1.0)


@drawing
def nb02_hook() -> Figure:
    shares = wave(5, 9)
    names = ("relu", "sigmoid", "tanh", "gelu", "elu")
    return nb02.hook(line(-2, 3, 9).exp(), dict(zip(names, shares, strict=True)), "A finding")


@drawing
def nb02_hook__one() -> Figure:
    return nb02.hook(line(-2, 3, 9).exp(), {"elu": wave(9)}, "A finding")


def steep(*ks: int) -> Figure:
    z = line(-4, 4, 33)
    return nb02.slopes(z, {k: k * bell(k * z) / 4 for k in ks}, {k: 3.4 / k for k in ks}, 3.5, "A finding")


@drawing
def nb02_slopes() -> Figure:
    return steep(1, 2, 4, 10)


@drawing
def nb02_slopes__others() -> Figure:
    return steep(3, 2)


@drawing
def nb02_float32_tail() -> Figure:
    z = line(-100, 100, 41)
    closed = torch.where(z.abs() < 90, torch.exp(-z.abs()), 0.0)
    return nb02.float32_tail(z, torch.where(z < 17, closed, 0.0), closed, (-88.7, 16.6), "A finding")


@drawing
def nb02_gates() -> Figure:
    return nb02.gates(wave(2, 30), wave(2, 20, start=1.1), "A finding")


@drawing
def nb02_on_images() -> Figure:
    rows = [
        (name, x, x / 8 - 0.7, share + 0.03 * seed * seed + 0.02 * x)
        for name, share in (("relu", 0.4), ("sigmoid", 0.2))
        for x in (1, 2, 8)
        for seed in range(3)
    ]
    table = pd.DataFrame(rows, columns=["activation", "gain", "bias", "share"])
    curves = {"relu": wave(9), "sigmoid": wave(9, start=2)}
    return nb02.on_images(
        line(-1, 3, 9).exp(), curves, line(-2, 2, 9), curves, table, table[table["gain"] > 1], "A finding"
    )


@drawing
def nb02_tails() -> Figure:
    z = line(-5, 5, 21)
    measured = torch.stack([bell(z) * (z.abs() < 4), bell(z) * 0.9])
    return nb02.tails(z, measured, bell(z) / 2.5, bell(z / 1.2) / 3, 2.5, "A finding")


@drawing
def nb02_steeper() -> Figure:
    table = pd.DataFrame({"k": [1, 2, 4] * 2, "share": wave(6).numpy(), "square": wave(6, start=2).numpy()})
    return nb02.steeper([1, 2, 4], [0.1, 0.3, 0.6], [0.05, 0.2, 0.35], table, "A finding")


@drawing
def nb02_density() -> Figure:
    z = line(-20, 20, 81)
    lost = [(-INF, -3.0), (0.1, 0.2), (3.0, 5.25), (12.0, INF), (20.0, 25.0), (30.0, 40.0)]
    return nb02.density("sigmoid", z, bell(z / 4) / 10, lost, 0.1234, 4, 0.5)


@drawing
def nb02_density__none_lost() -> Figure:
    z = line(-20, 20, 81)
    return nb02.density("elu", z, bell(z) / 2.5, [], 0, 1, -0.25)


def falling(factor: float, depth: int = 10) -> Tensor:
    """What shrinks or grows toward layer 1, relative to the last layer."""
    return factor ** torch.arange(depth - 1, -1, -1, dtype=torch.float64)


def around(predicted: Tensor, networks: int = 3) -> Tensor:
    return predicted[:, None] * wave(len(predicted), networks, low=0.8, high=1.2)


def curve03(name: str, activation: str, factor: float, depth: int = 10, **options: Any) -> nb03.Curve:
    predicted = falling(factor, depth)
    return nb03.Curve(name, activation, around(predicted), predicted, **options)


def curves03() -> list[nb03.Curve]:
    return [
        curve03("σ", "sigmoid", 0.25, note=" ×0.25"),
        curve03("ReLU, He", "relu", 1.0),
        curve03("ReLU, Xavier", "relu", 0.97, dash=(0, (5, 1.6)), note=" ×0.97"),
    ]


def flipped(curve: nb03.Curve) -> nb03.Curve:
    return curve._replace(measured=curve.measured.flip(0), predicted=curve.predicted.flip(0))


@drawing
def nb03_opening() -> Figure:
    return nb03.opening(curves03(), "A finding")


@drawing
def nb03_opening__one() -> Figure:
    return nb03.opening(curves03()[2:], "A finding")


@drawing
def nb03_by_init() -> Figure:
    factors = {"pytorch": 0.4, "xavier": 0.8, "he": 0.9, "gain 4": 1.6}
    return nb03.by_init(
        {
            name: {
                init: (around(falling(f * k, 26)), falling(f * k, 26), f * k) for init, f in factors.items()
            }
            for name, k in (("sigmoid", 0.25), ("relu", 1.0))
        },
        "A finding",
    )


@drawing
def nb03_z_and_w() -> Figure:
    return nb03.z_and_w(curves03(), curves03()[:1], "A finding")


@drawing
def nb03_merging() -> Figure:
    return nb03.merging([flipped(curve) for curve in curves03()], 1e-7, "A finding")


@drawing
def nb03_merging__one() -> Figure:
    return nb03.merging([flipped(curves03()[0])], 1e-7, "A finding")


@drawing
def nb03_slope_and_mean() -> Figure:
    return nb03.slope_and_mean(curves03(), "A finding")


@drawing
def nb03_slope_and_mean__one() -> Figure:
    return nb03.slope_and_mean(curves03()[2:], "A finding")


@drawing
def nb03_factor_against_gain() -> Figure:
    gains = line(-1.5, 3, 10).exp()
    predicted = {"sigmoid": gains / 10, "tanh": gains / (1 + gains / 5), "relu": gains / 1.414}
    measured = {
        "sigmoid": (gains[::3], around(gains[::3] / 10)),
        "relu": (gains[::2], around(gains[::2] / 1.4)),
    }
    critical = {"sigmoid": 10.123, "tanh": 1.25, "relu": 1.414}
    return nb03.factor_against_gain(gains, predicted, measured, critical, "A finding")


@drawing
def nb03_blow_up() -> Figure:
    sizes = {
        name: (activation, dash, around(falling(factor, 40).flip(0)), falling(factor, 40).flip(0))
        for name, activation, dash, factor in (
            ("ReLU, gain 4", "relu", "-", 2.8), ("ReLU, He", "relu", (0, (5, 1.6)), 1.0), ("σ", "sigmoid", "-", 0.98)
        )
    }  # fmt: skip
    return nb03.blow_up(sizes, 3.4e38, "A finding")


@drawing
def nb03_log_norms() -> Figure:
    return nb03.log_norms({16: line(-9.95, 4.02, 40), 64: line(-14.6, 1.3, 23)}, 10, "A finding")


@drawing
def nb03_spectra() -> Figure:
    values = line(2, 0, 11)
    return nb03.spectra(
        {
            "a": ("relu", "-", values),
            "b": ("tanh", (0, (5, 1.6)), 1 + values),
            "c": ("sigmoid", "-", values**4),
        },
        "A finding",
    )


@drawing
def nb03_explored() -> Figure:
    return nb03.explored(around(falling(0.9)), falling(0.9), "relu", "Ten layers")


@drawing
def nb03_explored__shrunk() -> Figure:
    return nb03.explored(around(falling(0.2, 12)), falling(0.2, 12), "gelu", "Twelve layers")


@drawing
def nb03_explored__vanished() -> Figure:
    measured = around(falling(0.02, 30))
    measured[:4] = 0
    return nb03.explored(measured, falling(0.02, 30), "sigmoid", "Thirty layers")


@drawing
def nb03_explored__blown_up() -> Figure:
    return nb03.explored(around(falling(9.0, 7)), falling(9.0, 7), "tanh", "Seven layers")


@drawing
def nb04_patterns() -> Figure:
    h = wave(6, 5, low=-0.5, high=0.8)
    return nb04.patterns({"sigmoid": torch.sigmoid(h), "ReLU": h.relu()}, "A finding", "how")


@drawing
def nb04_at_init() -> Figure:
    return nb04.at_init(wave(7, 4, low=0.4, high=0.6), line(0.02, 0.08, 4), "A finding", "how")


@drawing
def nb04_shifted() -> Figure:
    return nb04.shifted(line(-2, 2, 9), line(0.95, 0.05, 9), [-1, 0.5], wave(2, 3), "A finding", "how")


@drawing
def nb04_after_training() -> Figure:
    zeros = {1: wave(3, 2), 3: wave(3, 2, start=2)}
    zeros[3][2, 1] = zeros[1][1] = NAN
    return nb04.after_training(
        [0.01, 0.05, 0.2], zeros, {1: wave(3, 2, high=0.3), 3: wave(3, 2, high=0.2)}, "A finding", "how"
    )


@drawing
def nb04_during_training() -> Figure:
    return nb04.during_training(
        {"ReLU": wave(4, 3, low=0.4), "L1": wave(4, 3, low=0.42), "L2": wave(4, 3, low=0.7)},
        "A finding",
        "how",
    )


@drawing
def nb04_during_training__one() -> Figure:
    return nb04.during_training({"ReLU": wave(4, 3, low=0.4)}, "A finding", "how")


@drawing
def nb04_firing() -> Figure:
    on = wave(16, low=0.03, high=0.97)
    return nb04.firing({"a": on, "b": torch.where(on > 0.4, on, 0.0)}, "A finding", "how")


@drawing
def nb04_accuracy() -> Figure:
    sparse = {
        arm: (wave(3, low=low, high=low + 0.1), wave(3, low=0.9 - low, high=1 - low))
        for arm, low in {"ReLU": 0.4, "ReLU, L1 0.1": 0.6, "9 kept": 0.75}.items()
    }
    dense = {"tanh": wave(2, low=0.7, high=0.8), "a straight line": wave(2, low=0.6, high=0.7)}
    return nb04.accuracy(sparse, dense, "A finding", "how")


def speeds(low: float, high: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"zeros": zeros, "way": way, "speed_up": (i + 1) / 8 / (1 - zeros)}
        for i, way in enumerate(nb04.WAYS)
        for zeros in line(low, high, 4).tolist()
    )


@drawing
def nb04_race() -> Figure:
    panels = {"batch 1": speeds(0.0, 0.9), "batch 256": speeds(0.5, 0.99), "batch 64": speeds(0.51, 0.79)}
    even = {"CSR": 0.7, "CSR + conversion": 0.9, "gather": 0.95}
    all_even = {"batch 1": even, "batch 256": even | {"CSR": 0.5}, "batch 64": even}
    return nb04.race(panels, all_even, (0.55, 0.65), "A finding", "how", [(0.6, 1.2), (0.7, 1.5)])


@drawing
def nb04_race__no_layer() -> Figure:
    even = dict.fromkeys(nb04.WAYS, 0.7)
    return nb04.race(
        {"a": speeds(0.2, 0.9), "b": speeds(0.3, 0.8)}, {"a": even, "b": even}, (0.5, 0.6), "A finding", "how"
    )


@drawing
def nb04_brain() -> Figure:
    rows = {
        "ours": (0.3, 0.6, "network"),
        "cortex": (0.0, 0.04, "cortex"),
        "cortex, bounded": (0.01, 0.1, "cortex"),
        "paper": (0.002, 0.5, "paper"),
    }
    return nb04.brain(rows, "A finding", "how")


@drawing
def nb04_explored() -> Figure:
    z = line(-4, 4, 33)
    return nb04.explored(z, bell(z) / 2.5, z <= -0.5, "relu", "A share", "how")


def units(depth: int = 4, width: int = 8) -> Tensor:
    return wave(depth, width, low=-0.3, high=0.95).clamp(min=0)


@drawing
def nb05_opening() -> Figure:
    return nb05.opening({"default": units(), "He": wave(4, 8)}, "A finding", "how")


@drawing
def nb05_gates() -> Figure:
    on = wave(6, 5) > 0.5
    return nb05.gates({"a": on, "b": on & (torch.arange(5) > 1)}, "A finding", "how")


def law(depth: int, count: int = 8) -> list[float]:
    return [1 - (1 - 0.5**n) ** depth for n in range(1, count + 1)]


def born(*depths: int) -> Figure:
    found = {
        d: [(law(d)[w - 1], 0.9 * law(d)[w - 1], 1.2 * law(d)[w - 1]) for w in (1, 3, 5)] for d in depths
    }
    found[depths[0]][2] = (0.0, 0.0, 0.01)
    found[depths[1]][2] = (0.01, 0.0, 0.05)
    constant = [(0.9, 0.8, 1.0), (0.05, 0.0, 0.4), (0.0, 0.0, 0.1)]
    return nb05.born_dead([1, 3, 5], {d: law(d) for d in depths}, found, constant, "A finding", "how")


@drawing
def nb05_born_dead() -> Figure:
    return born(1, 3, 10, 30)


@drawing
def nb05_born_dead__three() -> Figure:
    return born(1, 3, 10)


@drawing
def nb05_by_layer() -> Figure:
    names = ("PyTorch's default", "weights × √6", "biases × 0", "batch norm")
    return nb05.by_layer(
        {name: wave(2, 5, high=0.5, start=i) for i, name in enumerate(names)}, "A finding", "how"
    )


@drawing
def nb05_by_images_and_depth() -> Figure:
    shares = {"PyTorch's default": wave(3, 2), "biases × 0": wave(3, 2, high=0.3)}
    deeper = {"PyTorch's default": wave(2, 3), "biases × 0": wave(2, 3, high=0.3)}
    return nb05.by_images_and_depth([10, 100, 2000], shares, [5, 20], deeper, "A finding", "how")


@drawing
def nb05_by_bias() -> Figure:
    rows = [
        (arm, bias, 0.8 + bias / 5 - 0.03 * seed - place / 9)
        for place, arm in enumerate(("ReLU", "leaky ReLU, leak 0.3", "ELU"))
        for bias in (-1.0, -2.0)
        for seed in range(2)
    ]
    table = pd.DataFrame(rows, columns=["arm", "bias", "accuracy"])
    return nb05.by_bias({"80 steps": table, "800 steps": table[table.arm == "ReLU"]}, "A finding", "how")


def fates() -> pd.DataFrame:
    """Two networks at each momentum and rate: alive, with a layer off, or diverged."""
    cells = [
        (0.0, 0.05, 0.02, 0.04, "alive", "alive"),
        (0.0, 0.1, 0.25, 0.75, "alive", "alive"),
        (0.0, 0.2, 0.5, 0.66, "alive", "layer off"),
        (0.0, 0.4, 0.7, NAN, "layer off", "diverged"),
        (0.8, 0.05, 0.1, 0.12, "alive", "alive"),
        (0.8, 0.1, 0.6, 0.9, "layer off", "layer off"),
        (0.8, 0.2, 0.3, NAN, "alive", "diverged"),
        (0.8, 0.4, NAN, NAN, "diverged", "diverged"),
        (0.9, 0.05, 0.2, 0.3, "alive", "alive"),
        (0.9, 0.1, 0.4, 0.45, "alive", "alive"),
        (0.9, 0.2, 0.8, 0.7, "alive", "layer off"),
        (0.9, 0.4, NAN, NAN, "diverged", "diverged"),
    ]
    rows = [
        (m, r, d, f) for m, r, one, other, *both in cells for d, f in zip((one, other), both, strict=True)
    ]
    return pd.DataFrame(rows, columns=["momentum", "learning_rate", "dead", "fate"])


@drawing
def nb05_rates() -> Figure:
    return nb05.rates(fates(), 2.0, "A finding", "how")


@drawing
def nb05_rates__many() -> Figure:
    rows = [
        (m, rate, rate / (2 - m) if rate < 0.3 else NAN, "alive" if rate < 0.3 else "diverged")
        for m in (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
        for rate in (0.1, 0.2, 0.4)
    ]
    return nb05.rates(
        pd.DataFrame(rows, columns=["momentum", "learning_rate", "dead", "fate"]), 2.0, "A finding", "how"
    )


@drawing
def nb05_cures() -> Figure:
    rows = [
        (arm, rate, NAN if gone else 0.1 * place + rate / 4 + seed / 50, NAN if gone else 0.8 - rate + seed / 100,
         "diverged" if gone else "alive")
        for place, arm in enumerate(nb05.ARMS)
        for rate in (0.0125, 0.1, 0.4)
        for seed in range(3)
        for gone in [rate > 0.3 and seed < place]
    ]  # fmt: skip
    return nb05.cures(
        pd.DataFrame(rows, columns=["arm", "learning_rate", "off_side", "accuracy", "fate"]),
        "A finding",
        "how",
    )


@drawing
def nb05_turnover() -> Figure:
    panels = {"momentum 0": ([30, 12, 5], [0, 4, 3]), "momentum 0.9": ([50, 40, 9], [2, 8, 9])}
    return nb05.turnover(
        {name: (torch.tensor(a), torch.tensor(b)) for name, (a, b) in panels.items()}, "A finding", "how"
    )


def cells(row: int, column: int, on: Tensor) -> Figure:
    dead = torch.tensor([[0.1, 0.6, 0.05], [0.3, NAN, 0.5]], dtype=torch.float64)
    return nb05.explored(
        [-1.5, 0.0], [0.1, 0.4, 0.8], dead, 0.9 - dead, (row, column), on, "A finding", "how"
    )


@drawing
def nb05_explored() -> Figure:
    return cells(0, 2, units())


@drawing
def nb05_explored__diverged() -> Figure:
    return cells(1, 1, torch.full((4, 8), NAN, dtype=torch.float64))


def curve06(name: str, solid: bool, values: Tensor) -> nb06.Curve:
    return nb06.Curve(f"{name}, {'normed' if solid else 'plain'}", name, solid, values)


@drawing
def nb06_training() -> Figure:
    ends = (("relu", True, 1.5), ("relu", False, 2.3), ("sigmoid", True, 1.45))
    return nb06.training(
        [curve06(n, s, line(2.4, e, 6)[:, None] + wave(6, 3, high=0.2)) for n, s, e in ends],
        25,
        "Loss falls",
        "how",
    )


@drawing
def nb06_training__one() -> Figure:
    return nb06.training([curve06("tanh", True, 1.2 + wave(3, 2))], 50, "One", "")


@drawing
def nb06_against_depth() -> Figure:
    highs = (("relu", True, 0.8), ("relu", False, 0.7), ("sigmoid", True, 0.81))
    return nb06.against_depth(
        [2, 8, 30],
        [curve06(n, s, wave(3, 2, low=high - 0.1, high=high)) for n, s, high in highs],
        "Depth",
        "two\nlines",
    )


@drawing
def nb06_against_steps() -> Figure:
    ends = (("relu", True, 0.5), ("relu", False, 0.6), ("sigmoid", True, 0.8))
    curves = [curve06(n, s, line(0.3, e, 3)[:, None] + wave(3, 2, high=0.1)) for n, s, e in ends]
    panels, lines = (
        {"SGD": curves, "Adam": curves[::2]},
        {"SGD": line(0.7, 0.8, 3), "Adam": line(0.6, 0.7, 3)},
    )
    return nb06.against_steps([90, 180, 270], panels, lines, "Steps", "how")


@drawing
def nb06_growth() -> Figure:
    factors = {"relu": 1.2, "sigmoid": 1.06, "tanh": 1.05}
    curves = [curve06(name, True, around(falling(factor))) for name, factor in factors.items()]
    return nb06.growth(curves, {name: falling(factor) for name, factor in factors.items()}, "Growth", "how")


@drawing
def nb06_growth__one() -> Figure:
    return nb06.growth([curve06("gelu", True, around(falling(1.1, 6)))], {"gelu": falling(1.1, 6)}, "One", "")


@drawing
def nb06_against_growth() -> Figure:
    return nb06.against_growth(
        [
            nb06.Point("ReLU", "relu", False, 1.21, wave(3, low=0.1, high=0.2)),
            nb06.Point("σ", "sigmoid", False, 1.07, wave(3, low=0.6, high=0.7)),
            nb06.Point("σ, changed", activations.get("sigmoid"), True, 1.2, wave(3, low=0.12, high=0.22)),
        ],
        "Against growth",
        "how",
    )


@drawing
def nb06_apart() -> Figure:
    ends = (("relu", True, 1.3), ("relu", False, 1.1), ("sigmoid", True, 1.11))
    return nb06.apart(
        [curve06(n, s, 0.01 * around(falling(f).flip(0))) for n, s, f in ends], 0.01, "Apart", "how"
    )


@drawing
def nb06_apart__one() -> Figure:
    return nb06.apart([curve06("tanh", False, 0.01 * around(falling(1.2).flip(0)))], 0.01, "One", "")


@drawing
def nb06_remedies() -> Figure:
    names = ("plain", "batch norm", "layer norm", "residual", "ReLU")
    rows = {n: ("relu" if n == "ReLU" else "sigmoid", wave(3, start=i)) for i, n in enumerate(names)}
    return nb06.remedies(rows, "Remedies", "how")


@drawing
def nb06_dead() -> Figure:
    return nb06.dead(["rate 0.1", "rate 0.4"], wave(2, 3), wave(2, 3, low=0, high=0.05), "Dead", "how")


@drawing
def nb06_explored() -> Figure:
    return nb06.explored(around(falling(1.2)), falling(1.2), "relu", "With theory", "how")


@drawing
def nb06_explored__shrunk() -> Figure:
    return nb06.explored(around(falling(0.2, 12)), falling(0.2, 12), "gelu", "Shrunk", "how")


@drawing
def nb06_explored__without_theory() -> Figure:
    measured = around(falling(0.1, 18))
    measured[0] = 0
    return nb06.explored(measured, None, "sigmoid", "Without", "how")


@drawing
def nb06_explored__blown_up() -> Figure:
    return nb06.explored(around(falling(5.0)), falling(7.0), "tanh", "Blown up", "how")


GAINS, RATES = [0.25, 0.5, 1.0, 2.0, 4.0], [0.001, 0.01, 0.1, 1.0]


def panel(name: str, critical: float | None) -> nb07.Panel:
    loss = wave(5, 4, low=0.3, high=3.0)
    loss[0, 3] = INF
    return nb07.Panel(name, GAINS, RATES, loss, loss < 1, critical)


@drawing
def nb07_maps() -> Figure:
    return nb07.maps([panel("ReLU", 1.41), panel("σ", None)], (0.5, 2.0), "A finding", "how it was found")


@drawing
def nb07_maps__one_row() -> Figure:
    loss = wave(1, 3, low=0.6, high=2.0)
    return nb07.maps(
        [nb07.Panel("tanh", [1.0], [0.01, 0.1, 1.0], loss, loss < 1, 1.0)], (0.5, 1.5), "One row", ""
    )


ARMS07 = {
    "ReLU": nb07.Arm("relu"),
    "tanh": nb07.Arm("tanh"),
    "σ": nb07.Arm("sigmoid"),
    "σ(4z)": nb07.Arm("sigmoid", nb07.DASHED),
}


@drawing
def nb07_by_depth() -> Figure:
    steps = {
        "ReLU": {2: [40.0, 50.0, 45.0], 4: [70.0, 60.0, 65.0, 62.0, 66.0], 8: [80.0, 85.0, 92.0]},
        "tanh": {8: [86.0, 83.0, 90.0], 4: [66.0, 68.0, 62.0], 2: [50.0, 52.0, 51.0]},
        "σ": {2: [210.0, INF, 180.0], 4: [INF, INF, 290.0], 8: [INF, INF, INF]},
        "σ(4z)": {2: [90.0, 100.0, 120.0], 4: [INF, 150.0, 170.0], 8: [260.0, 190.0, INF]},
    }
    return nb07.by_depth(steps, ARMS07, 300, "A finding", "how", ("softmax regression", 40.0))


@drawing
def nb07_against_theory() -> Figure:
    rows = [
        ("ReLU", "relu", 2, 1.0, 50.0, False), ("ReLU", "relu", 4, 0.02, 200.0, True), ("tanh", "tanh", 4, 0.5, 60.0, False),
        ("σ(4z)", "sigmoid", 8, 0.2, 150.0, False), ("σ", "sigmoid", 8, 1e-4, INF, False), ("GELU", "gelu", 2, 0.6, 55.0, False),
    ]  # fmt: skip
    return nb07.against_theory(rows, 300, "A finding", "how")


@drawing
def nb07_curves() -> Figure:
    falls = {
        name: line(2.3, 0.5 + 0.2 * i, 12)[:, None] + wave(12, 3, high=0.3) for i, name in enumerate(ARMS07)
    }
    return nb07.curves(
        {"old": falls, "new": {"ReLU": falls["ReLU"], "σ(4z)": falls["tanh"]}},
        ARMS07,
        0.7,
        4,
        "A finding",
        "how",
    )


@drawing
def nb07_ends() -> Figure:
    rows = [("ReLU", "relu", [90.0, 110.0], [0.83, 0.85]), ("σ", "sigmoid", [400.0, INF], [0.79, 0.7])]
    return nb07.ends(
        [*rows, ("none", "identity", [INF, INF], [0.1, 0.1])], "A finding", "how", "steps to a loss"
    )


@drawing
def nb07_by_gain() -> Figure:
    steps = {"relu": [INF, 90.0, 40.0, 55.0, INF], "tanh": [INF, 60.0, 35.0, 30.0, 45.0]}
    tensors = {name: torch.tensor(row, dtype=torch.float64) for name, row in steps.items()}
    return nb07.by_gain(GAINS, tensors, {"PyTorch": 0.577, "He": 1.414}, "A finding", "how")


@drawing
def nb07_shares() -> Figure:
    rows = [("ReLU", "relu", False), ("ReLU, normed", "relu", True), ("σ", "sigmoid", False)]
    values = {
        "all gains": [(20, 80, (0.17, 0.36)), (44, 80, (0.44, 0.65)), (10, 80, (0.07, 0.21))],
        "usual gains": [(12, 30, (0.25, 0.58)), (18, 30, (0.42, 0.75)), (3, 30, (0.03, 0.26))],
    }
    return nb07.shares(rows, values, "A finding", "how")


@drawing
def nb07_explored() -> Figure:
    return nb07.explored(line(4.6, 0.4, 31), 5, "relu", "It trains")


@drawing
def nb07_explored__diverged() -> Figure:
    smooth = line(2.3, 5.0, 31)
    smooth[20:] = INF
    smooth[25:] = NAN
    return nb07.explored(smooth, 5, "sigmoid", "It does not")


@drawing
def nb08_hook() -> Figure:
    return nb08.hook(
        {"forward": 4.56, "backward": 0.91, "a whole step": 1.07}, "A finding", "A machine with two cores"
    )


@drawing
def nb08_hook__all_quick() -> Figure:
    return nb08.hook({"forward": 0.82}, "A finding", "A machine")


def element_times(*names: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"activation": name, "pass": way, "elements": 3 * 10**power, "nanoseconds": 0.3 + i * j / 3 + 0.07 * (power - 4) ** 2}
        for i, name in enumerate(names)
        for j, way in enumerate(("forward", "backward"), 1)
        for power in (3, 4, 5, 6)
    )  # fmt: skip


@drawing
def nb08_per_element() -> Figure:
    caches = {"L1": 32 * 1024, "L2": 2**20, "L3": 36 * 10**6, "first": 16_000, "huge": 2**40}
    return nb08.per_element(element_times("relu", "sigmoid", "tanh", "gelu"), caches, "A finding", "how")


def step_times() -> pd.DataFrame:
    rows = [
        (width, name, 4e-6 * width, 1e-5 * (i + 1), (i + 1) / (i + 1 + 0.4 * width))
        for width in (64, 256, 1024)
        for i, name in enumerate(("relu", "sigmoid", "tanh"))
    ]
    return pd.DataFrame(rows, columns=["width", "activation", "rest", "alone", "share"])


@drawing
def nb08_shares() -> Figure:
    return nb08.shares(
        step_times(), {"relu": [0.04, 0.012, 0.0021], "sigmoid": [0.06, 0.02, 0.006]}, "A finding", "how"
    )


@drawing
def nb08_kept() -> Figure:
    return nb08.kept(
        {"relu": (4, 4), "sigmoid": (4, 4), "leaky_relu": (4, 8), "gelu": (4, 8)}, "A finding", "how"
    )


@drawing
def nb08_kept__nothing_extra() -> Figure:
    return nb08.kept({"relu": (4, 4), "tanh": (4, 4)}, "A finding", "how")


@drawing
def nb08_sparse() -> Figure:
    table = pd.DataFrame(
        [(0.5, 1.0, 3.0, 1.0), (0.7, 1.1, 1.5, 0.5), (0.9, 1.0, 0.5, 0.2)],
        columns=["zeros", "dense", "csr", "conversion"],
    )
    return nb08.sparse(table, [0.33, 0.6, 2.0], 0.5, [0.66, 0.71, 0.62], "A finding", "how")


@drawing
def nb08_explored() -> Figure:
    rows = step_times()
    times = element_times("relu", "sigmoid", "tanh")
    return nb08.explored(times, rows[rows["width"] == 256], "tanh", 64_000, "tanh at 256")


@drawing
def nb08_explored__relu() -> Figure:
    rows = step_times()
    return nb08.explored(element_times("relu", "tanh"), rows[rows["width"] == 64], "relu", 16_000, "ReLU")


def nine(looks: int, seeds: int = 3) -> dict[str, nb09.Line]:
    arms = [
        ("ReLU, He", "relu", "", 1.0),
        ("sigmoid", "sigmoid", "other", 0.3),
        ("tanh, batch norm", "tanh", "norm", 1.2),
    ]
    spread = torch.linspace(0.95, 1.05, seeds, dtype=torch.float64)
    return {
        name: nb09.Line(
            activation, kind, torch.linspace(begin, 1.1, looks).double().unsqueeze(1) * spread, begin
        )
        for name, activation, kind, begin in arms
    }


@drawing
def nb09_ways() -> Figure:
    return nb09.ways({"SGD": nine(4), "Adam": nine(4)}, [0, 3, 30, 300], "A finding", "how")


@drawing
def nb09_ways__one_panel_an_arm_without_a_name() -> Figure:
    return nb09.ways({"SGD": nine(3)}, [0, 3, 10], "A finding", "how", skip=["sigmoid"])


@drawing
def nb09_pull() -> Figure:
    parts = {"gain": 1.0, "slope": 0.9, "alignment": 1.5, "factor": 1.35, "factor, changes shuffled": 0.98}
    return nb09.pull({"ReLU": ("relu", parts), "tanh": ("tanh", parts | {"gain": 1.2})}, "A finding", "how")


@drawing
def nb09_updates() -> Figure:
    small = {name: line._replace(values=line.values * 1e-4) for name, line in nine(10).items()}
    return nb09.updates({"SGD": small, "Adam": nine(10)}, "A finding", "how")


@drawing
def nb09_edges() -> Figure:
    bound = torch.tensor([[3.0, 4.0], [1.0, 1.2], [0.1, 0.2]], dtype=torch.float64)
    own = {"init": bound, "way": bound / 2, "trains": torch.tensor([[0.0, 0.0], [0.5, 0.25], [0.125, 0.0]])}
    return nb09.edges([0.5, 1.0, 2.0], [0.125, 0.25, 0.5], {"relu": own, "sigmoid": own}, "A finding", "how")


@drawing
def nb09_row() -> Figure:
    failed = {name: line._replace(values=line.values.clone()) for name, line in nine(12).items()}
    failed["sigmoid"].values[5:, 2] = INF
    return nb09.row({"rate 0.03": nine(12), "rate 0.08": failed}, ["loss", "loss again"], "A finding", "how")


@drawing
def nb09_explored() -> Figure:
    line = torch.linspace(-3, 0, 8, dtype=torch.float64).exp()
    return nb09.explored(line[:, None] * torch.tensor([0.5, 2.0]), line, "tanh", "other", "A finding")


def people() -> pd.DataFrame:
    verdicts = ["holds", "fails", "depends", "unproven", "holds"]
    rows = [("Q", "Q1", "open", False)]
    rows += [("Two", f"C{i}", verdicts[i], True) for i in range(2)]
    rows += [("Many", f"C{10 + i}", verdicts[i % 5], i != 4) for i in range(13)]
    rows += [("Three", f"{'CQ'[i == 1]}{30 + i}", verdicts[i], True) for i in range(3)]
    return pd.DataFrame(rows, columns=["person", "id", "verdict", "claimed"])


@drawing
def nb10_wall() -> Figure:
    return nb10.wall(people(), "Who said what")


@drawing
def nb10_wall__chosen() -> Figure:
    return nb10.wall(people(), "Who was right", "holds")


def tuned(*names: str) -> Figure:
    order = ["relu", "sigmoid", "tanh"]
    rows = [
        (setting, name, seed, 0.8 - 0.03 * i - 0.1 * place + 0.01 * seed)
        for place, setting in enumerate(names)
        for i, name in enumerate(order)
        for seed in range(2 + place)
    ]
    table = pd.DataFrame(rows, columns=["setting", "arm", "seed", "score"])
    flat = {name: torch.tensor([0.7, 0.74]) - 0.1 * place for place, name in enumerate(names)}
    return nb10.settings(table, flat, order, "A finding")


@drawing
def nb10_settings() -> Figure:
    return tuned("plain", "batch norm")


@drawing
def nb10_settings__one() -> Figure:
    return tuned("plain")


class Seen(doctor.Watch):
    """A watch whose table is given."""

    @property
    def table(self) -> pd.DataFrame:
        return self.rows


def examined(size: int, factor: float, dead: float = 0.0) -> pd.DataFrame:
    sizes = factor ** np.arange(size, -1.0, -1)
    columns = {"dz": sizes, "predicted": np.full(size + 1, factor), "z scale": 2 / sizes}
    return pd.DataFrame(columns).assign(dead=dead, lost=0.5)


@drawing
def nb11_patients() -> Figure:
    none = examined(4, 0.5, 1.0).assign(dz=[0.0] * 4 + [0.1])
    wards = {"A": [examined(8, 2.0), examined(8, 2.5)], "D": [none, none]}
    return nb11.patients(wards, "A finding", "how")


@drawing
def nb11_beside() -> Figure:
    tables = [examined(6, 0.4), examined(6, 0.5)]
    return nb11.beside({"one": tables, "two": [examined(6, 1.0)]}, "A finding", "how")


@drawing
def nb11_watched() -> Figure:
    numbers = {"factor": 1.0, "update": 0.01, "zeros": 0.5, "dead": 0.0}
    look = object.__new__(Seen)
    look.reports = dict.fromkeys((0, 5))
    look.rows = pd.DataFrame([{"step": i, "layer": name, **numbers} for i in (0, 5) for name in "abc"])
    return nb11.watched(look, "A finding")


@drawing
def nb11_swap() -> Figure:
    rows = [
        (name, norm, path, 0.8 - 0.1 * i - 0.05 * j + 0.01 * seed)
        for path in ("residual", "plain")
        for i, name in enumerate(("relu", "sigmoid"))
        for j, norm in enumerate(("none", "layer norm", "DyT"))
        for seed in range(3)
    ]
    table = pd.DataFrame(rows, columns=["activation", "norm", "path", "score"])
    return nb11.swap(table, torch.tensor([0.7, 0.72]), "A finding", "how")


@drawing
def nb11_explored() -> Figure:
    return nb11.explored(examined(8, 0.5, 0.2), "tanh", "A finding")


# The tests.


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with mpl.rc_context():
        plots.use_style()
        yield


@pytest.fixture(scope="module")
def stored() -> dict[str, Plain]:
    return read()


@pytest.mark.parametrize("name", CALLS)
def test_a_figure_comes_out_as_stored(name: str, stored: dict[str, Plain]) -> None:
    off = list(differences(stored.get(name, "nothing"), describe(CALLS[name]())))
    if off:
        first = "\n  ".join(off[:6])
        pytest.fail(
            f"{name} comes out differently, in {len(off)} places:\n  {first}\n"
            "If that is wanted: python tests/test_figures.py, and look at the picture.",
            pytrace=False,
        )


def test_every_figure_of_every_room_is_drawn_and_stored(stored: dict[str, Plain]) -> None:
    public = set()
    for room in ROOMS:
        module = importlib.import_module(f"course_utils.figures.{room}")
        public |= {f"{room}.{name}" for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    drawn = {name.partition(" ")[0] for name in CALLS}
    assert drawn == public, "each public function of a room of figures needs a @drawing in this file"
    assert set(stored) == set(CALLS), "python tests/test_figures.py stores new drawings"


def test_the_file_is_what_would_be_written(stored: dict[str, Plain]) -> None:
    text = STORED.read_text(encoding="utf-8")
    assert text == written(stored)
    assert len(text.splitlines()) == len(CALLS) + 2


@pytest.mark.parametrize(
    "draw",
    [
        lambda: nb02.gates(wave(2, 9), wave(3, 9), "A finding"),
        lambda: nb05.by_images_and_depth([1], {"a": wave(1, 2)}, [5], {"a": wave(1, 2)}, "A finding", "how"),
        lambda: nb07.shares([("ReLU", "relu", False)], {"a": [(1, 2, (0.1, 0.9))] * 2, "b": [(1, 2, (0.1, 0.9))]}, "", ""),
    ],
    ids=["gates", "by_images_and_depth", "shares"],
)  # fmt: skip
def test_nothing_is_left_out_in_silence(draw: Callable[[], Figure]) -> None:
    with pytest.raises(ValueError, match=r"zip\(\) argument"):
        draw()


def little() -> Figure:
    figure, (left, right) = plots.axes("A finding", "and how", columns=2)
    left.plot([1.0, 2.0, NAN, 4.0, 5.0], [0.1, 0.2, 0.3, 0.4, 0.5], "o-", color="0.3", label="a line")
    left.legend(loc="upper left")
    left.text(1, 0.2, "a word", color="red", ha="right")
    right.imshow(np.array([[0.0, 0.5, 1.0], [0.25, NAN, 0.75]]), cmap="Greys", vmin=0, vmax=2)
    right.bar([0, 1], [3, 4], color="0.5")
    right.fill_between([0, 1, 2], [1, 2, 1], color="0.8")
    right.set_xticks([0, 1], ["a", "b"])
    return figure


LATER: dict[str, tuple[Callable[[Axes, Axes], object], str]] = {
    "colour": (lambda left, _: left.lines[0].set_color("0.4"), "axes[0].lines[0].color"),
    "dash": (lambda left, _: left.lines[0].set_linestyle((0, (1, 2))), "axes[0].lines[0].dash"),
    "order": (lambda left, _: left.lines[0].set_ydata([0.1, 0.3, 0.2, 0.4, 0.5]), "axes[0].lines[0].y.lean"),
    "hair": (lambda left, _: left.lines[0].set_ydata([0.1, 0.2, 0.3, 0.4, 0.501]), "axes[0].lines[0].y.last"),
    "words": (lambda left, _: left.texts[0].set_text("word"), "axes[0].texts[0].words"),
    "place": (lambda left, _: left.texts[0].set_position((1, 0.3)), "axes[0].texts[0].place[1]"),
    "side": (lambda left, _: left.texts[0].set_ha("left"), "axes[0].texts[0].align"),
    "limits": (lambda left, _: left.set_xlim(0, 9), "axes[0].x.limits[0]"),
    "scale": (lambda left, _: left.set_yscale("log"), "axes[0].y.scale"),
    "legend": (lambda left, _: left.legend(loc="lower left"), "axes[0].legend.where"),
    "image": (lambda _, right: right.images[0].set_data(np.eye(3)), "axes[1].images[0].shape[0]"),
    "map": (lambda _, right: right.images[0].set_cmap("Blues"), "axes[1].images[0].cmap"),
    "norm": (lambda _, right: right.images[0].set_clim(0, 3), "axes[1].images[0].limits[1]"),
    "bar": (lambda _, right: right.patches[1].set_height(5), "axes[1].patches[1].box[3]"),
    "shade": (lambda _, right: right.collections[0].set_facecolor("0.7"), "axes[1].collections[0].face[0]"),
    "ticks": (lambda _, right: right.set_xticks([0, 2], ["a", "b"]), "axes[1].x.ticks[1]"),
    "labels": (lambda _, right: right.set_xticks([0, 1], ["a", "c"]), "axes[1].x.labels[1]"),
    "grid": (lambda _, right: right.grid(False), "axes[1].x.options"),
    "title": (lambda _, right: right.set_title("b"), "axes[1].title_lift"),
    "off": (lambda _, right: right.set_axis_off(), "axes[1].off"),
}


@pytest.mark.parametrize("what", LATER)
def test_a_small_change_is_seen_and_named(what: str) -> None:
    before, figure = rounded(describe(little())), little()
    assert list(differences(before, describe(figure))) == []
    change, place = LATER[what]
    change(*figure.axes)
    off = list(differences(before, describe(figure)))
    assert any(each.startswith(f"{place}: ") for each in off), off
    assert all(" before, " in each and each.endswith(" now") for each in off)


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        (0.1234, 0.12344, True), (0.1234, 0.12345, True), (0.1234, 0.12346, False), (0.1234, 0.12335, True),
        (0, 1e-17, True), (0, 1e-6, False), (5, 5.0, True), (-5, 5, False), (1e-42, 2e-42, False), (1e9, 1.0004e9, True),
        ("nan", NAN, True), ("nan", 0.0, False), (0, NAN, False), ("inf", INF, True), ("inf", -INF, False),
        (1, "1", False), (True, True, True), ("a", "a", True),
    ],
)  # fmt: skip
def test_numbers_agree_to_four_digits(before: Plain, now: Plain, same: bool) -> None:
    assert agree(before, now) == same
    assert len(list(differences([before], [now]))) == 1 - same


def test_rounding_gives_what_json_can_hold() -> None:
    plain = {"a": [0.123456, NAN, -INF, 3.0, -0.0, 123456.0], "b": (True, None, "word"), "c": np.float32(0.5)}
    kept = rounded(plain)
    assert kept == {"a": [0.1235, "nan", "-inf", 3, 0, 123500], "b": [True, None, "word"], "c": 0.5}
    assert json.loads(json.dumps(kept)) == kept


def main(folder: str | None = None) -> None:
    """Store all descriptions anew and say which changed; draw those into the folder, if one is given."""
    before, now, changed = read(), {}, []
    with mpl.rc_context():
        plots.use_style()
        for name, draw in CALLS.items():
            figure = draw()
            now[name] = describe(figure)
            off = list(differences(before.get(name, "nothing"), now[name]))
            if off:
                changed.append(name)
                print(f"{name}: {len(off)} places, first {off[0]}")
                if folder is not None:
                    Path(folder).mkdir(parents=True, exist_ok=True)
                    (Path(folder) / f"{name}.png").write_bytes(plots.picture(figure).png)
            else:
                now[name] = before[name]  # not a digit of it moves
    gone = sorted(set(before) - set(now))
    STORED.write_text(written(now), encoding="utf-8", newline="\n")
    print(f"{len(now)} drawings: {len(changed)} changed or new, {len(gone)} gone {' '.join(gone)}".rstrip())


if __name__ == "__main__":
    main(*sys.argv[1:2])
