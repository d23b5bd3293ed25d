"""How far a run is: one count over all its stages, in seconds of audio."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diarize.arrays import Progress

#: Seconds that each stage takes for an hour of audio on two cores: examples/benchmark/LENGTHS.md.
STAGE_COSTS: Mapping[str, float] = {"audio": 0.4, "speech": 2.3, "embed": 6.5, "cluster": 1.1}
#: The same for openai-whisper's ``base``: most of all, and larger models take a multiple.
TRANSCRIBING_COST = 700.0
DOWNLOAD = "download"
_LATE = 30.0  # seconds
_LOADING = ("audio", "load")  # the parts that count in seconds, and know the recording's length


class OverallProgress:
    """Turns what stages report, each in a unit of its own, into one count that never falls.

    ``costs`` has the stages in their order, and how long each takes, in any unit. The recording's
    length is in seconds, where it is known.

    Examples
    --------
    >>> overall = OverallProgress(print, {"audio": 1.0, "embed": 3.0}, 60.0)
    >>> overall("audio", 30, 60)
    audio 7.5 60.0
    >>> overall("embed", 10, 20)
    embed 37.5 60.0
    >>> overall.finish()
    embed 60.0 60.0
    """

    def __init__(
        self, report: Progress | None, costs: Mapping[str, float], seconds: float | None = None
    ) -> None:
        self._report = report
        self._costs = dict(costs)
        self.seconds = seconds
        self._share = 0.0
        self._told = 0.0
        self._stage = next(iter(self._costs), "")

    def __call__(self, stage: str, done: float, total: float | None) -> None:
        """Take a report of one stage: ``done`` of ``total``, in the stage's own unit."""
        self._advance(stage, stage, done, total)

    def part(self, name: str) -> Progress:
        """Return whom to report to within one part of the run, which may have stages of its own."""

        def report(stage: str, done: float, total: float | None) -> None:
            self._advance(name, stage, done, total)

        return report

    def finish(self) -> None:
        """Report the end."""
        if self.seconds is not None:
            self._tell(self._stage, self.seconds)

    def _advance(self, part: str, stage: str, done: float, total: float | None) -> None:
        if stage == DOWNLOAD or part not in self._costs:
            if self._report is not None:
                self._report(stage, done, total)
            return
        if part in _LOADING and self.seconds is None:
            if not total:  # of unknown length
                self._tell(stage, self._costs[part] / sum(self._costs.values()) * done)
                return
            self.seconds = float(total)
        before = 0.0
        for name, cost in self._costs.items():
            if name == part:
                before += cost * (min(1.0, done / total) if total else 0.0)
                break
            before += cost
        self._share = max(self._share, before / sum(self._costs.values()))
        self._stage = stage
        self._tell(stage, self._share * (self.seconds or 0.0))

    def _tell(self, stage: str, done: float) -> None:
        """Report a count that never falls: a recording may end before its header says."""
        self._told = max(self._told, round(done, 2))
        if self.seconds is not None:
            self._told = min(self._told, self.seconds)
        if self._report is not None:
            self._report(stage, self._told, self.seconds)


class TimeLeft:
    """Estimates from the pace of late how many seconds a run still takes: stages differ.

    Parameters
    ----------
    begin : float, optional
        Seconds on the clock of :func:`time.monotonic`; now where not given.
    late : float
        Seconds by whose pace it is estimated.

    Examples
    --------
    >>> left = TimeLeft(begin=0.0)
    >>> left(10, 100, now=5.0)
    45.0
    >>> left(10, None, now=6.0) is None
    True
    """

    def __init__(self, begin: float | None = None, *, late: float = _LATE) -> None:
        self._late = late
        self._begin = time.monotonic() if begin is None else begin
        self._marks = deque([(self._begin, 0.0)])

    def __call__(self, done: float, total: float | None, now: float | None = None) -> float | None:
        """Return the estimate at ``done`` of ``total``; None where there is none."""
        now = time.monotonic() if now is None else now
        if not total:
            return None
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] <= now - self._late:
            self._marks.popleft()
        then, before = self._marks[0]
        # where nothing moved of late, the pace of the whole run
        pace = (done - before) / max(now - then, 1e-9) or done / max(now - self._begin, 1e-9)
        return max(0.0, total - done) / pace if pace > 0 else None
