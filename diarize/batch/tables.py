"""All results of an output folder as columns: Parquet files for DuckDB, pandas, Spark."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from diarize.batch.sidecar import Sidecar, each_sidecar, main_json, result_at
from diarize.batch.stores import Store
from diarize.errors import MissingExtraError
from diarize.result import Result
from diarize.text import printable
from diarize.writers.cues import timed_words

#: Rows that are held in memory of each table.
_ROWS = 50_000

#: Columns by table; ``recording`` is the outputs' name below the folder, without an extension.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "recordings": {
        "recording": "string",
        "audio": "string",
        "duration": "float64",
        "language": "string",
        "speakers": "int32",
        "words": "int32",
    },
    "turns": {
        "recording": "string",
        "start": "float64",
        "end": "float64",
        "speaker": "string",
        "label": "string",
        "name": "string",
        "confidence": "float64",
        "overlap": "bool_",
        "unsure": "bool_",
    },
    "words": {
        "recording": "string",
        "segment": "int32",
        "start": "float64",
        "end": "float64",
        "speaker": "string",
        "word": "string",
        "probability": "float64",
    },
    "speakers": {
        "recording": "string",
        "speaker": "string",
        "label": "string",
        "name": "string",
        "score": "float64",
        "talk_time": "float64",
        "turns": "int32",
    },
}


def write_tables(output: str) -> None:
    """Write ``recordings``, ``turns``, ``words`` and ``speakers.parquet`` of an output folder.

    The JSON results are read one after the other, so that memory does not grow with the archive.

    Parameters
    ----------
    output : str
        A folder that a batch wrote: a path or URL.

    Raises
    ------
    MissingExtraError
        When pyarrow is not installed.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "--tables") from None
    store = Store(output)
    schemas = {
        table: arrow.schema([(name, getattr(arrow, kind)()) for name, kind in columns.items()])
        for table, columns in COLUMNS.items()
    }
    waiting: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}
    with ExitStack() as stack:
        writers = {}
        for table, schema in schemas.items():
            file = stack.enter_context(store.opened(f"{table}.parquet"))
            writers[table] = stack.enter_context(parquet.ParquetWriter(file, schema))

        def flush(least: int) -> None:
            for table, rows in waiting.items():
                if len(rows) >= least:
                    writers[table].write_table(arrow.Table.from_pylist(rows, schema=schemas[table]))
                    rows.clear()

        for place, sidecar in each_sidecar(store):
            name = main_json(place, sidecar.outputs)
            result = None if name is None else result_at(store, name)
            if result is not None:
                for table, rows in _rows(place, sidecar, result).items():
                    waiting[table] += rows
                flush(_ROWS)
        flush(1)


def _rows(place: str, sidecar: Sidecar, result: Result) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one recording."""
    talk, place = result.diarization, printable(place)
    words = list(_words(place, result))
    return {
        "recordings": [
            {
                "recording": place,
                "audio": printable(sidecar.audio),
                "duration": talk.duration,
                "language": (result.transcript or {}).get("language"),
                "speakers": len(talk.speakers),
                "words": len(words),
            }
        ],
        "turns": [
            {
                "recording": place,
                "start": turn.start,
                "end": turn.end,
                "speaker": talk.display(turn.speaker),
                "label": turn.speaker,
                "name": next(one.name for one in talk.speakers if one.label == turn.speaker),
                "confidence": turn.confidence,
                "overlap": turn.overlap,
                "unsure": turn.unsure,
            }
            for turn in talk.turns
        ],
        "words": words,
        "speakers": [
            {
                "recording": place,
                "speaker": one.display,
                "label": one.label,
                "name": one.name,
                "score": one.score,
                "talk_time": round(talk.talk_time(one.label), 3),
                "turns": sum(turn.speaker == one.label for turn in talk.turns),
            }
            for one in talk.speakers
        ],
    }


def _words(place: str, result: Result) -> Iterator[dict[str, Any]]:
    """Yield the words of a transcript that has any; else none: turns have no words."""
    if result.transcript is None:
        return
    for number, part in enumerate(result.utterances):
        for word in timed_words(part):
            yield {
                "recording": place,
                "segment": number,
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "speaker": word.speaker,
                "word": word.text.strip(),
                "probability": word.probability,
            }
