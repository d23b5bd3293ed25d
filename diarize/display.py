"""Pictures for notebooks: who speaks when, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from diarize.text import clock, one_line, shortened
from diarize.timeline import Segment, union

# Okabe and Ito's colours, which most colour-blind people can tell apart, without black and yellow.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_WIDTH, _LEFT, _LANE, _LANE_NAME = 800, 160, 22, 22  # pixels, the last one characters


@dataclass(frozen=True)
class Lane:
    """What one speaker says: the name, a line about it, and when."""

    name: str
    about: str
    segments: Sequence[Segment]


def timeline(title: str, lanes: Sequence[Lane], end: float) -> str:
    """Return a picture of who speaks when, as an inline SVG element: one lane a speaker.

    Names are escaped; it holds neither scripts nor references, so it may be shown anywhere. It is
    ``end`` seconds wide.
    """
    end = end or 1.0
    scale = (_WIDTH - _LEFT - 10) / end
    bottom = _LANE * max(1, len(lanes))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 20}" '
        f'width="{_WIDTH}" height="{bottom + 20}" style="max-width:100%" role="img" '
        'font-family="sans-serif" font-size="12" fill="currentColor">',
        f"<title>{escaped(title)}</title>",
        *_axis(end, scale, bottom),
    ]
    for number, lane in enumerate(lanes):
        parts += _drawn(lane, number, scale)
    if not lanes:
        parts.append(f'<text x="{_LEFT}" y="15">nobody speaks</text>')
    return "".join([*parts, "</svg>"])


def _drawn(lane: Lane, number: int, scale: float) -> list[str]:
    # What lies closer together than half a pixel is drawn as one, so that twelve hours stay small.
    joined = union(lane.segments, gap=0.5 / scale)
    boxes = "".join(_box(part, number, scale) for part in joined)
    return [
        f"<g><title>{escaped(lane.about)}</title>",
        f'<text x="{_LEFT - 8}" y="{number * _LANE + 15}" text-anchor="end">'
        f"{escaped(shortened(lane.name, _LANE_NAME))}</text>",
        f'<path fill="{COLOURS[number % len(COLOURS)]}" d="{boxes}"/></g>',
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


def escaped(text: str) -> str:
    """Return text fit for HTML and XML, whatever it holds."""
    return escape(one_line(text.encode("utf-8", "replace").decode("utf-8")), quote=True)
