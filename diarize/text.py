"""Bytes to text, in whatever encoding they come."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The lead of a character, then the ASCII between two entries (numbers, times), then its end.
_CUT_CHARACTER = re.compile(
    rb"([\xc2-\xf4][\x80-\xbf]{0,2})(\r?\n[\x00-\x7f]{1,120}?)([\x80-\xbf]{1,3})"
)


def decode(raw: bytes, *, keep_broken_bytes: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the text without its mark, and warnings about its encoding.

    Parameters
    ----------
    raw : bytes
        UTF-8, UTF-16 or UTF-32, with or without a mark. UTF-8 with a few broken bytes stays UTF-8;
        anything else is taken for Windows' Western European encoding, with a warning.
    keep_broken_bytes : bool
        Keep bytes that are not UTF-8 as lone surrogates instead.
    """
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    encoding = encoding or _without_mark(raw) or "utf-8"
    try:
        return raw.decode(encoding).removeprefix("\ufeff"), ()
    except UnicodeDecodeError:
        if encoding not in ("utf-8", "utf-8-sig"):
            raw = raw[: len(raw) // 4 * 4]  # cut in the middle of a character
            return raw.decode(encoding, "replace").removeprefix("\ufeff"), ()
        if keep_broken_bytes:
            return raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff"), ()
    whole = _whole_characters(raw).decode("utf-8", "replace").removeprefix("\ufeff")
    broken = whole.count("\ufffd")
    if broken < sum(character > "\x7f" for character in whole) / 2:
        return whole, ()
    warning = "is not UTF-8; read as Windows/Latin-1 text; save it as UTF-8 if letters are wrong"
    try:
        return raw.decode("cp1252"), (warning,)
    except UnicodeDecodeError:
        return raw.decode("latin-1"), (warning,)


def _without_mark(raw: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 without a mark by the zeros beside ASCII characters."""
    start = raw[:64]
    if len(start) < 4 or b"\0" not in start:
        return None
    zeros = [start[place::4].count(0) > 0.6 * len(start[place::4]) for place in range(4)]
    return {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }.get((zeros[0], zeros[1], zeros[2], zeros[3]))


def _whole_characters(raw: bytes) -> bytes:
    """Move the bytes of a character that was cut between two entries to the first of them."""

    def mended(match: re.Match[bytes]) -> bytes:
        first, between, rest = match.groups()
        try:
            (first + rest).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        return first + rest + between

    return _CUT_CHARACTER.sub(mended, raw)
