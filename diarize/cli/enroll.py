"""``diarize enroll``: make a person known by the voice."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli.console import Console, display_name
from diarize.cli.options import add
from diarize.cli.people import (
    add_book_option,
    add_model_options,
    open_book,
    open_diarizer,
    regions,
    say,
)

if TYPE_CHECKING:
    from diarize.pipeline import Diarizer
    from diarize.speakers.enrollment import Enrollment
    from diarize.speakers.records import Sample
    from diarize.speakers.store import SpeakerBook

EPILOG = """\
examples:
  diarize enroll Ann ann1.wav ann2.m4a            at least 5 s of Ann alone; more is better
  diarize enroll Bob meeting.mp3 --from 12.5-40   only this part of the recording
  diarize enroll Bob call.wav --speaker 1         the second voice of several
  diarize enroll Eve --from-result meeting.json --speaker SPEAKER_01
                                                  somebody you have just heard

What is stored: the name, voice prints (numbers computed from the voice, no audio), and from which
recording they come. `diarize speakers` lists it, `diarize forget NAME` deletes it for good.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help="the person's name")
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings, or - for stdin")
    add(
        parser,
        "--from",
        dest="regions",
        type=regions,
        metavar="START-END",
        help="use only this part of the recording, in seconds or minutes:seconds; commas for more",
    )
    add(
        parser,
        "--from-result",
        metavar="JSON",
        help="take the voice from a finished result (needs --speaker and the recording)",
    )
    add(
        parser,
        "--audio",
        metavar="PATH",
        help="where the recording of --from-result is, if it was moved",
    )
    add(
        parser,
        "--speaker",
        metavar="LABEL|N",
        help="which voice of a recording with several: its label, or the label's number",
    )
    add_book_option(parser)
    add_model_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")


def run(args: argparse.Namespace) -> int:
    """Enroll a person; the book is changed once all recordings have proved fit."""
    _check(args)
    from diarize.speakers.records import BookModel, person_name
    from diarize.speakers.store import SpeakerBook, book_path

    name = person_name(args.name)
    path = book_path(args.speakers)
    fresh = not path.exists() or (path.is_file() and path.stat().st_size == 0)
    talk = Console(quiet=args.quiet)
    diarizer = open_diarizer(args)
    if not fresh:
        with SpeakerBook(path) as book:
            book.require_writable()
            book.require(diarizer.embedder)
    found = _enrollments(args, diarizer, talk)
    samples = [sample for one in found for sample in one.samples]
    for warning in dict.fromkeys(warning for one in found for warning in one.warnings):
        talk.warn(warning)
    with open_book(args, create=True) as book:
        for warning in _likenesses(book, name, samples, diarizer):
            talk.warn(warning)
        added = book.add(name, samples, BookModel.of(diarizer.embedder))
        total = len(book.samples(name))
    if not args.quiet:
        seconds = sum(one.seconds for one in found)
        say(f"{name}: {seconds:.1f} s of speech, {added} new samples ({total} in all) in {path}")
    return 0


def _check(args: argparse.Namespace) -> None:
    from diarize.errors import UsageError

    if args.from_result:
        if args.files or args.regions:
            raise UsageError("--from-result takes neither recordings nor --from")
        if args.speaker is None:
            raise UsageError("--from-result needs --speaker LABEL: which of its voices")
    elif args.audio:
        raise UsageError("--audio goes with --from-result; recordings are given without an option")
    elif not args.files:
        raise UsageError("a recording is needed: diarize enroll NAME FILE")
    elif (args.regions or args.speaker is not None) and len(args.files) > 1:
        raise UsageError("--from and --speaker go with one recording")


def _enrollments(args: argparse.Namespace, diarizer: Diarizer, talk: Console) -> list[Enrollment]:
    from diarize.speakers.enrollment import enroll, enroll_from_result

    if args.from_result:
        audio = Path(args.audio) if args.audio else None
        path = Path(args.from_result)
        return [enroll_from_result(path, args.speaker, diarizer.embedder, audio=audio)]
    found = []
    for source in args.files:
        with talk.progress(display_name(source)) as on_progress:
            diarizer.on_progress = on_progress
            found.append(enroll(source, diarizer, regions=args.regions or (), speaker=args.speaker))
    return found


def _likenesses(
    book: SpeakerBook, name: str, samples: Sequence[Sample], diarizer: Diarizer
) -> list[str]:
    """Return warnings where the new voice sounds like others, or unlike the person enrolled."""
    import numpy as np

    from diarize.speakers.matching import Gallery, MatchOptions
    from diarize.speakers.records import unit

    gallery = Gallery.of(book)
    if not len(gallery):
        return []
    threshold = MatchOptions.of(diarizer.embedder.thresholds, book).threshold
    voice = unit(np.mean([sample.embedding for sample in samples], axis=0))
    found = []
    for person, value in zip(gallery.names, gallery.centroids @ voice, strict=True):
        if person != name and value >= threshold:
            found.append(
                f"this voice sounds like {person}, who is enrolled ({value:.2f}); "
                "the two may be taken for each other"
            )
        if person == name and value < threshold:
            found.append(
                f"this voice does not sound like the {name} enrolled before ({value:.2f}, "
                f"usual is {threshold:.2f} and more); check that it is the same person"
            )
    return found
