"""``diarize samples``: the voices of a finished result as sound files."""

from __future__ import annotations

import argparse
from pathlib import Path

from diarize.cli.console import Console
from diarize.cli.options import add_table
from diarize.result_file import load_heard, read_result, recording_of

EPILOG = """\
examples:
  diarize samples talk.json -o voices             two to five excerpts of each speaker, to know whom
                                                  to name
  diarize samples talk.json -o tracks --tracks    a file for each speaker, as long as the recording,
                                                  silent where others speak
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("result", metavar="RESULT.json", help="what `diarize … --json` wrote")
    add_table(
        parser,
        """
        -o --output-dir DIR  folder to write to
        --tracks             one file a speaker in place of excerpts
        --opus               Opus in place of WAV, a tenth of the size
        --audio PATH         where the recording is now
        --overwrite          replace also files that diarize did not write, or that were changed
          since
        -q --quiet           do not list the files
        """,
        output_dir={"required": True},
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.samples import write_samples

    path = Path(args.result)
    result = read_result(path)
    audio = recording_of(path, result, args.audio)
    messages = Console(quiet=args.quiet)
    written = write_samples(
        result.diarization,
        load_heard(result, audio),
        Path(args.output_dir),
        audio=audio,
        tracks=args.tracks,
        kind="opus" if args.opus else "wav",
        overwrite=args.overwrite,
    )
    if not written:
        messages.warn(f"{path}: nobody speaks, so there is nothing to write")
    messages.wrote(written)
    return 0
