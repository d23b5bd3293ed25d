"""Every tuned number of the merge of words and speakers, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class AssignOptions:
    """How words find their speakers.

    The costs are in nats: 1 is the evidence that makes one speaker e times as likely as another.
    Blur, switch costs, gap, overlap, cover and run numbers were tuned on the tuning seeds of
    ``python -m diarize.evaluation.words`` (digits and running speech); its table is printed for
    other seeds. ``doubt``, word lengths, ``long_pause`` and the guards of a split follow what
    others use, and hardly matter there.

    Parameters
    ----------
    realign : bool
        Weigh each word against its sentence. Without it each word goes to whoever covers most of
        it, alone.
    word_seconds, word_seconds_per_character : float
        The longest a spoken word can plausibly last. What a word claims beyond that is silence or
        somebody else's speech.
    blur : float
        Standard deviation, in seconds, of the error of word times against turn boundaries.
    misfit, least_trust : float
        Where the edges of turns and words lie this many seconds apart (the median over the
        recording) or more, blur and switch costs count in full; where they lie closer, both shrink
        in proportion, to ``least_trust`` at the least: word times and turns that agree to the
        hundredth of a second need no second opinion.
    estimated_blur : float
        The same for words whose times are only estimated from the length of the text.
    doubt : float
        How likely a word deep inside a turn belongs to somebody else all the same.
    full_cover : float
        Share of a word's time that turns must cover for their evidence to count in full; a word's
        time often holds some silence.
    max_gap : float
        A word with no turn within this many seconds has no evidence of its own.
    gap_weight, gap_scale : float
        Weight of a turn that does not touch the word, and the distance in seconds over which it
        falls to a third.
    overlap_weight : float
        Weight of the weaker turn where two overlap: 0 makes the diarization exclusive, 1 lets both
        count alike.
    confident, confidence_floor : float
        Turns with this confidence or more count in full; with none at all, they count this much.
    switch_inside, switch_comma, switch_segment, switch_sentence : float
        Cost of a change of speaker inside a sentence, after a comma, between two segments of the
        transcript, and after a sentence. The cheapest that applies counts.
    pause_scale : float
        Silence between two words, in seconds, that makes a change a third as costly.
    pause, long_pause : float
        Silence in seconds that counts as a pause where a segment may be split; the longer one ends
        a sentence.
    max_sentence_words : int
        A text without punctuation is taken in pieces of this many words.
    min_run_words, min_run_seconds, min_run_share
        A segment is split where both sides have this many words, and this many seconds or this
        share of the segment; or where the change lies at a sentence end or a pause.
    sure_run : float
        A side that is smaller stands all the same if the voice speaks for it by this many nats.
    """

    realign: bool = True
    word_seconds: float = 0.5
    word_seconds_per_character: float = 0.06
    blur: float = 0.1
    misfit: float = 0.06
    least_trust: float = 0.05
    estimated_blur: float = 0.25
    doubt: float = 0.02
    full_cover: float = 0.5
    max_gap: float = 2.0
    gap_weight: float = 0.3
    gap_scale: float = 0.5
    overlap_weight: float = 1.0
    confident: float = 0.1
    confidence_floor: float = 0.5
    switch_inside: float = 5.0
    switch_comma: float = 3.0
    switch_segment: float = 2.0
    switch_sentence: float = 0.2
    pause_scale: float = 0.5
    pause: float = 0.4
    long_pause: float = 1.0
    max_sentence_words: int = 50
    min_run_words: int = 2
    min_run_seconds: float = 1.0
    min_run_share: float = 0.2
    sure_run: float = 2.5

    def scaled(self, trust: float) -> AssignOptions:
        """Return options with blur and switch costs multiplied by ``trust``."""
        return replace(
            self,
            blur=self.blur * trust,
            switch_inside=self.switch_inside * trust,
            switch_comma=self.switch_comma * trust,
            switch_segment=self.switch_segment * trust,
            switch_sentence=self.switch_sentence * trust,
            sure_run=self.sure_run * trust,
        )
