"""Draw who speaks when in the example meeting, as found and as true: ``meeting.png``.

Run from the project's root::

    pip install "autospeech-diarize[plot]"
    python examples/draw_meeting.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from diarize import Turn, diarize
from diarize.rttm import read_rttm

HERE = Path(__file__).resolve().parent
COLOURS = ("#3b6fb6", "#d1702b", "#3f9156", "#8a5aa8", "#b03a48", "#6b6b6b")


def draw(axes: plt.Axes, turns: list[Turn], title: str) -> None:
    """Draw one row a speaker, in order of appearance."""
    labels = list(dict.fromkeys(turn.speaker for turn in sorted(turns)))
    for turn in turns:
        row = labels.index(turn.speaker)
        colour = COLOURS[row % len(COLOURS)]
        axes.broken_barh([(turn.start, turn.duration)], (row - 0.4, 0.8), color=colour)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def main() -> None:
    """Write ``meeting.png`` beside this script."""
    found = diarize(HERE / "meeting.mp3")
    (true,) = read_rttm(HERE / "meeting.rttm").values()
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(9, 3.2), dpi=120)
    draw(above, list(found.turns), "found by diarize, no hint given")
    draw(below, list(true), "who really spoke")
    below.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(HERE / "meeting.png")


if __name__ == "__main__":
    main()
