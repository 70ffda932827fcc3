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
    assert "work" in shown and "2/5" in shown and "1/5" not in shown  # from two seconds on
    lines = [line for line in shown.split("\r") if line.strip()]
    assert len(lines) == 4 and shown.isascii() and {len(line) for line in lines} == {80}
    assert shown.endswith("\r") and not shown.split("\r")[-2].strip() and "\n" not in shown
    assert capsys.readouterr().out == ""


def test_the_bar_moves_about_three_times_a_second(clock, monkeypatch):
    screen = terminal(monkeypatch)
    assert list(progress.bar(slowly(clock, range(40), 0.125), "work", total=40)) == list(range(40))
    shown = [line for line in screen.getvalue().split("\r") if line.strip()]
    done = [int(line.split("/40")[0].split()[-1]) for line in shown]
    assert done == [16, 19, 22, 25, 28, 31, 34, 37, 40]  # 0.375 s apart, the first after 2 s


def test_without_a_total_the_steps_are_counted(clock, monkeypatch):
    screen = terminal(monkeypatch)
    assert list(progress.bar(slowly(clock, range(5), 1), "work")) == list(range(5))
    assert "work: 3it [00:03" in screen.getvalue()


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


@pytest.fixture
def outputs(monkeypatch):
    """What a cell shows: one list per output, of its contents, the one it starts with and those that replace it."""
    display = pytest.importorskip("IPython.display")
    outputs = []

    def show(content, *, raw, display_id):
        assert raw is True and display_id is True
        outputs.append([content])

        def update(content, *, raw):
            assert raw is True
            outputs[-1].append(content)

        return types.SimpleNamespace(update=update)

    monkeypatch.setattr(display, "display", show)
    return outputs


def test_in_a_cell_one_output_is_filled_and_emptied(clock, monkeypatch, outputs):
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    assert list(progress.bar(slowly(clock, range(2), 0.5), "work", total=2)) == [0, 1]
    assert outputs == []
    assert list(progress.bar(slowly(clock, range(5), 1), "work", total=5)) == list(range(5))
    (shown,) = outputs
    assert shown[0] == shown[-1] == {}
    texts = [content["text/plain"] for content in shown if content]
    assert texts and all("work" in text and "\r" not in text for text in texts)


def test_the_stream_of_a_cell(outputs):
    line = progress._CellLine()
    assert line.write("\r  \n") == 4 and outputs == []  # blank: nothing to show as yet
    assert line.write("\rone ") == 5 and outputs == [[{}, {"text/plain": "one"}]]
    assert line.write("\r\n") == 2 and line.write("two") == 3
    assert outputs == [[{}, {"text/plain": "one"}, {}, {"text/plain": "two"}]]


@pytest.mark.parametrize(
    ("shell", "expected"),
    [(None, False), (types.SimpleNamespace(), False), (types.SimpleNamespace(kernel=1), True)],
    ids=["no shell", "a terminal's", "a kernel's"],
)
def test_a_notebook_is_a_shell_with_a_kernel(monkeypatch, shell, expected):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert progress._in_notebook() is expected


def test_without_ipython_there_is_no_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert progress._in_notebook() is False


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
