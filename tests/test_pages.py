"""The reading copy: pages that stand alone."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("nbconvert")
pytest.importorskip("latex2mathml")

from course_utils.maintain import bootstrap, pages

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def cell(kind: str, source: str, **more: object) -> dict:
    extra = {"execution_count": 1, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": f"c{len(source)}", "metadata": {}, "source": source, **extra, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture = {
        "output_type": "display_data",
        "data": {"image/png": PNG, "application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "words"},
        "metadata": {"image/png": {"alt": "What it shows", "width": 7}},
    }  # fmt: skip
    hidden = {"metadata": {"jupyter": {"source_hidden": True}}}
    cells = [
        cell("markdown", "# 00 · First & foremost\n\nSee [there](01_b.ipynb#cell-id=c3) and $\\phi'(z) \\le \\frac14$, not `$x$`."),
        cell("code", bootstrap.cell_source(*bootstrap.read_course(pages.ROOT)), **hidden),
        cell("code", "1 < 2", outputs=[picture]),
        cell("code", "# The worked solution as code: unfold.\nanswer = 2 < 3", **hidden),
        cell("markdown", "| a | b |\n| --- | --- |\n| $|z|$ | $$\\sigma_1^2$$ |\n\n```python\ncost = '$1'\n```\n\n$w$"),
    ]  # fmt: skip
    for name, content in (("00_a", cells), ("01_b", [cell("markdown", "# Second")])):
        book = {"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(book), encoding="utf-8")
    return tmp_path


def test_pages_stand_alone(folder: Path) -> None:
    built = pages.build(folder, folder / "out")
    assert [path.name for path in built] == ["00_a.html", "01_b.html"]
    assert 'url=00_a.html"' in (folder / "out" / "index.html").read_text(encoding="utf-8")
    text = built[0].read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r'(?:src|<link[^>]*href)="https?:', text), "nothing to load"
    assert "<title>00 · First &amp; foremost</title>" in text
    assert 'href="01_b.html#cell-id=c3"' in text and ".ipynb" not in text
    assert '<a href="00_a.html">00</a><a href="01_b.html">01</a>' in text
    assert 'id="cell-id=c5"' in text, "cards are linked to by the id of their cell"
    assert 'alt="What it shows"' in text and "data:image/png;base64" in text and "widget-view" not in text


def test_formulas_become_mathml_and_code_is_left_alone(folder: Path) -> None:
    text = pages.build(folder, folder / "out")[0].read_text(encoding="utf-8")
    assert text.count("<math") == 4 and "<mfrac>" in text and 'display="block"' in text
    assert "<code>$x$</code>" in text and "$1" in text
    assert "<mo>′</mo>" in text


def test_hidden_cells_are_folded_and_plumbing_is_gone(folder: Path) -> None:
    text = pages.build(folder, folder / "out")[0].read_text(encoding="utf-8")
    assert "<summary>The worked solution as code: unfold.</summary>" in text
    assert "git clone" not in text and "import subprocess" not in text


def test_one_row_of_links_in_a_new_folder(folder: Path) -> None:
    book = json.loads((folder / "01_b.ipynb").read_text(encoding="utf-8"))
    page = {
        "output_type": "display_data",
        "data": {"text/html": "<body>a page in a page</body>"},
        "metadata": {},
    }
    book["cells"].append(cell("code", "page", outputs=[page]))
    (folder / "01_b.ipynb").write_text(json.dumps(book), encoding="utf-8")
    text = pages.build(folder, folder / "new" / "out")[1].read_text(encoding="utf-8")
    assert "<body>a page in a page" in text and text.count('<nav class="course"') == 1


def test_the_chore_says_where_the_pages_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "build", lambda: [Path("a"), Path("b")])
    assert pages.main() == 0
    assert capsys.readouterr().out.startswith("2 pages in build/html")


def test_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no notebook"):
        pages.build(tmp_path)
