"""What Sphinx is taught for the book: formulas as MathML, claims that lead to their page, cells to link to."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["jupyter_anchor", "setup"]

CLAIM = re.compile(r"\b([CE]\d{1,2})\b")
ARXIV = re.compile(r"\b(arXiv:(\d{4}\.\d{4,5}))\b")
KEEP = {"reference", "literal", "literal_block", "title", "raw", "math", "math_block"}


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def jupyter_anchor(title: str) -> str:
    """The anchor that Jupyter gives a heading, so that links written for JupyterLab arrive; without % signs."""
    return title.replace("%", "").strip().replace(" ", "-")


def _inline(translator: Any, node: Any) -> None:
    from docutils import nodes

    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator: Any, node: Any) -> None:
    from docutils import nodes

    formula = mathml(node.astext(), "block")
    translator.body.append(f'<div class="math wide" role="group" aria-label="Formula">{formula}</div>')
    raise nodes.SkipNode


def mathml(formula: str, display: str) -> str:
    """A formula in LaTeX as MathML, which browsers draw by themselves; ``display`` is "inline" or "block"."""
    from latex2mathml.converter import convert

    drawn = str(convert(formula.strip(), display=display))
    # A raised prime comes out as small as a dot: stand it beside the letter.
    return re.sub(r"<msup>(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msup>", r"\1<mo>&#x02032;</mo>", drawn)


def _link(app: Any, doctree: Any, page: str) -> None:
    """Name the cells by their ids; let each claim lead to its place, each arXiv number to its paper."""
    from docutils import nodes

    for node in doctree.findall(nodes.container):
        if cell := node.get("cell_metadata", {}).get("book_id"):
            node["ids"].append(cell)
    for text in list(doctree.findall(nodes.Text)):
        if any(parent.tagname in KEEP for parent in _parents(text)):
            continue
        parts: list[Any] = []
        at = 0
        for found in re.finditer(f"{CLAIM.pattern}|{ARXIV.pattern}", text.astext()):
            claim, paper, number = found.groups()
            if claim and page == "claims":
                continue
            target = f"claims.html#{claim.lower()}" if claim else f"https://arxiv.org/abs/{number}"
            parts += [nodes.Text(text.astext()[at : found.start()])]
            parts += [nodes.reference("", claim or paper, internal=bool(claim), refuri=target)]
            at = found.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text.astext()[at:])])


def _parents(node: Any) -> Any:
    while node := node.parent:
        yield node
