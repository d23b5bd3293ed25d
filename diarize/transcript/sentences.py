"""Where sentences end and where a change of speaker is likely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diarize.transcript.options import AssignOptions
    from diarize.transcript.word_times import WordTime

_CLOSERS = "\"'”’»›)]}』」》）"
_SENTENCE_ENDS = frozenset(".?!…。？！｡؟।")
_CLAUSE_ENDS = frozenset(",;:，、；：،—–-")
_ABBREVIATION = re.compile(
    r"(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|e\.g|i\.e|approx|bzw|z\.b|[a-z])\.", re.I
)


def ends_sentence(word: str) -> bool:
    """Say whether a sentence ends with this word.

    Examples
    --------
    >>> [ends_sentence(word) for word in (" done.", ' "Why?"', " Dr.", "吗？", " and")]
    [True, True, False, True, False]
    """
    text = word.strip().rstrip(_CLOSERS)
    if not text or text[-1] not in _SENTENCE_ENDS:
        return False
    # "I." ends a sentence more often than it abbreviates one, so single letters other than I do not
    return text == "I." or _ABBREVIATION.fullmatch(text) is None


def ends_clause(word: str) -> bool:
    """Say whether a comma, colon or dash ends this word."""
    text = word.strip().rstrip(_CLOSERS)
    return bool(text) and text[-1] in _CLAUSE_ENDS


def sentences(
    words: Sequence[str], times: Sequence[WordTime], options: AssignOptions
) -> list[tuple[int, int]]:
    """Return the word ranges ``[start, stop)`` of sentences (a long pause ends one too)."""
    ranges: list[tuple[int, int]] = []
    start = 0
    for index, word in enumerate(words):
        last = index + 1 == len(words)
        if (
            last
            or ends_sentence(word)
            or times[index + 1].start - times[index].end >= options.long_pause
            or index + 1 - start >= options.max_sentence_words
        ):
            ranges.append((start, index + 1))
            start = index + 1
    return ranges


def switch_costs(
    words: Sequence[str],
    spoken: Sequence[tuple[float, float]],
    segment_ends: frozenset[int],
    options: AssignOptions,
) -> list[float]:
    """Return what a change of speaker after each word costs, in nats.

    Parameters
    ----------
    words : sequence of str
    spoken : sequence of (start, end)
        The part of each word's time in which it is spoken, seconds.
    segment_ends : frozenset of int
        Indices of the words that end a segment of the transcript.
    """
    costs = []
    following = [*(start for start, _ in spoken[1:]), float("inf")]
    for index, word in enumerate(words):
        cost = options.switch_inside
        if ends_clause(word):
            cost = min(cost, options.switch_comma)
        if index in segment_ends:
            cost = min(cost, options.switch_segment)
        if ends_sentence(word):
            cost = min(cost, options.switch_sentence)
        silence = max(0.0, following[index] - spoken[index][1])
        costs.append(cost * exp(-silence / options.pause_scale))
    return costs
