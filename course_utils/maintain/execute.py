"""Execute the notebooks: `run` leaves copies in build/, `refresh` stores cleaned outputs.

Each notebook gets a fresh kernel that works in the notebook's own folder. What execution writes
besides the outputs (times, widget states, versions) is taken out again, so that two refreshes on one
machine differ only where a result does. A notebook is written beside its place and then moved there, so
that a full disk or an end half-way leaves the old one whole.
"""

import asyncio
import base64
import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image, ImageChops

from course_utils.maintain import prose

ROOT = Path(__file__).resolve().parents[2]
CELL_SECONDS = 600
NOTEBOOK_SECONDS = 1800
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
NOISY_NOTEBOOK_KEYS = {"widgets", "papermill", "colab", "accelerator", "gpuClass", "execution"}
NOISY_CELL_KEYS = {"execution", "papermill", "colab", "executionInfo", "outputId", "trusted", "scrolled"}

Notebook = Any  # a dict in nbformat's shape; nbformat carries no types


class Kernel(AsyncKernelManager):
    """Starts a kernel of this very Python, whatever kernels the reader's Jupyter knows under the same name."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The command of `python -m ipykernel`, which a broken or foreign "python3" cannot replace."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        quiet = {
            "PYDEVD_DISABLE_FILE_VALIDATION": "1"
        }  # else old debuggers warn of Python's own frozen modules
        return KernelSpec(
            argv=command, env=quiet, **{key: KERNELSPEC[key] for key in ("display_name", "language")}
        )


class NotebookError(Exception):
    """A notebook stopped; the message says in which cell and why, in a few lines.

    Attributes:
        notebook: what was executed until then.
    """

    def __init__(self, message: str, notebook: Notebook) -> None:
        super().__init__(message)
        self.notebook = notebook


def select(names: Iterable[str] = (), root: Path = ROOT) -> list[Path]:
    """The notebooks in the order in which to execute them: by number, but 10 and then 00 last.

    Notebook 10 reads the cards that the others store, and 00 the verdicts of all.

    Args:
        names: names or their beginnings ("02", "02_derivative_bounds", a path); none means all.
        root: the top folder of the course.

    Raises:
        ValueError: a name fits no notebook.
    """
    everything = sorted((root / "notebooks").glob("*.ipynb"))
    everything.sort(key=lambda path: (path.name.startswith("00"), path.name.startswith("10")))
    if not everything:
        raise ValueError(
            f"no notebooks in {root / 'notebooks'}; chores work in a copy of the course's repository"
        )
    wanted = [Path(name).name.removesuffix(".ipynb") for name in names]
    for name in wanted:
        if not name or not any(path.stem.startswith(name) for path in everything):
            known = ", ".join(sorted(path.stem for path in everything)) or "none"
            raise ValueError(f"no notebook is called {name!r}; there are: {known}")
    if not wanted:
        return everything
    return [path for path in everything if any(path.stem.startswith(name) for name in wanted)]


def execute(path: Path) -> Notebook:
    """Execute a notebook from a fresh kernel, in its own folder.

    Returns:
        The executed notebook, cleaned. The file is left alone.

    Raises:
        NotebookError: a cell raised, took longer than ten minutes, or the kernel died or did not start.
    """
    text = json.loads(path.read_text(encoding="utf-8"))
    _give_ids(text)
    notebook = nbformat.reads(json.dumps(text), as_version=4)  # type: ignore[no-untyped-call]
    cells = notebook.cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    at = 0

    def started(cell: Notebook, cell_index: int) -> None:
        nonlocal at
        at = cell_index

    client = NotebookClient(
        notebook,
        kernel_manager_class=Kernel,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(path.parent)}},
        timeout=CELL_SECONDS,
        startup_timeout=120,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=40"],  # errors of the kernel itself, not its remarks
        on_cell_start=started,
    )
    why = None
    try:
        asyncio.run(asyncio.wait_for(client.async_execute(), NOTEBOOK_SECONDS))
    except CellExecutionError as error:
        why = f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        why = f"took longer than {CELL_SECONDS} s"
    except TimeoutError:
        why = f"the notebook took longer than {NOTEBOOK_SECONDS} s"
    except (DeadKernelError, AssertionError):  # nbclient asserts that its kernel is still there
        why = "the kernel died: it ran out of memory, or something ended it. Run the notebook again"
    except RuntimeError as error:  # nbclient's word for a kernel that does not answer at all
        raise NotebookError(f"{path.name}: the kernel did not start: {error}", notebook) from error
    clean(notebook)
    if why is not None:
        number = sum(cell.cell_type == "code" for cell in cells[: at + 1])
        lines = [line for line in cells[at].source.splitlines() if line.strip()]
        shown = "\n".join(f"    | {line}" for line in lines[:6]) + ("\n    | ..." if len(lines) > 6 else "")
        raise NotebookError(f"code cell {number} of {path.name}: {why}\n{shown}", notebook)
    return notebook


def clean(notebook: Notebook) -> None:
    """Take out, in place, what differs from one execution to the next and is no result."""
    about = notebook["metadata"]
    for key in NOISY_NOTEBOOK_KEYS & set(about):
        del about[key]
    about["kernelspec"] = dict(KERNELSPEC)
    about.setdefault("language_info", {"name": "python"}).pop("version", None)
    count = 0
    for cell in notebook["cells"]:
        for key in NOISY_CELL_KEYS & set(cell["metadata"]):
            del cell["metadata"][key]
        if cell["metadata"].get("jupyter", {}).get("outputs_hidden"):
            cell["metadata"]["collapsed"] = True  # as JupyterLab writes it, so that reading changes nothing
        else:
            cell["metadata"].pop("collapsed", None)
        if cell["cell_type"] != "code":
            continue
        if cell["source"]:
            count += 1
        cell["execution_count"] = count if cell["source"] else None
        # A progress bar that has gone leaves an empty output behind.
        cell["outputs"] = [out for out in cell["outputs"] if out.get("data", True)]
        for out in cell["outputs"]:
            if "execution_count" in out:
                out["execution_count"] = count
            if "image/png" in out.get("data", {}):
                out["data"]["image/png"] = _smaller(out["data"]["image/png"])


def problems(notebook: Notebook) -> list[str]:
    """What in a stored notebook (in nbformat's shape) is not as `clean` and a whole run leave it.

    What JupyterLab adds when a reader's notebook saves itself (the kernel's version, "collapsed") is no problem.
    """
    found = []
    about = notebook["metadata"]
    found += [f"metadata.{key} is stored" for key in sorted(NOISY_NOTEBOOK_KEYS & set(about))]
    if about.get("language_info", {}).get("name") != "python":
        found.append("metadata.language_info does not name python")
    if about.get("kernelspec") != KERNELSPEC:
        found.append("the kernel is not python3, Python 3 (ipykernel)")
    count = 0
    ids = [cell.get("id") for cell in notebook["cells"]]
    if None in ids or len(set(ids)) < len(ids):
        found.append("cells lack an id of their own")
    for cell in notebook["cells"]:
        noise = sorted(NOISY_CELL_KEYS & set(cell["metadata"]))
        where = f"cell {cell.get('id')}"
        found += [f"{where}: metadata.{key} is stored" for key in noise]
        if cell["metadata"].get("jupyter", {}).get("outputs_hidden") and not cell["metadata"].get(
            "collapsed"
        ):
            found.append(f'{where}: "collapsed" is not stored, and JupyterLab would add it')
        if cell["cell_type"] != "code":
            continue
        count += 1
        if not "".join(cell["source"]).strip():
            found.append(f"{where}: empty")
        if cell["execution_count"] != count:
            found.append(f"{where}: execution count {cell['execution_count']}, expected {count}")
        for out in cell["outputs"]:
            if out["output_type"] == "error":
                found.append(f"{where}: an error is stored ({out['ename']})")
            elif out["output_type"] == "stream" and out["name"] == "stderr":
                found.append(f"{where}: something on stderr: {''.join(out['text']).strip()[:80]!r}")
            elif not out.get("data", True):
                found.append(f"{where}: an empty output is stored")
    return found


def run(names: Sequence[str] = (), root: Path = ROOT) -> int:
    """Execute notebooks into root/build and print the verdicts found there; returns the exit status."""
    build = root / "build"
    try:
        build.mkdir(exist_ok=True)
        if not names:
            for old in build.glob("*.ipynb"):
                old.unlink()
    except OSError as error:
        print(f"Error: build/ cannot be written: {error}", file=sys.stderr)
        return 1

    ran: list[str] = []

    def keep(path: Path, notebook: Notebook) -> None:
        _store(notebook, build / path.name)
        ran.append(path.stem)

    # As the reader goes: 00 first (its map shows the stored verdicts).
    status = _each(names, root, keep, by_number=True)
    return status or print_verdicts(build, ran)


def refresh(names: Sequence[str] = (), root: Path = ROOT) -> int:
    """Execute notebooks and store them cleaned; returns the exit status.

    A notebook that stops, or whose outputs are not clean, is left as it was; its executed copy goes
    to build/. What changed is told at the end: numbers, with the prose beside them, and which notebooks quote it.
    """
    moved: list[str] = []
    quoted: list[str] = []

    def keep(path: Path, notebook: Notebook) -> None:
        if found := problems(notebook):
            lines = "\n".join(f"    {line}" for line in found)
            raise NotebookError(f"{path.name} is not stored:\n{lines}", notebook)
        old = json.loads(path.read_text(encoding="utf-8"))
        _store(notebook, path)
        new = json.loads(path.read_text(encoding="utf-8"))
        if told := prose.report(old, new):
            moved.extend([f"{path.stem}: numbers that changed, and the prose beside them", *told])
        if prose.cards(old) != prose.cards(new):
            quoted.append(path.stem[:2])

    status = _each(names, root, keep)
    print("\n".join(moved) or "No number changed.")
    done = {path.stem[:2] for path in select(names, root)} if not status else set()
    if quoted and (later := [number for number in ("10", "00") if number not in done]):
        print(
            f"Cards changed in {', '.join(quoted)}. Notebook 10 quotes them, 00 draws the map of verdicts: "
            f'make refresh ARGS="{" ".join(later)}"'
        )
    return status


def untied(names: Sequence[str] = (), root: Path = ROOT) -> int:
    """Print the numbers in prose that no cell near them holds; returns the exit status, 1 if there are any."""
    count = 0
    for path in sorted(select(names, root)):
        for one in prose.loose(path):
            print(f"{path.stem[:2]}  {one.cell}  {one.number:>8}  {one.words}")
            count += 1
    print(
        f"{count} numbers that no cell near them holds."
        if count
        else "A cell holds every number in the prose."
    )
    return 1 if count else 0


def check(names: Sequence[str] = (), root: Path = ROOT) -> int:
    """Say what in the stored notebooks is not clean, executing nothing; returns the exit status."""
    try:
        paths = select(names, root)
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    count = 0
    for path in sorted(paths):
        for line in problems(json.loads(path.read_text(encoding="utf-8"))):
            print(f"{path.name}: {line}")
            count += 1
    print(f"{len(paths)} notebooks, {count} problems")
    return 1 if count else 0


def print_verdicts(folder: Path, stems: Sequence[str] | None = None) -> int:
    """Print the verdicts that the notebooks in a folder store (all, or those named); returns the exit status."""
    from course_utils import claims

    found = claims.scoreboard(folder).itertuples()
    rows = [row for row in found if stems is None or row.notebook in stems]
    print("\nclaim  verdict   notebook               deciding figure" if rows else "\nNo verdicts yet.")
    for row in rows:
        print(f"{row.id:<5}  {row.verdict:<8}  {row.notebook:<21}  {row.figure}")
    return 0


def _each(
    names: Sequence[str], root: Path, keep: Callable[[Path, Notebook], None], by_number: bool = False
) -> int:
    """Execute the chosen notebooks one by one, telling how far it is; stops at the first error."""
    try:
        paths = select(names, root)
    except ValueError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if by_number:
        paths.sort()
    begun = time.perf_counter()
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path.stem:<32}", end="", flush=True)
        start = time.perf_counter()
        try:
            keep(path, execute(path))
        except NotebookError as error:
            print(f"{time.perf_counter() - start:7.1f} s  FAILED", flush=True)
            print(f"\n{error}\n    {_leave(error.notebook, root / 'build' / path.name)}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"{time.perf_counter() - start:7.1f} s  FAILED", flush=True)
            print(
                f"\n{path.name} is not stored: {error}\n    What was there before is whole.", file=sys.stderr
            )
            return 1
        print(f"{time.perf_counter() - start:7.1f} s", flush=True)
    print(f"{len(paths)} notebooks in {time.perf_counter() - begun:.1f} s")
    return 0


def _give_ids(notebook: Notebook) -> None:
    """Keep each cell's id; where one is missing or taken, set one that the next refresh keeps."""
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    seen: set[str] = set()
    for place, cell in enumerate(notebook["cells"]):
        if not cell.get("id") or cell["id"] in seen:
            cell["id"] = f"cell-{place:03d}"
        seen.add(cell["id"])


def _leave(notebook: Notebook, copy: Path) -> str:
    """Keep what a stopped notebook executed; returns a line that says where, or why it could not be kept."""
    try:
        copy.parent.mkdir(exist_ok=True)
        _store(notebook, copy)
    except OSError as error:
        return f"what was executed could not be kept: {error}"
    return f"executed so far: build/{copy.name}"


def _store(notebook: Notebook, path: Path) -> None:
    """Write a notebook whole or not at all: into a file beside it, which then takes its place."""
    text: str = nbformat.writes(notebook, version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:  # which does not name the file when the disk is full
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)  # gone already, unless writing failed


def _smaller(png: str) -> str:
    """A PNG (base64) with 256 colours, where that is smaller and no eye can tell; else as it was."""
    picture: Image.Image = Image.open(io.BytesIO(base64.b64decode(png)))
    if picture.mode == "P" or (picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)):
        return png
    colours = picture.convert("RGB")
    few = colours.quantize(256, dither=Image.Dither.NONE)
    extremes: Any = ImageChops.difference(colours, few.convert("RGB")).getextrema()  # low, high per channel
    if max(high for _, high in extremes) > 12:
        return png
    target = io.BytesIO()
    few.save(target, format="PNG", optimize=True, dpi=picture.info.get("dpi", (72, 72)))
    text = base64.b64encode(target.getvalue()).decode("ascii")
    return text if len(text) < len(png) else png
