"""``diarize identify``: which of the enrolled people speak in recordings."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from diarize.cli.common import (
    add_book_option,
    add_message_options,
    add_model_options,
    add_take_options,
    open_book,
    open_diarizer,
    open_embedder,
    say,
    taken,
)
from diarize.cli.console import Batch, Console, display_name, emit
from diarize.cli.options import add_speaker_count_options, add_table, positive_int, speaker_counts
from diarize.errors import UsageError
from diarize.text import clock, table

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.speakers.book import SpeakerBook
    from diarize.speakers.diarizer import Diarizer
    from diarize.speakers.matching import MatchOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="recordings, or - for stdin")
    add_table(
        parser,
        """
        --candidates N         how many people to list for each voice (default: 3)
        --segments FILE|turns  match each segment by itself: of an RTTM, of a transcript, or the
          turns found
        --csv                  print the segments as CSV
        --exit-code            exit with 0 where an enrolled person speaks, 1 where none does
        """,
        candidates={"type": positive_int, "default": 3},
    )
    add_take_options(parser)
    add_speaker_count_options(parser)
    add_book_option(parser)
    add_model_options(parser)
    add_message_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print each voice of the recordings with its candidates; one that fails stops no other."""
    from diarize.speakers.matching import MatchOptions

    if args.segments is not None:
        return _segments(args)
    if args.csv:
        raise UsageError("--csv goes with --segments")
    if args.files.count("-") > 1:
        raise UsageError("- (stdin) can be read only once")
    messages = Console(quiet=args.quiet)
    found: dict[str, tuple[Diarization, MatchOptions]] = {}
    batch = Batch(messages, len(args.files), raising=args.debug)
    with open_book(args) as book:
        diarizer = open_diarizer(args)
        book.require(diarizer.embedder)
        options = MatchOptions.of(diarizer.embedder.thresholds, book)
        for source in dict.fromkeys(args.files):
            with batch.recording(source):
                found[source] = _identified(source, diarizer, book, options, args, messages)
    if args.json:
        shown = [_json(source, *one) for source, one in found.items()]
        document = shown[0] if len(args.files) == 1 else shown
        emit(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    elif found:
        _print_table(found, several=len(args.files) > 1)
    named = any(voice.name for diarization, _ in found.values() for voice in diarization.speakers)
    return batch.exit_code or (1 if args.exit_code and not named else 0)


def _segments(args: argparse.Namespace) -> int:
    """Print whom each segment of one recording matches."""
    from diarize.speakers.segments import identify_segments, segments_csv, segments_json

    if len(args.files) > 1:
        raise UsageError("--segments goes with one recording")
    messages = Console(quiet=args.quiet)
    with open_book(args) as book:
        own = args.segments == "turns"
        embedder = open_embedder(args)
        book.require(embedder)
        with messages.progress(display_name(args.files[0])) as progress:
            waveform = taken(args.files[0], args, progress)
            source: Any = args.segments
            if own:
                diarizer = open_diarizer(args)
                source = diarizer(
                    waveform, **speaker_counts(args), on_progress=progress.part("embed")
                )
            found = identify_segments(source, waveform, book, embedder=embedder)
    messages.warn(*waveform.warnings)
    if args.csv:
        emit(segments_csv(found))
    elif args.json:
        emit(segments_json(found))
    else:
        rows = [
            [
                f"{one.start:.2f}",
                f"{one.end:.2f}",
                one.name or "unknown",
                ", ".join(f"{who.name} {who.score:.3f}" for who in one.candidates) or "-",
            ]
            for one in found
        ]
        emit(table(["from", "to", "is", "candidates"], rows, [0, 1]) + "\n")
    return 1 if args.exit_code and not any(one.name for one in found) else 0


def _identified(
    source: str,
    diarizer: Diarizer,
    book: SpeakerBook,
    options: MatchOptions,
    args: argparse.Namespace,
    messages: Console,
) -> tuple[Diarization, MatchOptions]:
    """Diarize one recording, as the main job does, and name its speakers.

    The options returned hold the bar for the number of its speakers.
    """
    from diarize.speakers.identification import identify_speakers

    with messages.progress(display_name(source)) as progress:
        details = diarizer.analyse(
            taken(source, args, progress),
            **speaker_counts(args),
            on_progress=progress.part("embed"),
        )
    messages.warn(*details.diarization.warnings)
    bar = options.bar(len(book.names()), len(details.diarization.speakers))
    options = replace(options, threshold=bar, relief=0.0)
    named = identify_speakers(
        details, diarizer.embedder, book, options=options, candidates=args.candidates
    )
    return named, options


def _print_table(found: dict[str, tuple[Diarization, MatchOptions]], *, several: bool) -> None:
    rows, bars = [], []
    for source, (diarization, options) in found.items():
        bars.append(f"{options.threshold:.3f}")
        if not diarization.speakers:
            say(f"{display_name(source)}: no speech found")
        for voice in diarization.speakers:
            maybe = f"may be {voice.proposal.name}" if voice.proposal else "unknown"
            row = [
                voice.label,
                clock(diarization.talk_time(voice.label)),
                voice.name or maybe,
                ", ".join(f"{one.name} {one.score:.3f}" for one in voice.candidates) or "-",
            ]
            rows.append([display_name(source), *row] if several else row)
    if not rows:
        return
    headings = ["voice", "speech", "is", "candidates"]
    shown = ["recording", *headings] if several else headings
    emit(table(shown, rows, [2] if several else [1]) + "\n")
    say(
        f"a name needs a score of {' or '.join(dict.fromkeys(bars))} and a lead of "
        f"{options.margin:.3f} over the next best"
    )


def _json(source: str, diarization: Diarization, options: MatchOptions) -> dict[str, Any]:
    return {
        "audio": source,
        "threshold": options.threshold,
        "margin": options.margin,
        "voices": [
            {
                "label": voice.label,
                "talk_time": round(diarization.talk_time(voice.label), 3),
                "name": voice.name,
                "score": voice.score,
                "margin": voice.margin,
                "candidates": [asdict(one) for one in voice.candidates],
                "proposal": asdict(voice.proposal) if voice.proposal else None,
            }
            for voice in diarization.speakers
        ],
    }
