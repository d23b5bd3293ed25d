"""Every tuned number of the merge of words and speakers, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AssignOptions:
    """How words find their speakers.

    The costs are in nats: 1 is the evidence that makes one speaker e times as likely as another.
    The numbers were chosen on the tuning seeds of ``python -m models.benchmark.words``, which
    prints its table for other seeds.

    Parameters
    ----------
    realign : bool
        Weigh each word against its sentence. Without it each word goes to whoever covers most of
        it, alone.
    trust_words : bool
        Words are evidence of speech: where no turn is near, they get the likeliest speaker, marked
        as unsure. Otherwise they get none.
    word_seconds, word_seconds_per_character : float
        The longest a spoken word can plausibly last. What a word claims beyond that is silence or
        somebody else's speech.
    pause_std, change_std : float
        Standard deviation, in seconds, of turn edges against word times: at a pause, and where
        another person goes on at once or talks at the same time. The recording itself tells how
        large they are (:mod:`diarize.transcript.boundaries`); these are the values expected.
    std_spread : float
        How far a recording may be from the expected values: standard deviation of their logarithm.
    touch : float
        Silence in seconds between two turns that counts as none.
    estimated_std, estimated_share : float
        Standard deviation, in seconds, of word times that are only estimated from the length of the
        text; at most this share of the time within which the words were laid out.
    outlier_probability : float
        How likely a word deep inside a turn belongs to somebody else all the same.
    full_cover : float
        Share of a word's time that turns must cover for their evidence to count in full; a word's
        time often holds some silence.
    max_gap : float
        A word with no turn within this many seconds has no evidence of its own.
    gap_weight, gap_scale : float
        Weight of a turn that does not touch the word, and the distance in seconds over which it
        falls to a third.
    nested_share : float
        Share of a short turn that another one covers, from which on it may have no words at all.
    nested_weight : float
        Weight of a turn where another one lies wholly within it: a remark under somebody's speech
        has words of its own.
    word_step : float
        Seconds from one word to the next, about: the room that an edge has by chance.
    confident, confidence_floor : float
        Turns with this confidence or more count in full; with none at all, they count this much.
    switch_inside, switch_comma, switch_capital, switch_segment, switch_answer, switch_sentence
        Cost of a change of speaker inside a sentence, after a comma, before a capital letter,
        between two segments of the transcript, before a sentence that stands inside another one,
        and after a sentence. The cheapest that applies counts.
    switch_unpunctuated : float
        The same between any two words of a text without punctuation.
    pause_scale, unpunctuated_pause_scale : float
        Silence between two words, in seconds, that makes a change a third as costly; without
        punctuation, pauses are all there is to go by.
    long_pause : float
        Silence in seconds that ends a sentence.
    max_sentence_words : int
        More words than this without a mark at a sentence's end are a text without punctuation.
    capital_share : float
        Where more of the words inside sentences than this begin with a capital letter, capitals
        tell nothing (German writes all nouns so).
    """

    realign: bool = True
    trust_words: bool = True
    word_seconds: float = 0.5
    word_seconds_per_character: float = 0.06
    pause_std: float = 0.08
    change_std: float = 0.15
    std_spread: float = 0.7
    touch: float = 0.02
    estimated_std: float = 0.25
    estimated_share: float = 0.15
    outlier_probability: float = 0.01
    full_cover: float = 0.5
    max_gap: float = 2.0
    gap_weight: float = 0.3
    gap_scale: float = 0.5
    nested_share: float = 0.8
    nested_weight: float = 0.4
    word_step: float = 0.3
    confident: float = 0.1
    confidence_floor: float = 0.5
    switch_inside: float = 3.6
    switch_comma: float = 3.0
    switch_capital: float = 1.5
    switch_segment: float = 2.0
    switch_answer: float = 0.5
    switch_sentence: float = 0.2
    switch_unpunctuated: float = 2.0
    pause_scale: float = 0.5
    unpunctuated_pause_scale: float = 0.15
    long_pause: float = 1.0
    max_sentence_words: int = 50
    capital_share: float = 0.15
