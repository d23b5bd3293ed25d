"""``diarize merge``: put the speakers of anyone's RTTM file onto a transcript."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli.options import (
    add,
    add_offset_option,
    add_output_options,
    add_words_option,
    formats_from,
    writer_options,
)

if TYPE_CHECKING:
    from diarize.annotation import Diarization

EPILOG = """\
examples:
  diarize merge --transcript talk.json --rttm talk.rttm -f srt,json
  diarize merge --transcript talk.vtt --rttm all.rttm --uri talk -f txt -o -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    add(
        parser,
        "--transcript",
        required=True,
        metavar="FILE",
        help="Whisper JSON of any flavour, SRT, VTT or TSV",
    )
    add_offset_option(parser)
    add(parser, "--rttm", required=True, metavar="FILE", help="who spoke when, by any diarizer")
    add(
        parser,
        "--uri",
        metavar="NAME",
        help="which recording of the RTTM file (default: the transcript's name, or the only one)",
    )
    add(
        parser,
        "--audio",
        metavar="FILE",
        help="the recording, if at hand: its loudness tells where stretched words really are",
    )
    add_words_option(parser)
    # --rttm names the input here, so RTTM output is asked for with -f rttm
    add_output_options(parser, singles=("srt", "vtt", "json", "txt", "tsv", "csv", "md"))
    parser.add_argument("-q", "--quiet", action="store_true", help="do not list the files")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.cli import console
    from diarize.errors import UsageError
    from diarize.outputs import named_file, write_files
    from diarize.result import Result
    from diarize.settings import WordSettings
    from diarize.transcript.assign import label_transcript
    from diarize.transcript.clock import on_recordings_clock
    from diarize.transcript.readers import read_transcript

    file, formats = named_file(args.output_dir, formats_from(args, default=()))
    formats = formats or (["json"] if args.output_dir == "-" else ["srt", "json"])
    if args.output_dir == "-" and len(formats) != 1:
        raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
    talk = console.Console(quiet=args.quiet)
    transcript = read_transcript(args.transcript)
    for warning in transcript.warnings:
        talk.warn(warning)
    energy = None
    if args.audio is not None:
        from diarize.audio.loading import load
        from diarize.transcript.word_times import energy_of

        energy = energy_of(load(args.audio))
    stem = "stdin" if args.transcript == "-" else Path(args.transcript).stem
    diarization = read_diarization(args.rttm, args.uri, stem, transcript.end)
    assign_options = WordSettings(trust_words=args.words == "trust")
    transcript, message = on_recordings_clock(
        transcript, diarization.speech, args.transcript_offset, args.transcript
    )
    if message:
        talk.warn(message)
    labelled = label_transcript(transcript, diarization, options=assign_options, energy=energy)
    result = Result(diarization, labelled, args.audio, transcript)
    options = writer_options(args)
    if args.output_dir == "-":
        console.emit(result.render(formats[0], options))
        return 0
    beside = Path() if args.transcript == "-" else Path(args.transcript).parent
    inputs: list[str] = [
        path for path in (args.transcript, args.rttm, args.audio) if path and path != "-"
    ]
    if args.overwrite and args.transcript in inputs:
        inputs.remove(args.transcript)
    written = write_files(
        result,
        formats,
        beside if args.output_dir is None else Path(args.output_dir),
        stem,
        options,
        inputs=inputs,
        overwrite=args.overwrite,
        file=file,
        on_message=talk.warn,
    )
    if not args.quiet:
        for file in written:
            talk.warn(f"wrote {file}")
    return 0


def read_diarization(path: str, uri: str | None, stem: str, end: float) -> Diarization:
    """Read one recording's turns from an RTTM file.

    Parameters
    ----------
    path : str
    uri : str or None
        The recording's name in the file; None: ``stem`` if that is in it, else the only one.
    end : float
        The recording lasts at least this many seconds.

    Raises
    ------
    UsageError
        If it cannot be said which recording is meant.
    """
    from diarize.annotation import Diarization
    from diarize.errors import UsageError
    from diarize.rttm import read_rttm, rttm_field

    recordings = read_rttm(path)
    if not recordings:
        return Diarization([], duration=end, uri=stem)
    wanted = uri if uri is not None else stem
    if wanted not in recordings:
        wanted = rttm_field(wanted)
    if wanted not in recordings:
        if uri is not None or len(recordings) > 1:
            names = ", ".join(sorted(recordings)[:8]) + (", …" if len(recordings) > 8 else "")
            raise UsageError(
                f"{path} has no recording {uri or stem!r}; say which with --uri: {names}"
            )
        wanted = next(iter(recordings))
    turns = recordings[wanted]
    last = max((turn.end for turn in turns), default=0.0)
    return Diarization(turns, duration=max(end, last), uri=wanted)
