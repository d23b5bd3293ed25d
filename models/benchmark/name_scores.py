"""Compares the names in a diarization with who really speaks: by turns, and by instants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from diarize.annotation import Diarization
from diarize.timeline import Turn


@dataclass(frozen=True)
class MeetingOutcome:
    """What became of the names in one meeting; times in seconds of hypothesis turns.

    Parameters
    ----------
    right, wrong, unnamed : float
        Turns in which mainly an enrolled person speaks: with that name, another, none.
    strangers, strangers_named : float
        Turns in which mainly a stranger speaks, and those of them that bear a name.
    enrolled, people_named : int
        People enrolled, and those of them whose name stands on a turn of theirs.
    """

    right: float = 0.0
    wrong: float = 0.0
    unnamed: float = 0.0
    strangers: float = 0.0
    strangers_named: float = 0.0
    enrolled: int = 0
    people_named: int = 0


@dataclass(frozen=True)
class SpeechShares:
    """What became of the names in one meeting, in seconds of what people say.

    Parameters
    ----------
    right, wrong, unnamed, missed : float
        What enrolled people say, while a turn bears their name; while none does, but one bears
        the name of somebody who is silent; while turns have no such name; and while there is none.
    strangers, strangers_named : float
        What strangers say, and that of it at which a turn bears the name of somebody silent.
    """

    right: float = 0.0
    wrong: float = 0.0
    unnamed: float = 0.0
    missed: float = 0.0
    strangers: float = 0.0
    strangers_named: float = 0.0


def speech_shares(
    found: Diarization, reference: Sequence[Turn], enrolled: Sequence[str]
) -> SpeechShares:
    """Compare names and speech instant by instant, every 10 ms.

    Examples
    --------
    >>> from diarize.annotation import Speaker
    >>> truth = [Turn(0, 4, "ann"), Turn(4, 9, "eve"), Turn(9, 10, "ann")]
    >>> heard = Diarization(
    ...     [Turn(0, 3, "S0"), Turn(5, 7, "S0"), Turn(7, 9, "S1")],
    ...     10,
    ...     speakers=[Speaker("S0", "ann")],
    ... )
    >>> one = speech_shares(heard, truth, ["ann"])
    >>> one.right, one.wrong, one.unnamed, one.missed, one.strangers, one.strangers_named
    (3.0, 0.0, 0.0, 2.0, 5.0, 2.0)
    """
    size = round(100 * max([found.duration, *(turn.end for turn in reference)])) + 1

    def frames(turns: Iterable[Turn]) -> npt.NDArray[np.bool_]:
        mask = np.zeros(size, bool)
        for turn in turns:
            mask[round(100 * turn.start) : round(100 * turn.end)] = True
        return mask

    speaks = {one: frames(t for t in reference if t.speaker == one) for one in enrolled}
    named = {
        speaker.name: frames(turn for turn in found if turn.speaker == speaker.label)
        for speaker in found.speakers
        if speaker.name is not None
    }
    nobody = np.zeros(size, bool)
    false = nobody.copy()
    for name, mask in named.items():
        false |= mask & ~speaks.get(name, nobody)
    turns, sums = frames(found), dict.fromkeys(vars(SpeechShares()), 0.0)
    for one, mask in speaks.items():
        right = mask & named.get(one, nobody)
        wrong = mask & ~right & false
        unnamed = mask & ~right & ~false & turns
        for key, part in (("right", right), ("wrong", wrong), ("unnamed", unnamed)):
            sums[key] += part.sum() / 100
        sums["missed"] += (mask & ~right & ~wrong & ~unnamed).sum() / 100
    for stranger in {turn.speaker for turn in reference} - set(enrolled):
        mask = frames(turn for turn in reference if turn.speaker == stranger)
        sums["strangers"] += mask.sum() / 100
        sums["strangers_named"] += (mask & false).sum() / 100
    return SpeechShares(**{key: float(value) for key, value in sums.items()})


def judge(
    found: Diarization,
    reference: Sequence[Turn],
    enrolled: Sequence[str],
    known: dict[tuple[float, float], dict[str, float]] | None = None,
) -> MeetingOutcome:
    """Compare the names on turns with who mainly speaks in them.

    Where people talk at once, the name of anybody who speaks for half of the turn is right.

    Parameters
    ----------
    known : dict, optional
        Remembers who speaks how long in a turn, by its start and end.

    Examples
    --------
    >>> from diarize.annotation import Speaker
    >>> truth = [Turn(0, 4, "ann"), Turn(4, 9, "eve")]
    >>> heard = Diarization(
    ...     [Turn(0, 4, "S0"), Turn(4, 7, "S1"), Turn(7, 9, "S0")], 9,
    ...     speakers=[Speaker("S0", "ann"), Speaker("S1")],
    ... )
    >>> outcome = judge(heard, truth, ["ann", "bob"])
    >>> outcome.right, outcome.wrong, outcome.strangers, outcome.strangers_named
    (4.0, 0.0, 5.0, 2.0)
    >>> outcome.enrolled, outcome.people_named
    (2, 1)
    """
    names = {speaker.label: speaker.name for speaker in found.speakers if speaker.name}
    known = {} if known is None else known
    sums = dict.fromkeys(("right", "wrong", "unnamed", "strangers", "strangers_named"), 0.0)
    people = set()
    for turn in found:
        key = (turn.start, turn.end)
        if key not in known:
            known[key] = _shares(turn, reference)
        shares, name = known[key], names.get(turn.speaker)
        main = max(sorted(shares), key=lambda speaker: shares[speaker], default="")
        if name is not None and shares.get(name, 0.0) >= 0.5 * turn.duration:
            main = name
        if not main:
            continue
        if main not in enrolled:
            sums["strangers"] += turn.duration
            sums["strangers_named"] += turn.duration * (name is not None)
        elif name is None:
            sums["unnamed"] += turn.duration
        else:
            sums["right" if name == main else "wrong"] += turn.duration
            people |= {name} & {main}
    return MeetingOutcome(**sums, enrolled=len(enrolled), people_named=len(people))


def _shares(turn: Turn, reference: Sequence[Turn]) -> dict[str, float]:
    """Return how long each person speaks in a turn, in seconds."""
    shares: dict[str, float] = {}
    for one in reference:
        if one.start < turn.end and one.end > turn.start:
            shares[one.speaker] = shares.get(one.speaker, 0.0) + one.segment.overlap(turn.segment)
    return shares


Sums = TypeVar("Sums", MeetingOutcome, SpeechShares)


def total(parts: Iterable[Sums]) -> Sums:
    """Return the sum of outcomes."""
    first, *rest = parts
    rows = [tuple(vars(part).values()) for part in (first, *rest)]
    return type(first)(*(sum(column) for column in zip(*rows, strict=True)))
