"""The bytes of a transcript file, and JSON out of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from diarize.errors import TranscriptError
from diarize.text import decode


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


def looks_like_json(raw: bytes) -> bool:
    """Return whether the first visible character begins a JSON object or list."""
    return decode(raw[:4096], keep_broken_bytes=True)[0].lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def parse_json(text: str, name: str) -> Any:
    """Parse JSON leniently: raw line breaks inside strings are let through (whisper.cpp).

    Several values in one file, one after the other or one a line, become a list.
    """
    decoder = json.JSONDecoder(strict=False)
    values: list[Any] = []
    position = 0
    try:
        while (position := _skip_space(text, position)) < len(text):
            value, position = decoder.raw_decode(text, position)
            values.append(value)
    except json.JSONDecodeError as error:
        raise TranscriptError(
            f"{name}: not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}); "
            "is the file complete?"
        ) from None
    except (RecursionError, ValueError) as error:
        raise TranscriptError(f"{name}: not usable JSON ({error})") from None
    return values[0] if len(values) == 1 else values


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
