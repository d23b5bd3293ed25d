"""Files of who speaks when: RTTM turns, read and written, and UEM scoring regions."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from diarize.errors import DiarizeError
from diarize.text import decode
from diarize.timeline import Segment, Turn

# Other record types of the NIST RTTM specification; they say nothing about who speaks when.
_OTHER_TYPES = (
    *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT"),
    *("IP", "SU", "CB", "A/P", "SPKR-INFO", "SPKR_INFO", "BABBLE"),
)
_NOT_GIVEN = ("<NA>", "<na>", "NA", "-", "null")
_ROUNDING = 0.5  # seconds before 0 that a turn may begin by rounding or padding
_SPEAKER_FIELDS = 8  # up to the name; confidence and look-ahead may be missing


def rttm_text(uri: str, turns: Iterable[Turn]) -> str:
    """Return turns as RTTM lines: ten fields, channel 1, times to the millisecond.

    White space in the recording's name, and in speakers, becomes ``_``.

    Examples
    --------
    >>> print(rttm_text("a b", [Turn(0, 1.5, "Ann Lee")]), end="")
    SPEAKER a_b 1 0.000 1.500 <NA> <NA> Ann_Lee <NA> <NA>
    """
    name = rttm_field(uri)
    return "".join(
        f"SPEAKER {name} 1 {turn.start:.3f} {turn.duration:.3f} <NA> <NA> "
        f"{rttm_field(turn.speaker)} <NA> <NA>\n"
        for turn in turns
    )


def rttm_field(text: str) -> str:
    """Return ``text`` as one field of a line: without white space, never empty."""
    return re.sub(r"\s+", "_", text.strip()) or "_"


def read_rttm(path: str | Path) -> dict[str, list[Turn]]:
    """Read the speaker turns of an RTTM file, or of every ``.rttm`` file of a folder.

    Parameters
    ----------
    path : str or Path
        In UTF-8 or, with a mark or without, UTF-16. Lines may have 8 to 10 fields, separated by
        any white space; names of recordings and speakers may hold spaces. Comments (``;;`` or
        ``#``), empty lines and records other than ``SPEAKER`` are passed over, turns without
        length too. What begins a little before 0 begins at 0.

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
        records = []
        for where, fields in _lines(file):
            if fields[0] in _OTHER_TYPES:
                continue
            if fields[0] != "SPEAKER":
                raise DiarizeError(f"{where}: unknown record type {fields[0]!r}; is it RTTM?")
            records.append(_speaker_record(fields, where))
        numbered = _numbered_names(records)
        for recording, start, duration, name, figures in records:
            speaker, confidence = _name_and_confidence(name, figures, numbered)
            found = turns.setdefault(recording, [])
            if duration > 0 and start + duration > 0:
                found.append(Turn(max(0.0, start), start + duration, speaker, confidence))
    return {uri: sorted(found) for uri, found in turns.items()}


# Recording, start, duration, name, and the up to two figures after it.
_Record = tuple[str, float, float, str, list[str]]


def _speaker_record(fields: list[str], where: str) -> _Record:
    """Return what a SPEAKER line holds.

    Names with spaces, which RTTM does not know but people write, are told by what stands around
    them: two times and two ``<NA>``.
    """
    if len(fields) < _SPEAKER_FIELDS:
        raise DiarizeError(f"{where}: {len(fields)} fields where a SPEAKER line has 9 or 10")
    start = _start_field(fields, where)
    rest = fields[start + 4 :]
    tail = 0
    while tail < 2 and len(rest) - tail > 1 and _is_figure(rest[-1 - tail]):
        tail += 1
    name = " ".join(rest[: len(rest) - tail])
    if name in _NOT_GIVEN:
        raise DiarizeError(f"{where}: no name of a speaker; it is the eighth field of the line")
    onset, duration = _seconds(fields[start], where, -_ROUNDING), _seconds(fields[start + 1], where)
    return " ".join(fields[1 : start - 1]), onset, duration, name, rest[len(rest) - tail :]


def _numbered_names(records: Iterable[_Record]) -> set[str]:
    """Return the names after which whole numbers tell people apart: "Speaker 1", "Speaker 2".

    Else they are confidences, as of a program that writes 1 for 1.0.
    """
    after: dict[str, set[str]] = {}
    for *_, name, figures in records:
        after.setdefault(name, set()).update(figures[:1])
    return {
        name
        for name, found in after.items()
        if all(map(str.isdigit, found)) and (len(found) > 1 or not found <= {"0", "1"})
    }


def _name_and_confidence(
    name: str, figures: list[str], numbered: Container[str]
) -> tuple[str, float | None]:
    """Return a speaker's name and the confidence of the turn.

    Examples
    --------
    >>> _name_and_confidence("Speaker", ["2", "0.9"], {"Speaker"})
    ('Speaker 2', 0.9)
    >>> _name_and_confidence("Ann", ["1", "<NA>"], {"Speaker"})
    ('Ann', 1.0)
    """
    if figures and name in numbered:
        name, figures = f"{name} {figures[0]}", figures[1:]
    return name, _optional_number(figures[0]) if figures else None


def _start_field(fields: list[str], where: str) -> int:
    """Return the place of the start time: the fourth field, or later after a name with spaces."""
    places = [
        place
        for place in range(3, len(fields) - 4)
        if _optional_number(fields[place]) is not None
        and _optional_number(fields[place + 1]) is not None
    ]
    if not places:
        raise DiarizeError(
            f"{where}: {fields[3]!r} is not a time in seconds, nor are there two after the name "
            "of the recording"
        )
    return max(
        places,
        key=lambda place: (sum(f in _NOT_GIVEN for f in fields[place + 2 : place + 4]), -place),
    )


def _is_figure(field: str) -> bool:
    """Return whether a field after the name is a number, or says that none is given."""
    return field in _NOT_GIVEN or (field[-1].isdigit() and _optional_number(field) is not None)


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
        text, _ = decode(file.read_bytes())
    except OSError as error:
        raise DiarizeError(f"{file}: cannot be read ({error.strerror})") from error
    if "\0" in text:
        raise DiarizeError(f"{file}: a binary file, not a text of turns or regions")
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if fields and not fields[0].startswith((";;", "#")):
            yield f"{file}, line {number}", fields


def _seconds(field: str, where: str, least: float = 0.0) -> float:
    """Read a time in seconds; it must be finite and not below ``least``."""
    number = _optional_number(field)
    if number is None or not math.isfinite(number) or number < least:
        raise DiarizeError(f"{where}: {field!r} is not a time in seconds")
    return number


def _optional_number(field: str) -> float | None:
    """Read a number, or None for ``<NA>`` and the like."""
    try:
        return float(field)
    except ValueError:
        return None
