"""Numbers of enrolled people: to enroll, to recognize, and to link them over recordings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnrollmentSettings:
    """What a recording must be like that a person is to be known by.

    Cosines are offsets to the model's verification threshold. Set on recordings of ``dev`` people,
    one by one and two by two: ``models/EXPERIMENTS.md``.
    """

    least_speech: float = 5.0
    """Seconds of speech, of all recordings together."""
    second_voice_seconds: float = 3.0
    """Seconds that another voice has to speak to count as a second person ..."""
    second_voice_share: float = 0.1
    """... and the share of the speech, 0 to 1."""
    same_voice_offset: float = -0.06
    """Cosine from which two speakers of a diarization may be one person."""
    min_overlap: float = 0.3
    """Seconds of two speakers at once that make them two people."""
    answering_window: float = 0.5
    """Seconds that both have to talk in a window of the segmentation for it to say something."""
    answering: float = 0.12
    """Share above which the segmentation takes the two for two people, 0 to 1, where it has ..."""
    answering_seconds: float = 2.0
    """... these seconds to go by at least; ..."""
    answering_short: float = 0.5
    """... and the share for fewer seconds."""
    mixed: float = 0.14
    """The same share of one voice with itself, above which a second person is warned of."""
    most_overlap: float = 0.15
    """Share of the speech in which two talk at once before a recording is refused, 0 to 1."""
    unlike_offset: float = -0.29
    """Cosine below which samples are not of one person ..."""
    doubtful_offset: float = -0.14
    """... and below which that is warned of."""
    least_snr: float = 7.0
    """Decibels that speech has to stand above the quietest twentieth of it."""
    least_outlying: float = 0.2
    """A piece is left out if its cosine with the voice is lower than usual by so much ..."""
    outlying_spreads: float = 4.0
    """... and by so many robust standard deviations."""
    clipped_share: float = 0.001
    """Share of samples at full scale beyond which clipping is warned of, 0 to 1."""
    low_level: float = -45.0
    """Mean level of the speech in dBFS below which the recording is called quiet."""
    sample_seconds: float = 6.0
    """Seconds of speech in one sample."""
    recording_samples: int = 10
    """Samples taken from one recording at most, spread over all of it."""


@dataclass(frozen=True)
class BookSettings:
    """What a speaker book keeps; set by hand, no page."""

    person_samples: int = 20
    """Samples kept for one person; the most redundant go first."""
    same_voice: float = 0.7
    """Cosine from which a voice is one that was rejected before."""


@dataclass(frozen=True)
class IdentificationSettings:
    """When a voice of a finished diarization is given the name of an enrolled person.

    Offsets are to the model's verification threshold. Table: ``examples/benchmark/NAMES.md``.
    """

    offset: float = -0.06
    """Cosine of a voice and a person that is needed for a name."""
    relief: float = 0.15
    """How much less is enough where no more people are enrolled than voices heard."""
    margin: float = 0.1
    """Lead of that cosine over the one with the next best person."""
    proposal: float = 0.1
    """How far below the bar a name still is proposed."""
    clear: float = 0.06
    """How far above the verification threshold two voices have to be to be one person."""
    turn_offset: float = -0.36
    """Cosine of a window or a turn with a person, below which it does not sound like them."""
    alike: float = 0.45
    """Share of a voice's windows that have to sound like the person, 0 to 1."""
    shrinkage: float = 2.0
    """Voices of no sound that are averaged with a recording's, for what these have in common."""
    min_segment: float = 0.5
    """Seconds below which speech is not embedded to enroll or identify somebody."""
    short_segment: float = 2.0
    """Seconds below which a segment identified by itself takes its neighbors' evidence, ..."""
    min_pooled_segment: float = 1.0
    """... but not below these seconds: a shorter one takes the name of whom it interrupts."""
    neighbor_gap: float = 1.0
    """Seconds within which a neighbor lies ..."""
    neighbor_cosine: float = 0.6
    """... and the cosine that it has with the segment at least."""


@dataclass(frozen=True)
class LinkingSettings:
    """When voices of several recordings are one person.

    Table: ``python -m models.benchmark linking``.
    """

    score_offset: float = -0.15
    """Least mean cosine of their centroids, from the model's verification threshold."""
    neighbors: int = 64
    """How many of the voices nearest to each are looked at."""
