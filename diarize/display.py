"""How results look in a terminal and in a notebook: short tables, and the timeline as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from diarize.text import clock, counted, instant, one_line, shortened, table

if TYPE_CHECKING:
    from diarize.annotation import Diarization, Speaker
    from diarize.result import Result
    from diarize.timeline import Segment
    from diarize.transcript.schema import Transcript

ROWS = 10  # lines of a table that `print` shows before it says how many more there are
TEXT_WIDTH = 72
NAME_WIDTH = 40

# Okabe and Ito's colours, which most colour-blind people can tell apart, without black and yellow.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_WIDTH, _LEFT, _LANE, _LANE_NAME = 800, 160, 22, 22  # pixels, the last one characters


def diarization_line(diarization: Diarization) -> str:
    """Return in a few words what is in a diarization."""
    return (
        f"{one_line(diarization.uri)!r}: {counted(len(diarization), 'turn')} of "
        f"{counted(len(diarization.speakers), 'speaker')} in {clock(diarization.duration)}"
    )


def speaker_rows(diarization: Diarization) -> list[list[str]]:
    """Return name, talk time, share and number of turns of all speakers, by first appearance."""
    times = {label: diarization.talk_time(label) for label in diarization.labels}
    everything = sum(times.values()) or 1.0
    return [
        [
            shortened(speaker.display, NAME_WIDTH) + proposed(speaker),
            clock(round(times[speaker.label])),
            f"{times[speaker.label] / everything:.0%}",
            str(sum(turn.speaker == speaker.label for turn in diarization.turns)),
        ]
        for speaker in diarization.speakers
    ]


def proposed(speaker: Speaker) -> str:
    """Return whom an unnamed speaker may be, or nothing.

    Examples
    --------
    >>> from diarize.annotation import Candidate, Speaker
    >>> proposed(Speaker("SPEAKER_01", proposal=Candidate("Ann", 0.583)))
    ' may be Ann (0.58)'
    """
    if speaker.proposal is None:
        return ""
    return f" may be {shortened(speaker.proposal.name, NAME_WIDTH)} ({speaker.proposal.score:.2f})"


def diarization_table(diarization: Diarization) -> str:
    """Return the speakers, and the first turns."""
    lines = [diarization_line(diarization)]
    if diarization.speakers:
        headings = ["speaker", "talks", "share", "turns"]
        lines += ["", table(headings, speaker_rows(diarization), right=[1, 2, 3])]
    if diarization.turns:
        rows = [
            [instant(turn.start), instant(turn.end), diarization.display(turn.speaker)]
            for turn in diarization.turns[:ROWS]
        ]
        lines += ["", _first(["start", "end", "speaker"], rows, len(diarization), "turn")]
    return "\n".join(lines)


def result_line(result: Result) -> str:
    """Return in a few words what is in a result."""
    line = diarization_line(result.diarization)
    if result.transcript is None:
        return f"{line}, without a transcript"
    words = sum(len(part.text.split()) for part in result.utterances)
    return f"{line}, with {counted(words, 'word')}"


def result_table(result: Result) -> str:
    """Return who said what: the first utterances; without a transcript, who spoke when."""
    if result.transcript is None:
        return diarization_table(result.diarization)
    rows = [
        [instant(part.start), part.speaker or "-", part.text] for part in result.utterances[:ROWS]
    ]
    found = len(result.utterances)
    return f"{result_line(result)}\n\n" + _first(
        ["start", "speaker", "text"], rows, found, "utterance"
    )


def transcript_line(transcript: Transcript) -> str:
    """Return in a few words what is in a transcript."""
    words = sum(len(str(part.get("text") or "").split()) for part in transcript.segments)
    language = f", language {transcript.language}" if transcript.language else ""
    return (
        f"{transcript.producer}, {counted(len(transcript.segments), 'segment')}, "
        f"{counted(words, 'word')} in {clock(transcript.end)}{language}"
    )


def transcript_table(transcript: Transcript) -> str:
    """Return the first segments."""
    rows = [
        [instant(float(part["start"])), str(part.get("text") or "")]
        for part in transcript.segments[:ROWS]
    ]
    return f"{transcript_line(transcript)}\n\n" + _first(
        ["start", "text"], rows, len(transcript.segments), "segment"
    )


def _first(headings: Sequence[str], rows: Sequence[Sequence[str]], total: int, noun: str) -> str:
    """Return a table of the first rows, names and text cut, and how many more there are."""
    widths = {"speaker": NAME_WIDTH, "text": TEXT_WIDTH}
    cut = [
        [
            shortened(cell, widths.get(name, TEXT_WIDTH))
            for name, cell in zip(headings, row, strict=True)
        ]
        for row in rows
    ]
    more = total - len(rows)
    return table(headings, cut) + (f"\n… and {counted(more, 'more ' + noun)}" if more else "")


# --- notebooks --------------------------------------------------------------------------------


def timeline(diarization: Diarization) -> str:
    """Return a picture of who speaks when, as an inline SVG element: one lane a speaker.

    Names are escaped; it holds neither scripts nor references, so it may be shown anywhere.
    """
    labels = diarization.labels
    end = max([diarization.duration, *(turn.end for turn in diarization.turns)]) or 1.0
    scale = (_WIDTH - _LEFT - 10) / end
    bottom = _LANE * max(1, len(labels))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 20}" '
        f'width="{_WIDTH}" height="{bottom + 20}" style="max-width:100%" role="img" '
        'font-family="sans-serif" font-size="12" fill="currentColor">',
        f"<title>{_escaped(diarization_line(diarization))}</title>",
        *_axis(end, scale, bottom),
    ]
    for lane, label in enumerate(labels):
        parts += _lane(diarization, label, lane, scale)
    if not labels:
        parts.append(f'<text x="{_LEFT}" y="15">nobody speaks</text>')
    return "".join([*parts, "</svg>"])


def _lane(diarization: Diarization, label: str, lane: int, scale: float) -> list[str]:
    from diarize.timeline import union

    name = diarization.display(label)
    turns = [turn.segment for turn in diarization.turns if turn.speaker == label]
    # What lies closer together than half a pixel is drawn as one, so that twelve hours stay small.
    boxes = "".join(_box(part, lane, scale) for part in union(turns, gap=0.5 / scale))
    about = f"{name}: {counted(len(turns), 'turn')}, {clock(diarization.talk_time(label))}"
    return [
        f"<g><title>{_escaped(about)}</title>",
        f'<text x="{_LEFT - 8}" y="{lane * _LANE + 15}" text-anchor="end">'
        f"{_escaped(shortened(name, _LANE_NAME))}</text>",
        f'<path fill="{COLOURS[lane % len(COLOURS)]}" d="{boxes}"/></g>',
    ]


def _box(part: Segment, lane: int, scale: float) -> str:
    width = max(0.5, part.duration * scale)
    left = _LEFT + part.start * scale
    return f"M{left:.1f} {lane * _LANE + 3}h{width:.1f}v{_LANE - 6}h-{width:.1f}z"


def _axis(end: float, scale: float, bottom: int) -> list[str]:
    step = next((tick for tick in _TICKS if end / tick <= 8), _TICKS[-1])
    parts = []
    for number in range(int(end / step) + 1):
        x = f"{_LEFT + number * step * scale:.1f}"
        parts.append(
            f'<path stroke="currentColor" stroke-opacity="0.2" d="M{x} 0v{bottom + 4}"/>'
            f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{clock(number * step)}</text>'
        )
    return parts


def result_html(result: Result) -> str:
    """Return the timeline, and below it the first utterances."""
    picture = timeline(result.diarization)
    if result.transcript is None:
        return picture
    rows = "".join(
        f"<tr><td>{instant(part.start)}</td><td>{_escaped(part.speaker or '-')}</td>"
        f'<td style="text-align:left">{_escaped(part.text)}</td></tr>'
        for part in result.utterances[:ROWS]
    )
    more = len(result.utterances) - ROWS
    note = f"<p>… and {counted(more, 'more utterance')}</p>" if more > 0 else ""
    return f"<div>{picture}<table>{rows}</table>{note}</div>"


def _escaped(text: str) -> str:
    """Return text fit for HTML and XML, whatever it holds."""
    return escape(one_line(text.encode("utf-8", "replace").decode("utf-8")), quote=True)
