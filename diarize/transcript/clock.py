"""Whether a transcript runs on the recording's clock, and putting it there.

Captions may count from another instant than the decoded sound: a player's clock runs while the
sound has not begun, or an intro was cut from one of the two. Words and speech then lie beside each
other by the same amount everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diarize.arrays import finite_number
from diarize.errors import UsageError
from diarize.settings import DEFAULTS, TranscriptSettings
from diarize.timeline import Segment
from diarize.transcript.schema import Transcript

_STEP = 0.05  # seconds


@dataclass(frozen=True)
class ClockOffset:
    """How far a transcript's clock is off: the seconds to be added to its times.

    The shares are those of the words' time that lies on speech, with the offset and without it.
    """

    seconds: float
    share: float
    share_before: float

    def is_sure(self, settings: TranscriptSettings = DEFAULTS.transcript) -> bool:
        """Return whether the words fit the speech clearly better with the offset."""
        gain = self.share - self.share_before
        return self.share >= settings.min_offset_share and gain >= settings.min_offset_gain


def find_offset(
    transcript: Transcript,
    speech: Sequence[Segment],
    settings: TranscriptSettings = DEFAULTS.transcript,
) -> ClockOffset | None:
    """Correlate the words of a transcript, or its segments, with where anybody speaks.

    None where there is too little evidence.
    """
    import numpy as np
    from scipy.signal import correlate

    pairs = [(word.get("start"), word.get("end")) for word in transcript.words()]
    words = [(start, end) for start, end in pairs if start is not None and end is not None]
    spans = words or [(s["start"], s["end"]) for s in transcript.segments if s["text"].strip()]
    if len(spans) < settings.min_offset_words or not speech:
        return None
    last = max(max(end for _, end in spans), max(part.end for part in speech))
    size = round(last / _STEP) + 1
    said = _track(spans, size)
    spoken = _track(((part.start, part.end) for part in speech), size)
    total = float(said.sum())
    if total == 0:
        return None
    common = correlate(spoken, said, method="fft") / total
    farthest = min(round(settings.max_offset / _STEP), size - 1)
    shares = common[size - 1 - farthest : size + farthest]
    best = int(np.argmax(shares))
    first = last_alike = best
    alike = shares[best] - settings.same_fit
    while first > 0 and shares[first - 1] >= alike:
        first -= 1
    while last_alike + 1 < len(shares) and shares[last_alike + 1] >= alike:
        last_alike += 1
    lag = (first + last_alike) / 2 - farthest
    return ClockOffset(round(lag * _STEP, 2), float(shares[best]), float(shares[farthest]))


def _track(spans: Iterable[tuple[float, float]], size: int) -> Any:
    """Return a row of ones where a span is, of zeros elsewhere; a value a step."""
    import numpy as np

    track = np.zeros(size, dtype=np.float32)
    for start, end in spans:
        track[max(0, round(start / _STEP)) : max(0, round(end / _STEP))] = 1.0
    return track


def known_offset(offset: Any) -> float | None:
    """Return an offset of the user's in seconds; None where it is to be found.

    Raises
    ------
    UsageError
        Where it is no finite number, nor ``"auto"`` or None.

    Examples
    --------
    >>> known_offset("auto"), known_offset(-1)
    (None, -1.0)
    """
    if offset is None or (isinstance(offset, str) and offset == "auto"):
        return None
    seconds = None if isinstance(offset, bool) else finite_number(offset)
    if seconds is None:
        raise UsageError(f"offset is {offset!r}: a number of seconds, 'auto' or None is expected")
    return seconds


def on_recordings_clock(
    transcript: Transcript,
    speech: Sequence[Segment],
    offset: float | str | None,
    name: str,
    settings: TranscriptSettings = DEFAULTS.transcript,
) -> tuple[Transcript, str | None]:
    """Shift a transcript as is asked for; return it, and what the user should know.

    ``offset`` is in seconds; ``auto``: what :func:`find_offset` is sure of; None: only report it.
    Messages call the transcript ``name``.
    """
    seconds = known_offset(offset)
    if seconds is not None:
        return (shifted(transcript, seconds) if seconds else transcript), None
    found = find_offset(transcript, speech, settings)
    if found is None or not found.is_sure(settings) or abs(found.seconds) < settings.noticed_offset:
        message = f"{name}: no offset from the recording's clock is found; it stays as it is"
        return transcript, message if offset == "auto" else None
    side = "late" if found.seconds < 0 else "early"
    fits = f"with that {found.share:.0%} of its words are on speech, now {found.share_before:.0%}"
    if offset == "auto":
        message = (
            f"{name} is {abs(found.seconds):.2f} s {side} and is shifted by {found.seconds:+.2f} s"
        )
        return shifted(transcript, found.seconds), message
    return transcript, (
        f"{name} seems to be {abs(found.seconds):.2f} s {side} beside the recording ({fits}): "
        f"shift it with --transcript-offset={found.seconds:.2f}, or =auto"
    )


def shifted(transcript: Transcript, seconds: float) -> Transcript:
    """Return a transcript whose times are later by some seconds; none becomes negative."""
    segments = []
    for segment in transcript.segments:
        moved = _later(segment, seconds)
        if segment.get("words"):
            moved["words"] = [_later(word, seconds) for word in segment["words"]]
        segments.append(moved)
    return replace(transcript, data={**transcript.data, "segments": segments})


def _later(item: dict[str, Any], seconds: float) -> dict[str, Any]:
    moved = dict(item)
    for key in ("start", "end"):
        if key in item:
            moved[key] = max(0.0, round(item[key] + seconds, 3))
    return moved
