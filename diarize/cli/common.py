"""What the commands for enrolled people share: options, the book, the models, tables."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from diarize.cli.options import add, positive_int

if TYPE_CHECKING:
    from diarize.embedding.base import Embedder
    from diarize.speakers.book import SpeakerBook
    from diarize.speakers.diarizer import Diarizer
    from diarize.timeline import Segment


def add_book_option(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add ``--speakers``: which book."""
    add(
        parser,
        "--speakers",
        metavar="BOOK",
        help="the speaker book (default: $DIARIZE_SPEAKERS, else one in your data folder)",
        **options,
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose models."""
    add(
        parser,
        "--embedding-model",
        metavar="NAME|PATH",
        help="another ONNX speaker model (default: the bundled AutoSpeech)",
    )
    add(
        parser,
        "--vad",
        default="auto",
        metavar="auto|neural|webrtc|PATH",
        help="what finds speech (default: auto)",
    )
    add(parser, "--threads", type=positive_int, metavar="N", help="cores to use (default: all)")


def add_talk_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` and ``--quiet``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def open_book(args: argparse.Namespace, *, create: bool = False) -> SpeakerBook:
    """Open the book that was asked for."""
    from diarize.speakers.book import SpeakerBook

    return SpeakerBook(args.speakers, create=create)


def open_diarizer(args: argparse.Namespace) -> Diarizer:
    """Load the models that were asked for."""
    from diarize.speakers.diarizer import Diarizer

    # Sub-commands leave out what was not given.
    return Diarizer(
        vad=args.vad,
        embedder=getattr(args, "embedding_model", None),
        threads=getattr(args, "threads", None),
    )


def open_embedder(args: argparse.Namespace) -> Embedder:
    """Load the embedding model that was asked for."""
    from diarize.embedding.embedder import OnnxEmbedder

    return OnnxEmbedder(
        getattr(args, "embedding_model", None), threads=getattr(args, "threads", None)
    )


def regions(text: str) -> list[Segment]:
    """Read parts of a recording: ``12.5-40`` or ``0:12.5-0:40``, several with commas.

    Examples
    --------
    >>> regions("12.5-40,1:05-1:10")
    [Segment(start=12.5, end=40.0), Segment(start=65.0, end=70.0)]
    """
    from diarize.timeline import Segment

    found = []
    for part in text.split(","):
        start, dash, end = part.partition("-")
        try:
            segment = Segment(seconds(start), seconds(end))
        except ValueError:
            segment = Segment(0.0, 0.0)
        if not dash or not segment or segment.start < 0:
            raise argparse.ArgumentTypeError(
                f"{part!r} is not START-END in seconds or minutes:seconds, such as 12.5-40"
            )
        found.append(segment)
    return found


def seconds(text: str) -> float:
    """Read seconds, or minutes and seconds with a colon; ValueError where it is neither."""
    total = 0.0
    for part in text.strip().split(":"):
        total = 60.0 * total + float(part)
    if total != total or total == float("inf"):
        raise ValueError(text)
    return total


def say(text: str) -> None:
    """Tell the user what was done, on stderr."""
    print(text, file=sys.stderr)
