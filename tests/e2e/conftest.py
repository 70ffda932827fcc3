"""A real browser for all the tests here; without one, or outside `make e2e`, they are skipped and say so."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window."""
    if os.environ.get("COURSE_E2E") != "1":
        pytest.skip("minutes long; make e2e runs it")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no chromium on the path (Debian: apt install chromium)")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing (make e2e installs it)"
    )
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
