"""Turns that a name does not fit: taken out of their cluster, for a cluster may hold two voices.

A cluster gets a name by its mean, and keeps it where a third of what it holds is somebody else's
speech. So each turn of a named cluster has to sound like the person by itself; the turns that do
not become a voice of their own, which may then be named itself. A second voice over another one,
which no window hears alone, is a guess that no name is put on: it is left out. In 47 simulated
meetings of 36 people kept apart, such turns held 41 s of others and 16 s of the person named.

In the end, turns of named voices that nothing speaks for bear no name: in 72 castings of 24
simulated meetings (:mod:`diarize.evaluation.named_meetings`) they held 42 s of the person named and
17 s of others, all other named turns 4 090 and 41 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.annotation import Diarization, Turn, speaker_label, union
from diarize.settings import ClusteringSettings, NamingSettings
from diarize.speakers.records import Vectors, unit

if TYPE_CHECKING:
    from diarize.details import DiarizationDetails

#: Seconds between a turn that nothing speaks for and turns of the same person that do so for it.
NEAR = 1.0
#: Two voices talk at once, and so are not one person, if they do for so many seconds …
AT_ONCE_SECONDS = 2.0
#: … and for this share of what the one says who says less.
AT_ONCE_SHARE = 0.15


def part(
    details: DiarizationDetails, people: Mapping[str, Vectors], support: float
) -> DiarizationDetails:
    """Move the turns of named clusters that do not sound like the person to labels of their own.

    Parameters
    ----------
    details : DiarizationDetails
    people : mapping of label to (n, D) float32 array
        The samples of the person that each named cluster was taken for.
    support : float
        Least cosine of a turn's mean vector and the samples' mean.

    Returns
    -------
    DiarizationDetails
        ``details`` itself where nothing was moved or left out.
    """
    heard = _Heard(details)
    turns = [
        turn
        for turn in details.diarization.turns
        if not (turn.overlap and turn.speaker in people and not len(heard.inside(turn)))
    ]
    left_out = len(turns) < len(details.diarization)
    labels = list(details.labels)
    taken = set(details.diarization.labels)
    for label in details.diarization.labels:
        if label not in people:
            continue
        likeness = _likeness(details, heard, label, people[label])
        strange = {turn for turn, cosine in likeness.items() if cosine < support}
        own = [turn for turn in turns if turn.speaker == label]
        if not strange or len(strange) == len(own):
            continue
        new = _free(taken)
        taken.add(new)
        turns = [replace(turn, speaker=new) if turn in strange else turn for turn in turns]
        for turn in strange:
            for row in heard.inside(turn):
                labels[row] = new
    if len(taken) == len(details.diarization.labels) and not left_out:
        return details
    return _relabelled(details, turns, labels)


def set_apart(
    details: DiarizationDetails, people: Mapping[str, tuple[str, Vectors]], support: float
) -> Diarization:
    """Move the turns of named clusters that do not speak for the name to a label of their own.

    They do not sound like the person (all the more where the cluster hardly leads over the next),
    or nothing speaks for them: they are too short to be heard by themselves, or others talk in
    them, and who it is was guessed from what is around them. Between two turns of the person they
    stay. The label, one for all of them, is nobody's voice: it has no embedding. Where they are
    less together than a speaker has to say, they are left out.

    Parameters
    ----------
    details : DiarizationDetails
    people : mapping of label to (str, (n, D) float32 array)
        Who each named cluster is, and the person's samples.
    support : float
        As for :func:`part`.
    """
    heard, turns = _Heard(details), details.diarization.turns
    names = {label: name for label, (name, _) in people.items()}
    doubtful = {turn for turn in turns if turn.speaker in names and turn not in heard}
    settings = NamingSettings()
    for label, (_, samples) in people.items():
        for turn, cosine in _likeness(details, heard, label, samples).items():
            hardly = turn.confidence is not None and turn.confidence < settings.hardly
            if cosine < support + (settings.surer if hardly else 0.0):
                doubtful.add(turn)
    for at, turn in enumerate(turns):
        around = (turns[max(0, at - 1)], turns[min(at + 1, len(turns) - 1)])
        name = names.get(turn.speaker)
        if all(names.get(one.speaker) == name and _near(one, turn) for one in around):
            doubtful.discard(turn)
    if not doubtful:
        return details.diarization
    nobody = _free(set(details.diarization.labels))
    moved = [replace(turn, speaker=nobody) if turn in doubtful else turn for turn in turns]
    if sum(turn.duration for turn in doubtful) < ClusteringSettings().least_seconds:
        moved = [turn for turn in turns if turn not in doubtful]
    return _with_turns(details.diarization, moved, details.diarization.embeddings)


def _near(one: Turn, other: Turn) -> bool:
    """Return whether two different turns lie closer together than people breathe."""
    gap = max(one.start, other.start) - min(one.end, other.end)
    return one is not other and gap < NEAR


class _Heard:
    """Finds the windows that speak for a turn: those of its speaker."""

    def __init__(self, details: DiarizationDetails) -> None:
        self.starts = np.array([window.start for window in details.windows])
        self.ends = np.array([window.end for window in details.windows])
        labels = np.array(details.labels, dtype=object)
        self.rows: dict[str, npt.NDArray[np.intp]] = {
            label: np.flatnonzero(labels == label) for label in set(details.labels)
        }

    def _shared(self, turn: Turn) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Return the speaker's windows, and how long each of them lies in the turn."""
        rows = self.rows.get(turn.speaker, np.empty(0, np.intp))
        ends = np.minimum(self.ends[rows], turn.end)
        return rows, ends - np.maximum(self.starts[rows], turn.start)

    def inside(self, turn: Turn) -> npt.NDArray[np.intp]:
        """Return which of the turn's speaker's windows lie mostly in the turn."""
        rows, shared = self._shared(turn)
        mine: npt.NDArray[np.intp] = rows[shared > 0.5 * (self.ends - self.starts)[rows]]
        return mine

    def __contains__(self, turn: Turn) -> bool:
        """Return whether a window of the speaker lies mostly in the turn, or is most of it."""
        rows, shared = self._shared(turn)
        least = np.minimum((self.ends - self.starts)[rows], turn.duration)
        return bool((shared > 0.5 * least).any())


def _likeness(
    details: DiarizationDetails, heard: _Heard, label: str, samples: Vectors
) -> dict[Turn, float]:
    """Return how much each turn of a cluster sounds like a person; turns with no window are not in.

    It is the cosine of the windows' mean, by their length, and the samples' mean.
    """
    person = unit(samples.mean(axis=0))
    found: dict[Turn, float] = {}
    for turn in details.diarization.turns:
        if turn.speaker != label:
            continue
        rows = heard.inside(turn)
        if len(rows):
            seconds = heard.ends[rows] - heard.starts[rows]
            mean = unit(np.average(details.vectors[rows], axis=0, weights=seconds))
            found[turn] = float(mean @ person)
    return found


def _free(taken: set[str]) -> str:
    number = len(taken)
    while speaker_label(number) in taken:
        number += 1
    return speaker_label(number)


def _relabelled(
    details: DiarizationDetails, turns: list[Turn], labels: list[str]
) -> DiarizationDetails:
    """Return details under new labels, with the centroids that follow from them."""
    old = details.diarization
    seconds = np.array([window.duration for window in details.windows])
    embeddings = dict(old.embeddings)
    for label in sorted(set(labels)):
        rows = [row for row, mine in enumerate(labels) if mine == label]
        if rows != [row for row, mine in enumerate(details.labels) if mine == label]:
            weights = np.maximum(seconds[rows], 0.01)
            embeddings[label] = unit(np.average(details.vectors[rows], axis=0, weights=weights))
    return replace(details, diarization=_with_turns(old, turns, embeddings), labels=tuple(labels))


def _with_turns(
    talk: Diarization, turns: Sequence[Turn], embeddings: Mapping[str, Vectors]
) -> Diarization:
    """Return a diarization with other turns, and only the speakers that have any."""
    present = {turn.speaker for turn in turns}
    return replace(
        talk,
        turns=tuple(turns),
        speakers=tuple(one for one in talk.speakers if one.label in present),
        embeddings={label: vector for label, vector in embeddings.items() if label in present},
    )


def at_once(diarization: Diarization, first: str, second: str) -> bool:
    """Return whether two labels talk at the same time for so long that they are two people.

    Examples
    --------
    >>> talk = Diarization([Turn(0, 20, "a"), Turn(15, 25, "b"), Turn(26, 60, "c")], 60)
    >>> at_once(talk, "a", "b"), at_once(talk, "a", "c")
    (True, False)
    """
    turns = [
        union(turn.segment for turn in diarization.turns if turn.speaker == label)
        for label in (first, second)
    ]
    shared = sum(
        one.overlap(other)
        for one in turns[0]
        for other in turns[1]
        if one.start < other.end and other.start < one.end
    )
    least = min(sum(region.duration for region in mine) for mine in turns)
    return shared >= AT_ONCE_SECONDS and shared >= AT_ONCE_SHARE * least
