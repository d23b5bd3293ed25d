"""Minutes in Markdown: who spoke how long, then the dialogue."""

from __future__ import annotations

import re

from diarize.display import one_line
from diarize.result import Result
from diarize.timeline import union
from diarize.writers.base import UNKNOWN, WriterOptions, clock

# an underscore inside a word is no markup
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")


class MarkdownWriter:
    """Writes a table of speakers and a paragraph a turn."""

    extension = "md"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        diarization = result.diarization
        lines = [
            f"# {escaped(diarization.uri)}",
            "",
            "| Speaker | Talk time | Share | Turns |",
            "| --- | ---: | ---: | ---: |",
        ]
        talk: dict[str, float] = {}
        turns: dict[str, int] = {}
        for label in diarization.labels:
            name = diarization.display(label)
            mine = [turn.segment for turn in diarization.turns if turn.speaker == label]
            talk[name] = talk.get(name, 0.0) + sum(part.duration for part in union(mine))
            turns[name] = turns.get(name, 0) + len(mine)
        total = sum(talk.values())
        lines += [
            f"| {escaped(name)} | {clock(seconds)} | {seconds / total if total else 0:.0%} "
            f"| {turns[name]} |"
            for name, seconds in sorted(talk.items(), key=lambda item: -item[1])
        ]
        lines += ["", f"Length: {clock(diarization.duration)}", "", "## Dialogue"]
        for part in result.paragraphs():
            text = f": {escaped(part.text)}" if part.text else f" to {clock(part.end)}"
            lines += ["", f"**{escaped(part.speaker or UNKNOWN)}** ({clock(part.start)}){text}"]
        return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return a text in which Markdown finds no markup.

    Examples
    --------
    >>> print(escaped("2 * 3 | <b>"))
    2 \\* 3 \\| \\<b\\>
    """
    return _SPECIAL.sub(r"\\\1", one_line(text))
