"""WebVTT with a voice tag on every cue."""

from __future__ import annotations

from diarize.display import one_line
from diarize.result import Result
from diarize.transcript.subtitles import cues
from diarize.writers.base import WriterOptions, milliseconds


class VttWriter:
    """Writes WebVTT; the speaker is in the cue's ``<v Name>``, so no prefix is needed."""

    extension = "vtt"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        blocks = ["WEBVTT\n"]
        shown = cues(
            result.utterances,
            prefix="never",
            max_line_width=options.max_line_width,
            max_line_count=options.max_line_count,
            max_cue_seconds=options.max_cue_seconds,
        )
        for cue in shown:
            text = "\n".join(map(_escaped, cue.lines))
            if cue.speaker is not None:
                text = f"<v {_escaped(one_line(cue.speaker))}>{text}</v>"
            blocks.append(f"{_stamp(cue.start)} --> {_stamp(cue.end)}\n{text}\n")
        return "\n".join(blocks)


def _escaped(text: str) -> str:
    # "-->" cannot occur any more once ">" is escaped
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float) -> str:
    whole = milliseconds(seconds)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
