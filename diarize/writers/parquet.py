"""Rows for data frames: one a segment, its words inside."""

from __future__ import annotations

import io

from diarize.errors import MissingExtraError
from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import printable
from diarize.writers.cues import timed_words

extension = "parquet"


def render(result: Result, options: WriterOptions) -> bytes:
    """Return ``recording``, ``start``, ``end``, ``speaker``, ``text``, ``words``; made by pyarrow.

    ``words`` is a list of ``{word, start, end, speaker, probability}``. Times are in seconds;
    ``speaker`` is null where nobody is known to speak.

    Raises
    ------
    MissingExtraError
        When pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "-f parquet") from None
    number, text = pyarrow.float64(), pyarrow.string()
    word = [("word", text), ("start", number), ("end", number), ("speaker", text)]
    columns = [("recording", text), ("start", number), ("end", number), ("speaker", text)]
    inside = pyarrow.struct([*word, ("probability", number)])
    schema = pyarrow.schema([*columns, ("text", text), ("words", pyarrow.list_(inside))])
    rows = [
        {
            "recording": printable(result.diarization.uri),
            "start": round(part.start, 3),
            "end": round(part.end, 3),
            "speaker": part.speaker,
            "text": part.text,
            "words": [
                {
                    "word": word.text,
                    "start": round(word.start, 3),
                    "end": round(word.end, 3),
                    "speaker": word.speaker,
                    "probability": word.probability,
                }
                for word in (timed_words(part) if part.words else ())
            ],
        }
        for part in result.utterances
    ]
    raw = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), raw)
    return raw.getvalue()
