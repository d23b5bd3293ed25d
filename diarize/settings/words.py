"""Numbers of transcripts: whether they fit the recording, and the merge of words and speakers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TranscriptSettings:
    """When a transcript is of another clock or recording, or was made up where nobody speaks.

    Times in seconds, shares 0 to 1. The offset's numbers were chosen on shifted transcripts, the
    others by hand; no page. They err on the side of keeping, since a lost sentence is worse than a
    stray "Thank you."
    """

    noticed_offset: float = 0.4
    """Offset from the recording's clock that matters for whose words they are."""
    max_offset: float = 120.0
    """Offset up to which one is looked for; intros are shorter."""
    min_offset_words: int = 5
    """Words or phrases that it takes to tell one, ..."""
    min_offset_share: float = 0.75
    """... the share of the words' time that has to lie on speech with it, ..."""
    min_offset_gain: float = 0.06
    """... and how much more that is than without it."""
    same_fit: float = 0.005
    """Share of the words' time by which offsets that fit alike differ at most."""
    speech_margin: float = 0.3
    """How near to a segment speech has to be for it not to be made up; edges are inexact ..."""
    min_segment_speech: float = 0.1
    """... and how much of it."""
    no_speech_probability: float = 0.6
    """Whisper's own limit: probability that nobody speaks, from which on a segment is doubted."""
    compression_ratio: float = 2.4
    """Whisper's own limit for a text that goes round in circles."""
    repeats: int = 3
    """Segments in a row with one text, from which on they are doubted."""
    max_overhang: float = 0.5
    """Time after the recording's end at which a segment may begin, or ..."""
    max_overhang_share: float = 0.02
    """... the share of the recording, whichever is more."""
    min_share_on_speech: float = 0.4
    """Share of a transcript's time that lies on speech if it is of this recording."""
    min_uncovered: float = 30.0
    """Speech after its end that makes a transcript doubtful, if it is also ..."""
    min_uncovered_share: float = 0.5
    """... this share of all speech."""


@dataclass(frozen=True, slots=True)
class WordSettings:
    """How words find their speakers. Costs are in nats, times in seconds.

    Table: ``python -m models.benchmark words``, on seeds other than those tuned on.
    """

    realign: bool = True
    """Weigh each word against its sentence; else it goes to whoever covers most of it, alone."""
    trust_words: bool = True
    """Words far from any turn get the likeliest speaker, marked as unsure; else none."""
    word_seconds: float = 0.5
    """The longest a spoken word can plausibly last, and ..."""
    word_seconds_per_character: float = 0.06
    """... by how much that grows with each character."""
    far_outside: float = 2.0
    """How far outside its segment a word's time is taken as broken."""
    sound_join: float = 0.08
    """Pause inside a word: closures of plosives are shorter."""
    sound_level: float = 0.03
    """Level of sound on the way from floor to peak power: 15 dB under the loudest frame."""
    min_syllable: float = 0.12
    """Shorter sound at the edge of a word belongs to its neighbor."""
    min_word: float = 0.02
    """A word without length is looked at as if it had this much."""
    out_of_order: float = 0.1
    """How much before its predecessor a word begins where segments overlap."""
    evidence_reach: float = 3.0
    """Standard deviations from a turn beyond which it does not touch a word any more."""
    min_edge_std: float = 0.005
    """No edge is known better."""
    pause_std: float = 0.08
    """Expected standard deviation of turn edges against word times at a pause ..."""
    change_std: float = 0.15
    """... and where another person goes on at once or talks at the same time."""
    std_spread: float = 0.7
    """How far a recording may be from these: standard deviation of their logarithm."""
    edge_reach: float = 1.5
    """How far from a turn's edge the change of speaker that it means can lie."""
    edge_floor: float = 0.02
    """Density, per second, of edges that have nothing to do with any word."""
    touch: float = 0.02
    """Silence between two turns that counts as none."""
    estimated_std: float = 0.25
    """Standard deviation of word times that are only estimated from the text's length, ..."""
    estimated_share: float = 0.15
    """... and at most this share of the time within which the words were laid out, 0 to 1."""
    outlier_probability: float = 0.01
    """How likely a word deep inside a turn belongs to somebody else all the same, 0 to 1."""
    full_cover: float = 0.5
    """Share of a word's time that turns must cover for their evidence to count in full, 0 to 1."""
    max_gap: float = 2.0
    """A word with no turn within this time has no evidence of its own."""
    gap_weight: float = 0.3
    """Weight of a turn that does not touch the word, 0 to 1, ..."""
    gap_scale: float = 0.5
    """... and the distance over which it falls to a third."""
    nested_share: float = 0.8
    """Share of a short turn that another covers, from which on it may have no words, 0 to 1."""
    nested_weight: float = 0.4
    """Weight of a turn where another one lies wholly within it, 0 to 1."""
    anchor_reach: float = 3.0
    """Standard deviations within which a short turn's edges are looked for among the words."""
    anchor_min_std: float = 0.03
    """No edge is told more exactly than this when it speaks for a word."""
    anchor_max_words: int = 8
    """Words above which a turn needs no anchor."""
    word_step: float = 0.3
    """From one word to the next, about: the room that an edge has by chance."""
    confident: float = 0.1
    """Confidence from which on turns count in full; ..."""
    confidence_floor: float = 0.5
    """... with none at all, they count this much, 0 to 1."""
    switch_inside: float = 3.6
    """Cost of a change of speaker inside a sentence, ... (the cheapest that applies counts)"""
    switch_comma: float = 3.0
    """... after a comma, ..."""
    switch_capital: float = 1.5
    """... before a capital letter, ..."""
    switch_segment: float = 2.0
    """... between two segments of the transcript, ..."""
    switch_answer: float = 0.5
    """... before a sentence that stands inside another one, ..."""
    switch_sentence: float = 0.2
    """... after a sentence, ..."""
    switch_unpunctuated: float = 2.0
    """... and between any two words of a text without punctuation."""
    pause_scale: float = 0.5
    """Silence between two words that makes a change a third as costly, ..."""
    unpunctuated_pause_scale: float = 0.15
    """... and the same without punctuation, where pauses are all there is to go by."""
    long_pause: float = 1.0
    """Silence that ends a sentence."""
    max_sentence_words: int = 50
    """More words than this without a mark at a sentence's end are a text without punctuation."""
    capital_share: float = 0.15
    """Share of capitals inside sentences above which they tell nothing (German nouns), 0 to 1."""
