"""Text: bytes decoded, whatever their encoding; times, names and tables made fit to be read."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

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

ROWS = 10  # lines of a table that `print` shows before it says how many more there are
TEXT_WIDTH = 72
NAME_WIDTH = 40
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


def printable(text: str) -> str:
    """Return a text with bytes that are no characters, in a file's name, escaped.

    Examples
    --------
    >>> printable("caf" + chr(0xDCE9))
    'caf\\\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def json_text(value: Any, **options: Any) -> str:
    """Return JSON with characters as they are; bytes that are none, in a file's name, escaped.

    Examples
    --------
    >>> json_text("café"), json_text("caf" + chr(0xDCE9))
    ('"café"', '"caf\\\\udce9"')
    """
    return printable(json.dumps(value, ensure_ascii=False, **options))


def json_value(raw: str | bytes) -> Any:
    """Return what JSON, maybe of somebody else's, holds.

    Raises
    ------
    ValueError
        If it is not JSON, or is nested more deeply than can be read.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def decode(raw: bytes, *, keep_broken_bytes: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the text without its mark, and warnings about its encoding.

    UTF-8, UTF-16 and UTF-32 are told with a mark or without. UTF-8 with a few broken bytes stays
    UTF-8, and anything else is taken for Windows' Western European encoding, with a warning; or
    broken bytes are kept, as lone surrogates.
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
    decoded = _mended(raw).decode("utf-8", "replace").removeprefix("\ufeff")
    broken = decoded.count("\ufffd")
    if broken < sum(character > "\x7f" for character in decoded) / 2:
        return decoded, ()
    warning = "is not UTF-8; read as Windows/Latin-1 text; save it as UTF-8 if letters are wrong"
    try:
        return raw.decode("cp1252"), (warning,)
    except UnicodeDecodeError:
        return raw.decode("latin-1"), (warning,)


def _without_mark(raw: bytes) -> str | None:
    """Recognize UTF-16 and UTF-32 without a mark by the zeros beside ASCII characters."""
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


def _mended(raw: bytes) -> bytes:
    """Move the bytes of a character that was cut between two entries to the first of them."""

    def joined(match: re.Match[bytes]) -> bytes:
        first, between, rest = match.groups()
        try:
            (first + rest).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        return first + rest + between

    return _CUT_CHARACTER.sub(joined, raw)


def clock(seconds: float) -> str:
    """Return seconds as ``m:ss`` or ``h:mm:ss``, to the nearest second.

    Examples
    --------
    >>> clock(74.6), clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def milliseconds(seconds: float) -> int:
    """Return a time in whole milliseconds."""
    return round(seconds * 1000)


def stamp(seconds: float, mark: str = ".") -> str:
    """Return a time as subtitles write it, to the millisecond.

    Examples
    --------
    >>> stamp(3725.5), stamp(62.25, ",")
    ('01:02:05.500', '00:01:02,250')
    """
    total, thousandths = divmod(milliseconds(seconds), 1000)
    return f"{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}{mark}{thousandths:03d}"


def instant(seconds: float) -> str:
    """Return a time in a recording to a tenth of a second.

    Examples
    --------
    >>> instant(75.46), instant(59.97), instant(3725)
    ('1:15.5', '1:00.0', '1:02:05.0')
    """
    tenths = round(seconds * 10)
    return f"{clock(tenths // 10)}.{tenths % 10}"


def one_line(text: str) -> str:
    """Return ``text`` without line breaks, control characters or doubled spaces.

    Examples
    --------
    >>> one_line(" Well,\\n  I\\tknow. ")
    'Well, I know.'
    """
    return " ".join("".join(c if c >= " " and c != "\x7f" else " " for c in text).split())


def shortened(text: str, width: int) -> str:
    """Return ``text`` on one line of at most ``width`` characters.

    Examples
    --------
    >>> shortened("I know what you mean.", 10)
    'I know wh…'
    """
    text = one_line(text)
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "turn"), counted(0, "turn"), counted(2, "person", "people")
    ('1 turn', '0 turns', '2 people')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return rows as text in columns; the columns numbered in ``right`` are set to the right.

    Examples
    --------
    >>> print(table(["name", "s"], [["Ann", "12.5"], ["Benedict", "8.0"]], right=[1]))
    name         s
    Ann       12.5
    Benedict   8.0
    """
    from rich.cells import cell_len

    lines = [list(headings), *[list(row) for row in rows]]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(headings))]
    shown = []
    for line in lines:
        cells = []
        for column, cell in enumerate(line):
            fill = " " * (widths[column] - cell_len(cell))
            cells.append(fill + cell if column in right else cell + fill)
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def first_rows(
    headings: Sequence[str], rows: Sequence[Sequence[str]], total: int, noun: str
) -> str:
    """Return a table of the first rows, names and text cut, and how many more there are."""
    widths = [NAME_WIDTH if name == "speaker" else TEXT_WIDTH for name in headings]
    cut = [list(map(shortened, row, widths)) for row in rows]
    more = total - len(rows)
    return table(headings, cut) + (f"\n… and {counted(more, 'more ' + noun)}" if more else "")


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet takes for no formula: an apostrophe goes before one.

    Examples
    --------
    >>> guarded("=1+1"), guarded("one"), guarded("-0.03"), guarded("-1+1")
    ("'=1+1", 'one', '-0.03', "'-1+1")
    """
    is_formula = text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
