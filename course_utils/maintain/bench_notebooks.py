"""The parts of `make bench` that start kernels: what the notebooks and the imports take, how soon the first figure is there.

Every figure comes from a fresh kernel that works in the notebooks' folder, as a reader's does. Beside the seconds on the
clock stand those of the processor: where they are far fewer, other programs were in the way. A kernel's peak memory is
the most of it that was in RAM at once (VmHWM on Linux).
"""

import ast
import asyncio
import inspect
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_utils.maintain import bootstrap, execute

__all__ = [
    "Imports",
    "Ran",
    "first_figure",
    "import_cell",
    "peak_memory",
    "report_figure",
    "report_imports",
    "report_notebooks",
    "run_cells",
    "time_imports",
    "time_notebook",
]

ON_TOP, IN_ALL = 0.3, 2.0  # goals for the imports, seconds
NOTEBOOK_SECONDS, NOTEBOOK_BYTES = 60, 1e9  # goals for each notebook


@dataclass
class Ran:
    """What running cells in a fresh kernel took.

    Attributes:
        kernel: seconds from asking for the kernel until it answers.
        cells: seconds of each executed cell, from sending it to its reply.
        outputs: the executed cells' outputs, in nbformat's shape.
        figure: the first cell whose outputs hold a picture; None without one.
        peak: most bytes of RAM that the kernel held; None where the run was cut short, or the system does not tell.
        processor: seconds of processor time of the whole kernel, all threads; None where the run was cut short.
        stopped: why it stopped before the end; empty for a whole run.
    """

    kernel: float = 0.0
    cells: list[float] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    figure: int | None = None
    peak: int | None = None
    processor: float | None = None
    stopped: str = ""

    @property
    def seconds(self) -> float:
        """From asking for the kernel to the last executed cell's reply."""
        return self.kernel + sum(self.cells)


@dataclass
class Imports:
    """What imports took in one fresh kernel, each as (seconds on the clock, seconds of processor time).

    Attributes:
        torch: torch alone.
        rooms: what the notebook imports, on top of torch.
        rest: what else the cell does that imports.
    """

    torch: tuple[float, float]
    rooms: tuple[float, float]
    rest: tuple[float, float]


def peak_memory() -> int | None:
    """Most bytes of RAM that this process held since it began; None where the system does not tell.

    Linux keeps ru_maxrss over the start of another program, so a kernel would show what its parent held: VmHWM first.
    """
    import sys
    from pathlib import Path

    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# What a kernel is asked at the end of its run.
ASK = f"import json, time\n{inspect.getsource(peak_memory)}\nprint(json.dumps([peak_memory(), time.process_time()]))"


def run_cells(
    sources: Sequence[str], folder: Path, threads: int | None = None, until_figure: bool = False
) -> Ran:
    """Run cells in a fresh kernel, one after the other, and time each.

    Args:
        sources: the cells' code.
        folder: where the kernel works.
        threads: OMP_NUM_THREADS for the kernel; default: as it is here.
        until_figure: stop after the first cell that shows a picture.

    Returns:
        Times, outputs and peak memory. A cell that fails ends the run; ``stopped`` says why.
    """
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    last = nbformat.v4.new_code_cell(ASK)  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=[*cells, last])  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        timeout=execute.CELL_SECONDS,
        startup_timeout=120,
        record_timing=False,
        extra_arguments=["--log-level=40"],
    )
    ran = Ran()
    try:
        asyncio.run(_drive(client, cells, last, threads, until_figure, ran))
    except RuntimeError as error:  # nbclient's word for a kernel that does not answer
        if ran.kernel:
            raise
        ran.stopped = f"the kernel did not start: {error}"
    return ran


async def _drive(
    client: NotebookClient, cells: list[Any], last: Any, threads: int | None, until_figure: bool, ran: Ran
) -> None:
    begin = time.perf_counter()
    options = {} if threads is None else {"env": {**os.environ, "OMP_NUM_THREADS": str(threads)}}
    async with client.async_setup_kernel(**options):
        ran.kernel = time.perf_counter() - begin
        for number, cell in enumerate(cells):
            begin = time.perf_counter()
            try:
                await client.async_execute_cell(cell, number)
            except CellExecutionError as error:
                ran.stopped = f"code cell {number + 1}: {error.ename}: {error.evalue}"
            except CellTimeoutError:
                ran.stopped = f"code cell {number + 1} took longer than {execute.CELL_SECONDS} s"
            except DeadKernelError:
                ran.stopped = f"the kernel died in code cell {number + 1}"
            ran.cells.append(time.perf_counter() - begin)
            ran.outputs.append(cell.outputs)
            if ran.figure is None and any("image/png" in out.get("data", {}) for out in cell.outputs):
                ran.figure = number
            if ran.stopped or (until_figure and ran.figure is not None):
                return
        await client.async_execute_cell(last, len(cells))
        ran.peak, ran.processor = json.loads(_printed(last.outputs))


def _printed(outputs: Sequence[Any]) -> str:
    return "".join(out["text"] for out in outputs if out.get("name") == "stdout")


def code_cells(path: Path) -> list[str]:
    """The sources of a notebook's code cells, empty ones left out."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [source for source in sources if source.strip()]


def time_notebook(path: Path, threads: int | None = None, until_figure: bool = False) -> Ran:
    """Run a notebook's code cells from a fresh kernel in its own folder; the file is left alone."""
    return run_cells(code_cells(path), path.parent, threads, until_figure)


def import_cell(sources: Sequence[str]) -> tuple[str, str]:
    """The import statements of the first cell that imports from course_utils, and the rest of that cell.

    Raises:
        ValueError: no cell imports from course_utils at its top level.
    """
    for source in sources:
        if bootstrap.is_bootstrap(source):
            continue
        statements = ast.parse(source).body
        imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
        if any((getattr(node, "module", "") or "").split(".")[0] == "course_utils" for node in imports):
            rest = [node for node in statements if node not in imports]
            return "\n".join(map(ast.unparse, imports)), "\n".join(map(ast.unparse, rest))
    raise ValueError("no code cell imports from course_utils")


def time_imports(path: Path, repeats: int = 5, threads: int | None = None) -> list[Imports]:
    """Time a notebook's imports in ``repeats`` fresh kernels, after one that is not counted (it fills the caches).

    Each kernel runs the notebook's bootstrap cell, imports torch, then what the notebook's first cell imports, then what
    else that cell does.

    Raises:
        ValueError: the notebook has no such cell, or one of the cells fails.
    """
    sources = code_cells(path)
    imports, rest = import_cell(sources)
    first = [source for source in sources if bootstrap.is_bootstrap(source)]
    cells = [_timed("import torch"), _timed(imports), _timed(rest)]
    found = []
    for _ in range(repeats + 1):
        ran = run_cells([*first, *cells], path.parent, threads)
        if ran.stopped:
            raise ValueError(f"{path.name} cannot import what it needs: {ran.stopped}")
        told = [_two(_printed(outputs).splitlines()[-1]) for outputs in ran.outputs[-3:]]
        found.append(Imports(*told))
    return found[1:]


def _timed(source: str) -> str:
    """The source, followed by a line with the seconds that it took, on the clock and of the processor."""
    return (
        "import time\nbegin = time.perf_counter(), time.process_time()\n"
        f"{source}\nprint(time.perf_counter() - begin[0], time.process_time() - begin[1])"
    )


def _two(line: str) -> tuple[float, float]:
    clock, processor = line.split()
    return float(clock), float(processor)


def first_figure(path: Path, repeats: int = 3, threads: int | None = None) -> list[Ran]:
    """Run a notebook ``repeats`` times, each in a fresh kernel, until its first picture.

    Raises:
        ValueError: a cell fails before, or the notebook shows no picture.
    """
    runs = [time_notebook(path, threads, until_figure=True) for _ in range(repeats)]
    for ran in runs:
        if ran.figure is None:
            raise ValueError(f"{path.name} shows no picture: {ran.stopped or 'it ran to its end'}")
    return runs


def report_notebooks(ran: dict[str, Ran]) -> str:
    """One line per notebook: seconds, processor time, peak memory, slowest cell; then the sum."""
    lines = [f"{'':24}{'seconds':>9}{'processor':>11}{'peak MB':>9}   slowest code cell"]
    for name, each in ran.items():
        peak = "?" if each.peak is None else f"{each.peak / 1e6:,.0f}"
        busy = "?" if each.processor is None else f"{each.processor:.1f}"
        line = f"{name:24}{each.seconds:9.1f}{busy:>11}{peak:>9}   "
        if each.stopped:
            line += f"STOPPED: {each.stopped}"
        else:
            slowest = max(range(len(each.cells)), key=each.cells.__getitem__)
            line += f"{slowest + 1} ({each.cells[slowest]:.1f} s)"
        lines.append(line)
    longest = max(each.seconds for each in ran.values())
    peaks = [each.peak for each in ran.values() if each.peak is not None]
    memory = _met(max(peaks) < NOTEBOOK_BYTES) if peaks else "not told here"
    busy = f"{sum(each.processor or 0.0 for each in ran.values()):.1f}"
    lines.append(f"{'together':24}{sum(each.seconds for each in ran.values()):9.1f}{busy:>11}")
    lines.append(
        f"Goals for each: under {NOTEBOOK_SECONDS} s ({_met(longest < NOTEBOOK_SECONDS)}), "
        f"under {NOTEBOOK_BYTES / 1e6:,.0f} MB ({memory})."
    )
    return "\n".join(lines)


def report_imports(times: Sequence[Imports]) -> str:
    """Medians over the kernels: torch, the rooms on top of it, both, and what else the cell does."""
    rows = {
        "torch": [each.torch for each in times],
        "the rooms, on top of it": [each.rooms for each in times],
        "in all": [(each.torch[0] + each.rooms[0], each.torch[1] + each.rooms[1]) for each in times],
        "rest of that cell": [each.rest for each in times],
    }
    goals = {"the rooms, on top of it": ON_TOP, "in all": IN_ALL}
    lines = [f"{'':24}{'seconds':>9}{'processor':>11}"]
    for name, pairs in rows.items():
        clock, processor = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        line = f"{name:24}{clock:9.2f}{processor:11.2f}"
        if name in goals:
            line += f"   goal: under {goals[name]:g} s ({_met(clock < goals[name])})"
        lines.append(line)
    return "\n".join(lines)


def report_figure(runs: Sequence[Ran]) -> str:
    """The median run: where the time to the first picture goes."""
    middle = sorted(runs, key=lambda ran: ran.seconds)[len(runs) // 2]
    assert middle.figure is not None  # first_figure sees to it
    before = sorted(range(middle.figure), key=middle.cells.__getitem__, reverse=True)
    lines = [
        f"{'kernel to first figure':24}{middle.seconds:9.2f} s",
        f"{'  kernel starts':24}{middle.kernel:9.2f} s",
    ]
    lines += [
        f"{f'  code cell {number + 1}':24}{middle.cells[number]:9.2f} s" for number in sorted(before[:2])
    ]
    lines.append(f"{'  the others before it':24}{sum(middle.cells[number] for number in before[2:]):9.2f} s")
    lines.append(f"{f'  the figure (cell {middle.figure + 1})':24}{middle.cells[middle.figure]:9.2f} s")
    return "\n".join(lines)


def _met(met: bool) -> str:
    return "met" if met else "missed"


def progress(text: str) -> None:
    """Say on the error stream what is being timed, on one line that the next replaces; nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
