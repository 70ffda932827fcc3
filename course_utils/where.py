"""Where the course's own files lie, and where the course itself does."""

import tomllib
from pathlib import Path

__all__ = ["home", "stored"]

ROOT = Path(__file__).resolve().parent.parent


def stored(name: str) -> Path:
    """The course's file of this name: in data/ of its repository or, in an installed copy, beside the package.

    The file may be missing; the path is then where it should be.
    """
    own, installed = ROOT / "data" / name, ROOT / "why_relu_data" / name
    return installed if installed.exists() and not own.exists() else own


def home() -> str:
    """The address of the course's repository; "where you got the course" for a copy that does not name its own."""
    try:
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        course = tomllib.loads(text)["tool"]["course"]
        repository, branch = str(course["repository"]), str(course["branch"])
    except (OSError, ValueError, KeyError):
        return "where you got the course"
    return (
        "where you got the course"
        if repository == "OWNER/REPO"
        else f"https://github.com/{repository}/tree/{branch}"
    )
