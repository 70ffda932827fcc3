"""`python -m course_utils`: the course's chores, for machines with and without make."""

import argparse
import io
import sys
from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command per chore."""
    top = argparse.ArgumentParser(
        prog="python -m course_utils", description='The chores of the course "Why ReLU?".'
    )
    chores = top.add_subparsers(dest="chore", metavar="chore", required=True)

    some = "names or their beginnings, such as 02 (default: all)"
    run = chores.add_parser("run", help="execute the notebooks into build/ and print the verdicts")
    run.add_argument("notebook", nargs="*", help=some)
    refresh = chores.add_parser("refresh", help="execute the notebooks and store their outputs, cleaned")
    refresh.add_argument("notebook", nargs="*", help=some)
    refresh.add_argument(
        "--check", action="store_true", help="execute nothing; say what in the stored notebooks is not clean"
    )
    chores.add_parser("bench", help="time the batched networks, the notebooks and the import", add_help=False)
    publish = chores.add_parser("publish", help="write the repository's name into badges and notebooks")
    publish.add_argument("repository", help="owner/name, as on GitHub")
    publish.add_argument("--branch", help="the branch that Colab and Binder open (default: as it is now)")
    chores.add_parser("html", help="write the stored notebooks as linked pages into build/html")
    student = chores.add_parser(
        "student", help="write an edition without worked solutions into build/student"
    )
    student.add_argument(
        "--hide", action="store_true", help="leave out the outputs between a guess and its solution, too"
    )
    chores.add_parser("teaching", help="draw the concept map and the route again, from data/teaching.toml")
    chores.add_parser("verdicts", help="print the verdicts stored in the notebooks")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Do one chore; returns the exit status (0 for success)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a Windows console may not know every sign
    options, rest = parser().parse_known_args(argv)
    if rest and options.chore != "bench":
        parser().error(f"unknown arguments: {' '.join(rest)}")

    # Imported here: each chore loads only what it needs.
    if options.chore == "bench":
        from course_utils.maintain import bench

        return bench.main(rest)
    if options.chore == "publish":
        from course_utils.maintain import publish

        return publish.main(options.repository, options.branch)
    if options.chore == "html":
        from course_utils.maintain import pages

        return pages.main()
    if options.chore == "student":
        from course_utils.maintain import student

        return student.main(options.hide)
    if options.chore == "teaching":
        from course_utils.maintain import teaching

        return teaching.main()
    from course_utils.maintain import execute

    if options.chore == "run":
        return execute.run(options.notebook)
    if options.chore == "refresh":
        return execute.check(options.notebook) if options.check else execute.refresh(options.notebook)
    return execute.print_verdicts(execute.ROOT / "notebooks")


if __name__ == "__main__":
    sys.exit(main())
