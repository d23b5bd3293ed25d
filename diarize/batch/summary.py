"""What came of a batch: counts, hours, pace and speakers, as JSON and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diarize.batch.archive import PersonInArchive
from diarize.batch.job import Outcome
from diarize.text import clock, counted, json_text, table

SUMMARY = "summary.json"
FAILURES = "failures.jsonl"
#: People that the table shows, and that the JSON lists; people.jsonl has all.
_ROWS, _MOST = 10, 1000


@dataclass
class Summary:
    """The outcomes of a batch, counted as they arrive.

    Parameters
    ----------
    recordings : int
        How many are meant.
    """

    recordings: int
    done: int = 0
    skipped: int = 0
    failures: list[Outcome] = field(default_factory=list)
    seconds_done: float = 0.0
    seconds_skipped: float = 0.0
    worker_seconds: float = 0.0
    elapsed: float = 0.0
    people: Sequence[PersonInArchive] | None = None
    _talk_times: Counter[str] = field(default_factory=Counter)
    _recordings: Counter[str] = field(default_factory=Counter)
    _speakers: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.worker_seconds += outcome.elapsed
        if outcome.state == "failed":
            self.failures.append(outcome)
            return
        if outcome.state == "done":
            self.done += 1
            self.seconds_done += outcome.duration
        else:
            self.skipped += 1
            self.seconds_skipped += outcome.duration
        self._speakers += len(outcome.speakers)
        for name, seconds in outcome.speakers:
            self._talk_times[name] += seconds  # type: ignore[assignment]
            self._recordings[name] += 1

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of this run for a second of audio, all workers together."""
        return self.elapsed / self.seconds_done if self.seconds_done else None

    def as_json(self) -> dict[str, Any]:
        """Return the summary as ``summary.json`` holds it."""
        factor = self.real_time_factor
        return {
            "recordings": self.recordings,
            "done": self.done,
            "skipped": self.skipped,
            "failed": len(self.failures),
            "failures": dict(Counter(outcome.kind for outcome in self.failures)),
            "audio_hours": round((self.seconds_done + self.seconds_skipped) / 3600, 4),
            "audio_hours_this_run": round(self.seconds_done / 3600, 4),
            "elapsed_seconds": round(self.elapsed, 2),
            "worker_seconds": round(self.worker_seconds, 2),
            "real_time_factor": None if factor is None else round(factor, 5),
            "speakers_per_recording": round(self._speakers / max(1, self.done + self.skipped), 2),
            **({} if self.people is None else {"people": len(self.people)}),
            "named": self._named(),
        }

    def encoded(self) -> bytes:
        """Return the bytes of ``summary.json``."""
        return (json_text(self.as_json(), indent=1) + "\n").encode()

    def encoded_failures(self) -> bytes:
        """Return the bytes of ``failures.jsonl``: a line a recording that failed."""
        lines = [
            {name: getattr(one, name) for name in ("audio", "kind", "error", "elapsed")}
            for one in sorted(self.failures, key=lambda one: one.audio)
        ]
        return "".join(json_text(line) + "\n" for line in lines).encode()

    def _named(self) -> dict[str, Mapping[str, float]]:
        """Return recordings and seconds of everybody who is known beyond one recording."""
        if self.people is not None:
            rows = [(one.name or one.label, one.recordings, one.seconds) for one in self.people]
        else:
            rows = [
                (name, self._recordings[name], seconds)
                for name, seconds in self._talk_times.items()
                if not name.startswith("SPEAKER_")
            ]
        rows.sort(key=lambda row: (-row[2], row[0]))
        return {
            name: {"recordings": count, "seconds": round(seconds, 1)}
            for name, count, seconds in rows[:_MOST]
        }

    def table(self) -> str:
        """Return the summary for people."""
        factor = self.real_time_factor
        rows = [
            ["recordings", str(self.recordings)],
            ["done now", str(self.done)],
            ["done before", str(self.skipped)],
            ["failed", str(len(self.failures))],
            ["audio", clock(self.seconds_done + self.seconds_skipped)],
            ["time", clock(self.elapsed)],
            ["real-time factor", "-" if factor is None else f"{factor:.4f}"],
            ["speakers a recording", f"{self._speakers / max(1, self.done + self.skipped):.1f}"],
        ]
        if self.people is not None:
            rows.append(["people in all", str(len(self.people))])
        shown = table(["batch", ""], rows, right=[1])
        named = list(self._named().items())
        if named:
            people = [
                [name, str(about["recordings"]), clock(about["seconds"])]
                for name, about in named[:_ROWS]
            ]
            shown += "\n\n" + table(["person", "recordings", "talks"], people, right=[1, 2])
            if len(named) > _ROWS:
                shown += f"\n... and {counted(len(named) - _ROWS, 'more person', 'more people')}"
        return shown
