"""`make bench`: three sides that do the same work, and what the kernels tell about time, memory, imports and figures."""

import itertools
import json
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
import torch

from course_utils import data, training
from course_utils.maintain import bench, bench_history
from course_utils.maintain import bench_notebooks as kernels
from course_utils.maintain.bench_notebooks import Imports, Ran

ROOT = Path(__file__).resolve().parents[1]
NB00 = ROOT / "notebooks" / "00_start_here.ipynb"
NOTEBOOKS = list((ROOT / "notebooks").glob("*.ipynb"))
PICTURE = (
    "from IPython.display import display\n"
    "display({'image/png': 'iVBORw0KGgo=', 'text/plain': 'a picture'}, raw=True)"
)
BIG = "import mmap\nblock = bytearray(b'x') * 150_000_000\ndel block"


@pytest.fixture(scope="module")
def examples() -> data.Dataset:
    return data.load("train", 1000)


def notebook(folder: Path, *sources: str) -> Path:
    """A notebook with these code cells and one of text."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells.insert(0, nbformat.v4.new_markdown_cell("# Words"))
    path = folder / "00_small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


class TestSides:
    """Plain loop, loader loop, batched program."""

    def test_the_loader_gives_every_example_once_in_batches_of_its_generator(self, examples):
        x, y = examples.images, examples.labels
        first, again = ([batch for batch, _ in bench.loader(x, torch.arange(1000), 250)] for _ in range(2))
        assert [batch.shape for batch in first] == [(250, 784)] * 4
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))  # seeded
        order = torch.cat([numbers for _, numbers in bench.loader(x, torch.arange(1000), 250)])
        assert order.sort().values.equal(torch.arange(1000)) and not order.equal(torch.arange(1000))
        assert torch.equal(torch.cat(first), x[order])
        assert torch.equal(torch.cat([labels for _, labels in bench.loader(x, y, 250)]), y[order])
        assert bench.loader(x, y, 250).num_workers == 0
        assert [len(batch) for batch, _ in bench.loader(x, y, 300)] == [300, 300, 300]

    def test_both_loops_train_alike_on_the_same_batches(self, examples):
        x, y = examples.images, examples.labels
        nets = bench.fresh(bench.Shape(2, 2, 16))
        order = torch.stack([numbers for _, numbers in bench.loader(x, torch.arange(1000), 250)])
        for number in range(2):
            by_index = bench.run_plain(bench.plain(nets, number), x, y, order[:3])
            by_loader = bench.run_loader(bench.plain(nets, number), bench.loader(x, y, 250), 3)
            assert by_loader == by_index and len(by_index) == 3 and by_index[2] != by_index[0]

    def test_all_three_are_timed_from_the_same_weights(self, examples, monkeypatch):
        begun: dict[str, list] = {"plain": [], "loader": []}

        def keep(name, run):
            def spy(model, *arguments):
                begun[name].append(model[0].weight.detach().clone())
                return run(model, *arguments)

            return spy

        monkeypatch.setattr(bench, "run_plain", keep("plain", bench.run_plain))
        monkeypatch.setattr(bench, "run_loader", keep("loader", bench.run_loader))
        shape = bench.Shape(3, 2, 8)
        times = bench.compare(shape, examples, repeats=2, models=2, steps=3)
        assert [len(side) for side in (times.loop, times.loader, times.batched)] == [2, 2, 2]
        assert min(times.loop + times.loader + times.batched) > 0 and times.difference < 1e-5
        assert len(begun["plain"]) == len(begun["loader"]) == 6
        assert all(torch.equal(a, b) for a, b in zip(begun["plain"], begun["loader"], strict=True))
        assert not torch.equal(begun["plain"][0], begun["plain"][1])

    def test_the_loops_are_scaled_to_all_networks_and_the_whole_epoch(self, examples, monkeypatch):
        clock = iter([0.0, 2.0, 5.0, 5.5, 6.5] * 2)  # start, plain done, loader done, batched begun and done
        monkeypatch.setattr(bench, "now", lambda: next(clock))
        monkeypatch.setattr(bench.training, "train", lambda *_, **__: Losses())
        times = bench.compare(bench.Shape(6, 1, 4), examples, repeats=1, models=2, steps=1)
        assert times.loop == [2.0 * 6 / 2 * 4] and times.loader == [3.0 * 6 / 2 * 4]
        assert times.batched == [1.0]

    def test_report_of_three_sides(self):
        shape = bench.Shape(3, 2, 8)
        times = bench.Times(loop=[4.0, 9.0, 5.0], batched=[2.0], loader=[6.0, 8.0, 7.0])
        work = bench.flops(shape) * 40
        head, below, loop, loader, batched = bench.report({shape: times}, work / 1.0, 10_000).splitlines()
        assert head.split()[-5:] == ["times", "faster", "than", "asked", "largest"]
        assert below.split()[-4:] == ["loader", "loop", "for", "possible"]
        assert head.split()[:4] == ["networks,", "s/epoch", "network", "share"]
        assert len({len(line) for line in (head, below, batched)}) == 1
        alone = bench.report({shape: bench.Times(loop=[4.0], batched=[2.0])}, work / 1.0, 10_000).splitlines()
        assert [len(line) for line in alone[2:]] == [len(loop), len(batched)]
        assert loop.split()[-5:] == ["loop", "5.00", "24", f"{work / 5e9:.1f}", "20%"]
        assert loader.split() == ["loader", "7.00", "17", f"{work / 7e9:.1f}", "14%"]
        assert batched.split() == ["batched", "2.00", "60", f"{work / 2e9:.1f}", "50%", "3.5", "2.5", "5.0"]

    def test_report_of_the_parts(self):
        """Parts 3 s, batched 4 s, with norm 6 s, with Adam 5 s: shares of the parts 75, 50 and 60 %."""
        shape, rate = bench.Shape(3, 2, 8), bench.flops(bench.Shape(3, 2, 8)) * 40.0
        times = bench.Times([20.0], [4.0], loader=[30.0], parts=[9.0, 3.0, 2.0], norm=[6.0], adam=[5.0])
        lines = bench.report({shape: times}, rate, 10_000).splitlines()
        assert len({len(line) for line in [*lines[:2], lines[4]]}) == 1
        rows = [line.split() for line in lines[4:]]
        assert rows[0][:2] == ["batched", "4.00"] and rows[0][5] == "75%"
        assert [(row[1], row[-1]) for row in rows[1:]] == [("parts", "33%"), ("norm", "50%"), ("Adam", "60%")]
        (entry,) = bench.entries(
            {shape: times, bench.Shape(1, 1, 1): bench.Times([1.0], [1.0])}, rate, 10_000
        )
        assert entry[1:] == (bench_history.machine_name(), rate / 1e9, str(shape), 0.25, 0.75, 5.0)

    def test_parts_and_variants(self, examples, monkeypatch):
        """Every part has its time; the variants train what the others do."""
        found, shape = (
            bench.parts(bench.Shape(2, 3, 8), examples.images, seconds=0.0),
            bench.Shape(2, 1, 8, batch=100),
        )
        assert len(found) == 12 and min(found.values()) > 0
        assert bench.parts(shape, examples.images, seconds=0.0)["hidden, forward"] == 0  # one layer has none
        ran, usual = [], training.train
        monkeypatch.setattr(bench, "parts", lambda *_: {"a": 1.0, "b": 2.0})

        def train(nets, of, **choices):
            ran.append((len(of), nets.designs[0].norm, choices["optimiser"]))
            return usual(nets, of, **choices)

        monkeypatch.setattr(bench.training, "train", train)
        ticks = itertools.count()
        monkeypatch.setattr(bench, "now", lambda: float(next(ticks)))
        times = bench.compare(shape, examples, 1, 1, 1, variants=True)
        assert ran[1:] == [(1000, "none", "sgd"), (1000, "batch", "sgd"), (1000, "none", "adam")]
        assert times.parts == [30.0] and times.norm == times.adam == times.batched == [1.0]

    def test_the_dense_rate_is_that_of_the_fastest_of_four_products(self, monkeypatch):
        clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0, 30.0, 35.0])
        monkeypatch.setattr(bench, "now", lambda: next(clock))
        assert bench.matmul_rate(8) == 2 * 8**3 / 1.0
        assert next(clock, None) is None

    def test_the_largest_difference_of_a_shape_is_kept(self, examples, monkeypatch):
        losses = torch.tensor([[1.0, 1.0], [1.0, 1.25], [1.0, 1.0], [1.0, 1.0]])
        monkeypatch.setattr(bench, "run_plain", lambda *_: [1.0] * 4)
        monkeypatch.setattr(bench, "run_loader", lambda *_: [1.0] * 4)
        monkeypatch.setattr(bench.training, "train", lambda *_, **__: types.SimpleNamespace(losses=losses))
        assert bench.compare(bench.Shape(2, 1, 4), examples, repeats=2, models=2, steps=4).difference == 0.25

    def test_the_dense_rate_is_the_best_of_the_whole_run(self, monkeypatch):
        rates = iter([1e9, 2e9, 7e9, *[3e9] * 20])
        monkeypatch.setattr(bench, "compare", lambda *_: bench.Times([1.0], [1.0], 0.0, [1.0]))
        monkeypatch.setattr(bench, "matmul_rate", lambda: next(rates))
        assert "best of the run: 7.0 GFLOP/s" in bench.networks_part(1, 1, 1)[0]

    def test_the_largest_difference_of_all_shapes_is_told(self, monkeypatch):
        differences = iter([3e-5, 1e-6, *[0.0] * 20])
        times = lambda *_: bench.Times([1.0], [1.0], next(differences), [1.0])  # noqa: E731
        monkeypatch.setattr(bench, "compare", times)
        monkeypatch.setattr(bench, "matmul_rate", lambda: 1e9)
        assert bench.networks_part(1, 1, 1)[0].endswith("differ by at most 3e-05 (relative).")

    def test_the_widths_of_the_table(self):
        assert [shape.width for shape in bench.WIDTHS] == [32, 64, 128, 256, 512]
        assert len({shape.depth for shape in bench.WIDTHS}) == 1
        assert [shape.asked for shape in bench.WIDTHS] == [5.0, 5.0, None, None, None]

    def test_the_sweeps_are_asked_to_be_five_times_as_fast(self):
        assert {shape.asked for shape in bench.SWEEPS} == {5.0}
        assert {shape.width for shape in bench.SWEEPS} == {32, 64}

    def test_the_other_shapes(self):
        asked = [(16, 3, 64, 4.0), (32, 20, 32, 5.0), (8, 10, 128, 2.0)]
        assert [(s.count, s.depth, s.width, s.asked) for s in bench.SHAPES] == asked
        assert {(s.size, s.batch) for s in bench.SHAPES + bench.WIDTHS} == {(28, 250)}
        assert [s.count * s.width for s in bench.WIDTHS] == [512, 1024, 1024, 1024, 1024]

    def test_a_shape_says_its_images_and_its_batch(self, monkeypatch):
        shape = bench.Shape(2, 3, 8, 5.0, 14, 100)
        assert str(shape) == "2 of 3 x 8, 14 x 14, 100" and bench.fresh(shape).inputs == 196
        seen = {}

        def keep(nets, data, batch_size, **_):
            seen["batched"] = (nets.inputs, batch_size)
            return types.SimpleNamespace(losses=torch.ones(5, 2))

        def loop(name):
            return lambda model, x, *rest: seen.update({name: (x, *rest)}) or [1.0] * 5

        monkeypatch.setattr(bench.training, "train", keep)
        monkeypatch.setattr(bench, "run_plain", loop("loop"))
        monkeypatch.setattr(bench, "run_loader", lambda model, batches, steps: seen.update(loader=batches))
        bench.compare(shape, data.load("train", 500, size=14), repeats=1, models=1, steps=5)
        assert seen["batched"] == (196, 100) and seen["loader"].batch_size == 100
        assert seen["loop"][0].shape == (500, 196) and seen["loop"][2].shape == (5, 100)


class Losses:
    """What a stand-in for training.train gives back."""

    losses = torch.ones(4, 6)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Ran:
    sources = ["import time; time.sleep(0.3)", "print('here')", BIG, PICTURE, PICTURE]
    path = notebook(tmp_path_factory.mktemp("whole"), *sources)
    before = path.read_bytes()
    ran = kernels.time_notebook(path)
    assert path.read_bytes() == before
    return ran


class TestKernels:
    """Cells in a real kernel."""

    def test_times(self, ran):
        assert ran.stopped == "" and len(ran.cells) == len(ran.outputs) == 5
        assert ran.cells[0] >= 0.3 and min(ran.cells) > 0 and ran.kernel > 0.05
        assert ran.seconds == pytest.approx(ran.kernel + sum(ran.cells))
        assert ran.outputs[1][0]["text"] == "here\n"

    def test_the_first_picture(self, ran):
        assert ran.figure == 3

    def test_peak_memory_counts_what_was_given_back(self, ran):
        if ran.peak is None:
            pytest.skip("this system does not tell a process's peak memory")
        assert 180e6 < ran.peak < 600e6  # an empty kernel takes 50 to 100 MB

    def test_processor_time(self, ran):
        assert 0 < ran.processor < 60

    def test_it_stops_after_the_first_picture(self, tmp_path):
        ran = kernels.first_figure(notebook(tmp_path, "1", PICTURE, "1 / 0"), repeats=1)[0]
        assert ran.figure == 1 and len(ran.cells) == 2 and not ran.stopped
        with pytest.raises(ValueError, match=r"00_small.ipynb shows no picture: code cell 1: ZeroDivision"):
            kernels.first_figure(notebook(tmp_path, "1 / 0", PICTURE), repeats=1)

    def test_a_cell_that_fails_ends_the_run(self, tmp_path):
        ran = kernels.time_notebook(notebook(tmp_path, "1", "raise KeyError('lost')", "print(2)"))
        assert ran.stopped == "code cell 2: KeyError: 'lost'" and len(ran.cells) == 2
        assert ran.peak is None and ran.figure is None
        assert "STOPPED: code cell 2" in kernels.report_notebooks({"00_small": ran})

    def test_a_kernel_that_dies(self, tmp_path):
        ran = kernels.time_notebook(notebook(tmp_path, "import os\nos._exit(1)"))
        assert ran.stopped == "the kernel died in code cell 1"

    def test_threads_reach_the_kernel(self, tmp_path):
        path = notebook(tmp_path, "import os\nprint(os.environ['OMP_NUM_THREADS'], os.getcwd())")
        text = kernels.time_notebook(path, threads=3).outputs[0][0]["text"]
        assert text.split() == ["3", str(tmp_path)]

    def test_imports(self, tmp_path, monkeypatch):
        slow = "import time\nfrom course_utils import machine\ntime.sleep(0.4)"
        (times,) = kernels.time_imports(notebook(tmp_path, "x = 1", slow), repeats=1)
        assert 0.1 < times.torch[1] < times.torch[0] + 0.5
        assert 0 < times.rooms[0] and times.rest[0] >= 0.4 > times.rest[1]
        stopped = Ran(1.0, [1.0], [[]], stopped="code cell 2: ImportError: cannot import it")
        monkeypatch.setattr(kernels, "run_cells", lambda *_: stopped)
        with pytest.raises(ValueError, match=r"00_small.ipynb cannot import what it needs: code cell 2: Imp"):
            kernels.time_imports(tmp_path / "00_small.ipynb", repeats=1)


def test_peak_memory_here():
    peak = kernels.peak_memory()
    if peak is None:
        pytest.skip("this system does not tell")
    assert 100e6 < peak < 50e9  # torch is loaded


def test_import_cell():
    sources = [
        "import os\nprint(1)",
        "import math\nfrom course_utils.data import load\n\nload('train')\nx = 2",
    ]
    assert kernels.import_cell(sources) == (
        "import math\nfrom course_utils.data import load",
        "load('train')\nx = 2",
    )
    with pytest.raises(ValueError, match="no code cell imports from course_utils"):
        kernels.import_cell(["import os", "from course_utilities import x", "from . import y"])


def test_import_cell_of_notebook_00():
    imports, rest = kernels.import_cell(kernels.code_cells(NB00))
    assert "from course_utils import" in imports and "nb00" in imports
    assert "import" not in rest and "plots.use_style()" in rest


def test_what_notebook_00_imports_leaves_the_heavy_packages_until_they_are_used():
    """Half a second or more, on top of torch: pandas with the first table, seaborn and figures with the first figure."""
    imports, rest = kernels.import_cell(kernels.code_cells(NB00))
    heavy = ["pandas", "seaborn", "scipy", "matplotlib.figure", "matplotlib.pyplot", "IPython", "ipywidgets"]
    program = (
        f"{imports}\n{rest}\nimport sys, json\nprint(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == []


def test_the_first_cell_is_not_timed_with_the_imports(monkeypatch):
    told = [[{"output_type": "stream", "name": "stdout", "text": f"{n} {n / 2}\n"}] for n in (9, 1, 2, 3)]
    monkeypatch.setattr(kernels, "run_cells", lambda *_: Ran(1.0, [1.0] * 4, told))
    assert kernels.time_imports(NB00, 1) == [Imports((1.0, 0.5), (2.0, 1.0), (3.0, 1.5))]


class TestReports:
    """The text of the parts."""

    def test_notebooks(self):
        quick = Ran(1.0, [2.0, 5.0], [[], []], None, 600_000_000, 9.0)
        slow = Ran(1.0, [60.0], [[]], None, 1_000_000_001, 30.0)
        lines = kernels.report_notebooks({"01_a": quick}).splitlines()
        assert lines[1].split() == ["01_a", "8.0", "9.0", "600", "2", "(5.0", "s)"]
        assert lines[2].split() == ["together", "8.0", "9.0"]
        assert lines[3] == "Goals for each: under 60 s (met), under 1,000 MB (met)."
        lines = kernels.report_notebooks({"01_a": quick, "02_b": slow}).splitlines()
        assert lines[3].split() == ["together", "69.0", "39.0"]
        assert lines[4] == "Goals for each: under 60 s (missed), under 1,000 MB (missed)."
        just = Ran(0.0, [60.0], [[]], None, 1_000_000_000, 30.0)
        assert "60 s (missed), under 1,000 MB (missed)" in kernels.report_notebooks({"01_a": just})
        untold = Ran(1.0, [2.0], [[]])
        assert "not told here" in kernels.report_notebooks({"01_a": untold})

    def test_imports(self):
        times = [
            Imports((1.0, 0.9), (0.2, 0.1), (0.0, 0.0)),
            Imports((1.9, 0.8), (0.25, 0.2), (0.1, 0.0)),
            Imports((1.5, 0.7), (0.9, 0.3), (0.2, 0.0)),
        ]
        torch_line, rooms, both, rest = kernels.report_imports(times).splitlines()[1:]
        assert torch_line.split() == ["torch", "1.50", "0.80"]
        assert rooms.split()[-7:] == ["0.25", "0.20", "goal:", "under", "0.3", "s", "(met)"]
        assert both.split()[2:] == ["2.15", "1.00", "goal:", "under", "2", "s", "(missed)"]
        assert rest.split()[-2:] == ["0.10", "0.00"]

    def test_figure(self):
        runs = [
            Ran(1.0, [0.5, 4.0, 0.25, 2.0, 1.5], [[]] * 5, 4),
            Ran(1.0, [0.1, 0.1, 0.1, 0.1, 0.1], [[]] * 5, 4),
            Ran(9.0, [9.0, 9.0, 9.0, 9.0, 9.0], [[]] * 5, 4),
        ]
        lines = [line.split() for line in kernels.report_figure(runs).splitlines()]
        assert lines[0][-2:] == ["9.25", "s"]  # the median run: 1 + 0.5 + 4 + 0.25 + 2 + 1.5
        assert [line[-2] for line in lines[1:]] == ["1.00", "4.00", "2.00", "0.75", "1.50"]
        assert lines[2][:3] == ["code", "cell", "2"] and lines[3][:3] == ["code", "cell", "4"]


class TestMain:
    """Which parts run, and the exit status."""

    @pytest.fixture
    def calls(self, monkeypatch) -> list[tuple]:
        calls: list[tuple] = []
        shown = Ran(1.0, [1.0], [[]], 0, 1, 1.0)
        three = Imports((1.0, 1.0), (0.1, 0.1), (0.0, 0.0))

        def keep(name, answer):
            return lambda *arguments: calls.append((name, *arguments)) or answer

        monkeypatch.setattr(bench, "networks_part", keep("networks", ("the table", [ENTRY])))
        monkeypatch.setattr(kernels, "time_imports", keep("imports", [three]))
        monkeypatch.setattr(kernels, "first_figure", keep("figure", [shown]))
        monkeypatch.setattr(kernels, "time_notebook", keep("notebooks", shown))
        return calls

    def test_all_parts_by_default(self, calls, capsys):
        assert bench.main([]) == 0
        names = [call[0] for call in calls]
        assert names[:3] == ["networks", "imports", "figure"] and names[3:] == ["notebooks"] * len(NOTEBOOKS)
        assert calls[0][1:] == (5, 4, 10) and calls[1][1:3] == (NB00, 5) and calls[2][1] == NB00
        text = capsys.readouterr().out
        assert "the table" in text and "10_verdict" in text and "first figure of notebook 00" in text

    def test_some_parts(self, calls, capsys):
        assert bench.main(["--only", "imports", "networks"]) == 0
        assert [call[0] for call in calls] == ["networks", "imports"]
        assert "Every notebook" not in capsys.readouterr().out

    def test_few_turns_for_a_first_look_and_threads(self, calls):
        assert bench.main(["--quick", "--threads", "1"]) == 0
        assert calls[0][1:] == (2, 2, 5) and calls[1][2:] == (2, 1) and calls[2][2:] == (1, 1)
        assert [call[1].name[:2] for call in calls[3:]] == ["00", "01", "02"]

    def test_a_notebook_that_stops_is_the_exit_status(self, calls, monkeypatch, capsys):
        stopped = Ran(1.0, [1.0], [[]], stopped="code cell 1: KeyError: 'lost'")
        monkeypatch.setattr(kernels, "time_notebook", lambda *_: stopped)
        assert bench.main(["--only", "notebooks", "--quick"]) == 1
        assert "STOPPED: code cell 1" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("share", "options", "status", "told", "rows"),
        [
            (0.5, [], 0, None, 1),
            (0.5, ["--check"], 0, "no sweep is 10% slower than on 2026-01-01", 1),
            (0.5, ["--check", "--record"], 0, "1 rows written to history.csv", 2),
            (0.6, ["--check"], 1, "some sweep: 50.0% of the dense rate, 60.0% on 2026-01-01, 17% slower", 1),
        ],
    )
    def test_history(self, calls, tmp_path, monkeypatch, capsys, share, options, status, told, rows):
        path = tmp_path / "history.csv"
        bench_history.append(path, [ENTRY._replace(share=share)])
        monkeypatch.setattr(bench, "HISTORY", path)
        assert bench.main(["--only", "networks", *options]) == status
        text = capsys.readouterr().out
        assert told in text if told else "The history" not in text
        assert len(bench_history.read(path)) == rows

    @pytest.mark.parametrize(
        "arguments",
        [["--only"], ["--only", "dreams"], ["--threads", "-1"], ["--only", "figure", "--check"]],
    )
    def test_bad_arguments(self, arguments, calls, capsys):
        with pytest.raises(SystemExit):
            bench.main(arguments)
        assert "usage" in capsys.readouterr().err and not calls


ENTRY = bench_history.Entry("2026-01-01", bench_history.machine_name(), 80.0, "some sweep", 0.5, 0.9, 6.0)


class TestHistory:
    """The file, and what counts as slower."""

    def test_what_is_written_is_read(self, tmp_path):
        path = tmp_path / "history.csv"
        assert bench_history.read(path) == []
        other = ENTRY._replace(sweep="4 of 2 x 8, 14 x 14, 100", dense=123.456)
        bench_history.append(path, [ENTRY])
        bench_history.append(path, [other])
        assert bench_history.read(path) == [ENTRY, other._replace(dense=123.5)]
        assert path.read_text().splitlines()[0] == "date,machine,dense,sweep,share,of_parts,over_loop"
        path.write_text("date,machine\n1,2\n")
        with pytest.raises(ValueError, match="must have the columns date, machine, dense"):
            bench_history.read(path)

    @pytest.mark.parametrize(
        ("changed", "found"),
        [
            ({"share": 0.451}, 0),
            ({"share": 0.449}, 1),
            ({"share": 0.1, "sweep": "another"}, 0),
            ({"share": 0.1, "machine": "a third"}, 0),
            ({"share": 0.9}, 0),
            ({"share": 0.449, "dense": 40.0}, 1),
        ],
    )
    def test_slower(self, changed, found):
        """Against the last entry of the same sweep on a like machine, relative to the dense rate."""
        history = [ENTRY._replace(share=0.1), ENTRY, ENTRY._replace(share=0.9, machine="another")]
        assert len(bench_history.slower(history, [ENTRY._replace(**changed)])) == found

    def test_the_history_of_the_course_can_be_read(self):
        entries = bench_history.read(bench.HISTORY)
        assert {entry.sweep for entry in entries} <= {str(shape) for shape in (*bench.SWEEPS, *bench.SHAPES)}
        assert all(0 < entry.share < 1 and entry.over_loop > 1 for entry in entries)

    def test_without_a_like_machine_nothing_is_claimed(self, tmp_path):
        text, kept = bench.history_part(tmp_path / "history.csv", [ENTRY], True, False)
        assert text == "no entry of a machine like this one to compare with" and kept
