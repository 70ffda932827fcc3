"""The course in a real JupyterLab, driven in a real browser, as a student would; `make e2e` runs this.

Screenshots of every page are left in build/e2e. Times from a key to the new picture are printed, not judged: they
say as much about the machine as about the course.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PICTURES = ROOT / "build" / "e2e"
GOAL = 100  # milliseconds from a key to the new picture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab over a copy of the course, so that nothing stored is touched."""
    copy = tmp_path_factory.mktemp("lab") / "course"
    leave = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT, copy, ignore=leave)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=",
        f"--ServerApp.root_dir={copy}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    log = (copy.parent / "lab.log").open("w", encoding="utf-8")
    process = subprocess.Popen([sys.executable, "-m", "jupyter", "lab", *options], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address + "/api/status", process)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "JupyterLab stopped"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("JupyterLab did not answer within a minute")


class Opened(NamedTuple):
    """A notebook that ran in a page: its path, the page, its cells then, and the seconds that all of them took."""

    path: Path
    page: Any
    cells: list[dict]
    seconds: float


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def opened(request, browser, server: str) -> Iterator[Opened]:
    """Each notebook, opened and run once for all the tests that look at it."""
    page = browser.new_page(viewport={"width": 1250, "height": 1600})
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    start = time.perf_counter()
    cells = run_all(page, server, request.param)
    yield Opened(request.param, page, cells, time.perf_counter() - start)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def run_all(page, server: str, path: Path) -> list[dict]:
    """Open a notebook, run all its cells, and hand back the cells as the page then holds them."""
    page.goto(f"{server}/lab/tree/notebooks/{path.name}?reset", timeout=120_000)
    ready = "window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady"
    page.wait_for_function(f"() => {ready}", timeout=120_000)
    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )
    return page.evaluate("() => jupyterapp.shell.currentWidget.content.model.toJSON()")["cells"]


def panel(page):
    return page.locator(".jp-WindowedPanel-outer").first


def scroll(page, step: int) -> Iterator[int]:
    """Go down the notebook, a step at a time; the page draws only what is in view."""
    place = 0
    while place < panel(page).evaluate("e => e.scrollHeight"):
        panel(page).evaluate("(e, y) => { e.scrollTop = y }", place)
        page.wait_for_timeout(500)
        yield place
        place += step


def test_runs_without_error_and_shows_every_picture(opened: Opened) -> None:
    path, page, cells, seconds = opened
    print(f"\n{path.stem}: all cells in {seconds:.1f} s")
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert outputs
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    drawn: dict[str, bool] = {}
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob(f"{path.stem}_*.png"):
        old.unlink()
    for number, _ in enumerate(scroll(page, 1450)):
        page.screenshot(path=PICTURES / f"{path.stem}_{number:02d}.png")
        images = ".jp-OutputArea img:not(.jupyter-widgets)"
        found = "all => all.map(i => [i.src, i.complete && i.naturalWidth > 0])"
        drawn |= dict(page.locator(images).evaluate_all(found))
    expected = [
        output for output in outputs
        if "image/png" in output.get("data", {}) and "widget-view" not in " ".join(output["data"])
    ]  # fmt: skip
    assert len(drawn) == len(expected), "a picture never came into view"
    assert all(drawn.values()), "a picture is broken"
    assert page.faults == []


def test_explorer_follows_the_keyboard(opened: Opened) -> None:
    path, page = opened.path, opened.page
    if "explore.explorer(" not in path.read_text(encoding="utf-8"):
        pytest.skip("this notebook has no explorer")
    control = page.locator(".jupyter-widgets .noUi-handle")
    for _ in scroll(page, 700):
        if control.count():
            break
    assert control.count(), "no control came into view"
    picture = page.locator("img.jupyter-widgets, .widget-image").first
    fresh, again = [], []  # milliseconds, to a place where the slider has not been, and to one where it has
    for one in control.all():
        place = [float(one.get_attribute(f"aria-value{end}")) for end in ("now", "max")]
        there, back = ("ArrowLeft", "ArrowRight") if place[0] == place[1] else ("ArrowRight", "ArrowLeft")
        end = "min" if there == "ArrowLeft" else "max"
        before = len(fresh)
        while len(fresh) < before + 4 and one.get_attribute("aria-valuenow") != one.get_attribute(
            f"aria-value{end}"
        ):
            fresh.append(_press(page, one, picture, there))
        assert len(fresh) > before, "a slider has one place only"
        again += [_press(page, one, picture, back) for _ in range(len(fresh) - before)]
    for name, times in (("new", fresh), ("seen", again)):
        median, worst = statistics.median(times), max(times)
        print(
            f"\n{path.stem}: key to {name} picture {median:.0f} ms (median of {len(times)}), {worst:.0f} ms (worst)"
        )
    print(f"goal {GOAL} ms; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    page.screenshot(path=PICTURES / f"{path.stem}_explorer.png")
    assert page.faults == []


def _press(page, control, picture, key: str) -> float:
    """Milliseconds from a key to the new picture, measured inside the page."""
    control.focus()
    page.evaluate(
        """image => { window.changed = new Promise(done => {
            const start = performance.now();
            const watch = new MutationObserver(() => {
                watch.disconnect();
                image.decode().finally(() => done(performance.now() - start)); });
            watch.observe(image, { attributes: true, attributeFilter: ["src"] });
            setTimeout(() => done(null), 5000); }) }""",
        picture.element_handle(),
    )
    page.keyboard.press(key)
    taken = page.evaluate("() => window.changed")
    assert taken is not None, "the picture did not change"
    return taken
