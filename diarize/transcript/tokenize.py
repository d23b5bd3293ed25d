"""Cutting a text into words, and into the smallest readable parts where no spaces are written."""

from __future__ import annotations

import unicodedata

from diarize.transcript.schema import is_unspaced

_BEFORE = "เแโใไເແໂໃໄ"  # Thai and Lao vowels that are written before their consonant
_AFTER = "ะาำๅๆฯະາຳຽໆฺ"  # signs that belong to the letter before them
# Marks that tie the next consonant to the one before: Khmer coeng, Burmese virama.
_STACKERS = "\u17d2\u1039"
_OPENING = "“‘«「『（《〈【〔｛［"
_JOINERS = "\u200d\u2060"


def tokens(text: str) -> list[str]:
    """Return a text's words, each with the white space before it.

    Scripts without spaces between words give one part a character (Chinese, Japanese), or one a
    cluster of a consonant with its vowels and marks (Thai, Lao, Khmer, Burmese); punctuation stays
    with what is before it, opening brackets with what is after. The parts put together are the text
    but for white space at its end.

    Notes
    -----
    The clusters of Thai follow Theeramunkong et al., "Character cluster based Thai information
    retrieval" (IRAL 2000), as far as they need no dictionary.

    Examples
    --------
    >>> tokens(" So it is."), tokens("你好。")
    ([' So', ' it', ' is.'], ['你', '好。'])
    >>> tokens("ไปทะเล"), tokens("ខ្មែរ")
    (['ไป', 'ทะ', 'เล'], ['ខ្មែ', 'រ'])
    """
    found: list[str] = []
    blank = ""
    for character in text:
        if character.isspace():
            blank += character
        elif found and not blank and not _begins(found[-1], character):
            found[-1] += character
        else:
            found.append(blank + character)
            blank = ""
    return found


def _begins(before: str, character: str) -> bool:
    """Return whether a new part begins with ``character``, which follows ``before`` directly."""
    last = before[-1]
    if unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf") or character in _AFTER:
        return False
    if last in _JOINERS or last in _STACKERS or last in _BEFORE or last in _OPENING:
        return False
    if not (is_unspaced(last) or is_unspaced(character)):
        return False
    if character in _OPENING:
        return True
    return unicodedata.category(character)[0] not in "PS"
