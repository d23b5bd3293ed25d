"""``diarize calibrate``: the decision threshold that fits the enrolled people."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from diarize.cli.common import add_book_option, add_model_options, open_book, open_embedder, say
from diarize.cli.console import emit
from diarize.cli.options import add_table, number_from
from diarize.files import Note, refuse_unless_own, write_whole

EPILOG = """\
Each stored sample is scored against its own person's other samples and against everybody else's.
The suggested threshold lets the stated share of the latter through. With --apply it is stored in
the book and used from then on; --reset goes back to the model's own.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    add_table(
        parser,
        """
        --false-accept-rate RATE  share of strangers that may pass (default: 0.01)
        --plot PNG                draw the histograms (needs matplotlib)
        --overwrite               replace a PNG that diarize did not write
        --apply                   store the threshold in the book
        --reset                   go back to the model's thresholds
        --json                    print JSON
        """,
        false_accept_rate={"type": _rate, "default": 0.01},
    )
    add_book_option(parser)
    add_model_options(parser)


def _rate(text: str) -> float:
    complaint = "not a rate from 0 to below 1, such as 0.01"
    return number_from(text, complaint, lambda rate: 0.0 <= rate < 1.0)


def run(args: argparse.Namespace) -> int:
    """Print histograms and the suggested threshold; store it where asked to."""
    from diarize.speakers.calibration import calibrate, histogram, plot
    from diarize.speakers.matching import MatchOptions

    if args.plot:
        refuse_unless_own(Path(args.plot), overwrite=args.overwrite)
    with open_book(args) as book:
        if args.reset:
            book.set_thresholds(None)
            say(f"{book.path}: the model's thresholds are in force again")
            return 0
        embedder = open_embedder(args)
        book.require(embedder)
        now = MatchOptions.of(embedder.thresholds, book)
        found = calibrate(book, margin=now.margin, false_accept_rate=args.false_accept_rate)
        if args.json:
            numbers = ("threshold", "margin", "false_accepts", "false_rejects")
            shown = {
                **{name: getattr(found, name) for name in numbers},
                "genuine": found.genuine.tolist(),
                "impostor": found.impostor.tolist(),
                "threshold_in_force": now.threshold,
            }
            emit(json.dumps(shown) + "\n")
        else:
            emit(histogram(found) + "\n\n")
            emit(
                f"threshold {found.threshold:.3f} (in force: {now.threshold:.3f}): "
                f"{found.false_accepts:.2%} of {len(found.impostor)} impostor scores pass, "
                f"{found.false_rejects:.2%} of {len(found.genuine)} genuine ones do not\n"
            )
        for warning in found.warnings:
            say(f"diarize: {warning}")
        if args.plot:
            image = Path(args.plot)
            write_whole({image: plot(found)}, {image: Note(image.name)})
            say(f"wrote {args.plot}")
        if args.apply:
            book.set_thresholds(found.thresholds())
            say(f"stored in {book.path}")
    return 0
