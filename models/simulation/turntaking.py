"""When people talk in a conversation: turns, pauses, interruptions and backchannels, at random.

A model of timing alone, without sound. Its numbers follow what was measured on real talk: the time
from one speaker's end to the next one's start has its mode at about 0.2 s and is negative (overlap)
in about four of ten changes (Heldner and Edlund, "Pauses, gaps and overlaps in conversations",
Journal of Phonetics 2010); the one who spoke before the last often answers; talk time is shared
unevenly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PlannedTurn(NamedTuple):
    """One stretch of talk: speaker number, seconds, and whether it is a listener's short word.

    ``draw`` numbers the questions put to ``length`` (see :func:`schedule`), so that whoever answers
    can find again what was to be said.
    """

    speaker: int
    start: float
    end: float
    is_backchannel: bool
    draw: int = -1


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """How a conversation goes.

    Parameters
    ----------
    turn_median, turn_spread : float
        Turns last ``turn_median`` seconds in the middle, log-normal with this sigma.
    turn_limits : (float, float)
        Shortest and longest turn in seconds.
    overlap : float
        Share of speaker changes at which the next one begins before the last one ends.
    overlap_mean : float
        Seconds of such an overlap, exponential, at most 0.6 of either turn.
    gap_median, gap_spread : float
        Seconds of silence at the other changes, log-normal.
    hold : float
        Chance that the same person goes on after a pause of ``hold_pause`` seconds (even).
    silence : float
        Chance of a long silence (``silence_seconds``, even) instead of a gap.
    backchannels : float
        Listeners' short words a minute of somebody else's talk.
    backchannel_seconds : (float, float)
        Their length, even.
    answer : float
        Chance that the one who spoke before the last takes the next turn.
    evenness : float
        Dirichlet parameter of the shares of talk: 1 very uneven, 10 nearly even.
    least_share : float
        Nobody gets less than this part of an even share of the talk.
    """

    turn_median: float = 2.8
    turn_spread: float = 0.9
    turn_limits: tuple[float, float] = (0.6, 25.0)
    overlap: float = 0.35
    overlap_mean: float = 0.5
    gap_median: float = 0.3
    gap_spread: float = 0.7
    hold: float = 0.3
    hold_pause: tuple[float, float] = (0.4, 1.5)
    silence: float = 0.03
    silence_seconds: tuple[float, float] = (1.5, 6.0)
    backchannels: float = 5.0
    backchannel_seconds: tuple[float, float] = (0.25, 0.8)
    answer: float = 0.45
    evenness: float = 3.0
    least_share: float = 0.35


Lengthen = Callable[[int, float, bool], float]


def schedule(
    rng: np.random.Generator,
    n_speakers: int,
    duration: float,
    options: TurnTaking | None = None,
    *,
    length: Lengthen | None = None,
) -> list[PlannedTurn]:
    """Draw who talks when.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of everything that is drawn.
    n_speakers : int
        Number of people; in a conversation of a minute or more all of them get to talk.
    duration : float
        Seconds; no turn starts less than a second before, or ends after it.
    options : TurnTaking, optional
    length : callable, optional
        ``length(speaker, seconds, is_backchannel)`` says how long a turn of about ``seconds`` will
        really be (from the recordings at hand); as drawn where not given. The answer to its n-th
        call is in the turn whose ``draw`` is n, if that found room; 0 leaves the turn out.

    Returns
    -------
    list of PlannedTurn
        In order of start.

    Examples
    --------
    >>> turns = schedule(np.random.default_rng(0), 3, 120.0)
    >>> sorted({turn.speaker for turn in turns})
    [0, 1, 2]
    >>> max(turn.end for turn in turns) <= 120.0
    True
    """
    options = options or TurnTaking()
    asked = _Asked(length or (lambda _speaker, seconds, _short: seconds))
    floor = _floor_turns(rng, n_speakers, duration, options, asked)
    short = _backchannels(rng, n_speakers, floor, options, asked)
    return sorted([*floor, *short], key=lambda turn: (turn.start, turn.speaker))


class _Asked:
    """Counts the questions about lengths."""

    def __init__(self, length: Lengthen) -> None:
        self._length = length
        self.draw = -1

    def __call__(self, speaker: int, seconds: float, short: bool) -> float:
        self.draw += 1
        return self._length(speaker, seconds, short)


def _floor_turns(
    rng: np.random.Generator,
    n_speakers: int,
    duration: float,
    options: TurnTaking,
    length: _Asked,
) -> list[PlannedTurn]:
    """Draw the main line of the talk, one turn after the other."""
    shares = np.maximum(
        rng.dirichlet(np.full(n_speakers, options.evenness)), options.least_share / n_speakers
    )
    shares /= shares.sum()
    talked = np.zeros(n_speakers)
    turns: list[PlannedTurn] = []
    order: list[int] = []
    ends = np.full(n_speakers, -1.0)  # when each was last heard, so that nobody overlaps oneself
    now = float(rng.uniform(0.1, 0.8))
    while now < duration - 1.0:
        speaker = _next_speaker(rng, order, shares, talked, options)
        start = max(now, float(ends[speaker]) + 0.1)
        seconds = options.turn_median * float(np.exp(rng.normal(0.0, options.turn_spread)))
        seconds = min(max(seconds, options.turn_limits[0]), options.turn_limits[1])
        seconds = length(speaker, min(seconds, duration - start), False)
        if seconds <= 0.0:
            now += 0.2
            continue
        end = min(start + seconds, duration)
        turns.append(PlannedTurn(speaker, start, end, False, length.draw))
        order.append(speaker)
        talked[speaker] += end - start
        ends[speaker] = end
        now = _next_start(rng, turns, options)
    return turns


def _next_speaker(
    rng: np.random.Generator,
    order: list[int],
    shares: NDArray[np.float64],
    talked: NDArray[np.float64],
    options: TurnTaking,
) -> int:
    """Draw who talks next: the same one, the one before, or whoever is behind on their share."""
    if shares.size == 1:
        return 0
    if order and rng.random() < options.hold:
        return order[-1]
    if len(order) > 1 and order[-2] != order[-1] and rng.random() < options.answer:
        return order[-2]
    behind = np.flatnonzero(talked < options.least_share / shares.size * talked.sum())
    if behind.size and rng.random() < 0.25 and (not order or order[-1] not in behind):
        return int(rng.choice(behind))
    # Those who have said less than their share are the likelier.
    due = shares * np.exp(2.0 - 2.0 * talked / np.maximum(shares * (talked.sum() + 20.0), 1e-9))
    if order:
        due[order[-1]] = 0.0
    return int(rng.choice(shares.size, p=due / due.sum()))


def _next_start(rng: np.random.Generator, turns: list[PlannedTurn], options: TurnTaking) -> float:
    """Draw when the next turn starts: in an overlap, after a gap, or after a long silence."""
    end = max(turn.end for turn in turns[-3:])
    if rng.random() < options.silence:
        return end + float(rng.uniform(*options.silence_seconds))
    if rng.random() < options.overlap:
        back = float(rng.exponential(options.overlap_mean))
        return end - min(back, 0.6 * (turns[-1].end - turns[-1].start))
    return end + min(options.gap_median * float(np.exp(rng.normal(0.0, options.gap_spread))), 3.0)


def _backchannels(
    rng: np.random.Generator,
    n_speakers: int,
    floor: list[PlannedTurn],
    options: TurnTaking,
    length: _Asked,
) -> list[PlannedTurn]:
    """Draw listeners' short words inside other people's turns."""
    made: list[PlannedTurn] = []
    if n_speakers < 2:
        return made
    for turn in floor:
        room = turn.end - turn.start
        count = int(rng.poisson(options.backchannels * room / 60.0)) if room > 1.5 else 0
        for _ in range(count):
            listener = int((turn.speaker + rng.integers(1, n_speakers)) % n_speakers)
            seconds = float(rng.uniform(*options.backchannel_seconds))
            start = float(rng.uniform(turn.start + 0.5, turn.end))
            seconds = length(listener, seconds, True)
            word = PlannedTurn(listener, start, start + seconds, True, length.draw)
            if seconds > 0.0 and _free(word, floor) and _free(word, made):
                made.append(word)
    limit = floor[-1].end if floor else 0.0
    return [word for word in made if word.end <= max(limit, word.start)]


def _free(word: PlannedTurn, turns: list[PlannedTurn]) -> bool:
    """Say whether the speaker is silent a little before, during and after ``word``."""
    return not any(
        turn.speaker == word.speaker
        and turn.start < word.end + 0.15
        and word.start < turn.end + 0.15
        for turn in turns
    )
