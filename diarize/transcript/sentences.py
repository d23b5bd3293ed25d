"""Where sentences end and where a change of speaker is likely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp

from diarize.settings import WordSettings
from diarize.transcript.schema import WordTime, is_unspaced

_CLOSERS = "\"'”’»›)]}』」》）"
# With those of Hindi, Urdu, Armenian, Ethiopic, Khmer, Burmese and Tibetan.
_SENTENCE_ENDS = frozenset(".?!…。？！｡؟।॥۔։።፧៕។။‽⁇⁈⁉")
_SENTENCE_OPENERS = frozenset("¿¡")  # Spanish
_CLAUSE_ENDS = frozenset(",;:，、；：،—–-")
_OPENERS = "\"'“‘«‹([{『「《（"
_GREEK_QUESTION = re.compile(r"[\u0370-\u03ff][;\u037e]$")
_PRONOUN = re.compile(r"I\b")  # English writes it with a capital everywhere
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
        return _GREEK_QUESTION.search(text) is not None
    # "I." ends a sentence more often than it abbreviates one, so single letters other than I do not
    return text == "I." or _ABBREVIATION.fullmatch(text) is None


def ends_clause(word: str) -> bool:
    """Say whether a comma, colon or dash ends this word."""
    text = word.strip().rstrip(_CLOSERS)
    return bool(text) and text[-1] in _CLAUSE_ENDS


def sentences(
    words: Sequence[str], times: Sequence[WordTime], options: WordSettings
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
    options: WordSettings,
) -> list[float]:
    """Return what a change of speaker after each word costs, in nats.

    ``spoken`` is the part of each word's time in which it is spoken, in seconds; ``segment_ends``
    the places of the words that end a segment of the transcript.
    """
    marked = _marked(words, options)
    capital = _capitals(words, options)
    answers = _answers(words, capital)
    costs = []
    for index, word in enumerate(words):
        cost = inside = options.switch_inside if marked[index] else options.switch_unpunctuated
        scale = options.pause_scale if marked[index] else options.unpunctuated_pause_scale
        following = index + 1
        if following == len(words):
            costs.append(0.0)
            continue
        # a space in a script that writes none between words parts phrases
        spaced = words[following][:1].isspace() and is_unspaced(word.strip()[-1:] or " ")
        if ends_clause(word) or spaced:
            cost = min(cost, options.switch_comma)
        if capital[following]:
            cost = min(cost, options.switch_capital)
        if answers[following] or _first_letter(words[following]) in _SENTENCE_OPENERS:
            cost = min(cost, options.switch_answer)
        if index in segment_ends:
            cost = min(cost, options.switch_segment, 0.5 * inside)
        if ends_sentence(word):
            cost = min(cost, options.switch_sentence)
        silence = spoken[following][0] - spoken[index][1]
        if spoken[following][0] < spoken[index][0] - options.out_of_order:
            cost = 0.0  # a segment begins within the one before: nobody says two things at once
        costs.append(cost * exp(-max(0.0, silence) / scale))
    return costs


def _marked(words: Sequence[str], options: WordSettings) -> list[bool]:
    """Say of each word whether its sentence has a mark at its end, not too far away."""
    marked: list[bool] = []
    length = 0
    for index, word in enumerate(words):
        length += 1
        if ends_sentence(word) or index + 1 == len(words):
            marked += [ends_sentence(word) and length <= options.max_sentence_words] * length
            length = 0
    return marked


def _capitals(words: Sequence[str], options: WordSettings) -> list[bool]:
    """Return for each word whether its capital marks a new sentence; never in German."""
    capital = [_first_letter(word).isupper() and not _PRONOUN.match(word.strip()) for word in words]
    inside = [
        is_capital
        for before, is_capital in zip(words, capital[1:], strict=False)
        if not ends_sentence(before)
    ]
    if sum(inside) > options.capital_share * len(inside):
        return [False] * len(words)
    return capital


def _answers(words: Sequence[str], capital: Sequence[bool]) -> list[bool]:
    """Say of each word whether a sentence begins with it that stands inside another one.

    It begins with a capital letter, and after its end the other one goes on with a small one:
    "I went to the Yes. harbour".
    """
    answers = [False] * len(words)
    start: int | None = None
    for index, word in enumerate(words):
        if capital[index] and index and not ends_sentence(words[index - 1]):
            start = index
        if ends_sentence(word):
            if start is not None and index + 1 < len(words):
                answers[start] = _first_letter(words[index + 1]).islower()
            start = None
    return answers


def _first_letter(word: str) -> str:
    return word.strip().lstrip(_OPENERS)[:1]
