"""The bar: not before two seconds, and nothing of it stays."""

import io
import sys
import types
from pathlib import Path

import nbformat
import pytest
import tqdm.std
from nbclient import NotebookClient

from course_utils import progress

ROOT = Path(__file__).resolve().parent.parent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when told: clock.seconds += 1."""
    clock = types.SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(tqdm.std, "time", lambda: clock.seconds)
    return clock


def slowly(clock, items, seconds):
    for item in items:
        clock.seconds += seconds
        yield item


def terminal(monkeypatch):
    """Called by the test itself: pytest's own capture takes the error stream back after the fixtures."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    return sys.stderr


def test_fast_work_shows_nothing(clock, monkeypatch, capsys):
    screen = terminal(monkeypatch)
    assert list(progress.bar(slowly(clock, range(5), 0.3), "work", total=5)) == list(range(5))
    assert screen.getvalue() == "" and capsys.readouterr().out == ""


def test_slow_work_shows_a_bar_and_takes_it_away(clock, monkeypatch, capsys):
    screen = terminal(monkeypatch)
    assert list(progress.bar(slowly(clock, range(5), 1), "work", total=5)) == list(range(5))
    shown = screen.getvalue()
    assert "work" in shown and "3/5" in shown and "1/5" not in shown
    assert shown.endswith("\r") and not shown.split("\r")[-2].strip() and "\n" not in shown
    assert capsys.readouterr().out == ""


def test_a_log_gets_nothing(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(progress.bar(slowly(clock, range(5), 10), "work", total=5)) == list(range(5))
    assert sys.stderr.getvalue() == ""


def test_an_error_takes_the_bar_away(clock, monkeypatch):
    screen = terminal(monkeypatch)

    def broken():
        yield from slowly(clock, range(4), 1)
        raise KeyError

    with pytest.raises(KeyError):
        list(progress.bar(broken(), "work", total=9))
    assert "work" in screen.getvalue() and not screen.getvalue().split("\r")[-2].strip()


def test_leaving_early_takes_the_bar_away(clock, monkeypatch):
    screen = terminal(monkeypatch)
    work = progress.bar(slowly(clock, range(9), 1), "work", total=9)
    for item in work:
        if item == 5:
            break
    work.close()
    assert "work" in screen.getvalue() and not screen.getvalue().split("\r")[-2].strip()


def test_in_a_cell_one_output_is_filled_and_emptied(clock, monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []

    def show(content, **_):
        shown.append(content)
        return types.SimpleNamespace(update=lambda content, **_: shown.append(content))

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    assert list(progress.bar(slowly(clock, range(2), 0.5), "work", total=2)) == [0, 1]
    assert shown == []
    assert list(progress.bar(slowly(clock, range(5), 1), "work", total=5)) == list(range(5))
    assert shown[0] == shown[-1] == {}
    texts = [content["text/plain"] for content in shown if content]
    assert texts and all("work" in text and "\r" not in text for text in texts)


def test_a_stored_notebook_holds_no_text():
    cells = [
        "import time\nfrom course_utils import progress",
        "for _ in progress.bar(range(3), 'quick'):\n    pass",
        "for _ in progress.bar(range(13), 'slow'):\n    time.sleep(0.2)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute()
    first, quick, slow = notebook.cells
    assert first.outputs == quick.outputs == []
    # One output without content: the bar was there, and what is stored has nothing to compare.
    assert [(o.output_type, dict(o.data)) for o in slow.outputs] == [("display_data", {})]
