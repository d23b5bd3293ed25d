"""``diarize rename``: give an enrolled person another name."""

from __future__ import annotations

import argparse

from diarize.cli.common import add_book_option, open_book, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("old", metavar="OLD", help="the name in the book")
    parser.add_argument("new", metavar="NEW", help="the new name")
    add_book_option(parser)


def run(args: argparse.Namespace) -> int:
    """Rename a person."""
    with open_book(args) as book:
        book.rename(args.old, args.new)
        say(f"{args.old} is now {args.new} in {book.path}")
    return 0
