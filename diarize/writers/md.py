"""Minutes in Markdown: who spoke how long, then the dialogue."""

from __future__ import annotations

import re

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line
from diarize.writers.base import UNKNOWN, clock, talk_shares

# an underscore inside a word is no markup
_SPECIAL = re.compile(r"([\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_]))")


extension = "md"


def render(result: Result, options: WriterOptions) -> str:
    """Return a table of speakers and a paragraph a turn."""
    diarization = result.diarization
    lines = [
        f"# {escaped(diarization.uri)}",
        "",
        "| Speaker | Talk time | Share | Turns |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {escaped(name)} | {clock(seconds)} | {share:.0%} | {turns} |"
        for name, seconds, share, turns in talk_shares(diarization)
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
