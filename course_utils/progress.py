"""Progress: a bar for what lasts longer than two seconds; it leaves nothing behind in a stored notebook."""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

__all__ = ["bar"]

Item = TypeVar("Item")


class _CellLine(io.TextIOBase):
    """A text stream: tqdm's latest line is one output of the current cell, which a blank line empties."""

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> int:
        from IPython.display import display

        line = text.strip("\r\n ")
        if self._handle is None and line:  # an output without content: nothing to compare, nothing to store
            self._handle = display({}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if self._handle is not None:
            self._handle.update({"text/plain": line} if line else {}, raw=True)
        return len(text)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def bar(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Go through ``items``; after two seconds show how far it is and how long it will take, until the end.

    In a notebook the bar lives in one output that is empty before and after; in a terminal it goes to the
    error stream; elsewhere (a log, a test) there is none.
    """
    stream: Any = _CellLine() if _in_notebook() else sys.stderr
    hidden = not _in_notebook() and not sys.stderr.isatty()
    yield from tqdm(
        items,
        desc=label,
        total=total,
        delay=2,
        leave=False,
        file=stream,
        disable=hidden,
        ncols=80,
        ascii=True,
        mininterval=0.3,
    )
