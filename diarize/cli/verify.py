"""``diarize verify``: whether two recordings are of one person."""

from __future__ import annotations

import argparse

from diarize.cli.common import (
    add_model_options,
    add_take_options,
    add_talk_options,
    open_diarizer,
    regions,
    taken,
)
from diarize.cli.console import Console, display_name, emit
from diarize.cli.options import add

EPILOG = """\
The similarity is the cosine of the two voices, each the mean of all its speech. It is a match from
the model's threshold on; --threshold sets another. Below about 5 s of speech each, expect errors.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("first", metavar="A", help="recording, or - for stdin")
    parser.add_argument("second", metavar="B", help="recording, or - for stdin")
    for name, which in (("--from-a", "A"), ("--from-b", "B")):
        add(
            parser,
            name,
            type=regions,
            metavar="START-END",
            help=f"use only this part of {which}",
        )
    add(parser, "--threshold", type=float, metavar="S", help="least similarity of a match")
    add(parser, "--exit-code", action="store_true", help="exit with 0 for a match, 1 for none")
    add_take_options(parser)
    add_model_options(parser)
    add_talk_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print similarity, threshold and decision."""
    import json

    from diarize.errors import UsageError
    from diarize.speakers.enrollment import voice_of

    if args.first == args.second == "-":
        raise UsageError("- (stdin) can be read only once")
    talk = Console(quiet=args.quiet)
    diarizer = open_diarizer(args)
    voices = []
    for source, parts in ((args.first, args.from_a), (args.second, args.from_b)):
        with talk.progress(display_name(source)) as on_progress:
            voice, warnings = voice_of(
                taken(source, args, on_progress), diarizer, parts or (), on_progress
            )
        for warning in warnings:
            talk.warn(warning)
        voices.append(voice)
    threshold = args.threshold
    if threshold is None:
        threshold = diarizer.embedder.thresholds.verification
    similarity = float(voices[0] @ voices[1])
    same = similarity >= threshold
    if args.json:
        shown = {"similarity": round(similarity, 6), "threshold": threshold, "match": same}
        emit(json.dumps(shown) + "\n")
    else:
        decision = "match" if same else "no match"
        emit(f"similarity: {similarity:.3f}\nthreshold: {threshold:.3f}\n{decision}\n")
    return 1 if args.exit_code and not same else 0
