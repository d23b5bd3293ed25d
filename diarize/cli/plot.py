"""``diarize plot``: a finished result as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from diarize.cli.console import Console
from diarize.cli.options import add_table, positive_int
from diarize.errors import AudioError
from diarize.result_file import load_heard, read_result, recording_of

EPILOG = """\
examples:
  diarize plot talk.json -o figure.png            who speaks when, and how alike voices are
  diarize plot talk.json -o figure.svg --no-map   who speaks when alone; needs no recording

A result holds no voice prints: the map is computed from the recording.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("result", metavar="RESULT.json", help="what `diarize … --json` wrote")
    add_table(
        parser,
        """
        -o --output FILE             the picture: .png, .svg or .pdf
        --no-map                     only who speaks when
        --audio PATH                 where the recording is now
        --embedding-model NAME|PATH  another ONNX speaker model (default: the bundled AutoSpeech)
        --threads N                  cores to use (default: all)
        --overwrite                  replace also a file that diarize did not write, or that was
          changed since
        -q --quiet                   do not name the file
        """,
        output={"required": True},
        threads={"type": positive_int},
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.plot import embedding_map, write_plot

    path, messages = Path(args.result), Console(quiet=args.quiet)
    result, found = read_result(path), None
    if not args.no_map:
        from diarize.cli.common import open_embedder

        try:
            audio = recording_of(path, result, args.audio)
        except AudioError as error:
            raise AudioError(f"{error}, or add --no-map") from None
        waveform = load_heard(result, audio)
        found = embedding_map(result.diarization, waveform, open_embedder(args))
    write_plot(result.diarization, Path(args.output), found, overwrite=args.overwrite)
    messages.wrote([args.output])
    return 0
