"""Reading transcripts: every producer's shape in, openai-whisper's shape out, and back again.

The producer is recognised by the shape of what it wrote, never by the file's name.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from diarize.errors import TranscriptError
from diarize.text import decode, shortened
from diarize.transcript.readers import (
    assemblyai,
    aws,
    azure,
    brackets,
    captions,
    deepgram,
    funasr,
    google,
    nemo,
    objects,
    openai_api,
    rev,
    speechmatics,
    srt,
    transformers,
    tsv,
    vosk,
    vtt,
    whisper,
    whisper_cpp,
    whisperkit,
    whisperx,
)
from diarize.transcript.readers.common import WARNINGS, Data, Format
from diarize.transcript.schema import Transcript

log = logging.getLogger(__name__)

__all__ = ["parse_transcript", "read_transcript", "to_source_shape"]

# The first that matches reads; shapes with marks of their own come before the general ones.
_JSON_FORMATS: tuple[Format, ...] = (
    whisper.OWN,
    whisper_cpp.FORMAT,
    funasr.FORMAT,
    aws.FORMAT,
    speechmatics.FORMAT,
    google.FORMAT,
    deepgram.FORMAT,
    azure.FORMAT,
    rev.FORMAT,
    assemblyai.FORMAT,
    vosk.FORMAT,
    nemo.MLX,
    nemo.TOKENS,
    nemo.NEMO,
    captions.VIBE,
    captions.PODCAST,
    captions.YOUTUBE,
    whisperkit.FORMAT,
    transformers.FORMAT,
    openai_api.DIARIZED,
    openai_api.VERBOSE,
    whisperx.FORMAT,
    whisper.STABLE_TS,
    whisper.TIMESTAMPED,
    whisper.WHISPER,
    whisper.SEGMENT_LIST,
)
_TEXT_FORMATS: tuple[Format, ...] = (
    vtt.FORMAT,
    srt.FORMAT,
    tsv.TABLE,
    tsv.CSV,
    brackets.FORMAT,
    tsv.LABELS,
)
_BY_PRODUCER = {fmt.producer: fmt for fmt in (*_JSON_FORMATS, *_TEXT_FORMATS)}


def read_transcript(source: object) -> Transcript:
    """Read a transcript, whoever made it.

    Parameters
    ----------
    source : str, Path, file object or object
        A path (``-`` is standard input), an open file, or the object itself: a producer's result
        as a dictionary or list, faster-whisper's generator of segments (alone or paired with its
        info), a result object of stable-ts or of the openai client. A generator is used up.

    Returns
    -------
    Transcript
        Whisper-shaped data that shares nothing with ``source``, the producer's name, and the
        source for :func:`to_source_shape`. A transcript without any words is fine.

    Raises
    ------
    TranscriptError
        When the file cannot be read or fits no known shape.

    Examples
    --------
    >>> chunks = {"text": " Hi there.", "chunks": [{"text": " Hi there.", "timestamp": (0.0, 1.0)}]}
    >>> transcript = read_transcript(chunks)
    >>> transcript.producer, transcript.segments
    ('transformers', [{'id': 0, 'text': ' Hi there.', 'start': 0.0, 'end': 1.0}])
    """
    if isinstance(source, Transcript):
        return source
    if isinstance(source, (str, Path)):
        name = "standard input" if str(source) == "-" else str(source)
        transcript = parse_transcript(_read_bytes(source), name)
        return replace(transcript, path=None if str(source) == "-" else str(source))
    if callable(getattr(source, "read", None)):
        content = source.read()  # type: ignore[attr-defined]
        raw = content.encode("utf-8") if isinstance(content, str) else content
        return parse_transcript(raw, str(getattr(source, "name", "transcript")))
    return _read_object(source)


def parse_transcript(raw: bytes, name: str = "transcript") -> Transcript:
    """Read a transcript from the bytes of a file; ``name`` is for messages."""
    if not raw.strip():
        raise TranscriptError(f"{name}: the transcript file is empty")
    if _looks_like_json(raw) and not brackets.begins_bracketed(decode(raw[:4096])[0]):
        return _parse_json(raw, name)
    text, warnings = decode(raw)
    if "\0" in text[:4096]:
        raise TranscriptError(
            f"{name}: a binary file, not a transcript. A recording goes first on the command line, "
            "its transcript after --transcript"
        )
    for fmt in _TEXT_FORMATS:
        if fmt.matches(text):
            return _read_with(fmt, text, name, tuple(f"{name} {w}" for w in warnings))
    raise TranscriptError(
        f"{name}: neither JSON nor subtitles. Expected one of: {_expectations(all_formats=True)}. "
        "Plain text has no times to match speakers to"
    )


def to_source_shape(labelled: Data, transcript: Transcript) -> Any:
    """Give a labelled transcript back in the shape that its producer wrote.

    Parameters
    ----------
    labelled : dict
        Whisper-shaped data made from ``transcript.data``, with ``speaker`` on every word and
        segment.
    transcript : Transcript
        As :func:`read_transcript` returned it.

    Returns
    -------
    dict or list
        Ready for JSON, and to be read by the producer's own tools, with ``speaker`` added; for
        segment objects, such objects. What has no JSON shape that could hold ours (subtitles,
        tables, the answers of services) comes back as it is in ``labelled``.
    """
    if isinstance(transcript.source, objects.SegmentObjects):
        return objects.write(copy.deepcopy(labelled), transcript.source)
    fmt = _BY_PRODUCER.get(transcript.producer)
    if fmt is None or isinstance(transcript.source, str):
        return labelled
    return fmt.write(copy.deepcopy(labelled), transcript.source)


def _parse_json(raw: bytes, name: str) -> Transcript:
    text, warnings = decode(raw, keep_broken_bytes=True)
    source = _decode_json(text, name)
    fmt = _recognise(source, name)
    if fmt is not whisper_cpp.FORMAT and any("\udc80" <= c <= "\udcff" for c in text):
        text, warnings = decode(raw)
        source = _decode_json(text, name)
    return _read_with(fmt, source, name, tuple(f"{name} {w}" for w in warnings))


def _read_bytes(path: str | Path) -> bytes:
    """Return a file's bytes, or those of standard input for ``-``."""
    if str(path) == "-":
        if sys.stdin is None:  # closed by whoever started the program
            raise TranscriptError("standard input: nothing is piped in")
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TranscriptError(_unreadable(str(path), error)) from None


def _unreadable(path: str, error: OSError) -> str:
    if "\n" in path or (path.lstrip()[:1] in ("{", "[") and '"' in path):
        return (
            f"{shortened(path, 40)}: is the text of a transcript, not a path: give the object "
            "(json.loads), or a file of the text (io.StringIO)"
        )
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such transcript file"
    if isinstance(error, IsADirectoryError):
        return f"{path}: is a folder, not a transcript file"
    return f"{path}: cannot be read ({error.strerror})"


def _looks_like_json(raw: bytes) -> bool:
    """Return whether the first visible character begins a JSON object or list."""
    return decode(raw[:4096], keep_broken_bytes=True)[0].lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _decode_json(text: str, name: str) -> Any:
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


def _recognise(source: object, name: str) -> Format:
    for fmt in _JSON_FORMATS:
        if fmt.matches(source):
            return fmt
    raise TranscriptError(f"{name}: {_explain(source)}")


def _read_with(fmt: Format, source: Any, name: str, warnings: tuple[str, ...]) -> Transcript:
    try:
        data = copy.deepcopy(fmt.read(source))
    except TranscriptError as error:
        raise TranscriptError(f"{name}: {error}") from None
    warnings += tuple(f"{name}: {warning}" for warning in data.pop(WARNINGS, ()))
    for warning in warnings:
        log.warning("%s", warning)
    transcript = Transcript(data, fmt.producer, source, warnings=warnings)
    log.debug("read %s: %r", name, transcript)
    return transcript


def _read_object(source: object) -> Transcript:
    if isinstance(source, Iterator):
        source = list(source)
        found = objects.collect(source) or (None if source else objects.SegmentObjects(()))
    else:
        found = objects.collect(source)
    if found is not None:
        data = objects.read(found)
        warnings = tuple(data.pop(WARNINGS, ()))
        return Transcript(data, objects.PRODUCER, found, warnings=warnings)
    dictionary = objects.as_dictionary(source)
    if dictionary is None:
        raise TranscriptError(
            f"cannot read a transcript from a {type(source).__name__}: expected a path, a "
            "dictionary in a known shape, or segments with start, end and text"
        )
    return _read_with(_recognise(dictionary, "transcript"), dictionary, "transcript", ())


def _explain(source: object) -> str:
    """Say what a JSON value lacks to be a transcript."""
    if isinstance(source, dict):
        if isinstance(source.get("text"), str) and not source.keys() & {"segments", "chunks"}:
            return (
                "holds a text but no times to match speakers to. Ask its producer for timestamps "
                "(OpenAI API: response_format=verbose_json; transformers: return_timestamps=True)"
            )
        keys = ", ".join(sorted(source)[:8]) or "no keys"
        return f"JSON of no known shape (has: {keys}). Expected one of: {_expectations()}"
    kind = "a list of other things" if isinstance(source, list) else f"a {type(source).__name__}"
    return f"JSON of no known shape ({kind}). Expected one of: {_expectations()}"


def _expectations(*, all_formats: bool = False) -> str:
    formats = _JSON_FORMATS + (_TEXT_FORMATS if all_formats else ())
    return "; ".join(fmt.expects for fmt in formats)
