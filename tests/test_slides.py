"""Slides made from notebooks: headings, questions and figures, no solutions, nothing to load."""

import json
from pathlib import Path
from typing import Any

import pytest

from course_utils.maintain import slides


def words(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": [source]}


PICTURE = {"data": {"image/png": "aW1h\n"}, "metadata": {"image/png": {"alt": 'a "line"'}}}
BOOK = {
    "cells": [
        words("# 01 · A & b\n\nText stays with the speaker."),
        words("## 1.1 One\n\n**Your guess first (1.1).** Which of *these*, $x < 1$?\n\n- **a** `f`\n- **b** [g](h)"),
        {"cell_type": "code", "source": ["f()"], "outputs": [{"text": "1"}, PICTURE]},
        words("<details><summary>Worked solution</summary>\n\n## No\n\n**Exercise 1.1** is b.\n\n</details>"),
        words("## Take away\n\nMuch.\n\n## Further reading\n\n- A book"),
    ]
}  # fmt: skip


def test_a_slide_for_each_heading_question_and_figure() -> None:
    assert list(slides.slides(BOOK)) == [
        "<section><h1>01 · A &amp; b</h1></section>",
        "<section><h2>1.1 One</h2></section>",
        "<section><p><b>Your guess first (1.1).</b> Which of <i>these</i>, <code>x &lt; 1</code>?</p>"
        "<ul><li><b>a</b> <code>f</code></li><li><b>b</b> g</li></ul></section>",
        '<section><img alt="a &quot;line&quot;" src="data:image/png;base64,aW1h"></section>',
        "<section><h2>Take away</h2></section>",
    ]


@pytest.mark.parametrize("book", slides.USUAL)
def test_the_usual_ones_have_questions_and_pictures_and_load_nothing(book: str) -> None:
    path = next((Path(__file__).resolve().parents[1] / "notebooks").glob(f"{book}_*.ipynb"))
    made = slides.page(json.loads(path.read_text("utf-8")), path.stem)
    assert made.count("<img") >= 2 and "Your guess first" in made and "Worked solution" not in made
    assert "http" not in made.split("<body>")[0] and 'src="http' not in made and "<link" not in made


def test_they_are_written_or_the_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_a.ipynb").write_text(json.dumps(BOOK), "utf-8")
    assert slides.main(["01"], tmp_path) == 0
    assert capsys.readouterr().out == "build/slides/01_a.html: 5 slides\n"
    assert (tmp_path / "build/slides/01_a.html").read_text("utf-8") == slides.page(BOOK, "01_a")
    assert slides.main(["10"], tmp_path) == 2 and "no notebook is called" in capsys.readouterr().out
