"""Words that are no speech: [MUSIC], (applause), ♪."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BRACKETS = {"[": "]", "【": "】", "［": "］", "〔": "〕", "*": "*", "<": ">"}
_ROUND = {"(": ")", "（": "）"}
_NOTES = "♪♫♬♩🎵🎶"
# What stands in brackets in the place of speech, in transcripts made by hand or by services.
_SPEECH = re.compile(
    r"\b(?:inaudible|indistinct|unintelligible|unclear|crosstalk|overlapping|redacted|name|sic)\b"
    r"|\?|_",
    re.I,
)


def sounds(words: Sequence[str]) -> list[bool]:
    """Return for each word of a segment whether it describes a sound instead of speech.

    Sounds stand in square brackets, between asterisks or beside music notes, anywhere in a segment,
    or in round brackets around the whole segment (inside one, people speak in brackets, too).

    Examples
    --------
    >>> sounds([" [MUSIC", " PLAYING]", " Hello."]), sounds(["(applause)"]), sounds(["♪", " la"])
    ([True, True, False], [True], [True, True])
    >>> sounds([" I", " (really)", " [inaudible]", " it."])
    [False, False, False, False]
    """
    complete = "".join(words).strip()
    if complete[:1] and (complete[0] in _NOTES or complete[-1] in _NOTES):
        return [True] * len(words)
    if _encloses(complete, _ROUND | _BRACKETS):
        return [not _SPEECH.search(complete)] * len(words)
    found = [False] * len(words)
    start: int | None = None
    for place, word in enumerate(words):
        text = word.strip()
        if text[:1] in _BRACKETS:
            start = place
        if start is None:
            found[place] = bool(text) and all(character in _NOTES for character in text)
            continue
        inside = "".join(words[start : place + 1]).strip().rstrip(".,!?:;")
        if len(inside) > 1 and inside[-1] == _BRACKETS[inside[0]]:
            if not _SPEECH.search(inside):
                found[start : place + 1] = [True] * (place + 1 - start)
            start = None
    return found


def _encloses(text: str, brackets: dict[str, str]) -> bool:
    """Return whether one pair of brackets encloses a text."""
    text = text.rstrip(".!?")
    if len(text) < 3 or text[0] not in brackets or text[-1] != brackets[text[0]]:
        return False
    return not any(character in (text[0], text[-1]) for character in text[1:-1])
