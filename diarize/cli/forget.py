"""``diarize forget``: delete an enrolled person for good."""

from __future__ import annotations

import argparse

from diarize.cli.people import add_book_option, open_book, say

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
    """Delete people."""
    with open_book(args) as book:
        wiped = book.forget(args.names)
        say(f"forgot {', '.join(args.names)}; {len(book)} left in {book.path}")
        if not wiped:
            say(
                "diarize: another program has the book open, so traces may stay in its log until "
                "that ends; then run: diarize speakers clean"
            )
    return 0
