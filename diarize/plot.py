"""A result as a picture for papers and bug reports: who speaks when, and how alike voices are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from diarize.annotation import Diarization, alone
from diarize.display import COLOURS
from diarize.errors import MissingExtraError, UsageError
from diarize.files import Note, refuse_unless_own, write_whole
from diarize.text import NAME_WIDTH, clock, printable, shortened

if TYPE_CHECKING:
    from diarize.arrays import Float32
    from diarize.audio.waveform import Waveform
    from diarize.embedding.base import Embedder

KINDS = ("png", "svg", "pdf")
_WIDTH, _LANE, _MAP = 9.0, 0.34, 4.6  # inches: of all, a speaker's lane, the map's height
_DOTS = 160  # an inch
_BY_PATTERN = ("", "////", "....")  # beyond the colours, lanes are hatched
_MARKERS = "os^Dvp"


@dataclass(frozen=True)
class EmbeddingMap:
    """Windows of a recording as points, near each other where voices are alike.

    ``points`` is an (N, 2) float32 array, ``labels`` say who speaks, and ``share`` how much of the
    vectors' variance the two dimensions show, 0 to 1.
    """

    points: Float32
    labels: tuple[str, ...]
    share: float


def embedding_map(diarization: Diarization, waveform: Waveform, embedder: Embedder) -> EmbeddingMap:
    """Embed what each speaker says alone, and project it to two dimensions by PCA."""
    from diarize.embedding.base import embed
    from diarize.settings import DEFAULTS
    from diarize.speakers.voiceprints import split_into_segments

    pieces, labels = [], []
    for label in diarization.labels:
        regions = [part for part in alone(diarization, label) if part.end <= waveform.duration]
        mine = split_into_segments(tuple(regions), DEFAULTS)
        pieces += mine
        labels += [label] * len(mine)
    if not pieces:
        return EmbeddingMap(np.zeros((0, 2), np.float32), (), 0.0)
    points, share = projected(embed(embedder, waveform, pieces))
    return EmbeddingMap(points, tuple(labels), share)


def projected(vectors: Float32) -> tuple[Float32, float]:
    """Return (N, D) vectors as (N, 2) points by PCA, and their share of the variance.

    Examples
    --------
    >>> points, share = projected(np.float32([[0, 0, 1], [0, 2, 1], [0, 4, 1]]))
    >>> points.tolist(), share
    ([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]], 1.0)
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    # an axis may point either way: its largest part is positive, so that pictures are the same
    for axis in axes:
        axis *= 1.0 if axis[np.argmax(np.abs(axis))] >= 0 else -1.0
    points = np.zeros((len(vectors), 2), np.float32)
    points[:, : len(axes)] = centred @ axes.T
    total = float(np.square(values).sum())
    return points, float(np.square(values[:2]).sum()) / total if total else 0.0


def write_plot(
    diarization: Diarization,
    path: Path,
    found: EmbeddingMap | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write the picture; the name's end says which kind.

    Raises
    ------
    UsageError
        If it is no kind that is known.
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If the file is there and not ours, or cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise UsageError(f"{path}: end the picture's name in .{', .'.join(KINDS)}")
    refuse_unless_own(path, overwrite=overwrite)
    note = Note(path.name, format="plot", words=True)
    write_whole({path: drawn(diarization, found, kind)}, {path: note})


def drawn(diarization: Diarization, found: EmbeddingMap | None, kind: str = "png") -> bytes:
    """Return the picture's bytes: the same for the same result, and the same matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plot", "drawing") from None
    lanes = max(1, len(diarization.labels)) * _LANE + 0.9
    heights = [lanes] if found is None else [lanes, _MAP]
    with mpl.rc_context({"svg.hashsalt": "diarize", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained", dpi=_DOTS)
        axes = figure.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
        _draw_lanes(axes[0], diarization)
        if found is not None:
            _draw_map(axes[1], diarization, found)
        file = io.BytesIO()
        dated = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}[kind]
        figure.savefig(file, format=kind, metadata={dated: None})
    return file.getvalue()


def _style(place: int) -> tuple[str, str, str]:
    """Return a speaker's colour, hatch and marker."""
    round_ = place // len(COLOURS)
    marker = _MARKERS[(place + round_) % len(_MARKERS)]
    return COLOURS[place % len(COLOURS)], _BY_PATTERN[round_ % len(_BY_PATTERN)], marker


def _name(diarization: Diarization, label: str) -> str:
    """Return a name as it is shown: what is no text for matplotlib stays as it is written."""
    return shortened(diarization.display(label), NAME_WIDTH).replace("$", r"\$")


def _draw_lanes(axes: Any, diarization: Diarization) -> None:
    for place, label in enumerate(diarization.labels):
        colour, hatch, _ = _style(place)
        mine = [turn for turn in diarization.turns if turn.speaker == label]
        axes.broken_barh(
            [(turn.start, turn.duration) for turn in mine],
            (place - 0.36, 0.72),
            facecolors=colour,
            alpha=[_opacity(turn.confidence) for turn in mine],
            hatch=hatch,
            edgecolor="white",
            linewidth=0.3,
        )
    axes.set_xlim(0, max(diarization.duration, 0.001))
    axes.set_ylim(max(1, len(diarization.labels)) - 0.5, -0.5)
    names = [_name(diarization, label) for label in diarization.labels]
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.set_major_formatter(lambda value, _: clock(value))
    axes.set_title(printable(shortened(diarization.uri, 60)).replace("$", r"\$"), loc="left")
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _opacity(confidence: float | None) -> float:
    return 1.0 if confidence is None else 0.45 + 0.55 * min(1.0, max(0.0, confidence / 0.6))


def _draw_map(axes: Any, diarization: Diarization, found: EmbeddingMap) -> None:
    rows: npt.NDArray[np.str_] = np.array(found.labels)
    shown: Sequence[str] = [label for label in diarization.labels if label in found.labels]
    for label in shown:
        colour, _, marker = _style(diarization.labels.index(label))
        mine = found.points[rows == label]
        axes.scatter(
            *mine.T, s=16, c=colour, marker=marker, alpha=0.75, linewidths=0,
            label=_name(diarization, label),
        )  # fmt: skip
    axes.set_title(
        f"voices of {len(found.labels)} windows, two dimensions by PCA "
        f"({found.share:.0%} of the variance)",
        loc="left",
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#bbbbbb")
    if shown:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
