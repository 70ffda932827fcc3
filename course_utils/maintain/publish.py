"""Stamp the repository's owner and name wherever the course must know them.

Colab and Binder open a course by absolute addresses, so a fork has to say its own name: in
[tool.course] of pyproject.toml (the one place that counts), in every notebook's first cell, and in the
badges of README.md. Stamping twice, or over another name, gives the same files as stamping once.
"""

import json
import re
import sys
from pathlib import Path

from course_utils.maintain import bootstrap

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- badges -->", "<!-- /badges -->"
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"


def badges(repository: str, branch: str) -> str:
    """The lines between the badge marks of README.md."""
    colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{FIRST_NOTEBOOK}"
    ref = branch.replace("/", "%2F")
    binder = f"https://mybinder.org/v2/gh/{repository}/{ref}?urlpath=lab/tree/{FIRST_NOTEBOOK}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Launch on Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def publish(repository: str, branch: str | None = None, root: Path = ROOT) -> list[Path]:
    """Stamp a repository's name into pyproject.toml, the notebooks and README.md.

    Nothing is written unless everything can be.

    Args:
        repository: owner/name on GitHub, or an address that holds it.
        branch: the branch that Colab and Binder open; None keeps the one in pyproject.toml.
        root: the top folder of the course.

    Returns:
        The files that changed (none when all said so already).

    Raises:
        ValueError: a name that GitHub would not take, or a file without the place for the stamp.
    """
    repository = bootstrap.plain_name(repository)
    bootstrap.check_repository(repository)
    branch = bootstrap.read_course(root)[1] if branch is None else branch
    bootstrap.check_branch(branch)

    new = {root / "pyproject.toml": _stamp_pyproject(root / "pyproject.toml", repository, branch)}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        new[path] = _stamp_notebook(path, repository, branch)
    new[root / "README.md"] = _stamp_readme(root / "README.md", repository, branch)

    changed = [path for path, text in new.items() if text != path.read_text(encoding="utf-8")]
    for path in changed:
        path.write_text(new[path], encoding="utf-8", newline="\n")
    return changed


def main(repository: str, branch: str | None = None) -> int:
    """`publish` with its outcome in words; returns the exit status."""
    try:
        changed = publish(repository, branch)
    except (OSError, ValueError) as error:
        print(f"Nothing was changed. {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(f"stamped  {path.relative_to(ROOT).as_posix()}")
    print(
        "Commit and push these, and the badges work."
        if changed
        else f"All files name {bootstrap.plain_name(repository)} already."
    )
    return 0


def _stamp_pyproject(path: Path, repository: str, branch: str) -> str:
    text = path.read_text(encoding="utf-8")
    table = re.search(r"^\[tool\.course\]\n(?:(?!\[).*\n?)*", text, flags=re.MULTILINE)
    if table is None:
        raise ValueError("pyproject.toml has no table [tool.course].")
    stamped = re.sub(r'(?m)^repository = ".*"$', f'repository = "{repository}"', table[0])
    stamped = re.sub(r'(?m)^branch = ".*"$', f'branch = "{branch}"', stamped)
    return text[: table.start()] + stamped + text[table.end() :]


def _stamp_notebook(path: Path, repository: str, branch: str) -> str:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = next((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), None)
    if first is None or not bootstrap.is_bootstrap("".join(first["source"])):
        raise ValueError(f"The first code cell of {path.name} is not the one that all notebooks share.")
    first["source"] = bootstrap.cell_source(repository, branch).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _stamp_readme(path: Path, repository: str, branch: str) -> str:
    text = path.read_text(encoding="utf-8")
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"{path.name} needs the marks {START} and {END}, once each, around the badges.")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{badges(repository, branch)}\n{END}{after}"
