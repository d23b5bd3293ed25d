"""``diarize identify``: which of the enrolled people speak in a recording."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diarize.cli.console import Console, clock, display_name, emit
from diarize.cli.options import add, add_speaker_count_options, positive_int
from diarize.cli.people import (
    add_book_option,
    add_model_options,
    add_talk_options,
    open_book,
    open_diarizer,
    say,
)
from diarize.display import table

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.speakers.matching import MatchOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("file", metavar="FILE", help="recording, or - for stdin")
    add(
        parser,
        "--candidates",
        type=positive_int,
        default=3,
        metavar="N",
        help="how many people to list for each voice (default: 3)",
    )
    add_speaker_count_options(parser)
    add_book_option(parser)
    add_model_options(parser)
    add_talk_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print each voice of the recording with its candidates."""
    from diarize.audio import load
    from diarize.speakers.identification import identify_speakers
    from diarize.speakers.matching import MatchOptions

    talk = Console(quiet=args.quiet)
    with open_book(args) as book:
        diarizer = open_diarizer(args)
        book.require(diarizer.embedder)
        with talk.progress(display_name(args.file)) as progress:
            details = diarizer.analyse(
                load(args.file, on_progress=progress),
                on_progress=progress.part("embed"),
                num_speakers=args.num_speakers,
                min_speakers=args.min_speakers,
                max_speakers=args.max_speakers,
            )
        options = MatchOptions.of(diarizer.embedder.thresholds, book)
        bar = options.bar(len(book.names()), len(details.diarization.speakers))
        options = replace(options, threshold=bar, relief=0.0)
        heard = identify_speakers(
            details, diarizer.embedder, book, options=options, candidates=args.candidates
        )
    for warning in heard.warnings:
        talk.warn(warning)
    if args.json:
        _print_json(args.file, heard, options)
    else:
        _print_table(heard, options)
    return 0


def _print_table(heard: Diarization, options: MatchOptions) -> None:
    if not heard.speakers:
        say("no speech found")
        return
    rows = [
        [
            voice.label,
            clock(heard.talk_time(voice.label)),
            voice.name or (f"may be {voice.proposal.name}" if voice.proposal else "unknown"),
            ", ".join(f"{one.name} {one.score:.3f}" for one in voice.candidates) or "-",
        ]
        for voice in heard.speakers
    ]
    emit(table(["voice", "talks", "is", "candidates"], rows, [1]) + "\n")
    say(
        f"a name needs a score of {options.threshold:.3f} and a lead of {options.margin:.3f} "
        "over the next best"
    )


def _print_json(source: str, heard: Diarization, options: MatchOptions) -> None:
    import json

    shown: dict[str, Any] = {
        "audio": source,
        "threshold": options.threshold,
        "margin": options.margin,
        "voices": [
            {
                "label": voice.label,
                "talk_time": round(heard.talk_time(voice.label), 3),
                "name": voice.name,
                "score": voice.score,
                "margin": voice.margin,
                "candidates": [{"name": one.name, "score": one.score} for one in voice.candidates],
                "proposal": voice.proposal
                and {
                    "name": voice.proposal.name,
                    "score": voice.proposal.score,
                },
            }
            for voice in heard.speakers
        ],
    }
    emit(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
