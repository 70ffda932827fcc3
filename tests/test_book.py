"""The book: what is gathered for Sphinx, what explorers write, and what a built page holds."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from course_utils import claims, record
from course_utils.maintain import book, bootstrap
from course_utils.maintain.execute import ROOT

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
EXPLORE = """
from course_utils import explore, plots
def draw(k, kind):
    figure, ax = plots.axes(kind, size=(2.0, 1.5))
    ax.plot([0, k])
    return figure
redraw = explore.explorer(draw, lambda k, kind: f"{kind} {k}", {"k": ("steepness", (1, 3, 1, 2)), "kind": ("kind", ["a", "b"])})
"""
CARD = claims.Card("C13", "holds", "measured", ("a < b",), (), "a ≈ 1")


def cell(kind: str, name: str, source: str, **more: object) -> dict:
    extra = {"execution_count": 1, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source, **extra, **more}


def shown(**data: str) -> dict:
    alt = {"image/png": {"alt": "What <it> shows", "width": 7, "height": 5}}
    return {
        "output_type": "display_data",
        "metadata": alt,
        "data": {name.replace("_", "/"): v for name, v in data.items()},
    }


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course: a folder with two notebooks, docs/book and what else is read."""
    hidden = {"metadata": {"jupyter": {"source_hidden": True}}}
    name, page = "05_dead_units", CARD.page(claims.register()["C13"])
    table = '<table class="dataframe"><tr><td><a href="05_dead_units.ipynb#cell-id=nb05-096">C13</a></td><td>E1</td></tr></table>'
    first = [
        cell("markdown", "s0", "# 00 · Start\n\n**The question.** Why $z^{2}$\nso?\n\n[Terms](#Glossary), C13, `C13`, arXiv:1706.02515."),
        cell("code", "s1", bootstrap.cell_source(*bootstrap.read_course(ROOT)), **hidden),
        cell("code", "s2", "1 < 2", outputs=[shown(image_png=PNG, text_plain="words")]),
        cell("code", "s3", "answer = 2 < 3", **hidden, outputs=[shown(text_plain="the solution passes")]),
        cell("code", "s4", EXPLORE, outputs=[shown(image_png=PNG, text_plain="a 2")]),
        cell("code", "s7", "formulas", outputs=[shown(text_markdown="| a |\n| --- |\n| $y$ |", text_plain="<Markdown>")]),
        cell("code", "s5", "show", outputs=[shown(text_html=table, text_plain="C13")]),
        cell("markdown", "s6", "% of what?\n\n## Glossary\n\n| a | b |\n| --- | --- |\n| $z$ | $\\sigma'$ |\n\n$$x$$"),
    ]  # fmt: skip
    second = [
        cell(
            "markdown",
            "nb05-000",
            "# 05 · Dead units\n\nOn dying. [Back](00_start_here.ipynb#Glossary).\n\n## 5.1 On $z$ and 56 %\n\nC13 (He et al., ICCV 2015).",
        ),
        cell("code", "nb05-096", "judge", outputs=[shown(text_html=page, text_plain=CARD.text())]),
    ]
    (tmp_path / "notebooks").mkdir()
    for stem, cells in (("00_start_here", first), (name, second)):
        text = json.dumps(
            {
                "cells": cells,
                "metadata": {
                    "kernelspec": {"name": "python3", "display_name": "Python 3"},
                    "language_info": {"name": "python"},
                },
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
        (tmp_path / "notebooks" / f"{stem}.ipynb").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "hook.png", tmp_path / ".github")
    return tmp_path


@pytest.fixture
def explorers(course: Path) -> Path:
    """Pictures as if the explorer had been run."""
    folder = course / "explorers" / "00_start_here" / "s4"
    folder.mkdir(parents=True)
    (folder / "0.webp").write_bytes(b"")
    (folder / "explorer.json").write_text('{"words": ["</script>"], "sheet": 16}', encoding="utf-8")
    return course / "explorers"


def ready(course: Path, explorers: Path | None = None) -> dict[str, nbformat.NotebookNode]:
    book.gather(course, course / "source", explorers)
    cells = nbformat.read(course / "source" / "00_start_here.ipynb", as_version=4).cells
    return {cell.id: cell for cell in cells}


def test_pictures_become_files_with_their_words(course: Path) -> None:
    page = ready(course)["s2"].outputs[0].data["text/html"]
    assert 'alt="What &lt;it&gt; shows" width="7" height="5"' in page
    source = re.search(r'src="(_static/00_start_here/s2-0.png)"', page)
    assert source and (course / "source" / source[1]).read_bytes().startswith(b"\x89PNG")


def test_hidden_cells_are_folded_with_what_they_print(course: Path) -> None:
    cells = ready(course)
    assert [name for name, one in cells.items() if "hide-cell" in one.metadata.get("tags", [])] == [
        "s1",
        "s3",
    ]
    assert "Colab" in cells["s1"].metadata.mystnb.code_prompt_show
    assert "solution" in cells["s3"].metadata.mystnb.code_prompt_show


def test_an_explorer_stands_still_until_its_pictures_are_there(course: Path, explorers: Path) -> None:
    assert "<figure" not in ready(course)["s4"].outputs[0].data["text/html"]
    page = ready(course, explorers)["s4"].outputs[0].data["text/html"]
    assert 'data-folder="_static/00_start_here/s4/"' in page and ">a 2</figcaption>" in page
    assert page.count("</script>") == 1, "the words cannot end the script"
    assert [file.name for file in (course / "source/_static/00_start_here/s4").iterdir()] == ["0.webp"]


def test_links_and_cards(course: Path) -> None:
    page = ready(course)["s5"].outputs[0].data["text/html"]
    assert 'href="05_dead_units.html#nb05-096"' in page and 'class="wide"' in page
    assert '<td><a href="claims.html#e1">E1</a></td>' in page
    other = nbformat.read(course / "source" / "05_dead_units.ipynb", as_version=4).cells[1]
    assert 'class="claim-card holds"' in other.outputs[0].data["text/html"]
    assert 'href="claims.html#c13"' in other.outputs[0].data["text/html"]


def test_every_claim_has_a_place_and_every_paper_a_line(course: Path) -> None:
    ready(course)
    text = (course / "source" / "claims.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(claims.register())
    mine = text.split("## C13\n")[1].split("\n## ")[0]
    assert (
        '<strong class="verdict">holds</strong> (measured)' in mine and "05_dead_units.html#nb05-096" in mine
    )
    assert "[5.1 On $z$ and 56 %](<05_dead_units.ipynb#5.1-On--and-56>)" in mine
    assert "Verdict: open" in text.split("## C14\n")[1].split("\n## ")[0]
    sources = (course / "source" / "sources.md").read_text(encoding="utf-8")
    assert "- C13 (He et al., ICCV 2015). ([5.1" in sources and "On dying" not in sources


def test_a_claim_in_the_record_tells_of_it(course: Path) -> None:
    ready(course)
    text = (course / "source" / "claims.md").read_text(encoding="utf-8")
    rows = record.verdicts()
    for claim in claims.register():
        mine = text.split(f"## {claim}\n")[1].split("\n## ")[0]
        told = re.findall(r"^    - (.+?): (\w+ ?\w*)[,:. ]", mine, re.MULTILINE)
        assert len(told) == (len(record.CHANGES) if claim in record.CLAIMS else 0)
        for row in rows[(rows["id"] == claim) & rows["judged"]].itertuples():
            says = record.SETTINGS[row.change].says
            line = next(line for line in mine.splitlines() if line.startswith(f"    - {says}: "))
            assert f": {row.verdict}, " in line and f"({row.networks} networks; " in line
            assert ("which its card does not say" in line) != row.same
            assert ("Otherwise than in the course" in line) == bool(row.against)


def test_the_front_page_asks_each_chapters_question(course: Path) -> None:
    ready(course)
    text = (course / "source" / "index.md").read_text(encoding="utf-8")
    assert "- **[00 · Start](00_start_here.ipynb)**: Why $z^{2}$ so?\n" in text
    assert "[of 1 claims and slips 1 hold](claims.md)" in text and "@" not in text


async def nothing(_: object) -> None:
    """In place of execution."""


def test_explorers_write_themselves_once(course: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (course / "course_utils").mkdir()
    target = course / "explorers"
    book.export(course, target, jobs=1)
    folder = target / "00_start_here" / "s4"
    assert sorted(file.name for file in folder.iterdir()) == [
        "0.webp",
        "explorer.json",
    ]
    assert json.loads((folder / "explorer.json").read_text(encoding="utf-8"))["words"][3] == "b 2"
    assert "00_start_here: 6 pictures" in capsys.readouterr().out
    book.export(course, target, jobs=1)
    assert "00_start_here: explorers as before" in capsys.readouterr().out
    (course / "course_utils" / "plots.py").write_text("changed = True", encoding="utf-8")
    monkeypatch.setattr(book.NotebookClient, "async_execute", nothing)
    book.export(course, target, jobs=1)
    assert "00_start_here: 0 pictures" in capsys.readouterr().out


def test_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no notebook"):
        book.gather(tmp_path, tmp_path / "source")


def test_the_chore_says_what_went_wrong(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("Sphinx could not write the book: why")

    monkeypatch.setattr(book, "build", fails)
    assert book.main(still=True) == 1
    assert "no book: Sphinx could not write the book: why" in capsys.readouterr().err


# The theme's own, on its way to the next Sphinx.
theirs = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


@theirs
def test_the_built_pages(course: Path, explorers: Path) -> None:
    pytest.importorskip("myst_nb", reason="the extra book is not installed")
    pytest.importorskip("sphinx_book_theme", reason="the extra book is not installed")
    pages = {
        path.stem: path.read_text(encoding="utf-8") for path in book.build(course, course / "out", explorers)
    }
    start, dead = pages["00_start_here"], pages["05_dead_units"]
    assert not [
        url for page in pages.values() for url in re.findall(r'(?:src|<link[^>]*href)="(https?:[^"]*)', page)
    ]
    assert '<a class="reference internal" href="#glossary">' in start and 'id="glossary"' in start
    assert '<a class="reference internal" href="00_start_here.html#glossary">' in dead
    assert start.count('href="claims.html#c13"') == 1, "a claim in prose is a link, one in code is not"
    assert 'href="https://arxiv.org/abs/1706.02515"' in start
    assert "<p>% of what?</p>" in start, "what is a comment to MyST is text in JupyterLab"
    assert (
        start.count("<math") == 5
        and 'display="block"' in start
        and "<mo>&#x02032;</mo>" in start
        and "MathJax" not in start
    )
    assert 'id="nb05-096"' in dead and 'id="s2"' in start
    assert "5.1 On" in pages["claims"]
    index = json.loads(
        (course / "out" / "searchindex.js").read_text(encoding="utf-8")[len("Search.setIndex(") : -1]
    )
    from sphinx.search.en import SearchEnglish

    # As the page makes a root of what is typed in, which old Sphinx does otherwise; it is on one page, or on a list.
    found = index["terms"][SearchEnglish({}).stem("dying")]
    assert index["docnames"].index("05_dead_units") in ([found] if isinstance(found, int) else found), (
        "who searches for dying finds it"
    )


@theirs
@pytest.mark.parametrize(("repository", "buttons"), [("ada/why-relu", True), (bootstrap.PLACEHOLDER, False)])
def test_launch_buttons_once_the_repository_is_named(
    course: Path, monkeypatch: pytest.MonkeyPatch, repository: str, buttons: bool
) -> None:
    pytest.importorskip("myst_nb", reason="the extra book is not installed")
    monkeypatch.setattr(bootstrap, "read_course", lambda root: (repository, "main"))
    book.build(course, course / "out")
    text = (course / "out" / "05_dead_units.html").read_text(encoding="utf-8")
    path = "ada/why-relu/blob/main/notebooks/05_dead_units.ipynb"
    assert (f"https://colab.research.google.com/github/{path}" in text) == buttons
    assert ("https://mybinder.org/" in text) == buttons


@theirs
def test_a_fault_stops_the_build(course: Path) -> None:
    pytest.importorskip("myst_nb", reason="the extra book is not installed")
    (course / "docs" / "book" / "how_to_run.md").write_text(
        "# Here\n\n[lost](nowhere.md)\n", encoding="utf-8"
    )
    with pytest.raises(RuntimeError, match=r"nowhere\.md"):
        book.build(course, course / "out")
