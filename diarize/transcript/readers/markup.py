"""Markup inside subtitles: tags, voices, times of words; everything else is text."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from html.entities import html5

from diarize.timeline import divided
from diarize.transcript.readers.common import Data, time_of
from diarize.transcript.schema import join_texts
from diarize.transcript.tokenize import tokens

# Only tags that subtitle formats know. "<seventy years ago>" and "5 < 6 and 7 > 3" are text.
_TAG = re.compile(
    r"""</?(?:b|i|u|s|c|v|em|strong|ruby|rt|lang|font|span|p|div)(?:\.[^\s<>]*)?\s*>
      | <v(?:\.[^\s<>]*)?[ \t]+[^<>]+>
      | <lang[ \t]+[\w-]+>
      | <(?:font|span|p|div)\s+[^<>]*=[^<>]*>
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STAMP = re.compile(r"<((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})>")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")  # of Advanced SubStation: {\an8}
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^<>]+)>")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")


def plain_text(line: str, *, entities: bool) -> str:
    """Return a line without markup; with ``entities`` ``&amp;`` stands for ``&``, as in WebVTT.

    Examples
    --------
    >>> plain_text(r"{\\an8}<i>Up here</i>", entities=False)
    'Up here'
    >>> plain_text("If 5 < 6 and 7 > 3: <seventy years ago>", entities=False)
    'If 5 < 6 and 7 > 3: <seventy years ago>'
    """
    text = _OVERRIDE.sub("", _TAG.sub("", _STAMP.sub("", _BREAK.sub(" ", line))))
    return re.sub(r"[ \t]+", " ", unescape(text) if entities else text).strip(" \t")


def unescape(text: str) -> str:
    """Replace whole HTML entities; an ampersand by itself stays."""
    return _ENTITY.sub(_character, text)


def _character(entity: re.Match[str]) -> str:
    known = entity[0].startswith("&#") or entity[0][1:] in html5
    return html.unescape(entity[0]) if known else entity[0]


def join_lines(lines: Sequence[str]) -> str:
    """Join a cue's lines, with spaces in scripts that write them."""
    return join_texts([{"text": line} for line in lines if line])


def voices_of(text: str) -> str | None:
    """Return who speaks by a cue's voice tags, or None."""
    names = dict.fromkeys(unescape(voice).strip() for voice in _VOICE.findall(text))
    return ", ".join(names) or None


def has_stamps(text: str) -> bool:
    """Return whether a text holds times of words."""
    return _STAMP.search(text) is not None


def timed_words(lines: Sequence[str], start: float, end: float) -> list[Data]:
    """Return the words of lines with times between them (``over<00:00:04.680><c> by</c>``).

    Words that share one time are laid out over it by their lengths and marked ``estimated``. The
    cue lasts from ``start`` to ``end``, in seconds.
    """
    raw = join_lines([line.strip(" \t") for line in lines])
    stamps = list(_STAMP.finditer(raw))
    edges = [0, *(at for stamp in stamps for at in stamp.span()), len(raw)]
    clock = [start, *(time_of(stamp[1]) or 0.0 for stamp in stamps), end]
    words: list[Data] = []
    blank = ""  # at the end of a piece, before the time of the next
    for place, begin in enumerate(clock[:-1]):
        text = raw[edges[2 * place] : edges[2 * place + 1]]
        text = unescape(_OVERRIDE.sub("", _TAG.sub("", _BREAK.sub(" ", text))))
        text = re.sub(r"[ \t]+", " ", blank + text)
        blank = " " if text.endswith(" ") else ""
        parts = tokens(text)
        times = divided(begin, max(begin, clock[place + 1]), list(map(len, parts)))
        for part, time in zip(parts, times, strict=True):
            word: Data = {"word": part if words else part.lstrip(" ")}
            word |= {"start": round(time.start, 3), "end": round(time.end, 3)}
            words.append(word if len(parts) == 1 else {**word, "estimated": True})
    return words
