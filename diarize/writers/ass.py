"""Advanced SubStation Alpha subtitles, a style and a colour for each speaker."""

from __future__ import annotations

from typing import Any

from diarize.display import COLOURS
from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import milliseconds, one_line
from diarize.writers.base import UNKNOWN
from diarize.writers.cues import cues

# Braces enclose commands, and nothing can stand for one inside a text.
_BRACES = str.maketrans("{}", "｛｝")


extension = "ass"


def render(result: Result, options: WriterOptions) -> str:
    """Return ASS, made by pysubs2; the speaker is the event's ``Name`` and style.

    ``{`` and ``}`` are commands in this format and are written in full width.
    """
    from pysubs2 import SSAEvent, SSAFile

    shown = cues(result.utterances, options)
    document = SSAFile()
    document.info["Title"] = one_line(result.diarization.uri)
    names = (name or UNKNOWN for cue in shown for name, _ in cue.voices())
    styles = _styles(document, list(dict.fromkeys(names)))
    for cue in shown:
        voices = cue.voices()
        first = voices[0][0] or UNKNOWN
        parts = []
        for place, (name, lines) in enumerate(voices):
            change = f"{{\\r{styles[name or UNKNOWN]}}}" if place else ""
            parts.append(change + r"\N".join(map(_escaped, lines)))
        document.append(
            SSAEvent(
                start=milliseconds(cue.start),
                end=milliseconds(cue.end),
                text=r"\N".join(parts),
                style=styles[first],
                name=_field(first),
            )
        )
    return document.to_string("ass")


def _styles(document: Any, names: list[str]) -> dict[str, str]:
    """Give each speaker a style; return the styles' names."""
    from pysubs2 import Color

    styles: dict[str, str] = {}
    for number, name in enumerate(names):
        style = document.styles["Default"].copy()
        colour = COLOURS[number % len(COLOURS)].lstrip("#")
        style.primarycolor = Color(*(_bright(int(colour[at : at + 2], 16)) for at in (0, 2, 4)))
        wanted = _field(name) or "Speaker"
        unique = wanted if wanted not in styles.values() else f"{wanted} {number + 1}"
        styles[name] = unique
        document.styles[unique] = style
    return styles


def _bright(part: int) -> int:
    """Return a colour's part, light enough to be read over a picture."""
    return 255 - (255 - part) // 2


def _field(name: str) -> str:
    """Return a name as a field of a line, in which commas separate."""
    return one_line(name).replace(",", ";").translate(_BRACES)


def _escaped(line: str) -> str:
    # "\N", "\n" and "\h" are commands too; a zero-width joiner between the signs makes them text
    text = line.translate(_BRACES)
    for letter in "Nnh":
        text = text.replace(f"\\{letter}", f"\\\u2060{letter}")
    return text
