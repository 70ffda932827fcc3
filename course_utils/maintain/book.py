"""The book: the stored notebooks as a site to read, with controls that need no kernel and nothing from a network.

Sphinx with MyST-NB builds it. What is written here only gathers: the notebooks, prepared for a reader without a kernel;
the pictures of their explorers, by running them; a page of claims and one of sources, from the register and the stored
cards. :mod:`course_utils.maintain.book_sphinx` holds what Sphinx is taught.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import html
import io
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils import claims
from course_utils.maintain import bootstrap
from course_utils.maintain.book_sphinx import jupyter_anchor
from course_utils.maintain.execute import CELL_SECONDS, ROOT

__all__ = ["build", "export", "gather", "main", "prepare"]

CALL = re.compile(r"\bexplorer\(")
CLAIM = re.compile(r"\b[CE]\d{1,2}\b")
NAMED = re.compile(r"arXiv:\d|\b(?:AISTATS|CVPR|ICCV|ICLR|ICML|JMLR|NeurIPS|NIPS|PMLR|Nature|Science)\b")
HARVEST = """
from pathlib import Path as _Path
from course_utils.explore import Explorer as _Explorer
_written = globals().get("_written", [])
for _one in list(globals().values()):
    if isinstance(_one, _Explorer) and _one not in _written:
        _written.append(_one)
        _one.export(_Path({folder!r}))
"""


def main(still: bool = False) -> int:
    """Build the book into build/book and say where it is; ``still`` runs no explorer. Returns the exit status."""
    explorers = ROOT / "build" / "explorers"
    try:
        if not still:
            export(ROOT, explorers)
        pages = build(ROOT, ROOT / "build" / "book", None if still else explorers)
    except (CellExecutionError, RuntimeError, OSError, ValueError) as error:
        print(f"Error: no book: {error}", file=sys.stderr)
        return 1
    print(f"{len(pages)} pages in build/book; open build/book/index.html")
    return 0


def build(root: Path, target: Path, explorers: Path | None = None) -> list[Path]:
    """Gather the book's source beside ``target`` and have Sphinx write the pages there.

    Args:
        root: the top folder of the course.
        target: emptied first.
        explorers: what :func:`export` wrote; without it pictures stand still.

    Raises:
        RuntimeError: Sphinx is missing, or found something wrong; its words follow.
    """
    try:
        from sphinx.cmd.build import build_main
    except ImportError as error:
        raise RuntimeError('Sphinx is missing: pip install -c .ci/constraints.txt -e ".[book]"') from error
    source = target.with_name(f"{target.name}-source")
    shutil.rmtree(target, ignore_errors=True)
    gather(root, source, explorers)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = build_main(
            ["-q", "-W", "--keep-going", "-d", str(source / ".trees"), str(source), str(target)]
        )
    if status:
        raise RuntimeError(f"Sphinx could not write the book: {said.getvalue().strip()[-2000:]}")
    return sorted(target.glob("*.html"))


def gather(root: Path, source: Path, explorers: Path | None = None) -> None:
    """Write the source that Sphinx reads: docs/book, the prepared notebooks, claims, sources and the front page.

    Raises:
        FileNotFoundError: no notebook in root/notebooks.
    """
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        raise FileNotFoundError("no notebook such as 00_start_here.ipynb in notebooks/")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "docs" / "book", source)
    read = {path.stem: nbformat.read(path, as_version=4) for path in notebooks}  # type: ignore[no-untyped-call]
    cards = {card.id: (path.stem, card) for path in notebooks for card in claims.cards(path)}
    (source / "claims.md").write_text(_claims_page(read, cards), encoding="utf-8")
    (source / "sources.md").write_text(_sources_page(read, cards), encoding="utf-8")
    front = (source / "index.md").read_text(encoding="utf-8")
    told = {"@chapters@": _chapters(read), "@pages@": "\n".join(read), "@verdicts@": _verdicts(cards)}
    for mark, text in told.items():
        front = front.replace(mark, text)
    (source / "index.md").write_text(front, encoding="utf-8")
    shutil.copy(root / ".github" / "hook.png", source / "_static" / "hook.png")
    for name, notebook in read.items():
        ready = prepare(notebook, source / "_static" / name, explorers / name if explorers else None)
        nbformat.write(ready, source / f"{name}.ipynb")  # type: ignore[no-untyped-call]


def prepare(notebook: Any, static: Path, explorers: Path | None = None) -> Any:
    """A notebook as the book shows it, changed in place and returned.

    Pictures go into files, with their words; explorers get controls where ``explorers`` has their pictures (in a folder
    named by the cell's id); cells hidden in JupyterLab are folded; links between notebooks lead to pages.

    Args:
        notebook: in nbformat's shape.
        static: the notebook's own folder within _static, for its pictures.
    """
    for cell in notebook.cells:
        cell.source = re.sub(r'href="(\w+)\.ipynb(?:#cell-id=|(#?))', r'href="\1.html#\2', cell.source)
        if cell.cell_type != "code":
            continue
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
        first = bootstrap.is_bootstrap(cell.source)
        cell.metadata["book_id"] = cell.id
        if hidden:
            cell.metadata.setdefault("tags", []).append("hide-cell")
            shown = (
                "Show the cell that fetches the course on Colab"
                if first
                else "Show the worked solution as code"
            )
            cell.metadata["mystnb"] = {"code_prompt_show": shown, "code_prompt_hide": "Hide it again"}
        for number, output in enumerate(cell.get("outputs", [])):
            data = output.get("data", {})
            text = data.get("text/plain", "")
            if png := data.get("image/png"):
                static.mkdir(parents=True, exist_ok=True)
                file = static / f"{cell.id}-{number}.png"
                file.write_bytes(base64.b64decode(png))
                picture = _picture(
                    f"_static/{static.name}/{file.name}", output.metadata.get("image/png", {}), text
                )
                moved = explorers / cell.id if explorers else None
                if moved and (moved / "explorer.json").is_file():
                    shutil.copytree(moved, static / cell.id, ignore=shutil.ignore_patterns("*.json"))
                    told = (moved / "explorer.json").read_text(encoding="utf-8").replace("<", "\\u003c")
                    picture = _explorer(picture, text, f"_static/{static.name}/{cell.id}/", told)
                output.data = {"text/html": picture}
            elif page := data.get("text/html"):
                output.data = {"text/html": _page(page, text)}
    return notebook


def _picture(source: str, about: Any, text: str) -> str:
    alt = html.escape(about.get("alt") or text)
    size = "".join(f' {side}="{about[side]}"' for side in ("width", "height") if side in about)
    return f'<a class="picture" href="{source}"><img class="picture" src="{source}" alt="{alt}"{size}></a>'


def _explorer(picture: str, words: str, folder: str, told: str) -> str:
    return (
        f'<figure class="explorer" data-folder="{folder}">{picture}<figcaption aria-live="polite">{html.escape(words)}'
        f'</figcaption><script type="application/json">{told}</script></figure>'
    )


def _page(page: str, text: str) -> str:
    """HTML of an output: a card is named as one; a table may be scrolled, by keys too; links lead to pages."""
    page = re.sub(r'href="(\w+)\.ipynb(?:#cell-id=|(#?))', r'href="\1.html#\2', page)
    page = page.replace('href="#cell-id=', 'href="#')
    if card := re.match(r"\[([CE]\d{1,2})\] (\w+) \(", text):
        link = f'<a class="register" href="claims.html#{card[1].lower()}">all about {card[1]}</a>'
        return f'<div class="claim-card {card[2]}">{page}{link}</div>'
    if "<table" in page:
        page = re.sub(
            r">([CE])(\d{1,2})</td>",
            lambda m: f'><a href="claims.html#{m[1].lower()}{m[2]}">{m[1]}{m[2]}</a></td>',
            page,
        )
        kind = "wide prose" if re.search(r"<td[^>]*>[^<]{60}", page) else "wide"
        return f'<div class="{kind}" role="group" aria-label="Table">{page}</div>'
    return page


def _title(notebook: Any) -> str:
    found = re.match(r"# (.+)", notebook.cells[0].source)
    return found[1] if found else "Why ReLU?"


def _chapters(read: dict[str, Any]) -> str:
    """The front page's list: each title with the question that the notebook asks first."""
    lines = []
    for name, notebook in read.items():
        found = re.search(r"\*\*The question\.\*\*\s+(.+?)(?:\n\n|$)", notebook.cells[0].source, re.DOTALL)
        asked = f": {' '.join(found[1].split())}" if found else ""
        lines.append(f"- **[{_title(notebook)}]({name}.ipynb)**{asked}")
    return "\n".join(lines)


def _verdicts(cards: dict[str, tuple[str, claims.Card]]) -> str:
    counts = Counter(card.verdict for _, card in cards.values())
    verbs = {"holds": "hold", "fails": "fail", "depends": "depend", "unproven": "stay unproven"}
    told = ", ".join(f"{counts[verdict]} {verb}" for verdict, verb in verbs.items() if counts[verdict])
    return f"of {len(cards)} claims and slips {told}"


def _sections(notebook: Any) -> Iterator[tuple[str, str, str]]:
    """The prose of a notebook: (heading, its anchor, a paragraph), in order."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for paragraph in re.split(r"\n\s*\n", cell.source):
                if found := re.match(r"#{1,6} +(.+)", paragraph):
                    heading = found[1].strip()
                yield heading, jupyter_anchor(re.sub(r"\$[^$]*\$|[*`]", "", heading)), paragraph


def _claims_page(read: dict[str, Any], cards: dict[str, tuple[str, claims.Card]]) -> str:
    """Every claim with an anchor of its own: who said it, its card, where it is tried, its theory, its sources."""
    where: dict[str, dict[str, str]] = {}
    for name, notebook in read.items():
        for heading, anchor, paragraph in _sections(notebook):
            if not heading.startswith(name[:2] + " "):  # the title's paragraph lists, it does not try
                for claim in CLAIM.findall(paragraph):
                    where.setdefault(claim, {})[f"{name}.ipynb#{anchor}"] = _with_number(name[:2], heading)
    titles = {name[:2]: (name, _title(notebook)) for name, notebook in read.items()}
    homes = {
        "".join(output.get("data", {}).get("text/plain", ""))[:4].strip("[] "): cell.id
        for notebook in read.values()
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if re.match(r"\[[CE]\d{1,2}\]", output.get("data", {}).get("text/plain", ""))
    }
    lines = ["# All claims", ""]
    lines += [
        "What the thread says, line by line, and what became of it. E1 and on are slips in what it prints. For claims about "
        "training the record holds the same experiment under other choices."
    ]
    recorded = _record_rows()
    for claim in claims.register().values():
        name, title = titles.get(claim.notebook, ("", ""))
        home, card = cards.get(claim.id, (name, None))
        says = html.escape(claim.says)
        lines += ["", f"## {claim.id}", "", f"**{says}** ({html.escape(claim.said_by)})", ""]
        if card and claim.id in homes:
            link = f'<a href="{home}.html#{homes[claim.id]}">its card in {html.escape(title)}</a>'
            lines += [
                f'- Verdict: <strong class="verdict">{card.verdict}</strong> ({card.basis}); see {link}.'
            ]
            lines += [f"- Deciding figure: {_plain(card.figure)}."]
            lines += [f"- Source: {_plain(source)}." for source in card.sources]
        else:
            lines += ["- Verdict: open; no card is stored."]
        lines += [f"- What decides: {_plain(claim.deciding)}"]
        lines += [f"- Right is: {_plain(claim.correct)}"] if claim.correct else []
        also = [
            f"[{titles[number][1]}]({titles[number][0]}.ipynb)" for number in claim.also if number in titles
        ]
        lines += [f"- Tried in part in: {'; '.join(also)}."] if also else []
        found = [f"[{html.escape(text)}](<{target}>)" for target, text in where.get(claim.id, {}).items()]
        lines += [f"- Theory and measurement: {'; '.join(found)}."] if found else []
        lines += recorded.get(claim.id, [])
    return "\n".join(lines) + "\n"


def _record_rows() -> dict[str, list[str]]:
    """Of each claim in the record: its verdict under each change, with the conditions that came out otherwise."""
    from course_utils import record

    lines: dict[str, list[str]] = {}
    for row in record.verdicts().itertuples():
        mine = lines.setdefault(str(row.id), ["- Does it still hold? From the record:"])
        says = record.SETTINGS[str(row.change)].says
        if not row.judged:
            mine += [f"    - {says}: {_plain(str(row.figure))}."]
            continue
        otherwise = f" Otherwise than in the course: {_plain(str(row.against))}." if row.against else ""
        same = "as its card says" if row.same else "**which its card does not say**"
        mine += [
            f"    - {says}: {row.verdict}, {same} ({row.networks} networks; {_plain(str(row.figure))}).{otherwise}"
        ]
    return lines


def _with_number(number: str, heading: str) -> str:
    return heading if heading.startswith(f"{int(number)}.") else f"{number}: {heading}"


def _sources_page(read: dict[str, Any], cards: dict[str, tuple[str, claims.Card]]) -> str:
    """Where the course names a paper: the sentence or the entry of a list, as it stands, with its section."""
    lines = ["# Sources", "", "Every sentence that names a paper, where it stands; then what the cards cite."]
    for name, notebook in read.items():
        found = []
        for heading, anchor, paragraph in _sections(notebook):
            prose = re.sub(r"<[^>]+>|^#+ .*$|^\|.*$|\*\*", "", paragraph, flags=re.MULTILINE)
            prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)  # links of its own would lead astray here
            for entry in re.split(r"^[-*] +", prose, flags=re.MULTILINE):
                told = [entry] if entry != prose else re.split(r"(?<=[a-z0-9)]{3}[.!?]) +(?=[A-Z\"(])", prose)
                text = " ".join(" ".join(part.split()) for part in told if NAMED.search(part))
                found += [f"- {text} ([{heading}](<{name}.ipynb#{anchor}>))"] if text else []
        lines += ["", f"## {_title(notebook)}", "", *found] if found else []
    cited = [f"- {card.id}: {_plain(source)}" for _, card in cards.values() for source in card.sources]
    lines += ["", "## Cited by cards", "", *cited] if cited else []
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>$|])", r"\\\1", text)


def export(root: Path, target: Path, jobs: int | None = None) -> None:
    """Run every notebook up to its last explorer, and have the explorers write their pictures.

    They go into target/NOTEBOOK/CELL. What was written before is kept as long as neither the notebook's cells nor the
    package have changed.

    Args:
        jobs: how many notebooks at a time; default: as many as there are processors for this process.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    rooms = [room for room in sorted((root / "course_utils").rglob("*.py")) if room.parent.name != "maintain"]
    package = hashlib.sha256(b"".join(room.read_bytes() for room in rooms))
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(jobs or have) as pool:
        paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
        for line in pool.map(lambda path: _export(path, target / path.stem, package.hexdigest()), paths):
            print(line, flush=True)


def _export(path: Path, target: Path, package: str) -> str:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    stamp = hashlib.sha256((package + json.dumps(sources)).encode()).hexdigest()
    if (target / "stamp").is_file() and (target / "stamp").read_text() == stamp:
        return f"{path.stem}: explorers as before"
    shutil.rmtree(target, ignore_errors=True)
    cells: list[Any] = []
    ready = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cells.append(cell)
            if CALL.search(cell.source):
                cells.append(nbformat.v4.new_code_cell(HARVEST.format(folder=str(target / cell.id))))  # type: ignore[no-untyped-call]
                ready = len(cells)
    notebook.cells = cells[:ready]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        timeout=CELL_SECONDS,
        extra_arguments=["--log-level=40"],
    )
    asyncio.run(client.async_execute())
    target.mkdir(parents=True, exist_ok=True)
    (target / "stamp").write_text(stamp)
    counts = [len(json.loads(told.read_text("utf-8"))["words"]) for told in target.rglob("explorer.json")]
    return f"{path.stem}: {sum(counts)} pictures"
