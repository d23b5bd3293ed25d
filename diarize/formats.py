"""The output formats: their names, their options, and which writer renders each.

Third parties add formats under the entry-point group ``autospeech_diarize.writers``: a name and a
class (or function without arguments) that gives a :class:`Writer`.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from diarize import plugins
from diarize.errors import UsageError

# In the order in which `-f all` writes them; each is a module of diarize.writers.
FORMATS = (
    *("srt", "vtt", "json", "txt", "tsv", "csv", "md", "rttm", "audacity", "textgrid", "eaf"),
    *("seglst", "podcast", "diarized-json", "ctm", "stm", "ttml", "ass", "docx", "parquet", "html"),
)
# Formats that need a package of an extra.
_NEEDS = {"docx": "docx", "parquet": "pyarrow"}

# Those that people read; unsure names may be marked there.
TEXT_FORMATS = ("srt", "vtt", "txt", "tsv", "csv", "md", "ass", "docx")
# Formats that are nothing without words.
WORD_FORMATS = ("srt", "vtt", "txt", "tsv", "md", "ctm", "ttml", "ass", "docx")


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How results are written.

    Parameters
    ----------
    speaker_prefix : {"always", "on-change", "never"}
        When a subtitle begins with its speaker's name.
    max_line_width : int or None
        Columns in a subtitle line (a CJK character takes two).
    max_line_count : int or None
        Lines in a subtitle.
    max_cue_seconds : float or None
        Seconds a subtitle stays.
    max_characters_per_second : float or None
        Reading speed: subtitles that are shown too shortly stay longer, where there is room.
    dashes : bool
        Two speakers share a subtitle, each on a line after a dash, where both say little.
    exclusive : bool
        Write RTTM without overlaps.
    mark_unsure : bool
        Put a ``?`` behind a name in text formats where the turn does not sound like the person.
    json_shape : {"whisper", "source"}
        ``source``: JSON as the producer of the transcript wrote it, with ``speaker`` added.
    embed_audio : bool
        Put the recording into the HTML page, as Opus; else it is played from where it lies.
    folder : path or None
        Where the file will lie, from where the result's recording is found; set by
        :meth:`diarize.Result.render`.
    """

    speaker_prefix: str = "always"
    max_line_width: int | None = None
    max_line_count: int | None = None
    max_cue_seconds: float | None = None
    max_characters_per_second: float | None = None
    dashes: bool = False
    exclusive: bool = False
    mark_unsure: bool = False
    json_shape: str = "whisper"
    embed_audio: bool = False
    folder: Path | None = None

    def __post_init__(self) -> None:
        speed = self.max_characters_per_second
        if speed is not None and not speed > 0:
            raise UsageError(
                f"max_characters_per_second is {speed!r}: a number above 0 is expected, or None"
            )


class Writer(Protocol):
    """Renders a result in one format.

    Attributes
    ----------
    extension : str
        What the file's name ends with, without the dot before it.
    """

    extension: str

    def render(self, result: Any, options: WriterOptions) -> str | bytes:
        """Return the whole file, as text or, where the format is binary, as bytes.

        Parameters
        ----------
        result : diarize.Result
        options : WriterOptions
        """
        ...


def names() -> tuple[str, ...]:
    """Return the names of all formats, those of installed plug-ins last."""
    return (*FORMATS, *(name for name in plugins.names("writers") if name not in FORMATS))


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
    if name in FORMATS:
        module = importlib.import_module(f"diarize.writers.{name.replace('-', '_')}")
        return cast(Writer, module)
    if name in names():
        return cast(Writer, plugins.load("writers", name))
    raise UsageError(f"output format {name!r} is not known; choose from {', '.join(names())}")


def changed_options(options: WriterOptions) -> dict[str, Any]:
    """Return the options that are not at their defaults."""
    plain = asdict(WriterOptions())
    return {key: value for key, value in asdict(options).items() if value != plain[key]}
