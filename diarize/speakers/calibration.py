"""The decision threshold that fits the enrolled people, found from their own samples.

Every sample is matched with its own person's other samples (a *genuine* score) and with everybody
else's (*impostor* scores), as a short voice would be. The suggested threshold is the score above
which the stated share of impostors lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from diarize.arrays import Float64, unit
from diarize.errors import MissingExtraError, SpeakerBookError
from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookThresholds, Sample

#: Share of impostors accepted, where the user does not say.
FALSE_ACCEPT_RATE = 0.01
#: Fewer impostor scores than this many per false accept tell nothing about the rate.
SCORES_PER_FALSE_ACCEPT = 3


@dataclass(frozen=True)
class Calibration:
    """What the book's own samples say about a threshold.

    Parameters
    ----------
    genuine, impostor : (n,) float64 arrays
        Float64, ascending.
    threshold, margin : float
        Suggested.
    false_accepts, false_rejects : float
        Rates at that threshold, on these very scores.
    warnings : tuple of str
        Why not to lean on the suggestion, where there is a reason.
    """

    genuine: Float64
    impostor: Float64
    threshold: float
    margin: float
    false_accepts: float
    false_rejects: float
    warnings: tuple[str, ...] = ()

    def thresholds(self) -> BookThresholds:
        """Return the suggestion as the book stores it."""
        # Rounded up, and by more than a score may be rounded: the next impostor stays out.
        return BookThresholds(
            math.ceil(1e4 * self.threshold + 1e-3) / 1e4,
            round(self.margin, 4),
            f"from this book: {len(self.genuine)} genuine and {len(self.impostor)} impostor "
            f"scores, {self.false_accepts:.2%} false accepts, {self.false_rejects:.2%} "
            "false rejects",
        )


def calibrate(
    book: SpeakerBook, *, margin: float, false_accept_rate: float = FALSE_ACCEPT_RATE
) -> Calibration:
    """Suggest a threshold from a book's samples.

    Parameters
    ----------
    margin : float
        The margin in use; unchanged, because a book's few people say little about it.
    false_accept_rate : float
        Share of impostors that may pass.

    Raises
    ------
    SpeakerBookError
        There are fewer than two people, or nobody with two samples.
    """
    people = {name: book.samples(name) for name in book.names()}
    genuine, impostor = scores(list(people.values()))
    if not len(impostor):
        raise SpeakerBookError(
            f"{book.path}: at least two enrolled people are needed to calibrate; "
            "enroll more: diarize enroll NAME FILE"
        )
    if not len(genuine):
        raise SpeakerBookError(
            f"{book.path}: nobody has two samples; enroll people from a second recording"
        )
    threshold = threshold_at(impostor, false_accept_rate)
    return Calibration(
        genuine,
        impostor,
        threshold,
        margin,
        float(np.mean(impostor >= threshold)),
        float(np.mean(genuine < threshold)),
        tuple(_warnings(impostor, false_accept_rate)),
    )


def scores(people: Sequence[Sequence[Sample]]) -> tuple[Float64, Float64]:
    """Return the cosines of samples with their own person, and with others, ascending.

    A person is the mean of the samples, as in matching; for the person's own sample, of those from
    other recordings where there are any: what one recording shares beside the voice must not count.
    """
    filled = [samples for samples in people if samples]
    stacked = [np.array([one.embedding for one in samples], np.float64) for samples in filled]
    genuine: list[float] = []
    impostor: list[Float64] = [np.empty(0)]
    for who, vectors in enumerate(stacked):
        centroid = unit(vectors.mean(axis=0))
        impostor += [other @ centroid for at, other in enumerate(stacked) if at != who]
        for at in range(len(vectors)):
            others = _others(filled[who], at)
            if others:
                genuine.append(float(vectors[at] @ unit(vectors[others].mean(axis=0))))
    return np.sort(genuine), np.sort(np.concatenate(impostor))


def _others(samples: Sequence[Sample], at: int) -> list[int]:
    elsewhere = [row for row, one in enumerate(samples) if one.source != samples[at].source]
    return elsewhere or [row for row in range(len(samples)) if row != at]


def threshold_at(impostor: Float64, rate: float) -> float:
    """Return the lowest threshold that at most the share ``rate`` of impostor scores reaches.

    Examples
    --------
    >>> threshold_at(np.linspace(0.0, 0.99, 100), 0.05) > 0.94
    True
    >>> scores = np.array([0.1, 0.2, 0.3, 0.4])
    >>> [float(np.mean(scores >= threshold_at(scores, rate))) for rate in (0.5, 0.25, 0.0)]
    [0.5, 0.25, 0.0]
    """
    ordered = np.sort(np.asarray(impostor, np.float64))[::-1]
    allowed = int(np.floor(rate * len(ordered) + 1e-9))
    if allowed >= len(ordered):
        return float(ordered[-1])
    # Midway to the next impostor below, so that rounding a score does not decide.
    blocked = ordered[allowed]
    passing = ordered[:allowed][ordered[:allowed] > blocked]
    return float((blocked + passing[-1]) / 2) if len(passing) else float(np.nextafter(blocked, 2))


def _warnings(impostor: Float64, rate: float) -> list[str]:
    if rate * len(impostor) >= SCORES_PER_FALSE_ACCEPT:
        return []
    return [
        f"{len(impostor)} impostor scores are too few to know a false-accept rate of {rate:.2%}; "
        "the suggestion is no safer than the closest pair of people in the book"
    ]


def histogram(calibration: Calibration, width: int = 40) -> str:
    """Return both distributions as text, one row a bin, with the threshold marked."""
    bins = 24
    edges, genuine, impostor = _binned(calibration, bins)
    tallest = max(genuine.max(), impostor.max(), 1e-9)
    half = width // 2
    rows = [f"{'score':>7}  {'impostor':<{half}}  genuine"]
    for row in range(bins):
        left = "#" * round(half * impostor[row] / tallest)
        right = "#" * round(half * genuine[row] / tallest)
        here = edges[row] <= calibration.threshold < edges[row + 1]
        mark = "  <- threshold" if here else ""
        rows.append(f"{edges[row]:7.3f}  {left:<{half}}  {right}{mark}".rstrip())
    return "\n".join(rows)


def _binned(calibration: Calibration, bins: int) -> tuple[Float64, Float64, Float64]:
    everything = np.concatenate(
        [calibration.genuine, calibration.impostor, [calibration.threshold]]
    )
    low, high = float(everything.min()), float(everything.max())
    edges = np.linspace(low, high + 1e-6, bins + 1)
    shares = [
        np.histogram(scores, edges)[0] / max(len(scores), 1)
        for scores in (calibration.genuine, calibration.impostor)
    ]
    return edges, shares[0], shares[1]


def plot(calibration: Calibration) -> bytes:
    """Return both distributions as a PNG.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "drawing the score histograms") from error
    edges, genuine, impostor = _binned(calibration, 50)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for shares, label in ((impostor, "different people"), (genuine, "the same person")):
        axes.stairs(100 * shares, edges, fill=True, alpha=0.5, label=label)
    axes.axvline(calibration.threshold, color="black", linestyle="--")
    axes.annotate(
        f" threshold {calibration.threshold:.3f}\n false accepts {calibration.false_accepts:.2%}"
        f"\n false rejects {calibration.false_rejects:.2%}",
        (calibration.threshold, 0.97),
        xycoords=("data", "axes fraction"),
        verticalalignment="top",
    )
    axes.set(xlabel="score (cosine)", ylabel="% of the scores")
    axes.legend(loc="upper left")
    image = BytesIO()
    figure.savefig(image, format="png", dpi=120)
    return image.getvalue()
