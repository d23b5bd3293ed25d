"""The main job: recordings in, speaker-labelled transcripts out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli import console
from diarize.cli.main_options import add_arguments, check, open_labeler
from diarize.cli.options import formats_from, speaker_counts, writer_options
from diarize.errors import UsageError

if TYPE_CHECKING:
    from diarize.labeler import Recording
    from diarize.outputs import Output
    from diarize.result import Result

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Run the main job on every recording; one that fails does not stop the others."""
    from diarize.audio.folders import with_folders_opened
    from diarize.transcript.readers import read_transcript

    messages = console.Console(quiet=args.quiet)
    args.audio = with_folders_opened(args.audio, messages.warn)
    check(args)
    formats, places = _places(args)
    words = args.transcript is not None and not args.no_transcript
    given = read_transcript(args.transcript) if words else None
    labeler = open_labeler(args, formats)
    batch = console.Batch(messages, len(places), raising=args.debug)
    waiting: dict[str, Recording] = {}
    for source, place in places.items():
        with batch.recording(source) as title:
            audio = None if source == "-" else source
            with messages.progress(title, labeler.costs(audio, place, given)) as progress:
                recording = labeler.diarize(
                    source,
                    place,
                    **speaker_counts(args),
                    progress=progress,
                )
                messages.warn(*dict.fromkeys(recording.diarization.warnings))
                if args.link:
                    waiting[title] = recording
                    continue
                result = labeler.label(recording, given, progress=progress)
            _finish(result, recording, formats, args, messages, title)
    linked = labeler.link(list(waiting.values()))
    for title, recording in zip(waiting, linked, strict=True):
        with batch.recording(recording.audio or "-", title):
            with messages.progress(title, {"transcribe": 1.0}) as progress:
                result = labeler.label(recording, given, progress=progress)
            _finish(result, recording, formats, args, messages, title)
    batch.close()
    return batch.exit_code


def _places(args: argparse.Namespace) -> tuple[list[str], dict[str, Output]]:
    """Return the formats asked for (maybe none), and where each recording's results go."""
    from diarize.outputs import Output, check_outputs, named_file, plan_outputs

    file, formats = named_file(args.output_dir, formats_from(args))
    sources = list(dict.fromkeys(args.audio))
    if args.output_dir == "-":
        if len(sources) > 1 and formats not in ([], ["rttm"]):
            raise UsageError("-o - takes one recording, or several with --rttm")
        if len(formats) > 1:
            raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
        return formats, {source: Output(None, Path(source).stem) for source in sources}
    folder = None if file or args.output_dir is None else Path(args.output_dir)
    places = plan_outputs(sources, folder, file)
    check_outputs(places, formats or ["srt", "json", "rttm"], args.overwrite)
    return formats, dict(zip(sources, places, strict=True))


def _finish(
    result: Result,
    recording: Recording,
    formats: list[str],
    args: argparse.Namespace,
    messages: console.Console,
    title: str,
) -> None:
    """Write what was asked for, and say what came of it."""
    from diarize.workflow import formats_of

    usual = ["json"] if args.output_dir == "-" else None
    chosen = formats_of(result, formats, usual=usual, needs_words=not args.no_transcript)
    messages.warn(*result.messages)
    written = _write(result, chosen, recording.output, args, messages)
    if not args.quiet:
        title = title if len(args.audio) > 1 else ""
        messages.summary(result.diarization, recording.seconds, written, title)


def _write(
    result: Result,
    formats: list[str],
    place: Output,
    args: argparse.Namespace,
    messages: console.Console,
) -> list[Path]:
    """Write files, or to standard output."""
    from diarize.outputs import write_files

    options = writer_options(args)
    if place.folder is None:
        for name in formats:
            console.emit(result.render(name, options))
        return []
    others = [source for source in args.audio if source != "-"]
    return write_files(
        result,
        formats,
        place.folder,
        place.stem,
        options,
        inputs=[*others, *result.protected(args.overwrite)],
        overwrite=args.overwrite,
        file=place.file,
        on_message=messages.warn,
    )
