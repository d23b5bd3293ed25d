"""Tables with tabs: openai-whisper's TSV (milliseconds), and Audacity labels (seconds)."""

from __future__ import annotations

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, Format, finish, make_segment, number
from diarize.transcript.readers.labels import set_text

_COLUMNS = ("start", "end", "text")


def _rows(source: str) -> list[list[str]]:
    # Not the csv module: Whisper quotes nothing, and a quotation mark is just a character.
    return [line.split("\t") for line in source.splitlines() if line.strip()]


def _is_table(source: object) -> bool:
    if not isinstance(source, str):
        return False
    header = source.lstrip().split("\n", 1)[0].strip().lower().split("\t")
    return all(column in header for column in _COLUMNS)


def _read_table(source: str) -> Data:
    header, *rows = _rows(source)
    names = [name.strip().lower() for name in header]
    records = [dict(zip(names, row, strict=False)) for row in rows]
    # Whisper writes whole milliseconds; a decimal point anywhere means seconds.
    decimal = any("." in record.get(key, "") for record in records for key in ("start", "end"))
    scale = 1.0 if decimal else 0.001
    segments = []
    for index, record in enumerate(records):
        start, end = number(record.get("start")), number(record.get("end"))
        if start is None or end is None:
            raise TranscriptError(
                f"line {index + 2} of the table has no times: {rows[index][:2]} where a start "
                "and an end in milliseconds were expected"
            )
        known = {"start": start * scale, "end": end * scale}
        segment = make_segment({**record}, index, **known)
        segments.append(set_text(segment, segment["text"].strip()))
    return finish({}, segments)


def _are_labels(source: object) -> bool:
    if not isinstance(source, str):
        return False
    rows = _rows(source)
    return bool(rows) and all(
        len(row) == 3 and number(row[0]) is not None and number(row[1]) is not None for row in rows
    )


def _read_labels(source: str) -> Data:
    segments = []
    for index, (start, end, text) in enumerate(_rows(source)):
        segment = make_segment({}, index, start=number(start), end=number(end))
        segments.append(set_text(segment, text.strip()))
    return finish({}, segments)


TABLE = Format("tsv", "TSV (start, end, text)", _is_table, _read_table)
LABELS = Format("audacity", "Audacity labels", _are_labels, _read_labels)
