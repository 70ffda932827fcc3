"""`python -m course_utils`: the course's chores, for machines with and without make."""

import argparse
import io
import sys
from collections.abc import Sequence

SOME = "names or their beginnings, such as 02 (default: all)"


def parser() -> argparse.ArgumentParser:
    """The command line: one sub-command per chore."""
    top = argparse.ArgumentParser(
        prog="python -m course_utils", description='The chores of the course "Why ReLU?".'
    )
    chores = top.add_subparsers(dest="chore", metavar="chore")
    for name, what in {
        "run": "execute the notebooks into build/ and print their verdicts",
        "refresh": "execute the notebooks, store their outputs, and say which numbers changed",
        "prose": "list the numbers in the notebooks' prose that no cell near them holds",
    }.items():
        chores.add_parser(name, help=what, description=what).add_argument("notebook", nargs="*", help=SOME)
    chores.choices["refresh"].add_argument(
        "--check", action="store_true", help="execute nothing; say what in the stored notebooks is not clean"
    )
    student = chores.add_parser(
        "student", help="write an edition without worked solutions into build/student"
    )
    student.add_argument(
        "--hide", action="store_true", help="leave out the outputs between a guess and its solution, too"
    )
    student.add_argument(
        "--grade", action="store_true", help="put a cell that nbgrader counts behind each answer"
    )
    slides = chores.add_parser(
        "slides", help="write slides of notebooks into build/slides (default: 00 03 06)"
    )
    slides.add_argument("notebook", nargs="*", help="names or their beginnings, such as 02")
    chores.add_parser("teaching", help="draw the concept map and the route again, from data/teaching.toml")
    chores.add_parser("verdicts", help="print the verdicts stored in the notebooks")
    publish = chores.add_parser("publish", help="write the repository's name into badges and notebooks")
    publish.add_argument("repository", help="owner/name, or its address on GitHub")
    publish.add_argument("--branch", help="the branch that Colab and Binder open (default: as it is now)")
    book = chores.add_parser("book", help="write the stored notebooks as a book into build/book")
    book.add_argument("--still", action="store_true", help="run nothing: pictures without controls")
    record = chores.add_parser("record", help="run the experiments of data/record that are not there yet")
    record.add_argument("name", nargs="*", help="claims such as C30, changes such as adam (default: all)")
    record.add_argument(
        "--quick", action="store_true", help="a small look in two minutes, into build/record-quick"
    )
    record.add_argument("--processes", type=int, default=1, help="how many run side by side (default: 1)")
    chores.add_parser("bench", help="time the batched networks, the notebooks and the import", add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Do one chore; returns the exit status (0 for success). Without a chore, list them all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a Windows console may not know every sign
    options, rest = parser().parse_known_args(argv)
    if rest and options.chore != "bench":
        parser().error(f"unknown arguments: {' '.join(rest)}")
    if options.chore is None:
        parser().print_help()
        return 0
    try:
        return _do(options, rest)
    except KeyboardInterrupt:
        why = "stopped by hand"
    except ModuleNotFoundError as error:
        why = (
            f"{error.name} is not installed here: make setup, or README's pip lines, install what this needs"
        )
    except (OSError, ValueError) as error:
        why = str(error)
    print(f"{options.chore}: {why}", file=sys.stderr)
    return 1


def _do(options: argparse.Namespace, rest: list[str]) -> int:
    # Imported here: each chore loads only what it needs; publish needs nothing but Python.
    if options.chore == "bench":
        from course_utils.maintain import bench

        return bench.main(rest)
    if options.chore == "publish":
        from course_utils.maintain import publish

        return publish.main(options.repository, options.branch)
    if options.chore == "book":
        from course_utils.maintain import book

        return book.main(options.still)
    if options.chore == "record":
        from course_utils.record import make

        return make.main(options.name, options.quick, options.processes)
    if options.chore == "student":
        from course_utils.maintain import student

        return student.main(options.hide, grade=options.grade)
    if options.chore == "slides":
        from course_utils.maintain import slides

        return slides.main(options.notebook)
    if options.chore == "teaching":
        from course_utils.maintain import teaching

        return teaching.main()
    from course_utils.maintain import execute

    if options.chore == "run":
        return execute.run(options.notebook)
    if options.chore == "prose":
        return execute.untied(options.notebook)
    if options.chore == "refresh":
        return execute.check(options.notebook) if options.check else execute.refresh(options.notebook)
    return execute.print_verdicts(execute.ROOT / "notebooks")


if __name__ == "__main__":
    sys.exit(main())
