"""Turns that a name does not fit: taken out of their cluster, for a cluster may hold two voices.

A cluster gets a name by its mean, and keeps it where a third of what it holds is somebody else's
speech. So each turn of a named cluster has to sound like the person by itself; the turns that do
not become a voice of their own, which may then be named itself. A second voice over another one,
which no window hears alone, is a guess that no name is put on: it is left out. In 47 simulated
meetings of 36 people kept apart, such turns held 41 s of others and 16 s of the person named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Diarization, Turn, speaker_label, union
from diarize.speakers.records import Vectors, unit

if TYPE_CHECKING:
    from diarize.details import DiarizationDetails

#: Seconds of speech below which what does not fit stays where it is: too little to tell.
LEAST_PARTED = 1.0
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
    turns = [turn for turn in details.diarization.turns if not _guessed(details, turn, people)]
    left_out = len(turns) < len(details.diarization)
    labels = list(details.labels)
    taken = set(details.diarization.labels)
    for label in details.diarization.labels:
        if label not in people:
            continue
        strange = _strange(details, label, unit(people[label].mean(axis=0)), support)
        own = [turn for turn in turns if turn.speaker == label]
        moved = sum(region.duration for region in union(turn.segment for turn in strange))
        if moved < LEAST_PARTED or len(strange) == len(own):
            continue
        new = _free(taken)
        taken.add(new)
        turns = [replace(turn, speaker=new) if turn in strange else turn for turn in turns]
        for turn in strange:
            for row in _windows(details, turn):
                labels[row] = new
    if len(taken) == len(details.diarization.labels) and not left_out:
        return details
    return _relabelled(details, turns, labels)


def _guessed(details: DiarizationDetails, turn: Turn, people: Mapping[str, Vectors]) -> bool:
    """Return whether a turn of a named cluster is overlapped speech that no window speaks for."""
    return turn.overlap and turn.speaker in people and not _windows(details, turn)


def _strange(details: DiarizationDetails, label: str, person: Vectors, support: float) -> set[Turn]:
    """Return the turns of a cluster that do not sound like the person; no window, no verdict."""
    found = set()
    for turn in details.diarization.turns:
        rows = _windows(details, turn) if turn.speaker == label else []
        if rows:
            seconds = [details.windows[row].duration for row in rows]
            heard = unit(np.average(details.vectors[rows], axis=0, weights=seconds))
            if float(heard @ person) < support:
                found.add(turn)
    return found


def _windows(details: DiarizationDetails, turn: Turn) -> list[int]:
    """Return which of the turn's speaker's windows lie mostly in the turn."""
    return [
        row
        for row, (window, label) in enumerate(zip(details.windows, details.labels, strict=True))
        if label == turn.speaker
        and window.start < turn.end
        and turn.segment.overlap(window) > 0.5 * window.duration
    ]


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
    present = {turn.speaker for turn in turns}
    diarization = replace(
        old,
        turns=turns,
        speakers=[one for one in old.speakers if one.label in present],
        embeddings={label: vector for label, vector in embeddings.items() if label in present},
    )
    return replace(details, diarization=diarization, labels=tuple(labels))


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
