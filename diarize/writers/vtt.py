"""WebVTT with a voice tag on every cue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line, stamp
from diarize.writers.cues import cues

extension = "vtt"


def render(result: Result, options: WriterOptions) -> str:
    """Return WebVTT; the speaker is in the cue's ``<v Name>``, so no prefix is needed."""
    blocks = ["WEBVTT\n"]
    for cue in cues(result.utterances, replace(options, speaker_prefix="never")):
        text = "\n".join(_voice(name, lines) for name, lines in cue.voices())
        blocks.append(f"{stamp(cue.start)} --> {stamp(cue.end)}\n{text}\n")
    return "\n".join(blocks)


def _voice(name: str | None, lines: Sequence[str]) -> str:
    text = "\n".join(map(_escaped, lines))
    return text if name is None else f"<v {_escaped(one_line(name))}>{text}</v>"


def _escaped(text: str) -> str:
    # "-->" cannot occur any more once ">" is escaped
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
