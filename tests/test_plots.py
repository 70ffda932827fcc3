"""Plots: a fixed size, words with every picture, and activations that stay apart in any eye or printer."""

import base64
import dataclasses
import io
import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.colors
import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from course_utils import activations, plots
from course_utils.sketch import Sketcher

ALT = "A line that rises from 0 to 3, and then stays level for good."
MAIN = ("sigmoid", "tanh", "relu", "gelu")
APART = 20.0  # CIELAB units; about 2 is the least that an eye can see

# Viénot, Brettel & Mollon, Color Res. Appl. 24 (1999) 243, as matrices on linear sRGB (digits: DaltonLens).
BLIND = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.fixture(autouse=True)
def settings_as_they_were() -> Iterator[None]:
    with mpl.rc_context():
        yield


@pytest.fixture
def squared() -> Iterator[activations.Activation]:
    """An activation that a reader registers."""
    relu, own = activations.get("relu"), {"name": "squared_relu", "label": "squared ReLU"}
    yield activations.register(dataclasses.replace(relu, colour="#123456", dash=":", marker="p", **own))
    activations.unregister("squared_relu")


def drawn(**options: Any) -> Figure:
    figure, ax = plots.axes("One line", "its meaning", **options)
    ax.plot([0, 1, 2], [0, 3, 3], **plots.dress("relu"))
    return figure


def pixels(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return Image.open(io.BytesIO(png)).size


def linear(colour: str) -> np.ndarray:
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear sRGB."""
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ]
    t = np.array(to_xyz) @ rgb.clip(0, 1) / (0.95047, 1.0, 1.08883)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_show_is_one_output_with_picture_words_and_alt(shown: list) -> None:
    plots.show(drawn(), " Twenty letters, all. ")
    shown.clear()
    plots.show(drawn(size=(5.0, 3.0)), ALT)
    ((data, metadata),) = shown
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == ALT
    assert pixels(base64.b64decode(data["image/png"], validate=True)) == (720, 432)
    assert metadata == {"image/png": {"alt": ALT, "width": 500, "height": 300}}


@pytest.mark.parametrize("alt", ["", "a figure", " " * 40, "  nineteen letters.  "])
def test_show_refuses_a_picture_without_a_sentence(shown: list, alt: str) -> None:
    with pytest.raises(ValueError, match="alt must be a sentence"):
        plots.show(drawn(), alt)
    assert shown == []


@pytest.mark.parametrize("size, bbox", [((7.2, 4.0), None), ((7.2, 4.0), "tight"), ((5.0, 2.5), "tight")])
def test_size_is_fixed_whatever_the_reader_has_set(size: tuple[float, float], bbox: str | None) -> None:
    figure = drawn(size=size)
    mpl.rcParams.update({"savefig.bbox": bbox, "savefig.transparent": bbox is not None, "savefig.dpi": 30})
    page = (round(100 * size[0]), round(100 * size[1]))
    sharp, quick = plots.picture(figure), plots.picture(figure, quick=True)
    assert (sharp.width, sharp.height) == (quick.width, quick.height) == page
    assert pixels(quick.png) == page
    assert pixels(sharp.png) == (int(size[0] * 144), int(size[1] * 144))
    for png in (sharp.png, quick.png):
        assert Image.open(io.BytesIO(png)).convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


def test_stored_picture_has_a_palette_and_is_smaller() -> None:
    image = Image.open(io.BytesIO(plots.picture(drawn()).png))
    assert image.mode == "P"
    assert len(image.getcolors() or []) <= plots.COLOURS
    full = io.BytesIO()
    drawn().savefig(full, format="png", dpi=144)
    assert len(plots.picture(drawn()).png) < len(full.getvalue())
    plain = io.BytesIO()
    image.save(plain, format="png")
    assert len(plots.picture(drawn()).png) < len(plain.getvalue()), "squeezed"


def test_axes_have_no_box_a_grid_behind_the_data_and_a_legend_without_frame() -> None:
    plots.use_style()
    figure, ax = plots.axes("A finding")
    ax.plot([0, 1], [0, 1], label="a line")
    legend = ax.legend()
    figure.draw_without_rendering()
    assert {side for side, spine in ax.spines.items() if spine.get_visible()} == {"left", "bottom"}
    assert all(line.get_visible() for line in (*ax.get_xgridlines(), *ax.get_ygridlines()))
    assert ax.get_axisbelow() is True and not legend.get_frame_on()


def test_sizes_of_letters_say_what_matters() -> None:
    """The finding is largest; what the axes mean comes before how to read the figure, and both before names of lines."""
    plots.use_style()
    figure, ax = plots.axes("A finding", "how to read it")
    (line,) = ax.plot([0, 1], [0, 1], marker="o", label="a line")
    plots.label_line(ax, 1, 1, "the line", "black")
    (legend,) = ax.legend().get_texts()
    finding, how = figure.texts
    written = [finding, ax.xaxis.label, how, legend, ax.texts[0]]
    sizes = [text.get_fontsize() for text in written]
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] == sizes[4]
    assert sizes[1] == ax.yaxis.label.get_fontsize() == ax.get_xticklabels()[0].get_fontsize()
    assert line.get_markeredgewidth() == 0  # a mark is as large as it says


def test_stored_picture_keeps_colours_of_small_marks_and_all_greys() -> None:
    """A palette must neither merge small marks of the activations nor turn a smooth scale into steps."""
    figure, (marks, scale) = plots.axes("A finding", columns=2)
    for place, entry in enumerate(activations.registered()):
        marks.plot([place], [0], entry.marker, color=entry.colour, ms=5)
    scale.imshow(np.linspace(0, 1, 256)[:, None], cmap="gray", aspect="auto")
    full = io.BytesIO()
    figure.savefig(full, format="png", dpi=144)
    true = np.asarray(Image.open(full).convert("RGB"), dtype=int).reshape(-1, 3)
    kept = np.asarray(Image.open(io.BytesIO(plots.picture(figure).png)).convert("RGB"), dtype=int).reshape(
        -1, 3
    )
    _, colour, count = np.unique(true, axis=0, return_inverse=True, return_counts=True)
    often = (count >= 15)[colour.ravel()]
    assert np.abs(kept - true)[often].max() <= 9


@pytest.mark.parametrize("entry", list(activations.registered()), ids=activations.names())
def test_dress_and_look_are_the_registrys(entry: activations.Activation) -> None:
    dress = {"color": entry.colour, "linestyle": entry.dash, "marker": entry.marker, "label": entry.label}
    assert plots.dress(entry.name) == plots.dress(entry) == dress
    assert plots.look(entry.name) == plots.look(entry) == {k: dress[k] for k in ("color", "linestyle")}


def test_an_activation_of_the_reader_is_dressed_as_it_says(squared: activations.Activation) -> None:
    figure, ax = plots.axes("A reader's own")
    (line,) = ax.plot([0, 1], [0, 1], **plots.dress("squared_relu"))
    assert (line.get_color(), line.get_marker(), line.get_linestyle()) == ("#123456", "p", ":")
    assert line.get_label() == "squared ReLU"
    assert pixels(plots.picture(figure).png) == (1036, 576)
    with pytest.raises(ValueError, match=r"unknown activation 'rleu'; known are: sigmoid, .*relu"):
        plots.dress("rleu")
    assert list(figure.get_size_inches()) == [7.2, 4.0] and plots.axes("Six", columns=3, rows=2)[1].shape == (
        2,
        3,
    )


@pytest.mark.parametrize("a, b", list(itertools.combinations(activations.names(), 2)))
def test_activations_stay_apart_in_grey(a: str, b: str) -> None:
    one, other = activations.get(a), activations.get(b)
    luminance = [float(linear(entry.colour) @ (0.2126, 0.7152, 0.0722)) for entry in (one, other)]
    assert abs(luminance[0] - luminance[1]) >= 0.1 or (one.dash, one.marker) != (other.dash, other.marker)
    if one.dash == other.dash:  # a line without marks has only its grey left
        assert abs(luminance[0] - luminance[1]) >= 0.1


@pytest.mark.parametrize("eye", BLIND)
@pytest.mark.parametrize("a, b", list(itertools.combinations(MAIN, 2)))
def test_the_main_four_stay_apart_for_colour_blind_eyes(a: str, b: str, eye: str) -> None:
    one, other = activations.get(a), activations.get(b)
    seen = [lab(np.array(BLIND[eye]) @ linear(entry.colour)) for entry in (one, other)]
    distance = float(np.linalg.norm(seen[0] - seen[1]))
    assert distance >= APART or one.dash != other.dash
    assert one.marker != other.marker


@pytest.mark.parametrize("finding", ["One finding", "A finding with\nty in two lines: gpq"])
@pytest.mark.parametrize("how", ["", "what is what, gpq", "what is what\nin two lines, gpq"])
@pytest.mark.parametrize(
    "size, panels",
    [((7.2, 4.0), {}), ((4.0, 3.0), {}), ((7.2, 2.2), {"columns": 2, "rows": 2, "sharey": True})],
)
def test_titles_stand_in_the_figure_above_the_axes_and_apart(size, finding, how, panels):
    figure, grid = plots.axes(finding, how, size=size, **panels)
    for ax in np.ravel(grid):
        ax.plot([0, 1], [0, 1])
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert [text.get_text() for text in figure.texts] == [finding] + [how] * bool(how)
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    boxes.append(mpl.transforms.Bbox.union([ax.get_tightbbox(renderer) for ax in np.ravel(grid)]))
    assert boxes[0].y1 <= figure.bbox.y1
    assert all(above.y0 >= below.y1 for above, below in itertools.pairwise(boxes))
    assert all(figure.bbox.x0 <= box.x0 for box in boxes)


@pytest.mark.parametrize("finding", ["One finding", "A finding\nin two lines"])
@pytest.mark.parametrize("how", ["", "what is what", "what is what\nin two lines"])
def test_the_head_is_as_high_in_every_figure(finding: str, how: str) -> None:
    heads = []
    for width, height in ((7.2, 4.0), (4.0, 3.0), (5.0, 7.0)):
        figure, _ = plots.axes(finding, how, size=(width, height))
        layout = figure.get_layout_engine()
        assert isinstance(layout, ConstrainedLayoutEngine)
        left, bottom, right, top = layout.get()["rect"]
        assert (left, bottom, right) == (0, 0, 1)
        heads.append([*((1 - text.get_position()[1]) * height for text in figure.texts), (1 - top) * height])
    for head in heads:
        assert head == pytest.approx(heads[0]) and head == sorted(head)  # inches: title, second line, axes
    lines = 1 + finding.count("\n")
    assert len(heads[0]) == 2 + bool(how) and heads[0][0] < 0.2 and heads[0][-1] > 0.2 * lines


def test_a_figure_is_not_known_to_pyplot() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plots.picture(drawn())
    assert plt.get_fignums() == before


def test_use_style_changes_the_settings_and_axes_alone_does_not() -> None:
    mpl.rcdefaults()
    before = {name: mpl.rcParams[name] for name in plots.STYLE}
    plots.picture(drawn())
    assert {name: mpl.rcParams[name] for name in plots.STYLE} == before != plots.STYLE
    plots.use_style()
    assert mpl.rcParams["axes.spines.top"] is False
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][0] == activations.get("relu").colour


def test_label_line_writes_in_the_colour_on_white() -> None:
    _, ax = plots.axes("Labelled")
    plots.label_line(ax, 0.5, 0.25, "relu", "#0173b2", ha="right")
    (text,) = ax.texts
    assert (text.get_text(), text.get_position()) == ("relu", (0.5, 0.25))
    assert (text.get_color(), text.get_ha()) == ("#0173b2", "right")
    assert matplotlib.colors.to_hex(text.get_bbox_patch().get_facecolor()) == "#ffffff"


def test_heights_are_pushed_apart_and_keep_their_order() -> None:
    placed = plots.apart([0.5, 0.1, 0.11, 0.5], 0.1)
    assert placed[1] < placed[2] < placed[0] < placed[3] or placed[1] < placed[2] < placed[3] < placed[0]
    gaps = [b - a for a, b in itertools.pairwise(sorted(placed))]
    assert min(gaps) >= 0.1 - 1e-6 and sum(placed) == pytest.approx(1.21)
    assert plots.apart([0.0, 1.0], 0.1) == [0.0, 1.0]


FOREIGN: dict[str, dict[str, Any]] = {
    "usetex": {"text.usetex": True},
    "dark and large": {**mpl.style.library["dark_background"], "font.size": 24, "lines.color": "white"},
    "hand-drawn": {"path.sketch": (1, 100, 2), "font.family": "cursive", "axes.prop_cycle": mpl.cycler(color="rk")},
    "all lines thick": {
        "axes.linewidth": 5, "patch.linewidth": 5, "grid.linewidth": 4, "hatch.linewidth": 6, "image.cmap": "jet",
        "axes.spines.top": True, "xtick.direction": "in", "ytick.right": True, "axes.xmargin": 0.4, "legend.loc": "center",
        "figure.constrained_layout.h_pad": 1, "figure.facecolor": "red", "savefig.facecolor": "blue", "savefig.dpi": 30,
        "axes.formatter.use_mathtext": True, "axes.unicode_minus": False, "text.antialiased": False, "savefig.bbox": "tight",
    },
}  # fmt: skip


def much() -> Figure:
    """Things that are made by methods of figure and axes, and drawn late: ticks, words, legends, bars."""
    figure, (left, right) = plots.axes("Much", "at once", columns=2, sharex=True)
    left.plot([-1, 1], [-2e5, 2e5], label="line")
    left.bar([0], [1e5], hatch="//", label="bar")
    left.set(xlabel="x", ylabel="y")
    left.annotate("here", (0, 0), (0.5, 1e5), arrowprops={"arrowstyle": "->"})
    left.legend(title="what")
    left.twinx().plot([0, 1], [5, 6])
    left.inset_axes((0.7, 0.1, 0.2, 0.2)).plot([0, 1])
    figure.colorbar(right.imshow(np.eye(3)), ax=right).set_label("bar")
    right.set_title("title")
    plots.label_line(right, 0, 0, "line", "black")
    figure.supxlabel("all")
    return figure


@pytest.mark.parametrize("foreign", FOREIGN)
def test_pictures_are_the_same_under_any_settings_of_the_reader(foreign: str) -> None:
    """Set before or after the style, before the figure is made, or before it is drawn; and they stay the reader's."""
    mpl.rcdefaults()
    wanted, quick = plots.picture(much()).png, Sketcher()(much).png
    plots.use_style()
    mpl.rcParams.update(FOREIGN[foreign])
    before = {name: mpl.rcParams[name] for name in mpl.rcParams if name not in plots.UNSEEN}
    figure = much()
    assert plots.picture(figure).png == wanted
    assert Sketcher()(much).png == quick
    assert {name: mpl.rcParams[name] for name in before} == before
    mpl.rcdefaults()
    figure = much()
    mpl.rcParams.update(FOREIGN[foreign])
    assert plots.picture(figure).png == wanted
    with plots.style(), plots.style({"lines.linewidth": 7}):
        assert mpl.rcParams["lines.linewidth"] == 7 and not mpl.rcParams["text.usetex"]
        figure = much()  # a setting of a block is kept by what runs in it
        assert figure.axes[0].lines[0].get_linewidth() == 7


def test_after_an_error_in_a_block_the_settings_are_the_readers() -> None:
    mpl.rcParams["font.size"] = 24
    with pytest.raises(ZeroDivisionError), plots.style():
        raise ZeroDivisionError
    _, ax = plots.axes("A finding")
    with pytest.raises(TypeError):
        ax.set_title()
    assert mpl.rcParams["font.size"] == 24 and ax.xaxis.label.get_fontsize() == 10


def test_use_style_has_cells_show_their_last_value_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.ast_node_interactivity = "all"
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    plots.use_style()
    assert shell.ast_node_interactivity == "last_expr"
