"""``diarize verify``: whether two recordings are of one person."""

from __future__ import annotations

import argparse
import json

from diarize.cli.common import (
    add_message_options,
    add_model_options,
    add_take_options,
    open_diarizer,
    regions,
    taken,
)
from diarize.cli.console import Console, display_name, emit
from diarize.cli.options import add_table, number_from
from diarize.errors import UsageError

EPILOG = """\
The similarity is the cosine of the two voices, each the mean of all its speech. It is a match from
the model's threshold on; --threshold sets another. Below about 5 s of speech each, expect errors.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("first", metavar="A", help="recording, or - for stdin")
    parser.add_argument("second", metavar="B", help="recording, or - for stdin")
    add_table(
        parser,
        """
        --from-a START-END  use only this part of A
        --from-b START-END  use only this part of B
        --threshold S       least similarity of a match
        --exit-code         exit with 0 for a match, 1 for none
        """,
        from_a={"type": regions},
        from_b={"type": regions},
        threshold={"type": _similarity},
    )
    add_take_options(parser)
    add_model_options(parser)
    add_message_options(parser)


def _similarity(text: str) -> float:
    return number_from(text, "no similarity from -1 to 1", lambda it: -1.0 <= it <= 1.0)


def run(args: argparse.Namespace) -> int:
    """Print similarity, threshold and decision."""
    from diarize.speakers.enrollment import voice_of

    if args.first == args.second == "-":
        raise UsageError("- (stdin) can be read only once")
    messages = Console(quiet=args.quiet)
    diarizer = open_diarizer(args)
    voices = []
    for source, parts in ((args.first, args.from_a), (args.second, args.from_b)):
        with messages.progress(display_name(source)) as on_progress:
            voice, warnings = voice_of(
                taken(source, args, on_progress), diarizer, parts or (), on_progress
            )
        messages.warn(*warnings)
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
