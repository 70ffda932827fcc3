"""README and the notebooks' own links: what they point at is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _links(text: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def test_links_of_the_readme_resolve():
    links = _links((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_readme_lists_every_notebook():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in NOTEBOOKS if f"notebooks/{path.name}" not in text] == []


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"(?m)^([a-z ]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"`?make ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"lab", "test", "run"} <= named <= targets


def blocks() -> dict[str, list[str]]:
    """The lines of each block of commands, by its last prompt to activate."""
    found = re.findall(r"(?s)```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"))
    parts = [block.strip().splitlines() for block in found]
    return {next((line for line in lines if "activate" in line), "make"): lines for lines in parts}


def test_plain_lines_for_each_system():
    given = blocks()
    assert set(given) == {"make", ".venv\\Scripts\\activate", ". .venv/bin/activate"}
    windows, unix = given[".venv\\Scripts\\activate"], given[". .venv/bin/activate"]
    assert windows[2:] == [
        line for line in unix[2:] if "--index-url" not in line
    ]  # but for the small torch, the same
    for lines in (windows, unix):
        pips = [line for line in lines if line.startswith("pip")]
        assert all("-c .ci/constraints.txt" in line for line in pips), (
            "one pin for all, or pip swaps the build of torch"
        )
    assert "--no-deps torch" in unix[2] and "download.pytorch.org/whl/cpu" in unix[2]
    extras = re.findall(r'-e "\.(\[[\w,]+\])"', (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert re.findall(r'-e "\.(\[[\w,]+\])"', unix[3])[0] in extras  # what make sets up


def test_chores_of_the_lines_exist():
    lines = [line for block in blocks().values() for line in block]
    chores = [found[1] for line in lines if (found := re.fullmatch(r"python -m course_utils (\w+)", line))]
    assert chores and all(
        f'"{chore}"' in (ROOT / "course_utils" / "__main__.py").read_text("utf-8") for chore in chores
    )


def test_machines_that_torch_is_not_made_for_are_told_where_to_go():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"(?m)^\*\*An Intel Mac, Windows on ARM:\*\*(.*)$", text)
    assert "(#binder-and-colab)" in line and "## Binder and Colab" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_resolve(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    for link in _links(text):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if anchor:
            other = json.loads(target.read_text(encoding="utf-8"))["cells"]
            headings = re.findall(r"(?m)^#+ (.+)$", "\n".join("".join(c["source"]) for c in other))
            assert anchor in [heading.replace(" ", "-") for heading in headings], link
