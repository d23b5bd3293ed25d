"""Reading who-spoke-when files: RTTM turns and UEM scoring regions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from diarize.annotation import Segment, Turn
from diarize.errors import DiarizeError

# Other record types of the NIST RTTM specification; they say nothing about who speaks when.
_OTHER_TYPES = (
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT"),
    *("IP", "SU", "CB", "A/P", "SPKR-INFO", "SPKR_INFO", "BABBLE"),
)
_SPEAKER_FIELDS = 8  # up to the name; confidence and look-ahead may be missing


def read_rttm(path: str | Path) -> dict[str, list[Turn]]:
    """Read the speaker turns of an RTTM file, or of every ``.rttm`` file of a folder.

    Parameters
    ----------
    path : str or Path
        Lines may have 8 to 10 fields, separated by any white space. Comments (``;;`` or ``#``),
        empty lines and records other than ``SPEAKER`` are passed over, turns without length too.

    Returns
    -------
    dict of str to list of Turn
        The turns of each recording, in order of time.

    Raises
    ------
    DiarizeError
        When there is no such file, or a line cannot be understood (named with its number).

    Notes
    -----
    Layout: NIST "Rich Transcription" RT-09 evaluation plan, appendix A.
    """
    turns: dict[str, list[Turn]] = {}
    for file in _files(path, ".rttm"):
        for where, fields in _lines(file):
            if fields[0] in _OTHER_TYPES:
                continue
            if fields[0] != "SPEAKER":
                raise DiarizeError(f"{where}: unknown record type {fields[0]!r}; is it RTTM?")
            if len(fields) < _SPEAKER_FIELDS:
                raise DiarizeError(
                    f"{where}: {len(fields)} fields where a SPEAKER line has 9 or 10"
                )
            start, duration = _seconds(fields[3], where), _seconds(fields[4], where)
            confidence = _optional_number(fields[8]) if len(fields) > _SPEAKER_FIELDS else None
            recording = turns.setdefault(fields[1], [])
            if duration > 0:
                recording.append(Turn(start, start + duration, fields[7], confidence))
    return {uri: sorted(found) for uri, found in turns.items()}


def read_uem(path: str | Path) -> dict[str, list[Segment]]:
    """Read the regions to score, by recording, from a UEM file or a folder of them.

    Raises
    ------
    DiarizeError
        When there is no such file, or a line is not ``recording channel start end``.
    """
    regions: dict[str, list[Segment]] = {}
    for file in _files(path, ".uem"):
        for where, fields in _lines(file):
            if len(fields) != 4:
                raise DiarizeError(f"{where}: {len(fields)} fields where a UEM line has 4")
            start, end = _seconds(fields[2], where), _seconds(fields[3], where)
            if end < start:
                raise DiarizeError(f"{where}: the region ends ({end:g} s) before it starts")
            regions.setdefault(fields[0], []).append(Segment(start, end))
    return {uri: sorted(found) for uri, found in regions.items()}


def _files(path: str | Path, suffix: str) -> list[Path]:
    """Return the file itself, or the folder's files with ``suffix``."""
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == suffix)
        if not files:
            raise DiarizeError(f"{path}: no {suffix} file in this folder")
        return files
    if not path.is_file():
        raise DiarizeError(f"{path}: no such file or folder")
    return [path]


def _lines(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield ``("file, line n", fields)`` for each line that says something."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise DiarizeError(f"{file}: cannot be read as text ({error})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields and not fields[0].startswith((";;", "#")):
            yield f"{file}, line {number}", fields


def _seconds(field: str, where: str) -> float:
    """Read a time in seconds; it must be finite and not negative."""
    number = _optional_number(field)
    if number is None or not math.isfinite(number) or number < 0:
        raise DiarizeError(f"{where}: {field!r} is not a time in seconds")
    return number


def _optional_number(field: str) -> float | None:
    """Read a number, or None for ``<NA>`` and the like."""
    try:
        return float(field)
    except ValueError:
        return None
