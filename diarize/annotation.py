"""Who spoke when, as immutable values: segments, turns, speakers, and the whole of a recording.

Everything else in the package speaks in these types.
Times are seconds from the beginning of the recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from diarize import display
from diarize.rttm import rttm_text
from diarize.text import (
    NAME_WIDTH,
    ROWS,
    clock,
    counted,
    first_rows,
    instant,
    one_line,
    shortened,
    table,
)
from diarize.timeline import Segment, Turn, difference, layers, union

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


# Probability from which on another number of speakers is worth a word.
_WORTH_SAYING = 0.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """An enrolled person who might be a speaker, with the score that says how much."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Speaker:
    """One voice of a recording.

    Parameters
    ----------
    label : str
        ``SPEAKER_00``, ``SPEAKER_01``, … by first appearance.
    name : str or None
        The enrolled person, where the voice was recognised.
    score, margin : float or None
        Similarity to that person, and its lead over the next best one.
    candidates : tuple of Candidate
        The best enrolled matches, whether accepted or not.
    proposal : Candidate or None
        Whom an unnamed voice may be: likely enough to ask, not sure enough for a name.
    """

    label: str
    name: str | None = None
    score: float | None = None
    margin: float | None = None
    candidates: tuple[Candidate, ...] = ()
    proposal: Candidate | None = None

    def __str__(self) -> str:
        return self.label if self.name is None else f"{self.name} ({self.label})"

    @property
    def display(self) -> str:
        """The name where there is one, else the label."""
        return self.name if self.name is not None else self.label


def speaker_label(index: int) -> str:
    """Return the label of the ``index``-th speaker.

    Examples
    --------
    >>> speaker_label(3)
    'SPEAKER_03'
    """
    return f"SPEAKER_{index:02d}"


@dataclass(frozen=True, repr=False)
class Diarization:
    """Who spoke when in one recording.

    Parameters
    ----------
    turns : sequence of Turn
        In order of time. Turns of different speakers may overlap; see :meth:`exclusive`.
    duration : float
        Length of the recording in seconds.
    uri : str
        The recording's name, as RTTM wants it (no folder, no extension).
    speakers : sequence of Speaker
        Derived from the turns where not given; ordered by first appearance.
    speech : sequence of Segment
        Where any voice was found; the turns' union where not given.
    model, parameters
        What made this: the embedding model's name, and the settings in use.
    embeddings : mapping of label to (D,) float32 array
        Each speaker's unit centroid. Kept in memory only: a voice print is personal data.
    warnings : tuple of str
        What the user should know, such as a truncated file.
    confidences : mapping of label to float
        Probability that each speaker is a person of their own, and nobody of the others.
    speaker_counts : mapping of int to float
        Probability of each number of speakers. Both are empty where that is not known.

    Examples
    --------
    >>> talk = Diarization([Turn(0, 2, "b"), Turn(1.5, 3, "a")], duration=4)
    >>> [speaker.label for speaker in talk.speakers]
    ['b', 'a']
    >>> talk.talk_time("a")
    1.5
    """

    turns: Sequence[Turn]
    duration: float
    uri: str = "recording"
    speakers: Sequence[Speaker] = ()
    speech: Sequence[Segment] = ()
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    embeddings: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict, compare=False)
    warnings: tuple[str, ...] = ()
    confidences: Mapping[str, float] = field(default_factory=dict)
    speaker_counts: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        turns = tuple(sorted(self.turns))
        present = list(dict.fromkeys(turn.speaker for turn in turns))
        known = {speaker.label: speaker for speaker in self.speakers}
        ordered = [known.get(label, Speaker(label)) for label in present]
        ordered += [speaker for speaker in self.speakers if speaker.label not in set(present)]
        speech = tuple(self.speech) or tuple(union(turn.segment for turn in turns))
        object.__setattr__(self, "turns", turns)
        object.__setattr__(self, "speakers", tuple(ordered))
        object.__setattr__(self, "speech", speech)

    def __repr__(self) -> str:
        return f"<Diarization {diarization_line(self)}>"

    def __str__(self) -> str:
        lines = [diarization_line(self)]
        if self.speakers:
            headings = ["speaker", "speech", "share", "turns"]
            lines += ["", table(headings, speaker_rows(self), right=[1, 2, 3])]
        if self.turns:
            rows = [
                [instant(turn.start), instant(turn.end), self.display(turn.speaker)]
                for turn in self.turns[:ROWS]
            ]
            lines += ["", first_rows(["start", "end", "speaker"], rows, len(self), "turn")]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Show it in a notebook: who speaks when, as a picture."""
        return picture(self)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self.turns)

    def __len__(self) -> int:
        return len(self.turns)

    def __bool__(self) -> bool:
        return bool(self.turns)

    @property
    def labels(self) -> tuple[str, ...]:
        """The speakers' labels, by first appearance."""
        return tuple(speaker.label for speaker in self.speakers)

    def display(self, label: str) -> str:
        """Return the name to show for a label: the enrolled name, else the label itself."""
        for speaker in self.speakers:
            if speaker.label == label:
                return speaker.display
        return label

    def talk_time(self, label: str) -> float:
        """Return how many seconds a speaker talks."""
        mine = union(turn.segment for turn in self.turns if turn.speaker == label)
        return sum(segment.duration for segment in mine)

    def crop(self, segment: Segment) -> Diarization:
        """Return what happens inside ``segment``, at unchanged times."""
        inside = [
            replace(turn, start=max(turn.start, segment.start), end=min(turn.end, segment.end))
            for turn in self.turns
            if turn.segment.overlap(segment) > 0
        ]
        speech = tuple(part & segment for part in self.speech if part.overlap(segment) > 0)
        return replace(self, turns=inside, speech=speech)

    def exclusive(self) -> Diarization:
        """Return a version in which nobody talks over anybody.

        Where turns overlap, the time goes to the turn with the higher confidence, then to the
        longer one: a transcript has one speaker a word.
        """
        if not any(a.end > b.start for a, b in pairwise(self.turns)):
            return replace(self, turns=[replace(turn, overlap=False) for turn in self.turns])
        return replace(self, turns=_without_overlap(self.turns))

    def rename(self, names: Mapping[str, str]) -> Diarization:
        """Return a copy whose speakers bear new labels; two old labels may share a new one."""

        def new(label: str) -> str:
            return names.get(label, label)

        turns = [replace(turn, speaker=new(turn.speaker)) for turn in self.turns]
        speakers: dict[str, Speaker] = {}
        for speaker in self.speakers:
            speakers.setdefault(new(speaker.label), replace(speaker, label=new(speaker.label)))
        vectors = {new(label): vector for label, vector in self.embeddings.items()}
        changed = replace(self, turns=turns, speakers=tuple(speakers.values()), embeddings=vectors)
        if len(changed.speakers) < len(self.speakers):  # somebody has decided how many there are
            return replace(changed, confidences={}, speaker_counts={})
        sure = {new(label): chance for label, chance in self.confidences.items()}
        return replace(changed, confidences=sure)

    def to_rttm(self) -> str:
        """Return the turns as RTTM lines (NIST RT-09, ten fields, channel 1).

        Examples
        --------
        >>> print(Diarization([Turn(0, 1.5, "Ann Lee")], 2, uri="a b").to_rttm(), end="")
        SPEAKER a_b 1 0.000 1.500 <NA> <NA> Ann_Lee <NA> <NA>
        """
        shown = [replace(turn, speaker=self.display(turn.speaker)) for turn in self.turns]
        return rttm_text(self.uri, shown)

    def to_annotation(self) -> Any:
        """Return a ``pyannote.core.Annotation`` (needs pyannote.core)."""
        from pyannote.core import Annotation
        from pyannote.core import Segment as PyannoteSegment

        annotation = Annotation(uri=self.uri)
        for track, turn in enumerate(self.turns):
            annotation[PyannoteSegment(turn.start, turn.end), track] = self.display(turn.speaker)
        return annotation

    @classmethod
    def from_annotation(cls, annotation: Any, duration: float | None = None) -> Diarization:
        """Build from a ``pyannote.core.Annotation``; labels are kept as they are."""
        turns = [
            Turn(float(segment.start), float(segment.end), str(label))
            for segment, _, label in annotation.itertracks(yield_label=True)
        ]
        end = max((turn.end for turn in turns), default=0.0)
        return cls(
            turns, duration=end if duration is None else duration, uri=annotation.uri or "recording"
        )


def alone(diarization: Diarization, label: str) -> list[Segment]:
    """Return where a speaker talks and nobody else, in order of time.

    Examples
    --------
    >>> alone(Diarization([Turn(0, 4, "a"), Turn(3, 6, "b")], 6), "a")
    [Segment(start=0, end=3)]
    """
    own = union(turn.segment for turn in diarization.turns if turn.speaker == label)
    return difference(own, (turn.segment for turn in diarization.turns if turn.speaker != label))


def find_speaker(diarization: Diarization, key: str) -> Speaker | None:
    """Return the speaker whom ``key`` means: a label, the name shown, or a label's number.

    Examples
    --------
    >>> talk = Diarization([Turn(0, 2, "SPEAKER_00"), Turn(2, 3, "SPEAKER_01")], 3)
    >>> find_speaker(talk, "1").label
    'SPEAKER_01'
    >>> find_speaker(talk, "2") is None
    True
    """
    for attribute in ("label", "display"):
        for speaker in diarization.speakers:
            if getattr(speaker, attribute) == key:
                return speaker
    found = []
    if key.isascii() and key.isdigit():
        for speaker in diarization.speakers:
            number = re.search(r"\d+$", speaker.label)
            if number is not None and int(number[0]) == int(key):
                found.append(speaker)
    return found[0] if len(found) == 1 else None


def _without_overlap(turns: Sequence[Turn]) -> list[Turn]:
    """Cut turns at each other's boundaries and give each piece to its strongest turn."""

    def strength(turn: Turn) -> tuple[float, float, float]:
        return -1.0 if turn.confidence is None else turn.confidence, turn.duration, -turn.start

    pieces: list[tuple[Turn, float, float]] = []
    for start, end, active in layers(turns):
        winner = max(active, key=strength)
        if pieces and pieces[-1][0] is winner and pieces[-1][2] == start:
            start = pieces.pop()[1]
        pieces.append((winner, start, end))
    return [replace(turn, start=start, end=end, overlap=False) for turn, start, end in pieces]


def diarization_line(diarization: Diarization) -> str:
    """Return in a few words what is in a diarization."""
    return (
        f"{one_line(diarization.uri)!r}: {counted(len(diarization), 'turn')} of "
        f"{counted(len(diarization.speakers), 'speaker')}{likely_count(diarization)} "
        f"in {clock(diarization.duration)}"
    )


def likely_count(diarization: Diarization) -> str:
    """Return what else the number of speakers may be, or nothing where it is likely right.

    Examples
    --------
    >>> talk = Diarization([Turn(0, 2, "a"), Turn(2, 3, "b")], 3, speaker_counts={1: 0.6, 2: 0.4})
    >>> likely_count(talk)
    ' (1 likely)'
    """
    found = len(diarization.speakers)
    others = {n: chance for n, chance in diarization.speaker_counts.items() if n != found}
    if not others or found not in diarization.speaker_counts:
        return ""
    best = max(others, key=lambda number: others[number])
    if others[best] > diarization.speaker_counts[found]:
        return f" ({best} likely)"
    return f" (perhaps {best})" if others[best] >= _WORTH_SAYING else ""


def speaker_rows(diarization: Diarization) -> list[list[str]]:
    """Return name, talk time, share and number of turns of all speakers, by first appearance."""
    times = {label: diarization.talk_time(label) for label in diarization.labels}
    everything = sum(times.values()) or 1.0
    return [
        [
            shortened(speaker.display, NAME_WIDTH) + proposed(speaker),
            clock(times[speaker.label]),
            f"{times[speaker.label] / everything:.0%}",
            str(sum(turn.speaker == speaker.label for turn in diarization.turns)),
        ]
        for speaker in diarization.speakers
    ]


def proposed(speaker: Speaker) -> str:
    """Return whom an unnamed speaker may be, or nothing.

    Examples
    --------
    >>> proposed(Speaker("SPEAKER_01", proposal=Candidate("Ann", 0.583)))
    ' may be Ann (0.58)'
    """
    if speaker.proposal is None:
        return ""
    return f" may be {shortened(speaker.proposal.name, NAME_WIDTH)} ({speaker.proposal.score:.2f})"


def picture(diarization: Diarization) -> str:
    """Return who speaks when as an inline SVG element."""
    lanes = []
    for label in diarization.labels:
        name = diarization.display(label)
        turns = [turn.segment for turn in diarization.turns if turn.speaker == label]
        about = f"{name}: {counted(len(turns), 'turn')}, {clock(diarization.talk_time(label))}"
        lanes.append(display.Lane(name, about, turns))
    end = max([diarization.duration, *(turn.end for turn in diarization.turns)])
    return display.timeline(diarization_line(diarization), lanes, end)
