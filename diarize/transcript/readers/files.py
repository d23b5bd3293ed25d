"""Bytes of a transcript file to text or JSON, in whatever encoding they come."""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

from diarize.errors import TranscriptError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_bytes(path: str | Path) -> bytes:
    """Return a file's bytes, or those of standard input for ``-``."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise TranscriptError(f"{path}: no such transcript file") from None
    except IsADirectoryError:
        raise TranscriptError(f"{path}: is a folder, not a transcript file") from None
    except OSError as error:
        raise TranscriptError(f"{path}: cannot be read ({error.strerror})") from None


def decode(raw: bytes, *, keep_broken_bytes: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the text, and warnings about its encoding.

    Parameters
    ----------
    raw : bytes
        UTF-8, with or without a mark, or UTF-16/32 with one. Anything else is taken for Windows'
        Western European encoding, with a warning.
    keep_broken_bytes : bool
        Keep bytes that are not UTF-8 as lone surrogates instead.
    """
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding), ()
    except UnicodeDecodeError:
        if keep_broken_bytes:
            return raw.decode("utf-8", "surrogateescape"), ()
    warning = "is not UTF-8; read as Windows/Latin-1 text, so check the accented letters"
    try:
        return raw.decode("cp1252"), (warning,)
    except UnicodeDecodeError:
        return raw.decode("latin-1"), (warning,)


def looks_like_json(raw: bytes) -> bool:
    """Return whether the first visible character begins a JSON object or list."""
    return decode(raw[:4096], keep_broken_bytes=True)[0].lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def parse_json(text: str, name: str) -> Any:
    """Parse JSON leniently: raw line breaks inside strings are let through (whisper.cpp)."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        raise TranscriptError(
            f"{name}: not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}); "
            "is the file complete?"
        ) from None
    except (RecursionError, ValueError) as error:
        raise TranscriptError(f"{name}: not usable JSON ({error})") from None
