"""What decides the defaults: one setting at a time, on conversations that the benchmark never uses.

Speech, windows and embeddings are kept on disk for each choice that changes them, so that the
choices behind them cost next to nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import unit
from diarize.evaluation.metrics import DiarizationError, diarization_error
from diarize.evaluation.scoring import Score, score, total
from diarize.pipeline.assignment import assign_speakers
from diarize.settings import DEFAULTS, Settings
from diarize.speakers.diarizer import Diarizer
from diarize.timeline import Turn, union
from models.benchmark import options
from models.benchmark.extracted import TABLE_HEAD, Cache, Extracted, table_row, turns_of_labels
from models.benchmark.pages import head
from models.benchmark.recordings import Recording, recordings, simulated
from models.simulation.scenes import SimulationOptions

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform
    from diarize.embedding.base import Embedder

FIRST_SEED = 3000
CONVERSATIONS = 14
MINUTES = (2.4, 2.6)
# Offsets from the model's own clustering distance that are tried.
OFFSETS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15)
WINDOWS = ((1.2, 0.6), (1.6, 0.8), (1.6, 0.4), (2.4, 0.8))

Row = tuple[str, Score, str]


class _Windowed:
    """An embedder with another window and hop."""

    def __init__(self, inner: Embedder, window: float, hop: float) -> None:
        self._inner = inner
        self.window, self.hop = window, hop
        self.name, self.dimension = inner.name, inner.dimension
        self.thresholds, self.checksum = inner.thresholds, inner.checksum

    def embed(self, waveform: Waveform, segments: Any, on_progress: Any = None) -> Any:
        """Embed as the model does."""
        return self._inner.embed(waveform, segments, on_progress)


@dataclass(frozen=True)
class Bench:
    """The recordings of the ablation, and what is kept of their windows and embeddings."""

    items: Sequence[Recording]
    cache: Cache

    def extract(self, name: str, diarizer: Diarizer) -> list[Extracted]:
        """Return all recordings' windows and embeddings; ``name`` tells choices apart."""
        return self.cache.extract(name, diarizer, self.items)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_quick(options.add_speech(parser))
    options.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Try all settings, and print the page of tables."""
    speech, work = options.speech_folder(args), options.work_folder(args)
    items = conversations(speech, work, part=args.part, quick=args.quick)
    if (speech / "real").is_dir() and not args.quick:
        items = [*items, *recordings(speech / "real", "real")]
    return options.publish(
        args, "ABLATION.md", as_markdown(Bench(items, Cache(work / "extracted")))
    )


def as_markdown(bench: Bench) -> str:
    """Return the page of tables."""
    main = Diarizer()
    base = bench.extract(f"default {main.vad}", main)
    own = main.embedder.thresholds.clustering
    sections = [
        ("Speech detection (all else at the defaults)", speech_rows(bench, main)),
        ("Clustering distance", threshold_rows(base, own)),
        ("Linkage, each at its own best distance", linkage_rows(base, own)),
        ("Number of speakers", count_rows(base, own)),
        ("How many speakers: the model's numbers", vbx_rows(base, own)),
        ("Silence that windows reach across", bridge_rows(bench, main, own)),
        ("Resegmentation", resegmentation_rows(base, own)),
        ("Window and hop in seconds, each at its own best distance", window_rows(bench, main, own)),
    ]
    return _page(bench.items, main, own, sections)


def conversations(
    speech_dir: Path, work: Path, *, part: str = "dev", quick: bool = False
) -> list[Recording]:
    """Make the ablation's simulated conversations, or find them in the work folder."""
    return simulated(
        speech_dir,
        work / ("ablation-quick" if quick else "ablation"),
        part=part,
        count=1 if quick else CONVERSATIONS,
        first_seed=FIRST_SEED,
        options=SimulationOptions(minutes=(0.5, 0.6) if quick else MINUTES),
    )


def speech_rows(bench: Bench, main: Diarizer) -> list[Row]:
    """Score WebRTC's modes and the bundled segmentation model."""
    from diarize.segmentation.webrtc import WebRtcVad
    from diarize.settings import WebRtcSettings

    detectors: dict[str, Any] = {
        f"WebRTC mode {mode}": WebRtcVad(WebRtcSettings(mode=mode)) for mode in (1, 2, 3)
    }
    for onset in (0.25, 0.45):
        detectors[f"WebRTC mode 3, onset {onset}"] = WebRtcVad(WebRtcSettings(onset=onset))
    detectors["neural"] = "neural"
    rows = []
    for name, detector in detectors.items():
        own = name == "WebRTC mode 3" and main.vad == "webrtc"
        key = f"default {main.vad}" if own else name
        heard = bench.extract(key, Diarizer(vad=detector, embedder=main.embedder))
        speech = sum((_speech_error(one) for one in heard), DiarizationError())
        note = (
            f"speech missed {100 * speech.missed / speech.total:.1f} %, "
            f"false {100 * speech.false_alarm / speech.total:.1f} %"
        )
        rows.append((name, decided(heard, main.embedder.thresholds.clustering), note))
    return rows


def _speech_error(one: Extracted) -> DiarizationError:
    """Score speech against silence, whoever speaks."""
    truth = [Turn(p.start, p.end, "") for p in union(turn.segment for turn in one.recording.turns)]
    return diarization_error(
        truth, [Turn(p.start, p.end, "") for p in one.extracted.activity.speech]
    )


def threshold_rows(base: Sequence[Extracted], own: float) -> list[Row]:
    """Score clustering distances around the model's own."""
    return [(f"{own + offset:.2f}", decided(base, own + offset), "") for offset in OFFSETS]


def linkage_rows(base: Sequence[Extracted], own: float) -> list[Row]:
    """Score ways to measure how far two groups of windows are apart."""
    rows: list[Row] = []
    for method, distances in (
        ("average", [own + offset for offset in OFFSETS]),
        ("complete", [own + 0.1 * step for step in range(-1, 6)]),
        ("centroid", [own + 0.05 * step for step in range(-10, 3)]),
        ("ward", [1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]),
    ):
        scored = [(_linked(base, method, distance), distance) for distance in distances]
        best, distance = min(scored, key=lambda pair: pair[0].errors["Full"].rate)
        rows.append((method, best, f"distance {distance:.2f}"))
    return rows


def _linked(base: Iterable[Extracted], method: Any, distance: float) -> Score:
    """Score scipy's linkage: its number of groups, without those too small to be a speaker."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    scores = []
    for one in base:
        vectors = one.extracted.embeddings.astype(np.float64)
        if len(vectors) < 2:
            scores.append(_score(one, num_speakers=1, threshold=distance))
            continue
        if method in ("ward", "centroid"):
            # On unit vectors the squared Euclidean distance is twice the cosine distance.
            tree = linkage(vectors, method)
            cut = distance if method == "ward" else np.sqrt(max(2.0 * distance, 0.0))
        else:
            tree, cut = linkage(pdist(vectors, "cosine"), method), distance
        labels = fcluster(tree, cut, "distance")
        scores.append(_score_labels(one, _without_small(labels, one.extracted.seconds)))
    return total(scores)


def _without_small(labels: NDArray[Any], seconds: NDArray[np.float64]) -> NDArray[Any]:
    """Mark the windows of groups with too little speech to be a speaker by −1, as ours does."""
    settings = DEFAULTS.clustering
    least = max(settings.min_speaker_seconds, settings.min_speaker_share * float(seconds.sum()))
    out = labels.copy()
    for label in np.unique(labels):
        if seconds[labels == label].sum() < least:
            out[labels == label] = -1
    return out if (out >= 0).any() else np.zeros_like(labels)


def _score_labels(one: Extracted, labels: NDArray[Any]) -> Score:
    """Score given groups of windows behind our own making of turns."""
    found = one.extracted
    kept = np.unique(labels[labels >= 0])
    centers = np.stack([found.embeddings[labels == label].mean(axis=0) for label in kept])
    nearest = (found.embeddings @ unit(centers).T).argmax(axis=1).astype(np.int64)
    return score(one.recording.turns, turns_of_labels(found, nearest))


def count_rows(base: Sequence[Extracted], own: float) -> list[Row]:
    """Score the number of speakers as it is found, by the first guess alone, and told."""
    first = replace(DEFAULTS, vbx=replace(DEFAULTS.vbx, max_iterations=0))
    known = total(_score(one, threshold=own, num_speakers=one.recording.speakers) for one in base)
    return [
        ("variational Bayes (default)", decided(base, own), ""),
        ("its first guess alone", decided(base, own, first), ""),
        ("told the truth", known, ""),
    ]


def vbx_rows(base: Sequence[Extracted], own: float) -> list[Row]:
    """Score the numbers that decide how many speakers there are, one changed at a time."""
    settings = DEFAULTS
    model = settings.vbx
    choices = {
        "default": model,
        "half the evidence": replace(model, acoustic_scale=model.acoustic_scale / 2),
        "twice the evidence": replace(model, acoustic_scale=model.acoustic_scale * 2),
        "half the prior": replace(model, prior_strength=model.prior_strength / 2),
        "twice the prior": replace(model, prior_strength=model.prior_strength * 2),
        "three times the share": replace(model, prior_share=3 * model.prior_share),
        "nobody joined": replace(model, merge_trials=0),
        "center at the origin": replace(model, centering=0.0),
        "center at the mean": replace(model, centering=1.0),
        "windows independent": replace(model, loop_probability=0.0),
        "windows hardly change": replace(model, loop_probability=0.95),
    }
    return [
        (name, decided(base, own, replace(settings, vbx=choice)), "")
        for name, choice in choices.items()
    ]


def bridge_rows(bench: Bench, main: Diarizer, own: float) -> list[Row]:
    """Score how long a silence windows, and the search for turns, may reach across."""
    rows: list[Row] = []
    settings = DEFAULTS
    usual = settings.embedding.bridge
    for bridge in (0.0, 0.3, 0.6, 1.0):
        changed = replace(
            settings,
            embedding=replace(settings.embedding, bridge=bridge),
            resegmentation=replace(settings.resegmentation, bridge=bridge),
        )
        diarizer = Diarizer(vad=main.detector, embedder=main.embedder, settings=changed)
        name = "default" if bridge == usual else f"bridge {bridge}"
        heard = bench.extract(f"{name} {main.vad}", diarizer)
        rows.append((f"{bridge} s", decided(heard, own, changed), ""))
    return rows


def resegmentation_rows(base: Sequence[Extracted], own: float) -> list[Row]:
    """Score the steps after the clustering, one left out or changed at a time."""
    settings = DEFAULTS
    reseg = settings.resegmentation
    choices = {
        "all (default)": reseg,
        "off": replace(reseg, switch_cost=0.0, min_island=0.0, join=0.0),
        "no cost of changing": replace(reseg, switch_cost=0.0),
        "half the cost of changing": replace(reseg, switch_cost=reseg.switch_cost / 2),
        "twice the cost of changing": replace(reseg, switch_cost=reseg.switch_cost * 2),
        "islands kept": replace(reseg, min_island=0.0),
        "islands up to 1 s absorbed": replace(reseg, min_island=1.0),
        "silences not joined": replace(reseg, join=0.0),
        "silences up to 0.25 s joined": replace(reseg, join=0.25),
        "silences up to 1 s joined": replace(reseg, join=1.0),
    }
    return [
        (name, decided(base, own, replace(settings, resegmentation=choice)), "")
        for name, choice in choices.items()
    ]


def window_rows(bench: Bench, main: Diarizer, own: float) -> list[Row]:
    """Score lengths and distances of the windows."""
    rows: list[Row] = []
    for window, hop in WINDOWS:
        diarizer = Diarizer(vad=main.detector, embedder=_Windowed(main.embedder, window, hop))
        same = (window, hop) == (main.embedder.window, main.embedder.hop)
        name = "default" if same else f"{window}/{hop}"
        heard = bench.extract(f"{name} {main.vad}", diarizer)
        scored = [(decided(heard, own + offset), own + offset) for offset in OFFSETS]
        best, distance = min(scored, key=lambda pair: pair[0].errors["Full"].rate)
        rows.append((f"{window} / {hop}", best, f"distance {distance:.2f}"))
    return rows


def decided(heard: Iterable[Extracted], threshold: float, settings: Settings = DEFAULTS) -> Score:
    """Score the pipeline's second half on all recordings."""
    return total(_score(one, threshold=threshold, settings=settings) for one in heard)


def _score(one: Extracted, **options: Any) -> Score:
    return score(one.recording.turns, assign_speakers(one.extracted, **options).turns)


def _page(
    items: Sequence[Recording], main: Diarizer, own: float, sections: list[tuple[str, list[Row]]]
) -> str:
    """Return the tables as Markdown."""
    groups = {group: sum(item.group == group for item in items) for group in ("simulated", "real")}
    minutes = sum(max(turn.end for turn in item.turns) for item in items) / 60
    lines = [
        "# Ablation",
        "",
        head("ABLATION.md"),
        "",
        "Made by `python -m models.benchmark ablation --speech DIR`. One setting at a time, "
        "all others at "
        f"their defaults (speech detection {main.vad}, model {main.embedder.name}, distance "
        f"{own:.3f}), on {groups['simulated']} simulated conversations (seeds {FIRST_SEED} and up: "
        f"not the benchmark's) and {groups['real']} real clips, {minutes:.0f} minutes together. "
        "DER and its parts and JER in percent; Full and Forgiving as in RESULTS.md.",
        "",
    ]
    for title, rows in sections:
        best = min(row[1].errors["Full"].rate for row in rows)
        lines += [f"## {title}", "", *TABLE_HEAD]
        lines += [table_row(*row, best) for row in rows]
        lines.append("")
    return "\n".join(lines)
