"""Writers: one file a format, loaded when used.

Third parties add formats under the entry-point group ``autospeech_diarize.writers``: a name and a
class (or function without arguments) that gives a :class:`Writer`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diarize import plugins
from diarize.errors import OutputError, UsageError
from diarize.files import (
    Note,
    Record,
    describe_recording,
    identity,
    objection,
    relative_path,
    write_whole,
)
from diarize.writers import cues
from diarize.writers.base import Writer, WriterOptions

if TYPE_CHECKING:
    from argparse import Namespace

    from diarize.result import Result


__all__ = [
    "WRITERS",
    "Writer",
    "WriterOptions",
    "get_writer",
    "names",
    "options_from",
    "render",
    "writable",
    "write_files",
]

OWN_SUFFIX = ".diarized"  # of a result beside a file that is not to be replaced

# In the order in which `-f all` writes them.
WRITERS = {
    "srt": "diarize.writers.srt:SrtWriter",
    "vtt": "diarize.writers.vtt:VttWriter",
    "json": "diarize.writers.json:JsonWriter",
    "txt": "diarize.writers.txt:TxtWriter",
    "tsv": "diarize.writers.tsv:TsvWriter",
    "csv": "diarize.writers.csv:CsvWriter",
    "md": "diarize.writers.md:MarkdownWriter",
    "rttm": "diarize.writers.rttm:RttmWriter",
    "audacity": "diarize.writers.audacity:AudacityWriter",
    "textgrid": "diarize.writers.textgrid:TextGridWriter",
    "eaf": "diarize.writers.eaf:EafWriter",
    "seglst": "diarize.writers.seglst:SegLstWriter",
    "podcast": "diarize.writers.podcast:PodcastWriter",
    "diarized-json": "diarize.writers.diarized_json:DiarizedJsonWriter",
    "ctm": "diarize.writers.ctm:CtmWriter",
    "stm": "diarize.writers.stm:StmWriter",
    "ttml": "diarize.writers.ttml:TtmlWriter",
    "ass": "diarize.writers.ass:AssWriter",
    "docx": "diarize.writers.docx:DocxWriter",
    "parquet": "diarize.writers.parquet:ParquetWriter",
}
# Formats that need a package of an extra.
_NEEDS = {"docx": "docx", "parquet": "pyarrow"}

# Those that people read; unsure names may be marked there.
TEXT_FORMATS = ("srt", "vtt", "txt", "tsv", "csv", "md", "ass", "docx")
# Formats that are nothing without words.
WORD_FORMATS = ("srt", "vtt", "txt", "tsv", "md", "ctm", "ttml", "ass", "docx")


def names() -> tuple[str, ...]:
    """Return the names of all formats, those of installed plug-ins last."""
    return (*WRITERS, *(name for name in plugins.names("writers") if name not in WRITERS))


def writable() -> tuple[str, ...]:
    """Return the names of the formats whose packages are installed, which ``all`` stands for."""
    return tuple(name for name in names() if name not in _NEEDS or find_spec(_NEEDS[name]))


def get_writer(name: str) -> Writer:
    """Return the writer of a format.

    Raises
    ------
    UsageError
        If no such format is known.
    PluginError
        If a plug-in's writer cannot be loaded.
    """
    if name in WRITERS:
        module, _, attribute = WRITERS[name].partition(":")
        return cast(Writer, getattr(importlib.import_module(module), attribute)())
    if name in names():
        return cast(Writer, plugins.load("writers", name))
    raise UsageError(f"output format {name!r} is not known; choose from {', '.join(names())}")


def options_from(args: Namespace) -> WriterOptions:
    """Return what the command line's output options say."""
    width, count, seconds = args.max_line_width, args.max_line_count, args.max_cue_seconds
    if args.broadcast:
        width, count = width or cues.LINE_WIDTH, count or cues.LINE_COUNT
        seconds = seconds or cues.BROADCAST_SECONDS
    return WriterOptions(
        speaker_prefix=args.speaker_prefix,
        max_line_width=width,
        max_line_count=count,
        max_cue_seconds=seconds,
        max_characters_per_second=cues.BROADCAST_SPEED if args.broadcast else None,
        dashes=args.broadcast,
        exclusive=args.exclusive,
        mark_unsure=args.mark_unsure,
        json_shape=args.json_shape,
    )


def render(name: str, result: Result, options: WriterOptions) -> str | bytes:
    """Return a result in a format, as the writer does; errors as for :func:`get_writer`."""
    if options.mark_unsure and name in TEXT_FORMATS:
        from diarize.result import with_unsure_marked

        result = with_unsure_marked(result)
    return get_writer(name).render(result, options)


def write_files(
    result: Result,
    formats: Iterable[str],
    directory: str | os.PathLike[str],
    stem: str,
    options: WriterOptions | None = None,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    file: str | os.PathLike[str] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write a result in several formats: all files whole, or none of them.

    Replaced are files that an earlier call wrote for the same recording and nobody changed since.
    Beside any other, ``STEM.diarized.EXTENSION`` is written: a recording's ``talk.json`` from
    Whisper, and a ``talk.srt`` corrected by hand, stay as they are.

    Parameters
    ----------
    result : Result
    formats : iterable of str
    directory : path
        Made if it is not there.
    stem : str
        The files' name without extension.
    options : WriterOptions, optional
    inputs : sequence of path
        Files that must not be overwritten, whoever wrote them.
    overwrite : bool
        Replace files that were changed or written by others too; never words by none.
    file : path, optional
        Exactly this file is written, in the one format given.
    on_message : callable, optional
        Called with a sentence for every file that is left alone.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    OutputError
        If a file cannot be written, or ``file`` must not be.
    """
    options = options or WriterOptions()
    folder = Path(directory) if file is None else Path(file).parent
    record = Record(folder)
    kept = {identity(Path(path)) for path in inputs}
    recording = {} if result.audio is None else describe_recording(result.audio, folder)
    result = seen_from(result, folder)
    texts: dict[Path, str | bytes] = {}
    notes: dict[Path, Note] = {}
    for name in dict.fromkeys(formats):
        writer = get_writer(name)
        words = name != "rttm" and result.has_words

        def refused(path: Path, words: bool = words) -> str | None:
            if identity(path) in kept:
                return "is an input"
            return objection(path, record, recording=recording, words=words, overwrite=overwrite)

        path, message = free_place(folder, stem, writer.extension, file, refused)
        if message and on_message:
            on_message(message)
        texts[path] = render(name, result, options)
        notes[path] = Note(path.name, "", name, words, recording, changed_options(options))
    write_whole(texts, notes)
    return list(texts)


def free_place(
    folder: Path,
    stem: str,
    extension: str,
    file: str | os.PathLike[str] | None,
    refused: Callable[[Path], str | None],
) -> tuple[Path, str | None]:
    """Return where to write a file, and a sentence if that is not where it was to go.

    Parameters
    ----------
    refused : callable
        Says why a file must not be replaced, or None.

    Raises
    ------
    OutputError
        If exactly ``file`` was asked for and must not be replaced.
    """
    first = Path(file) if file is not None else folder / f"{stem}.{extension}"
    reason = refused(first)
    if reason is None:
        return first, None
    if file is not None:
        raise OutputError(
            f"{first} {reason} and is not replaced: choose another name"
            + ("" if reason.startswith(("is an input", "holds")) else ", or add --overwrite")
        )
    for number in count(1):
        suffix = OWN_SUFFIX if number == 1 else f"{OWN_SUFFIX}.{number}"
        path = folder / f"{stem}{suffix}.{extension}"
        if refused(path) is None:
            return path, f"{first} {reason} and is left alone: {path.name} is written instead"
    raise AssertionError("unreachable")


def seen_from(result: Result, folder: Path) -> Result:
    """Return a result whose recording is named as seen from a folder, to be found from there."""
    if result.audio is None:
        return result
    return replace(result, audio=relative_path(result.audio, folder))


def changed_options(options: WriterOptions) -> dict[str, Any]:
    """Return the options that are not at their defaults."""
    plain = asdict(WriterOptions())
    return {key: value for key, value in asdict(options).items() if value != plain[key]}
