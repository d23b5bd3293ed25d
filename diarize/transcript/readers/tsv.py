"""Tables: openai-whisper's TSV and whisper.cpp's CSV (milliseconds), Audacity labels (seconds)."""

from __future__ import annotations

import csv
import io

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import Data, Format, finish, make_segment, number
from diarize.transcript.readers.cues import lines_of
from diarize.transcript.readers.labels import take_labels

_COLUMNS = {"start", "end", "text"}
_FASTEST = 150  # letters a second, ten times what people say


def _rows(source: str) -> list[tuple[int, list[str]]]:
    """Return the rows with their line numbers, counted from 1."""
    # Not the csv module: Whisper quotes nothing, and a quotation mark is just a character.
    rows = enumerate(lines_of(source), start=1)
    return [(number, line.split("\t")) for number, line in rows if line.strip()]


def _csv_rows(source: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(source, newline=""))
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise TranscriptError(
            f"line {reader.line_num} of the table cannot be read ({error}): is a quotation mark "
            "missing?"
        ) from None


def _header(source: str) -> str:
    return lines_of(source.lstrip())[0].strip().lower()


def _read_rows(table: list[tuple[int, list[str]]]) -> Data:
    (_, header), *rows = table
    names = [name.strip().lower() for name in header]
    records = [(line, _record(names, row, line)) for line, row in rows]
    # Whisper writes whole milliseconds; a decimal point anywhere means seconds.
    decimal = any("." in record.get(key, "") for _, record in records for key in ("start", "end"))
    scale = 1.0 if decimal else 0.001
    segments: list[Data] = []
    for line, record in records:
        start, end = number(record.get("start")), number(record.get("end"))
        if start is None or end is None:
            raise TranscriptError(
                f"line {line} of the table has no times: "
                f"{[record.get('start'), record.get('end')]} where a start and an end in "
                "milliseconds were expected"
            )
        known = {"start": start * scale, "end": end * scale, "text": record["text"].strip()}
        segments.append(make_segment({**record}, len(segments), **known))
    if not decimal:
        _check_unit(segments)
    return finish({}, take_labels(segments))


def _check_unit(segments: list[Data]) -> None:
    """Refuse whole numbers that cannot be milliseconds, as nobody speaks so fast."""
    length = sum(segment["end"] - segment["start"] for segment in segments)
    letters = sum(len(segment["text"]) for segment in segments)
    if 0 < length * _FASTEST < letters:
        raise TranscriptError(
            f"the {len(segments)} row(s) of the table last {length * 1000:.0f} milliseconds, too "
            "short for their text: if the times are seconds, write them with a decimal point (4.0)"
        )


def _record(names: list[str], row: list[str], line: int) -> dict[str, str]:
    """Return a row by its columns' names; tabs in a text that stands last belong to it."""
    extra = len(row) - len(names)
    if extra > 0 and names[-1] == "text":
        row = [*row[: len(names) - 1], " ".join(row[len(names) - 1 :])]
    elif extra > 0 and any(cell.strip() for cell in row[len(names) :]):
        raise TranscriptError(
            f"line {line} of the table has {len(row)} columns where the first line names "
            f"{len(names)}; take the tabs out of its text"
        )
    record = dict(zip(names, row, strict=False))
    return {**record, "text": record.get("text", "")}


def _label_rows(source: str) -> list[tuple[float | None, float | None, str]]:
    """Return Audacity's labels; the second line of one with frequencies says nothing here."""
    rows = [row for _, row in _rows(source) if row[0] != "\\"]
    return [
        (number(row[0]), number(row[1]), " ".join(row[2:])) if len(row) > 1 else (None, None, "")
        for row in rows
    ]


def _are_labels(source: str) -> bool:
    rows = _label_rows(source)
    return bool(rows) and all(start is not None and end is not None for start, end, _ in rows)


def _read_labels(source: str) -> Data:
    segments = [
        make_segment({}, index, start=start, end=end, text=text.strip())
        for index, (start, end, text) in enumerate(_label_rows(source))
    ]
    return finish({}, take_labels(segments))


CSV = Format(
    "csv",
    "CSV (start, end, text)",
    lambda source: set(_header(source).replace('"', "").split(",")) >= _COLUMNS,
    lambda source: _read_rows(_csv_rows(source)),
)
TABLE = Format(
    "tsv",
    "TSV (start, end, text)",
    lambda source: set(_header(source).split("\t")) >= _COLUMNS,
    lambda source: _read_rows(_rows(source)),
)
LABELS = Format("audacity", "Audacity labels", _are_labels, _read_labels)
