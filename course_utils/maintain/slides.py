"""Slides made from stored notebooks: a heading, a question or a figure each, in one page that needs no network.

`python -m course_utils slides` writes build/slides/NN.html for 00, 03 and 06, or for the notebooks named. Arrow keys,
the space bar or a swipe turn the slides; printing puts one on a sheet.
"""

import html
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from course_utils.maintain import execute

__all__ = ["USUAL", "main", "page", "slides"]

USUAL = ("00", "03", "06")
_STYLE = """
html { scroll-snap-type: y mandatory; font-family: sans-serif; }
section { box-sizing: border-box; height: 100vh; padding: 4vh 6vw; scroll-snap-align: start; display: flex;
  flex-direction: column; justify-content: center; break-after: page; }
h1 { font-size: 6vmin; } h2 { font-size: 4.5vmin; } p, li { font-size: 3.4vmin; line-height: 1.4; }
img { max-width: 100%; max-height: 80vh; margin: auto; } ul { list-style: none; padding-left: 1em; }
"""
_TURN = """
addEventListener("keydown", e => {
  const step = {ArrowRight: 1, ArrowDown: 1, " ": 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1}[e.key];
  if (!step) return;
  e.preventDefault();
  scrollTo({top: innerHeight * (Math.round(scrollY / innerHeight) + step)});
});
"""
_ASKED = re.compile(r"(?ms)^\*\*(?:Your guess first|Exercise)[^\n]*\n?(?:(?!\n\*\*|<details).)*")


def slides(notebook: dict[str, Any]) -> Iterator[str]:
    """The slides of a stored notebook, as HTML sections: its headings, questions and figures, in order.

    Worked solutions are left out, further reading and the words between the figures as well: those are the speaker's.
    """
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = re.sub(r"(?s)<details>.*?</details>", "", source)
            for level, words in re.findall(r"(?m)^(##?) (.+)$", source):
                if words.strip("* ") != "Further reading":
                    size = len(level)
                    yield f"<section><h{size}>{_words(words)}</h{size}></section>"
            for asked in _ASKED.findall(source):
                yield f"<section>{_block(asked)}</section>"
        for out in cell.get("outputs", []):
            if "image/png" in out.get("data", {}):
                alt = out.get("metadata", {}).get("image/png", {}).get("alt", "")
                picture = "".join(out["data"]["image/png"]).replace("\n", "")
                yield f'<section><img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}"></section>'


def _block(text: str) -> str:
    """A question with its options: paragraphs, and lines that begin with a dash as a list."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if all(line.startswith("- ") for line in lines):
            parts.append("<ul>" + "".join(f"<li>{_words(line[2:])}</li>" for line in lines) + "</ul>")
        else:
            parts.append(f"<p>{_words(' '.join(lines))}</p>")
    return "".join(parts)


def _words(text: str) -> str:
    """Markdown of one line as HTML: bold, italics, code; a link keeps its words, a formula its TeX."""
    text = html.escape(text, quote=False)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"(?<!\*)\*([^*]+)\*", r"<i>\1</i>", text)
    return re.sub(r"`([^`]+)`|\$([^$]+)\$", lambda hit: f"<code>{hit[1] or hit[2]}</code>", text)


def page(notebook: dict[str, Any], title: str) -> str:
    """All slides of a notebook as one HTML page."""
    body = "\n".join(slides(notebook))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n<script>{_TURN}</script></body></html>\n"
    )


def main(names: Sequence[str] = (), root: Path = execute.ROOT) -> int:
    """Write the slides of the notebooks named (default: 00, 03, 06) into root/build/slides; returns the exit status."""
    target = root / "build" / "slides"
    try:
        paths = sorted(execute.select(names or USUAL, root))
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            book = json.loads(path.read_text("utf-8"))
            (target / f"{path.stem}.html").write_text(page(book, path.stem), "utf-8")
            print(f"build/slides/{path.stem}.html: {sum(1 for _ in slides(book))} slides")
    except (ValueError, OSError) as error:
        print(f"Error: {error}")
        return 2
    return 0
