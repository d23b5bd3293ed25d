"""What the commands for enrolled people share: options, the book, the models, parts."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from diarize.cli.options import add, add_table, positive_int, whole_number
from diarize.timeline import Segment

if TYPE_CHECKING:
    from diarize.arrays import Progress
    from diarize.audio.waveform import Waveform
    from diarize.embedding.base import Embedder
    from diarize.speakers.book import SpeakerBook
    from diarize.speakers.diarizer import Diarizer


def add_book_option(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add ``--speakers``: which book."""
    add(
        parser,
        "--speakers BOOK",
        "the speaker book (default: $DIARIZE_SPEAKERS, else one in your data folder)",
        **options,
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose models."""
    add_table(
        parser,
        """
        --embedding-model NAME|PATH  another ONNX speaker model (default: the bundled AutoSpeech)
        --vad auto|neural|webrtc|PATH  what finds speech (default: auto, which is neural)
        --threads N                 cores to use (default: all)
        """,
        vad={"default": "auto"},
        threads={"type": positive_int},
    )


def add_message_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` and ``--quiet``."""
    add_table(
        parser,
        """
        --json      print JSON
        -q --quiet  no progress
        """,
    )


def add_take_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--channels`` and ``--audio-track``: what of a recording is heard."""
    add_table(
        parser,
        """
        --channels mix|N  all channels as one, or channel N, from 0 (default: mix)
        --audio-track N   which audio track of a video, from 0 (default: the one that FFmpeg takes)
        """,
        channels={"type": mixed_or_one, "default": "mix"},
        audio_track={"type": whole_number},
    )


def mixed_or_one(text: str) -> str | int:
    """Read ``mix`` or a channel's number from the command line."""
    if text != "mix" and not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is neither mix nor a channel's number from 0")
    return text if text == "mix" else int(text)


def taken(source: str, args: argparse.Namespace, on_progress: Progress) -> Waveform:
    """Decode a recording as was asked for."""
    from diarize.audio.loading import load

    return load(
        source, channels=args.channels, audio_track=args.audio_track, on_progress=on_progress
    )


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
    from diarize.embedding import embedder

    return embedder.open_embedder(
        getattr(args, "embedding_model", None), getattr(args, "threads", None)
    )


def regions(text: str) -> list[Segment]:
    """Read parts of a recording: ``12.5-40`` or ``0:12.5-0:40``, several with commas.

    Examples
    --------
    >>> regions("12.5-40,1:05-1:10")
    [Segment(start=12.5, end=40.0), Segment(start=65.0, end=70.0)]
    """
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
