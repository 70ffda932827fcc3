"""The one first cell that all notebooks share, and the one place that knows its text.

In Colab a notebook arrives alone, so its first cell fetches the rest of the course. Everywhere else
the cell only puts the folder above the notebook at the head of the path, names what is in the way, and says where the
course is. It installs nothing, prints nothing, and may be run again at any time. `publish` stamps the repository's name
into it.

It imports the package before anything else of the course, so that GOMP_SPINCOUNT (course_utils/__init__.py) is set before
torch is imported.
"""

import re
import tomllib
from pathlib import Path

PLACEHOLDER = "OWNER/REPO"
FIRST_LINE = "# On Colab, fetch the course; anywhere else, only find course_utils."

_TEMPLATE = (
    FIRST_LINE
    + """
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY, BRANCH = "%REPOSITORY%", "%BRANCH%"
url, folder = f"https://github.com/{REPOSITORY}", Path(REPOSITORY).name
if "google.colab" in sys.modules and not Path("../course_utils").is_dir():
    assert REPOSITORY != "OWNER/REPO", "It does not name its repository: make publish REPO=owner/name"
    if not Path(folder, "course_utils").is_dir():
        clone = ["git", "clone", "--quiet", "--depth=1", f"--branch={BRANCH}", url]
        answer = subprocess.run(clone, capture_output=True, text=True)
        why = f"Is it public, is the name right, is there a network? git says: {answer.stderr.strip()}"
        assert not answer.returncode, f"Cannot fetch {url} (branch {BRANCH}). {why}"
    os.chdir(Path(folder, "notebooks"))
sys.path[:] = dict.fromkeys([str(Path.cwd().parent), *sys.path])  # the course at its head, once
try:
    import course_utils.maintain  # noqa: F401
except ImportError as problem:
    raise ModuleNotFoundError(f"Not the course's course_utils: get all of it from {url}") from problem"""
)

_OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
_NAME = r"[A-Za-z0-9._-]{1,100}"
_BRANCH = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}"


def cell_source(repository: str = PLACEHOLDER, branch: str = "main") -> str:
    """The text of the first code cell.

    Args:
        repository: owner/name on GitHub; the default is the placeholder of an unpublished copy.
        branch: the branch to fetch.

    Raises:
        ValueError: the repository or the branch is no name that GitHub could have.
    """
    if repository != PLACEHOLDER:
        check_repository(repository)
    check_branch(branch)
    return _TEMPLATE.replace("%REPOSITORY%", repository).replace("%BRANCH%", branch)


def is_bootstrap(source: str) -> bool:
    """Whether a cell's text is the shared first cell, stamped with any name."""
    return source.startswith(FIRST_LINE)


def check_repository(repository: str) -> None:
    """Raises ValueError unless `repository` is owner/name as on GitHub (no address, no placeholder)."""
    if repository == PLACEHOLDER:
        raise ValueError(f"{PLACEHOLDER} is the placeholder; give your own owner/name, such as ada/why-relu.")
    found = re.fullmatch(f"({_OWNER})/({_NAME})", repository)
    if found is None or found[2] in {".", ".."} or found[2].endswith(".git"):
        raise ValueError(f"{repository!r} is not owner/name as on GitHub, such as ada/why-relu.")


def check_branch(branch: str) -> None:
    """Raises ValueError unless `branch` is a plain name of a branch."""
    if re.fullmatch(_BRANCH, branch) is None or ".." in branch or branch.endswith(("/", ".", ".lock")):
        raise ValueError(f"{branch!r} is no name of a branch.")


def plain_name(repository: str) -> str:
    """owner/name from any address under which GitHub shows or clones a repository; what is none comes back as it was.

    https://github.com/ada/why-relu, with .git or /tree/main behind it, git@github.com:ada/why-relu.git, and so on.
    """
    host = r"(?:[a-z+]+://)?(?:[^@/\s]+@)?(?:www\.)?github\.com(?::\d+/|[:/])"
    found = re.fullmatch(
        rf"{host}({_OWNER})/({_NAME}?)(?:\.git)?(?:[/?#].*)?", repository.strip(), re.IGNORECASE
    )
    return f"{found[1]}/{found[2]}" if found else repository.strip().removesuffix("/")


def read_course(root: Path) -> tuple[str, str]:
    """The repository and branch that [tool.course] in root/pyproject.toml names."""
    course = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
    return str(course["repository"]), str(course["branch"])
