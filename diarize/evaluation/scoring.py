"""Everything that is measured about one recording, and the sum over many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from operator import add
from typing import Any

from diarize.errors import DiarizeError, MissingExtraError
from diarize.evaluation.metrics import (
    FORGIVING,
    FULL,
    DiarizationError,
    JaccardError,
    Protocol,
    diarization_error,
    jaccard_error,
    speaker_count_error,
)
from diarize.evaluation.recordings import Annotated, Word
from diarize.timeline import Segment, Turn

PROTOCOLS: tuple[Protocol, ...] = (FULL, FORGIVING)


@dataclass(frozen=True, slots=True)
class WordScore:
    """Errors in words; recordings add up.

    Parameters
    ----------
    words : int
        Words of the reference.
    cp_errors : int
        Word errors with the words of each speaker joined, under the best mapping of speakers: over
        ``words`` this is cpWER, which holds wrong words and wrong speakers alike.
    aligned, wrong_speaker : int
        Words that both have at the same place of the text, and those of them with another
        speaker: their quotient is the word-level diarization error rate.
    """

    words: int = 0
    cp_errors: int = 0
    aligned: int = 0
    wrong_speaker: int = 0

    @property
    def cpwer(self) -> float:
        """Concatenated minimum-permutation word error rate."""
        return self.cp_errors / self.words if self.words else float(self.cp_errors > 0)

    @property
    def wder(self) -> float:
        """Share of the aligned words that have the wrong speaker."""
        return self.wrong_speaker / self.aligned if self.aligned else 0.0

    def __add__(self, other: WordScore) -> WordScore:
        return WordScore(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True)
class Score:
    """All measures of a recording, or of several together.

    Parameters
    ----------
    jaccard : JaccardError
        Under the Full protocol.
    count_errors : tuple of int
        Speakers found too many (+) or too few (−), one number a recording.
    """

    errors: Mapping[str, DiarizationError] = field(
        default_factory=lambda: {protocol.name: DiarizationError() for protocol in PROTOCOLS}
    )
    jaccard: JaccardError = field(default_factory=JaccardError)
    count_errors: tuple[int, ...] = ()
    words: WordScore | None = None

    @property
    def count_error(self) -> float:
        """Mean of the absolute errors in the number of speakers."""
        return sum(map(abs, self.count_errors)) / max(1, len(self.count_errors))

    @property
    def count_exact(self) -> float:
        """Share of the recordings with the right number of speakers."""
        return self.count_errors.count(0) / max(1, len(self.count_errors))

    def __add__(self, other: Score) -> Score:
        words = self.words
        if other.words is not None:
            words = other.words if words is None else words + other.words
        return Score(
            {name: error + other.errors[name] for name, error in self.errors.items()},
            self.jaccard + other.jaccard,
            self.count_errors + other.count_errors,
            words,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, for JSON: rates as fractions, parts in seconds."""
        made: dict[str, Any] = {
            name.lower(): {"der": error.rate, **asdict(error)}
            for name, error in self.errors.items()
        }
        made["jer"] = self.jaccard.rate
        made["speaker_count_errors"] = list(self.count_errors)
        made["speaker_count_error"] = self.count_error
        made["speaker_count_exact"] = self.count_exact
        if self.words is not None:
            made["words"] = {
                "reference": self.words.words, "cpwer": self.words.cpwer,
                "aligned": self.words.aligned, "wder": self.words.wder,
            }  # fmt: skip
        return made


def score(
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    uem: Sequence[Segment] | None = None,
    words: WordScore | None = None,
) -> Score:
    """Score a recording under both protocols.

    Examples
    --------
    >>> made = score([Turn(0, 4, "a"), Turn(4, 8, "b")], [Turn(0, 8, "x")])
    >>> made.errors["Full"].rate, made.jaccard.rate, made.count_errors
    (0.5, 0.75, (-1,))
    """
    errors = {
        protocol.name: diarization_error(
            reference,
            hypothesis,
            collar=protocol.collar,
            skip_overlap=protocol.skip_overlap,
            uem=uem,
        )
        for protocol in PROTOCOLS
    }
    return Score(
        errors,
        jaccard_error(reference, hypothesis, uem=uem),
        (speaker_count_error(reference, hypothesis, uem=uem),),
        words,
    )


def total(scores: Iterable[Score]) -> Score:
    """Return the sum of several recordings' scores."""
    return sum(scores, Score())


def word_score(reference: Annotated, hypothesis: Annotated) -> WordScore | None:
    """Score words and their speakers; None where either side has no words.

    Words are compared in lower case without punctuation.

    Raises
    ------
    MissingExtraError
        When meeteval is not installed.

    Notes
    -----
    cpWER: Watanabe et al., "CHiME-6 Challenge", 2020. Word-level diarization error: Shafey et al.,
    "Joint Speech Recognition and Speaker Diarization via Sequence Transduction", Interspeech 2019.
    """
    if reference.words is None or hypothesis.words is None:
        return None
    try:
        import kaldialign
        from meeteval.wer import cp_word_error_rate
    except ImportError as error:
        raise MissingExtraError("meeteval", "eval", "Scoring words") from error
    ref, hyp = _plain(reference.words), _plain(hypothesis.words)
    if not ref:
        return WordScore(cp_errors=len(hyp))
    try:
        rate = cp_word_error_rate(
            _by_speaker(ref),
            _by_speaker(hyp) or {"nobody": ""},
            reference_sort=False,
            hypothesis_sort=False,
        )
    except Exception as error:  # meeteval refuses some inputs, such as more than 20 speakers
        raise DiarizeError(f"meeteval cannot compute cpWER: {error}") from error
    mapping = {h: r for r, h in rate.assignment if r is not None and h is not None}
    aligned = wrong = first = second = 0
    gap = "\0"
    for one, other in kaldialign.align([w.text for w in ref], [w.text for w in hyp], gap):
        if one != gap and other != gap:
            aligned += 1
            wrong += mapping.get(str(hyp[second].speaker)) != str(ref[first].speaker)
        first += one != gap
        second += other != gap
    return WordScore(len(ref), int(rate.errors), aligned, wrong)


def _plain(words: Sequence[Word]) -> list[Word]:
    """Return the words in order of time, one a token, without case and punctuation."""
    made: list[Word] = []
    for word in sorted(words, key=lambda word: word.start):
        for text in re.findall(r"\w+(?:['’]\w+)*", word.text.lower()):
            made.append(Word(text, word.start, word.end, word.speaker))
    return made


def _by_speaker(words: Sequence[Word]) -> dict[str, str]:
    """Return what each speaker said, as one string."""
    said: dict[str, list[str]] = {}
    for word in words:
        said.setdefault(str(word.speaker), []).append(word.text)
    return {speaker: " ".join(texts) for speaker, texts in said.items()}
