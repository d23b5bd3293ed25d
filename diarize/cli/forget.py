"""``diarize forget``: delete an enrolled person for good."""

from __future__ import annotations

import argparse

from diarize.cli.common import add_book_option, open_book, say

EPILOG = """\
The name and all voice prints of the person are deleted, and the file is rewritten without them, so
that they cannot be recovered from it. Exports and backups that you made are not touched.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("names", nargs="+", metavar="NAME", help="who to forget")
    add_book_option(parser)


def run(args: argparse.Namespace) -> int:
    """Delete people; one who is not enrolled does not keep the others."""
    from diarize.speakers.records import plain_name

    names = list(dict.fromkeys(map(plain_name, args.names)))
    with open_book(args) as book:
        known = [name for name in names if book.enrolled(name)]
        unknown = [name for name in names if name not in known]
        wiped = book.forget(known) if known else True
        if known:
            say(f"forgot {', '.join(known)}; {len(book)} left in {book.path}")
        if not wiped:
            say(
                "diarize: another program has the book open, so traces may stay in its log until "
                "that ends; then run: diarize speakers clean"
            )
        for name in unknown:
            say(f"diarize: {book.unknown(name)}")
    return 1 if unknown else 0
