"""Segments of simulated meetings against enrolled people, one by one and without clustering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from diarize.arrays import Float32
from diarize.speakers.matching import MatchOptions
from diarize.speakers.segments import SegmentMatch, match_embeddings
from models.benchmark.name_scores import MeetingOutcome, total

if TYPE_CHECKING:
    from models.benchmark.named_meetings import Meeting

#: Seconds of a segment at which one row of the table ends and the next begins.
LENGTHS = (1.0, 2.0, 5.0)

HEADINGS = (
    "| segments of | segments | right | wrong name | no name | strangers named |\n"
    "|---|---:|---:|---:|---:|---:|"
)


def segment_table(
    meetings: Sequence[Meeting],
    options: MatchOptions,
    absent: Mapping[int, Sequence[tuple[str, Float32]]],
) -> str:
    """Return how many seconds of what people say bear the right name, by length of segment.

    The segments are the reference's own, as in a transcript that says when but not who.

    Parameters
    ----------
    absent : mapping of ``id(meeting)`` to sequence of (str, (n, D) float32 array)
        People enrolled as well who are not there.
    """
    bins: list[list[MeetingOutcome]] = [[] for _ in (*LENGTHS, None)]
    for meeting in meetings:
        for gallery, names in meeting.galleries(absent.get(id(meeting), ())):
            asked = [SegmentMatch(turn.start, turn.end) for turn in meeting.reference]
            found = match_embeddings(asked, meeting.segments, gallery, options)
            for turn, match in zip(meeting.reference, found, strict=True):
                at = sum(turn.duration >= edge for edge in LENGTHS)
                bins[at].append(_outcome(turn.speaker, match.name, turn.duration, names))
    shown = [f"{low:g} to {high:g} s" for low, high in pairwise((0.0, *LENGTHS))]
    rows = dict(zip([*shown, f"{LENGTHS[-1]:g} s and more"], bins, strict=True))
    rows["any length"] = [one for part in bins for one in part]
    return "\n".join([HEADINGS, *(_row(name, part) for name, part in rows.items() if part)])


def _outcome(
    speaker: str, name: str | None, seconds: float, enrolled: Sequence[str]
) -> MeetingOutcome:
    if speaker not in enrolled:
        return MeetingOutcome(strangers=seconds, strangers_named=seconds * (name is not None))
    if name is None:
        return MeetingOutcome(unnamed=seconds)
    if name == speaker:
        return MeetingOutcome(right=seconds)
    return MeetingOutcome(wrong=seconds)


def _row(name: str, found: Sequence[MeetingOutcome]) -> str:
    one = total(found)
    speech = max(one.right + one.wrong + one.unnamed, 1e-9)
    shares = [part / speech for part in (one.right, one.wrong, one.unnamed)]
    shares.append(one.strangers_named / max(one.strangers, 1e-9))
    return f"| {name} | {len(found)} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"
