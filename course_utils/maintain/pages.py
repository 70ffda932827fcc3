"""A reading copy: the stored notebooks as linked HTML pages that need neither a kernel nor a network."""

import html
import re
from pathlib import Path
from typing import Any

from course_utils.maintain import bootstrap
from course_utils.maintain.execute import ROOT

__all__ = ["build", "main", "page"]

STYLE = """<style>
body { max-width: 56rem; margin: 1rem auto; padding: 0 1rem; }
nav.course { font-size: 0.9rem; margin: 0.5rem 0; }
nav.course a { margin-right: 1rem; }
.jp-OutputArea-output img { max-width: 100%; height: auto; }
.jp-RenderedHTMLCommon a { text-decoration: underline !important; }
:root { --jp-mirror-editor-number-color: #005a00; --jp-mirror-editor-comment-color: #2f5757;
  --jp-mirror-editor-keyword-color: #006000; --jp-mirror-editor-operator-color: #7a00c0;
  --jp-mirror-editor-string-color: #a01818; --jp-mirror-editor-variable-color: #1a1a1a; }
.jp-InputPrompt, .jp-OutputPrompt { color: #595959 !important; opacity: 1 !important; }
</style>
"""


def build(folder: Path | None = None, target: Path | None = None) -> list[Path]:
    """Write one page per notebook, and index.html, which opens the first.

    Args:
        folder: where the notebooks are; default: the course's own.
        target: default build/html.

    Returns:
        The pages, in order.

    Raises:
        FileNotFoundError: no notebook in ``folder``.
    """
    folder, target = folder or ROOT / "notebooks", target or ROOT / "build" / "html"
    notebooks = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"no notebook such as 00_start_here.ipynb in {folder.name}/")
    target.mkdir(parents=True, exist_ok=True)
    names, pages = [path.stem for path in notebooks], []
    for path in notebooks:
        pages.append(target / f"{path.stem}.html")
        pages[-1].write_text(page(path, names), encoding="utf-8")
    first = f'<meta http-equiv="refresh" content="0; url={names[0]}.html">'
    index = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Why ReLU?</title>{first}</head>'
    )
    (target / "index.html").write_text(
        f'{index}<body><a href="{names[0]}.html">Why ReLU?</a></body></html>\n', encoding="utf-8"
    )
    return pages


def page(path: Path, names: list[str]) -> str:
    """One stored notebook as an HTML page: pictures and formulas inside it, no script, nothing to load.

    Args:
        path: the notebook.
        names: stems of all notebooks, for the line of links.
    """
    import nbformat
    from jinja2 import pass_context
    from nbconvert import HTMLExporter

    class Pages(HTMLExporter):
        @pass_context
        def markdown2html(self, context: Any, source: str) -> str:
            return _formulas(super().markdown2html(context, source))

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    notebook.cells = [_readable(cell) for cell in notebook.cells if not bootstrap.is_bootstrap(cell.source)]
    exporter = Pages(template_name="lab")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": _title(notebook)}})
    body = re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL)
    body = re.sub(r"<link\b[^>]*https?://[^>]*>", "", body)
    body = re.sub(r'(<a\b[^>]*href=")([^":/]+)\.ipynb', r"\1\2.html", body)
    links = "".join(f'<a href="{name}.html">{html.escape(name[:2])}</a>' for name in names)
    nav = f'<nav class="course" aria-label="Notebooks">{links}</nav>'
    body = body.replace("</head>", f"{STYLE}</head>", 1)
    return re.sub(r"(<body\b[^>]*>)", rf"\1{nav}", body, count=1)


def _title(notebook: Any) -> str:
    found = re.match(r"# (.+)", notebook.cells[0].source)
    return found[1] if found else "Why ReLU?"


def _readable(cell: Any) -> Any:
    """The cell for readers without a kernel.

    One whose source is hidden in JupyterLab becomes one to unfold (its output says nothing new); a picture takes
    its words along; a widget gives way to its picture.
    """
    import nbformat

    if cell.cell_type != "code":
        return cell
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        summary, _, code = cell.source.partition("\n")
        text = f"<details><summary>{html.escape(summary.lstrip('# '))}</summary>\n\n```python\n{code}\n```\n\n</details>"
        return nbformat.v4.new_markdown_cell(text, id=cell.id)  # type: ignore[no-untyped-call]
    for output in cell.outputs:
        png = output.get("data", {}).get("image/png")
        if png:
            words = output.metadata.get("image/png", {})
            alt, width = html.escape(words.get("alt", "")), words.get("width", "")
            source = f"data:image/png;base64,{png.strip()}"
            output.data = {"text/html": f'<img alt="{alt}" width="{width}" src="{source}">'}
    return cell


def _formulas(page: str) -> str:
    """The formulas of a rendered cell as MathML, which browsers draw by themselves; code is left alone."""
    parts = re.split(r"(<(?:code|pre)\b.*?</(?:code|pre)>)", page, flags=re.DOTALL)
    for i in range(0, len(parts), 2):
        block = re.sub(r"\$\$(.+?)\$\$", lambda m: _mathml(m[1], "block"), parts[i], flags=re.DOTALL)
        parts[i] = re.sub(r"\$([^$]+?)\$", lambda m: _mathml(m[1], "inline"), block)
    return "".join(parts)


def _mathml(formula: str, display: str) -> str:
    from latex2mathml.converter import convert

    drawn = str(convert(html.unescape(formula).strip(), display=display))
    # A raised prime comes out as small as a dot: stand it beside the letter.
    return re.sub(r"<msup>(<mi>[^<]*</mi>)<mi>&#x02032;</mi></msup>", r"\1<mo>&#x02032;</mo>", drawn)


def main() -> int:
    """Build the pages, and say where they are."""
    pages = build()
    print(f"{len(pages)} pages in build/html; open build/html/index.html")
    return 0
