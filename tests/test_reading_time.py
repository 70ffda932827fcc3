"""The time to read that a notebook states is true: the same reckoning for all.

Text, worked solutions included, and printed lines at 210 words a minute (a displayed formula counts as ten words,
one in a line as two; further reading is left out), 20 seconds for each code cell that shows an idea and for each
figure, one minute for each exercise. ``python tests/test_reading_time.py`` prints what comes out.
"""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("[0-9]*.ipynb"))
WORDS, GLANCE, EXERCISE = 210, 1 / 3, 1  # words a minute; minutes
FURTHER = re.compile(r"^(?:## |\*\*)Further reading", flags=re.M)
STATED = re.compile(
    r"\*\*[^*]+:\*\*[^*\d]*?\b(\d+)\b"
)  # the first bold label with a number of its own, in any language


def words(text: str) -> int:
    """How many words of Markdown there are to read."""
    text = re.sub(r"\$\$.*?\$\$", " w" * 10 + " ", text, flags=re.S)
    text = re.sub(r"\$[^$]+\$", " w w ", text)
    text = re.sub(r"<[^>]+>|\]\([^)]*\)|[|#*>_`]", " ", text)
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def minutes(notebook: dict) -> float:
    """Reckoned reading time of a stored notebook."""
    total = 0.0
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            total += words(FURTHER.split(text)[0]) / WORDS
            continue
        outputs = cell["outputs"]
        total += GLANCE * sum("image/png" in output.get("data", {}) for output in outputs)
        total += sum(words("".join(output.get("text", ""))) for output in outputs) / WORDS
        if re.search(r'^check\("', text, flags=re.M):
            total += EXERCISE
        elif not ("solution" in cell["metadata"].get("tags", []) or _plumbing(text)):
            total += GLANCE
    return total


def _plumbing(text: str) -> bool:
    return "google.colab" in text or text.startswith(("import ", "from ", "plots.use_style"))


def stated(notebook: dict) -> int:
    """The minutes that the first cell states."""
    found = STATED.search("".join(notebook["cells"][0]["source"]))
    assert found, (
        'the first cell must say, after "Claims tried here", "**Reading:** about N minutes with the exercises."'
    )
    return int(found[1])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_stated_reading_time_is_true(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert abs(stated(notebook) - minutes(notebook)) <= 5
    assert stated(notebook) % 5 == 0


@pytest.mark.parametrize("heading", ["## Further reading", "**Further reading.** Nor this."])
def test_reckoning(heading: str) -> None:
    text = f"two words\n\n{heading}\n\nnot counted"
    exercise = {"cell_type": "code", "source": 'check("1.1", a)', "metadata": {}, "outputs": []}
    figure = {**exercise, "source": "f()", "outputs": [{"data": {"image/png": ""}}, {"text": "a b c"}]}
    folded = {**exercise, "source": "g()", "metadata": {"tags": ["solution"]}}
    book = {"cells": [{"cell_type": "markdown", "source": text}, exercise, figure, folded]}
    assert minutes(book) == pytest.approx((2 + 3) / 210 + 1 + 2 / 3)
    assert words("a $x^2$ b $$\nE = mc^2\n$$ [link](http://x.y)") == 1 + 2 + 1 + 10 + 1


def test_the_minutes_are_found_in_any_language() -> None:
    text = "# 06\n\n**Geprüft:** C14 und E8 (siehe Heft 09). **Lesezeit:** etwa 35 Minuten. **Laufzeit:** 40 Sekunden."
    assert stated({"cells": [{"source": text}]}) == 35


if __name__ == "__main__":
    for path in NOTEBOOKS:
        book = json.loads(path.read_text(encoding="utf-8"))
        print(f"{path.stem}: {minutes(book):.0f} minutes, states {stated(book)}")
