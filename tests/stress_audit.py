"""What a notebook's kernel does to disk and network, for tests/stress.py.

A kernel loads this through the sitecustomize.py that tests/stress.py puts on its path: an audit hook then adds to the
file STRESS_AUDIT whatever changes a file outside the folders STRESS_ALLOWED, starts a process, opens a connection to
another machine or unpickles an object.
"""

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
CHANGES = {  # events whose first arguments are paths that change, and how many
    "os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.truncate": 1,
    "os.chmod": 1, "os.chown": 1, "os.utime": 1, "sqlite3.connect": 1,
}  # fmt: skip
NEVER = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn", "subprocess.Popen",
    "pickle.find_class", "urllib.Request", "webbrowser.open",
}  # fmt: skip
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
KERNEL = "the kernel itself"
OWN = {("subprocess.Popen", "uname")}  # as it starts, ipykernel asks what machine this is: no cell's doing
LOCAL = {"127.0.0.1", "::1", "localhost", "", None}


def touched(event: str, args: tuple[Any, ...]) -> list[Any]:
    """The paths that an audited event changes; none if it only reads."""
    if event == "open":
        path, _, flags = args
        return [path] if isinstance(flags, int) and flags & WRITING else []
    return list(args[: CHANGES.get(event, 0)])


def offence(event: str, args: tuple[Any, ...], allowed: tuple[str, ...]) -> str | None:
    """What an audited event does that no notebook may do; None if it is fair.

    allowed: folders, real paths, in which a notebook may write.
    """
    if event in NEVER:
        return f"{event} {args!r}"
    if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in LOCAL:
        return f"{event} {args[1]!r}"
    if event in LOOKUPS and args[0] not in LOCAL:
        return f"{event} {args[0]!r}"
    for path in touched(event, args):
        if isinstance(path, int):  # a file that is open already
            continue
        real = os.path.realpath(os.fsdecode(path))
        if real not in {os.devnull, ":memory:"} and not real.startswith(allowed):
            return f"{event} {real}"
    return None


def _where(frame: FrameType | None) -> str:
    """The innermost line of a cell or of the course that is being executed; KERNEL where there is none."""
    while frame is not None:
        name = frame.f_code.co_filename
        cell = "ipykernel_" in Path(name).parent.name or "<ipython-input" in name  # as IPython names cells
        if cell or "course_utils" in name:
            return f"{Path(name).name}:{frame.f_lineno}"
        frame = frame.f_back
    return KERNEL


def watch() -> None:
    """In a kernel, and only there: begin to write down what it does amiss."""
    if "STRESS_AUDIT" not in os.environ or not any("ipykernel_launcher" in word for word in sys.orig_argv):
        return
    log = os.open(os.environ["STRESS_AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    folders = [os.path.realpath(folder) + os.sep for folder in os.environ["STRESS_ALLOWED"].split(os.pathsep)]
    os.write(log, f"watching in {os.getcwd()}\n".encode())

    def hook(event: str, args: tuple[Any, ...]) -> None:
        found = offence(event, args, tuple(folders))
        if found is None:
            return
        where = _where(sys._getframe(1))
        if where != KERNEL or (event, str(args[0])) not in OWN:
            os.write(log, f"{found} (at {where})\n".encode(errors="replace"))

    sys.addaudithook(hook)
