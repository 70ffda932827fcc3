"""The book in a real browser: on a desk and on a phone, by day and by night, with keys and with a finger.

Screenshots of every page are left in build/e2e.
"""

import itertools
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from course_utils.maintain import book
from course_utils.maintain.execute import ROOT

pytest.importorskip("myst_nb", reason="the extra book is not installed")
pytestmark = pytest.mark.e2e
PICTURES = ROOT / "build" / "e2e"
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EVERY = [*NAMES, "index", "claims", "sources", "how_to_run", "search"]
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, built with its explorers; COURSE_BOOK names one that is built already."""
    if ready := os.environ.get("COURSE_BOOK"):
        return Path(ready).resolve()
    explorers = ROOT / "build" / "explorers"
    book.export(ROOT, explorers)
    target = tmp_path_factory.mktemp("book") / "book"
    book.build(ROOT, target, explorers)
    return target


@pytest.fixture
def asked() -> list[str]:
    """Every address that the pages of a test asked for."""
    return []


@pytest.fixture
def opened(browser: Any, site: Path, asked: list[str]) -> Iterator[Any]:
    """A function that opens a page of the book."""
    contexts = []

    def open_page(name: str, width: int = 1200, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 844}, **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == [], "it asks the network"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("name", EVERY)
def test_every_page_fits_and_is_accessible(opened: Any, name: str, width: int, theme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is missing (make e2e installs it)"
    )
    page = opened(name, width, color_scheme=theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    report = axe.Axe().run(page).response
    serious = [v for v in report["violations"] if v["impact"] in ("serious", "critical")]
    assert [f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:120]})" for v in serious] == []
    assert page.locator("article img:not([alt]), article img[alt='']").count() == 0
    levels = page.locator("article :is(h1,h2,h3,h4)").evaluate_all("all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1 and all(b <= a + 1 for a, b in itertools.pairwise(levels))
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"book_{name}_{width}_{theme}.png", full_page=True)


@pytest.mark.parametrize("name", NAMES)
def test_controls_follow_keys_and_a_finger(opened: Any, name: str) -> None:
    if "explorer(" not in (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"):
        pytest.skip("this notebook has no explorer")
    page = opened(name, 390, has_touch=True)
    figures = page.locator("figure.explorer")
    assert figures.count(), "no controls in the page"
    for figure in figures.all():
        seen = {(picture(figure), figure.locator("figcaption").inner_text())}
        for slider in figure.locator("input[type=range]").all():
            key = "ArrowLeft" if slider.input_value() == slider.get_attribute("max") else "ArrowRight"
            slider.press(key)
            seen.add((picture(figure), figure.locator("figcaption").inner_text()))
            box = slider.bounding_box()
            slider.tap(position={"x": 4 if key == "ArrowRight" else box["width"] - 4, "y": box["height"] / 2})
            assert slider.input_value() == slider.get_attribute("min" if key == "ArrowRight" else "max")
            assert slider.get_attribute("aria-valuetext")
        places = len(figure.locator("input[type=range]").all()) + 1
        assert len(seen) == places, "a key changed nothing"
        assert len({words for _, words in seen}) == places, "the words did not follow"


def picture(figure: Any) -> str:
    """Where the picture comes from, once it is drawn."""
    image = figure.locator("img")
    image.evaluate("image => image.decode()")
    assert image.get_attribute("alt") == figure.locator("figcaption").inner_text()
    return image.get_attribute("src") + image.evaluate("image => image.style.objectPosition")


@pytest.mark.parametrize("name", NAMES)
def test_without_javascript_picture_and_words_remain(opened: Any, name: str) -> None:
    page = opened(name, java_script_enabled=False)
    for figure in page.locator("figure.explorer").all():
        assert figure.locator("input").count() == 0
        assert figure.locator("img").is_visible() and figure.locator("figcaption").inner_text()


@pytest.mark.parametrize("name", ["index", "how_to_run"])
def test_no_colour_comes_in_slowly_on_the_search_button(opened: Any, name: str) -> None:
    button = opened(name, color_scheme="dark").locator(".search-button-field:visible").first
    assert button.evaluate("button => getComputedStyle(button).transitionProperty") in ("none", "all")
    assert button.evaluate("button => getComputedStyle(button).transitionDuration") == "0s"


def test_the_search_finds_dying(opened: Any) -> None:
    page = opened("search")
    page.goto(f"{page.url}?q=dying")
    links = page.locator("#search-results li a")
    links.first.wait_for()
    assert any("05_dead_units.html" in link.get_attribute("href") for link in links.all())


def test_links_arrive(opened: Any, site: Path) -> None:
    for name in EVERY[:-1]:
        page = opened(name)
        for href in set(page.locator("article a[href]").evaluate_all("all => all.map(a => a.href)")):
            address, _, mark = href.partition("#")
            if not address.startswith("file:"):
                continue
            target = Path(urllib.parse.unquote(address.removeprefix("file://")))
            assert target.is_file(), f"{name} leads to {href}"
            if mark and target.suffix == ".html":
                assert f'id="{mark}"' in target.read_text(encoding="utf-8"), f"{name} leads to {href}"


def test_it_is_not_too_heavy(site: Path) -> None:
    sizes = {}
    for name in NAMES:
        files = [site / f"{name}.html", *(site / "_static" / name).rglob("*.*")]
        sizes[name] = sum(file.stat().st_size for file in files)
    assert {name: size for name, size in sizes.items() if size > 2 * MEGABYTE} == {}
    assert sum(file.stat().st_size for file in site.rglob("*.*") if file.is_file()) < 30 * MEGABYTE
