"""``diarize enroll``: make a person known by the voice."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli.common import (
    add_book_option,
    add_model_options,
    add_take_options,
    open_book,
    open_diarizer,
    regions,
    say,
    taken,
)
from diarize.cli.console import Console, display_name
from diarize.cli.options import add, add_table, positive_int
from diarize.errors import UsageError
from diarize.text import counted

if TYPE_CHECKING:
    from diarize.speakers.diarizer import Diarizer
    from diarize.speakers.enrollment import Enrollment

EPILOG = """\
examples:
  diarize enroll Ann ann1.wav ann2.m4a            at least 5 s of Ann alone in all; more is better
  diarize enroll Bob meeting.mp3 --from 12.5-40   only this part of the recording
  diarize enroll Bob call.wav --speaker 1         SPEAKER_01 of `diarize call.wav`
  diarize enroll Eve --from-result meeting.json --speaker SPEAKER_01
                                                  somebody you have just heard

What is stored: the name, voice prints (numbers computed from the voice, no audio), from which
recording they come, and your notes. `diarize speakers` lists it, `diarize forget NAME` deletes it
for good.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", help="the person's name")
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings, or - for stdin")
    add_table(
        parser,
        """
        --from START-END    use only this part of the recording, in seconds or minutes:seconds;
          commas for more
        --speaker LABEL|N   which speaker of the recording: the label that diarize shows, or its
          number
        --num-speakers N    number of speakers in the recording, as for diarize
        --one-voice         all of it is one person, whatever it sounds like
        --from-result JSON  take the voice from a finished result (needs --speaker and the
          recording)
        --audio PATH        where the recording of --from-result is now
        --note TEXT         kept with the person: "agreed by mail, 3 Nov"
        """,
        num_speakers={"type": positive_int},
        **{"from": {"dest": "regions", "type": regions}},
    )
    add_take_options(parser)
    add_book_option(parser)
    add_model_options(parser)
    add(parser, "-q --quiet", "no progress, no summary")


def run(args: argparse.Namespace) -> int:
    """Enroll a person; the book is changed once all recordings have proved fit."""
    _check(args)
    from diarize.speakers.book import SpeakerBook, book_path
    from diarize.speakers.fitness import add_person
    from diarize.speakers.records import person_name

    name = person_name(args.name)
    path = book_path(args.speakers)
    fresh = not path.exists() or (path.is_file() and path.stat().st_size == 0)
    messages = Console(quiet=args.quiet)
    diarizer = open_diarizer(args)
    if not fresh:
        with SpeakerBook(path) as book:
            book.require_writable()
            book.require(diarizer.embedder)
    found = _enrollment(args, diarizer, messages)
    messages.warn(*found.warnings)
    with open_book(args, create=True) as book:
        added, doubts = add_person(
            book, name, found, diarizer.embedder, one_voice=args.one_voice, note=args.note
        )
        messages.warn(*doubts)
        total = len(book.samples(name))
    if not args.quiet:
        say(
            f"{name}: {found.seconds:.1f} s of speech, {counted(added, 'new sample')} "
            f"({total} in all) in {path}"
        )
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.from_result:
        if args.files or args.regions or args.num_speakers:
            raise UsageError("--from-result takes neither recordings, --from nor --num-speakers")
        if args.channels != "mix" or args.audio_track is not None:
            raise UsageError(
                "--from-result takes neither --channels nor --audio-track: the result says what "
                "of its recording it is of"
            )
        if args.speaker is None:
            raise UsageError("--from-result needs --speaker LABEL: which of its voices")
    elif not args.files:
        raise UsageError("a recording is needed: diarize enroll NAME FILE")
    elif args.audio:
        raise UsageError("--audio goes with --from-result")
    elif (args.regions or args.speaker is not None) and len(args.files) > 1:
        raise UsageError("--from and --speaker go with one recording")
    if args.files.count("-") > 1:
        raise UsageError("- (stdin) can be read only once")


def _enrollment(args: argparse.Namespace, diarizer: Diarizer, messages: Console) -> Enrollment:
    from diarize.speakers.enrollment import enroll
    from diarize.speakers.results import enroll_from_result

    if args.from_result:
        return enroll_from_result(
            Path(args.from_result),
            args.speaker,
            diarizer.embedder,
            audio=Path(args.audio) if args.audio else None,
            one_voice=args.one_voice,
        )
    with messages.progress(display_name(args.files[0])) as on_progress:
        return enroll(
            [taken(file, args, on_progress) for file in args.files],
            diarizer,
            regions=args.regions or (),
            speaker=args.speaker,
            one_voice=args.one_voice,
            num_speakers=args.num_speakers,
            on_progress=on_progress,
        )
