"""``diarize speakers``: the people enrolled, and what can be done with the book of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli import forget, proposals, rename
from diarize.cli.common import (
    add_book_option,
    add_model_options,
    open_book,
    open_diarizer,
    say,
)
from diarize.cli.console import Console, emit
from diarize.cli.options import add, add_table
from diarize.text import counted, one_line, table

if TYPE_CHECKING:
    from diarize.speakers.records import Person

EPILOG = """\
without a command, the people are listed. The book holds names, voice prints and the paths of the
recordings they come from; it is one file, readable by you only, and leaves your machine only if
you copy it. `diarize forget NAME` deletes a person for good.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands and their options."""
    parser.epilog = EPILOG
    add_book_option(parser)
    add(parser, "--json", "print JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    listing = _command(commands, "list", "list the people (also without a command)")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    _command(commands, "rename", "give a person another name", rename.add_arguments)
    _command(commands, "forget", "delete a person for good", forget.add_arguments)
    for name, summary in (
        ("confirm", "say that a speaker of a result is who was proposed, and learn the voice"),
        ("reject", "say that a speaker of a result is not that person, and remember it"),
    ):
        _command(commands, name, summary, proposals.add_arguments)
    merge = _command(commands, "merge", "make two people one")
    merge.add_argument("keep", metavar="NAME", help="who stays")
    merge.add_argument("other", metavar="OTHER", help="whose samples go to NAME")
    export = _command(commands, "export", "write the book as JSON")
    add(export, "-o --output FILE", "default: stdout", default="-")
    add(
        export,
        "--overwrite",
        "replace a file that diarize did not write, or that was changed since",
        action="store_true",
        default=False,
    )
    loading = _command(commands, "import", "add the people of an export")
    loading.add_argument("file", metavar="FILE", help="JSON that `export` wrote")
    again = _command(commands, "re-enroll", "embed the recordings anew with another model")
    add_model_options(again)
    add_table(
        again,
        """
        --audio DIR     folder with the recordings that were moved
        --drop-missing  go on without the recordings that are gone
        -q --quiet      no progress
        """,
    )
    _command(commands, "clean", "rewrite the file without traces of what was deleted")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    add_more: Callable[[argparse.ArgumentParser], None] | None = None,
) -> argparse.ArgumentParser:
    """Add a command that takes ``--speakers`` too, without undoing what stands before it."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[:1].upper() + summary[1:] + ".",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    if add_more:
        add_more(parser)
    else:
        add_book_option(parser)
    add(parser, "--debug", "show tracebacks of errors")
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command, or list the people."""
    commands = {
        "rename": rename.run,
        "forget": forget.run,
        "confirm": proposals.confirm,
        "reject": proposals.reject,
        "merge": _merge,
        "export": _export,
        "import": _import,
        "re-enroll": _re_enroll,
        "clean": _clean,
    }
    return commands.get(args.command, _list)(args)


def _list(args: argparse.Namespace) -> int:
    from diarize.speakers.book import book_path

    path = book_path(args.speakers)
    people, model, thresholds = [], None, None
    if path.exists():
        with open_book(args) as book:
            people, model, thresholds = book.people(), book.model, book.thresholds
    if args.json:
        shown = {
            "path": str(path),
            "model": vars(model) if model else None,
            "thresholds": vars(thresholds) if thresholds else None,
            "people": [asdict(person) for person in people],
        }
        emit(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
        return 0
    if people:
        headings = ["name", "samples", "seconds", "consistency", "enrolled", "note"]
        emit(table(headings, [_row(person) for person in people], [1, 2, 3]) + "\n")
    say(
        f"{counted(len(people), 'person', 'people')} in {path}"
        + (f", model {model.name} ({model.checksum[:8]})" if model else "")
        + (f", thresholds {thresholds.note}" if thresholds else "")
        + ("" if people else "; enroll somebody: diarize enroll NAME FILE")
    )
    return 0


def _row(person: Person) -> list[str]:
    return [
        person.name,
        str(person.samples),
        f"{person.seconds:.1f}",
        "-" if person.consistency is None else f"{person.consistency:.2f}",
        person.created[:10],
        "; ".join(f"{note.created[:10]} {one_line(note.text)}" for note in person.notes),
    ]


def _merge(args: argparse.Namespace) -> int:
    with open_book(args) as book:
        book.merge(args.keep, args.other)
        count = len(book.samples(args.keep))
        say(f"{args.other} is now part of {args.keep} ({count} samples) in {book.path}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from diarize.speakers.export import export_json, write_export

    with open_book(args) as book:
        if args.output == "-":
            emit(export_json(book))
        else:
            write_export(book, Path(args.output), overwrite=args.overwrite)
            say(f"wrote {args.output}: it holds voice prints, keep it private")
    return 0


def _import(args: argparse.Namespace) -> int:
    from diarize.speakers.export import import_book, read_export

    data = read_export(Path(args.file))
    with open_book(args, create=True) as book:
        added = import_book(book, data)
        say(
            f"{counted(sum(added.values()), 'new sample')} of "
            f"{counted(len(added), 'person', 'people')} in {book.path}"
        )
    return 0


def _re_enroll(args: argparse.Namespace) -> int:
    from diarize.speakers.reenrollment import re_enroll

    messages = Console(quiet=getattr(args, "quiet", False))
    with open_book(args) as book:
        diarizer = open_diarizer(args)
        with messages.progress(book.path.name) as on_progress:
            done = re_enroll(
                book,
                diarizer,
                drop_missing=getattr(args, "drop_missing", False),
                folder=Path(args.audio) if getattr(args, "audio", None) else None,
                on_progress=on_progress,
            )
        messages.warn(*done.lost.values())
        for name in done.dropped:
            messages.warn(f"{name} has no recording left and was deleted from the book")
        say(
            f"{counted(done.samples, 'sample')} of {counted(done.people, 'person', 'people')} "
            f"made anew with {diarizer.embedder.name} in {book.path}"
        )
    return 0


def _clean(args: argparse.Namespace) -> int:
    with open_book(args) as book:
        clean = book.forget([])
        say(f"{book.path}: " + ("clean" if clean else "still open in another program"))
    return 0 if clean else 1
