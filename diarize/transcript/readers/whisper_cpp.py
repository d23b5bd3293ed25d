"""whisper.cpp's JSON, brief (``-oj``), with tokens (``-ojf``), or a word an entry (``-ml 1``).

The full form lists sub-word tokens, some of them control marks such as ``[_BEG_]``. A character
of several bytes may be cut between two tokens, which leaves invalid UTF-8 in the file: such bytes
arrive here as lone surrogates (or as U+FFFD, if another program has rewritten the file).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from diarize.text import milliseconds, stamp
from diarize.transcript.readers.common import (
    Data,
    Format,
    Place,
    finish,
    get,
    has_items,
    make_segment,
    number,
    seconds_of,
    time_of,
    without,
)
from diarize.transcript.readers.words import are_words, group_words, make_word
from diarize.transcript.schema import is_unspaced

_SPECIAL = re.compile(r"\[_[A-Z]+_?(\d+|[A-Za-z ]*\d*)?_?\]|<\|[^|]*\|>")
_CUT = re.compile(r"[\ufffd\udc80-\udcff]")
_BROKEN_END = re.compile(r"[\udc80-\udcff]+$")
_BROKEN_START = re.compile(r"[\udc80-\udcff]+")
_TIME_KEYS = ("timestamps", "offsets")


def _matches(source: Any) -> bool:
    return has_items(source, "transcription", "text")


def _read(source: Data) -> Data:
    entries = _mended(source["transcription"])
    if _lists_words(source):
        segments = group_words(_words_of_entries(entries))
    else:
        segments = [_segment(entry, index) for index, entry in enumerate(entries)]
    language = get(source, "result", "language")
    return finish(without(source, "transcription"), segments, language=language)


def _times(item: Data, place: object = "") -> tuple[float | None, float | None]:
    """Return start and end in seconds, from the milliseconds or else from the clock times."""
    offsets, clock = item.get("offsets"), item.get("timestamps")
    if isinstance(offsets, dict):
        start, end = (seconds_of(offsets.get(key), place) for key in ("from", "to"))
        if start is not None and end is not None:
            return start, end
    if isinstance(clock, dict):
        return time_of(clock.get("from"), place), time_of(clock.get("to"), place)
    return None, None


def _segment(entry: Data, index: int) -> Data:
    text = _mend(entry["text"])
    start, end = _times(entry, Place(text, index))
    segment = make_segment(without(entry, *_TIME_KEYS), index, start=start, end=end, text=text)
    if has_items(entry, "tokens"):
        words = words_of_tokens(entry["tokens"], text)
        if words:
            segment["words"] = words
            del segment["tokens"]
        else:
            segment["tokens"] = [_clean(token) for token in entry["tokens"]]
    return segment


def words_of_tokens(tokens: Sequence[Data], text: str) -> list[Data]:
    """Join sub-word tokens into words; each word keeps its tokens under ``tokens``.

    Special tokens stay with a neighbouring word. The text of the complete entry settles characters
    that were cut between tokens.
    """
    units = _complete_characters([t for t in tokens if not _is_special(t)], text)
    groups: list[tuple[str, list[Data]]] = []
    for unit_text, unit in units:
        if groups and not _begins_word(groups[-1][0], unit_text):
            groups[-1] = (groups[-1][0] + unit_text, groups[-1][1] + unit)
        else:
            groups.append((unit_text, list(unit)))
    words = []
    position = 0
    for group_text, group in groups:
        stop = next(i for i in range(position, len(tokens)) if tokens[i] is group[-1]) + 1
        words.append(_word(group_text, group, tokens[position:stop]))
        position = stop
    if words:
        words[-1]["tokens"] += [_clean(token) for token in tokens[position:]]
    return words


def _word(text: str, tokens: Sequence[Data], everything: Sequence[Data]) -> Data:
    times = [_times(token, Place(text)) for token in tokens]
    starts = [start for start, _ in times if start is not None]
    ends = [end for _, end in times if end is not None]
    chances = [chance for chance in (number(token.get("p")) for token in tokens) if chance]
    mean = sum(chances) / len(chances) if chances else None
    cleaned = {"tokens": [_clean(token) for token in everything]}
    return make_word(cleaned, text, min(starts, default=None), max(ends, default=None), mean)


def _is_special(token: Data) -> bool:
    return bool(_SPECIAL.fullmatch(str(token.get("text", "")).strip()))


def _begins_word(before: str, after: str) -> bool:
    """Return whether a new word begins: at a space, or anywhere in scripts that write none."""
    if after[:1].isspace():
        return True
    return (
        bool(before.strip())
        and (is_unspaced(before[-1]) or is_unspaced(after[:1] or "a"))
        and any(character.isalnum() for character in after)
    )


def _complete_characters(tokens: Sequence[Data], text: str) -> list[tuple[str, list[Data]]]:
    """Join tokens until each unit has complete characters; return the units with their texts."""
    units: list[tuple[str, list[Data]]] = []
    broken: list[Data] = []
    position = 0
    for token in tokens:
        raw = str(token.get("text", ""))
        if _CUT.search(raw):
            broken.append(token)
            mended = _try_mend("".join(str(part["text"]) for part in broken))
            if mended is not None:
                units.append((mended, broken))
                position, broken = position + len(mended), []
            continue
        found = text.find(raw, position)
        if broken:
            lost = text[position:found] if found >= 0 else _mend("".join(t["text"] for t in broken))
            units.append((lost, broken))
            broken = []
        units.append((raw, [token]))
        position = found + len(raw) if found >= 0 else position
    if broken:
        units.append((text[position:] or _mend("".join(t["text"] for t in broken)), broken))
    return units


def _try_mend(text: str) -> str | None:
    """Put lone bytes back together into characters; None while some are missing."""
    try:
        mended = text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return None
    return None if "�" in mended else mended


def _mend(text: object) -> str:
    encoded = str(text or "").encode("utf-8", "surrogateescape")
    return encoded.decode("utf-8", "replace")


def _mended(entries: Sequence[Data]) -> list[Data]:
    """Give a character that was cut between two entries to the first of them."""
    texts = [str(entry["text"] or "") for entry in entries]
    for place in range(len(texts) - 1):
        head, tail = _BROKEN_END.search(texts[place]), _BROKEN_START.match(texts[place + 1])
        if head and tail:
            for size in range(1, len(tail[0]) + 1):
                character = _try_mend(head[0] + tail[0][:size])
                if character is not None:
                    texts[place] = texts[place][: head.start()] + character
                    texts[place + 1] = texts[place + 1][size:]
                    break
    return [{**entry, "text": text} for entry, text in zip(entries, texts, strict=True)]


def _clean(token: Data) -> Data:
    return {**token, "text": _mend(token.get("text"))}


def _lists_words(source: Data) -> bool:
    entries = source["transcription"]
    if any("tokens" in entry for entry in entries):
        return False
    texts = [str(entry["text"] or "") for entry in entries]
    places = [Place(text, index) for index, text in enumerate(texts)]
    return are_words(texts, list(map(_times, entries, places)))


def _words_of_entries(entries: Sequence[Data]) -> list[Data]:
    """Join entries of a word or less into words; each keeps its entries under ``pieces``."""
    groups: list[list[Data]] = []
    joined = ""
    for entry in entries:
        text = _mend(entry["text"])
        if not groups or _begins_word(joined, text):
            groups.append([])
            joined = ""
        groups[-1].append({**entry, "text": text})
        joined += text
    words = []
    for group in groups:
        start, end = _times(group[0])[0], _times(group[-1])[1]
        text = "".join(entry["text"] for entry in group)
        words.append(make_word({"pieces": group}, text, start, end))
    return words


def _write(labelled: Data, source: Data) -> Data:
    entries: list[Data] = []
    for segment in labelled["segments"]:
        words = segment.get("words") or []
        if words and all("pieces" in word for word in words):
            entries += [{**p, "speaker": word["speaker"]} for word in words for p in word["pieces"]]
        else:
            entries.append(_write_entry(segment, words))
    result = without(labelled, "segments", "text", "language")
    return {**result, "transcription": entries}


def _write_entry(segment: Data, words: Sequence[Data]) -> Data:
    times = {"from": segment["start"], "to": segment["end"]}
    entry: Data = {
        "timestamps": {name: stamp(seconds, ",") for name, seconds in times.items()},
        "offsets": {name: milliseconds(seconds) for name, seconds in times.items()},
        "text": segment["text"],
    }
    entry |= without(segment, "id", "start", "end", "text", "words")
    if words and any("tokens" in word for word in words):
        entry["tokens"] = [
            token if _is_special(token) else {**token, "speaker": word["speaker"]}
            for word in words
            for token in word.get("tokens", ())
        ]
    return entry


FORMAT = Format(
    "whisper.cpp",
    "whisper.cpp JSON ({transcription: [{offsets, text, tokens?}]})",
    _matches,
    _read,
    _write,
)
