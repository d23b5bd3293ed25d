"""Writers: one file a format, loaded when used.

Third parties add formats under the entry-point group ``autospeech_diarize.writers``: a name and a
class (or function without arguments) that gives a :class:`Writer`.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from diarize import plugins
from diarize.errors import OutputError, UsageError
from diarize.writers.base import Writer, WriterOptions

if TYPE_CHECKING:
    from argparse import Namespace

    from diarize.result import Result

log = logging.getLogger(__name__)

__all__ = [
    "WRITERS",
    "Writer",
    "WriterOptions",
    "get_writer",
    "names",
    "options_from",
    "write_files",
]

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
}


def names() -> tuple[str, ...]:
    """Return the names of all formats, those of installed plug-ins last."""
    return (*WRITERS, *(name for name in plugins.names("writers") if name not in WRITERS))


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
    return WriterOptions(
        speaker_prefix=args.speaker_prefix,
        max_line_width=args.max_line_width,
        max_line_count=args.max_line_count,
        max_cue_seconds=args.max_cue_seconds,
        exclusive=args.exclusive,
        json_shape=args.json_shape,
    )


def write_files(
    result: Result,
    formats: Iterable[str],
    directory: str | os.PathLike[str],
    stem: str,
    options: WriterOptions | None = None,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
) -> list[Path]:
    """Write a result in several formats: all files whole, or none of them.

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
        Files that must not be overwritten. Where a file would get the name of one,
        ``STEM.diarized.EXTENSION`` is written instead: a recording's ``talk.json`` from Whisper
        stays as it is beside our ``talk.diarized.json``.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    OutputError
        If a file cannot be written, or would overwrite an input under either name.
    """
    options = options or WriterOptions()
    folder = Path(directory)
    kept = {_identity(Path(path)) for path in inputs}
    texts: dict[Path, str] = {}
    for name in dict.fromkeys(formats):
        writer = get_writer(name)
        path = folder / f"{stem}.{writer.extension}"
        if _identity(path) in kept:
            path = folder / f"{stem}.diarized.{writer.extension}"
        if _identity(path) in kept:
            raise OutputError(f"{path} is an input and is not overwritten: choose another -o DIR")
        texts[path] = writer.render(result, options)
    write_texts(texts)
    return list(texts)


def write_texts(texts: dict[Path, str]) -> None:
    """Write files as a whole: each beside its place first, then all moved to it.

    Raises
    ------
    OutputError
        If one cannot be written. No half-written file is left then.
    """
    waiting: dict[Path, Path] = {}
    current: Path | None = None
    try:
        for current, text in texts.items():
            current.parent.mkdir(parents=True, exist_ok=True)
            if current.is_dir():
                raise IsADirectoryError(None, "there is a folder of that name")
            beside = current.with_name(f".{current.name[:200]}.{os.getpid()}.part")
            waiting[beside] = current
            beside.write_bytes(text.encode("utf-8", errors="replace"))
        for beside, current in waiting.items():
            beside.replace(current)
            log.info("wrote %s", current)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {current}: {reason}. Choose another folder with -o DIR"
        ) from None
    finally:
        for beside in waiting:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def _identity(path: Path) -> str:
    """Return what makes two spellings of one file equal."""
    return os.path.normcase(os.path.realpath(path))
