"""Words and the text that they stand in: spaces, punctuation, and words without segments.

Services list words and punctuation one by one, each with a speaker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import (
    Data,
    Place,
    finish,
    number,
    set_speaker_aside,
    set_times,
    time_of,
)
from diarize.transcript.schema import is_unspaced
from diarize.transcript.segments import split_text

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
# A producer that lists words alone gives no phrases: a new one begins after these pauses (seconds)
# and never holds more words than a breath does.
_PAUSE = 1.0
_MOST_WORDS = 60
# Single words last well under a second; even short phrases of one word each seldom do all along.
_WORD_SECONDS = 1.0
_WORD_CHARACTERS = 12


def make_word(
    item: Data, text: str, start: object, end: object, probability: object = None
) -> Data:
    """Return a whisper-shaped word that keeps ``item``'s other keys."""
    word: Data = {**item, "word": text}
    place = Place(text)
    begin, stop = time_of(start, place), time_of(end, place)
    set_times(word, begin, begin if stop is None else stop)
    if begin is None:
        word.pop("end", None)
    certainty = number(probability)
    if certainty is not None:
        word["probability"] = certainty
    set_speaker_aside(word)
    return word


def source_word(word: Data) -> str:
    """Return a word as its producer wrote it, for producers that write no leading space."""
    original = word.get("source_word")
    return original if isinstance(original, str) else str(word["word"]).strip()


def set_word_texts(words: Sequence[Data], text: str) -> None:
    """Write each word as it stands in ``text``, so that joining the words gives the text; in place.

    White space goes to the word that follows it. Characters between two words that no word claims,
    such as punctuation left out by the producer, go to the word before them, up to the first white
    space. A word that changes by this, other than in white space, keeps its old form in
    ``source_word``. Where a word cannot be found in the text, words merely get leading spaces.
    """
    joined = "".join(word["word"] for word in words)
    if not words or joined == text:
        return
    found = _locate([word["word"].strip() for word in words], text)
    if found is None:
        add_spaces(words)
        return
    starts = [0]
    for (_, end), (start, _) in pairwise(found):
        between = text[end:start]
        starts.append(end + next((i for i, c in enumerate(between) if c.isspace()), len(between)))
    for word, begin, end in zip(words, starts, [*starts[1:], len(text)], strict=True):
        old = word["word"].strip()
        word["word"] = text[begin:end]
        if word["word"].strip() != old:
            word["source_word"] = old


def _locate(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Find words in a text, one after the other; None when other words stand between them."""
    haystack, needles = text.lower(), [word.lower() for word in words]
    if len(haystack) != len(text):  # a few letters change length in lower case
        haystack, needles = text, list(words)
    found: list[tuple[int, int]] = []
    position = 0
    for needle in needles:
        start = haystack.find(needle, position)
        if not needle or start < 0 or any(c.isalnum() for c in haystack[position:start]):
            return None
        position = start + len(needle)
        found.append((start, position))
    return None if any(c.isalnum() for c in haystack[position:]) else found


def add_spaces(words: Sequence[Data]) -> None:
    """Give words their leading spaces, where the script has any and none has one; in place."""
    if any(word["word"][:1].isspace() for word in words[1:]):
        return
    for before, word in zip([None, *words], words, strict=False):
        text = word["word"].strip()
        edge = before["word"][-1:] if before else ""
        unspaced = bool(text) and bool(edge) and (is_unspaced(text[0]) or is_unspaced(edge))
        word["word"] = text if unspaced or not text else " " + text


def are_words(texts: Sequence[str], times: Sequence[tuple[float | None, float | None]]) -> bool:
    """Return whether texts with their times in seconds are single words rather than phrases.

    Examples
    --------
    >>> are_words([" So", " who", " is"], [(0.0, 0.2), (0.2, 0.4), (0.4, 0.5)])
    True
    >>> are_words([" Yes.", " No."], [(0.0, 0.4), (0.6, None)])
    False
    """
    stripped = [text.strip() for text in texts if text.strip()]
    if len(stripped) < 2 or any(character.isspace() for text in stripped for character in text):
        return False
    if all(text.endswith(SENTENCE_ENDS) for text in stripped[:-1]):
        return False
    unspaced = any(is_unspaced(text[0]) for text in stripped)
    longest = 4 if unspaced else _WORD_CHARACTERS
    typical = median(len(text) for text in stripped)
    lengths = [end - start for start, end in times if start is not None and end is not None]
    return typical <= longest and (not lengths or median(lengths) <= _WORD_SECONDS)


def group_words(words: Sequence[Data], text: str | None = None) -> list[Data]:
    """Make segments of words that came without any: at sentence ends, pauses, changes of speaker
    as the producer saw them, and lengths. They share out the ``text``, if there is one.

    Examples
    --------
    >>> words = [{"word": " Hi.", "start": 0, "end": 1}, {"word": " You", "start": 1, "end": 2}]
    >>> [segment["text"] for segment in group_words(words)]
    [' Hi.', ' You']
    """
    groups: list[list[Data]] = []
    last_end: float | None = None
    for word in words:
        start = word.get("start")
        paused = start is not None and last_end is not None and start - last_end > _PAUSE
        speaker = word.get("original_speaker")
        if (
            not groups
            or paused
            or _is_complete(groups[-1])
            or groups[-1][-1].get("original_speaker") != speaker
        ):
            groups.append([])
        groups[-1].append(word)
        last_end = word.get("end", last_end)
    segments = [_segment_of(group, index) for index, group in enumerate(groups)]
    if text is not None:
        starts = list(accumulate(map(len, groups[:-1]), initial=0))
        written = split_text(text, [word["word"] for word in words], starts)
        for segment, own in zip(segments, written, strict=True):
            segment["text"] = own if own.strip() else segment["text"]
    return segments


def _is_complete(group: Sequence[Data]) -> bool:
    return len(group) >= _MOST_WORDS or group[-1]["word"].rstrip("\"'”’») ").endswith(SENTENCE_ENDS)


def _segment_of(words: list[Data], index: int) -> Data:
    segment: Data = {"id": index, "text": "".join(word["word"] for word in words), "words": words}
    timed = [word for word in words if "start" in word]
    if timed:
        segment["start"] = min(word["start"] for word in timed)
        segment["end"] = max(word["end"] for word in timed)
    if words[0].get("original_speaker") is not None:
        segment["original_speaker"] = words[0]["original_speaker"]
    return segment


def spoken(
    text: object,
    start: object,
    end: object,
    confidence: object = None,
    speaker: object = None,
) -> Data:
    """Return a word; its speaker waits in ``original_speaker``."""
    return make_word({"speaker": speaker}, str(text or ""), start, end, confidence)


def append_mark(words: list[Data], text: object) -> None:
    """Put punctuation after the last word, in place; at the very beginning it is a word itself."""
    if words:
        words[-1]["word"] += str(text or "")
    elif text:
        words.append({"word": str(text)})


def phrases(words: Sequence[Data], text: object = None) -> list[Data]:
    """Return segments made of words, written as in ``text`` where that is at hand.

    Raises
    ------
    TranscriptError
        If there is a text but no word with its time.
    """
    if not isinstance(text, str) or not text.strip():
        add_spaces(words)
        return group_words(words)
    if not words:
        raise TranscriptError(
            f"{text.strip()!r:.40} has no times to match speakers to: ask for the times of words"
        )
    set_word_texts(words, text)
    return group_words(words, text)


def interleaved(extra: Mapping[str, Any], tracks: Iterable[Sequence[Data]], **known: Any) -> Data:
    """Put the segments of several channels or passes together, in order of time.

    Segments without a start stay behind the one before them in their track.
    """
    keyed = []
    for track in tracks:
        clock = 0.0
        for segment in track:
            clock = float(segment.get("start", clock))
            keyed.append((clock, segment))
    keyed.sort(key=lambda pair: pair[0])
    segments = [segment | {"id": index} for index, (_, segment) in enumerate(keyed)]
    return finish(extra, segments, **known)
