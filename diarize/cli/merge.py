"""``diarize merge``: put the speakers of anyone's RTTM file onto a transcript."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.annotation import Diarization
from diarize.cli.options import (
    TRANSCRIPT,
    add,
    add_offset_option,
    add_output_options,
    add_table,
    add_words_option,
    formats_from,
    writer_options,
)
from diarize.errors import UsageError
from diarize.outputs import named_file, write_files
from diarize.rttm import read_rttm, rttm_field

if TYPE_CHECKING:
    from diarize.cli.console import Console
    from diarize.result import Result

EPILOG = """\
examples:
  diarize merge --transcript talk.json --rttm talk.rttm -f srt,json
  diarize merge --transcript talk.vtt --rttm all.rttm --uri talk -f txt -o -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    add(parser, "--transcript FILE", TRANSCRIPT, required=True)
    add_offset_option(parser)
    add_table(
        parser,
        """
        --rttm FILE   who spoke when, by any diarizer
        --uri NAME    which recording of the RTTM file (default: the transcript's name, or the only
          one)
        --audio FILE  the recording, if at hand: its loudness tells where stretched words really are
        """,
        rttm={"required": True},
    )
    add_words_option(parser)
    # --rttm names the input here, so RTTM output is asked for with -f rttm
    add_output_options(parser, singles=("srt", "vtt", "json", "txt", "tsv", "csv", "md"))
    add(parser, "-q --quiet", "do not list the files")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.cli import console

    file, formats = named_file(args.output_dir, formats_from(args))
    formats = formats or (["json"] if args.output_dir == "-" else ["srt", "json"])
    if args.output_dir == "-" and len(formats) != 1:
        raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
    messages = console.Console(quiet=args.quiet)
    stem = "stdin" if args.transcript == "-" else Path(args.transcript).stem
    result = _merged(args, stem, messages)
    if args.output_dir == "-":
        console.emit(result.render(formats[0], writer_options(args)))
        return 0
    messages.wrote(_written(result, formats, file, stem, args, messages))
    return 0


def _merged(args: argparse.Namespace, stem: str, messages: Console) -> Result:
    """Put the speakers onto the words."""
    from diarize.result import Result
    from diarize.settings import WordSettings
    from diarize.transcript.assign import label_transcript
    from diarize.transcript.clock import on_recordings_clock
    from diarize.transcript.readers import read_transcript

    transcript = read_transcript(args.transcript)
    messages.warn(*transcript.warnings)
    energy = None
    if args.audio is not None:
        from diarize.audio.loading import load
        from diarize.transcript.word_times import energy_of

        energy = energy_of(load(args.audio))
    diarization = read_diarization(args.rttm, args.uri, stem, transcript.end)
    transcript, message = on_recordings_clock(
        transcript, diarization.speech, args.transcript_offset, args.transcript
    )
    if message:
        messages.warn(message)
    settings = WordSettings(trust_words=args.words == "trust")
    labelled = label_transcript(transcript, diarization, options=settings, energy=energy)
    return Result(diarization, labelled, args.audio, transcript)


def _written(
    result: Result,
    formats: list[str],
    file: Path | None,
    stem: str,
    args: argparse.Namespace,
    messages: Console,
) -> list[Path]:
    """Write the files, beside the transcript or where -o says; over the transcript if need be."""
    beside = Path() if args.transcript == "-" else Path(args.transcript).parent
    inputs = [path for path in (args.transcript, args.rttm, args.audio) if path and path != "-"]
    if args.overwrite and args.transcript in inputs:
        inputs.remove(args.transcript)
    return write_files(
        result,
        formats,
        beside if args.output_dir is None else Path(args.output_dir),
        stem,
        writer_options(args),
        inputs=inputs,
        overwrite=args.overwrite,
        file=file,
        on_message=messages.warn,
    )


def read_diarization(path: str, uri: str | None, stem: str, end: float) -> Diarization:
    """Read one recording's turns from an RTTM file.

    Parameters
    ----------
    uri : str or None
        The recording's name in the file; None: ``stem`` if that is in it, else the only one.
    end : float
        The recording lasts at least this many seconds.

    Raises
    ------
    UsageError
        If it cannot be said which recording is meant.
    """
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
