"""Segments against enrolled people, one by one and without clustering.

The segments may be anybody's: turns, a transcript's own segments, RTTM. One of a second or two says
little of a voice, and so takes the evidence of its neighbours that sound like it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from diarize.annotation import Candidate, Diarization
from diarize.arrays import Float32, Progress, unit
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import UsageError
from diarize.rttm import read_rttm, rttm_field
from diarize.settings import DEFAULTS, IdentificationSettings, Settings
from diarize.speakers.book import SpeakerBook, opened
from diarize.speakers.matching import REJECTED, Gallery, MatchOptions
from diarize.speakers.voiceprints import embed_means
from diarize.text import guarded
from diarize.timeline import Segment
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript


@dataclass(frozen=True)
class SegmentMatch:
    """Who speaks in a segment.

    Parameters
    ----------
    start, end : float
        Seconds.
    name : str or None
        The enrolled person; None for nobody of them, and where there is doubt.
    score : float or None
        Cosine with the best match, accepted or not; None where there is no speech.
    best, runner_up : str or None
        Whom the segment sounds most like, and next.
    label, text : str or None
        What the segment brought along.
    """

    start: float
    end: float
    name: str | None = None
    score: float | None = None
    best: str | None = None
    runner_up: str | None = None
    runner_up_score: float | None = None
    label: str | None = None
    text: str | None = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The best match and the runner-up, as far as there are any."""
        pairs = ((self.best, self.score), (self.runner_up, self.runner_up_score))
        return tuple(
            Candidate(name, score)
            for name, score in pairs
            if name is not None and score is not None
        )

    @property
    def lead(self) -> float | None:
        """How far the best match is ahead of the runner-up."""
        if self.score is None or self.runner_up_score is None:
            return None
        return self.score - self.runner_up_score


def identify_segments(
    segments: Any,
    audio: Any,
    book: SpeakerBook | str | Path,
    *,
    embedder: Embedder | None = None,
    options: MatchOptions | None = None,
    settings: Settings = DEFAULTS,
    on_progress: Progress | None = None,
) -> list[SegmentMatch]:
    """Match each segment of a recording by itself with the enrolled people.

    Parameters
    ----------
    segments : Diarization, transcript, path of an RTTM or of a transcript, or iterable
        An iterable holds turns, segments, ``(start, end)`` or ``(start, end, label)``, or mappings
        with ``start`` and ``end``.
    audio : path, file object or Waveform
    book : SpeakerBook, str or Path
        The enrolled people; ``"default"`` is the book that ``diarize enroll`` fills.
    embedder : Embedder, optional
        The one that the book was made with; the bundled one where not given.
    options : MatchOptions, optional
        The book's thresholds, else the model's, where not given.
    settings : Settings
    on_progress : callable, optional

    Returns
    -------
    list of SegmentMatch
        One a segment, in the order given.

    Raises
    ------
    SpeakerBookError
        The book cannot be read, or belongs to another model.
    UsageError
        The segments are of no known kind.

    Examples
    --------
    >>> for match in identify_segments("talk.rttm", "talk.mp3", "default"):  # doctest: +SKIP
    ...     print(match.start, match.end, match.name or "somebody", match.score)
    """
    waveform = load(audio, on_progress=on_progress, settings=settings.channels)
    asked = segments_of(segments, Path(waveform.path).stem)
    embedder = embedder or OnnxEmbedder()
    with opened(book, settings.book) as people:
        people.require(embedder)
        options = options or MatchOptions.of(embedder.thresholds, people, settings.identification)
        gallery = Gallery.of(people)
    if not len(gallery):
        return list(asked)
    vectors = segment_embeddings(asked, waveform, embedder, settings)
    return match_embeddings(asked, vectors, gallery, options, settings.identification)


def segment_embeddings(
    asked: Sequence[SegmentMatch],
    waveform: Waveform,
    embedder: Embedder,
    settings: Settings = DEFAULTS,
) -> Float32:
    """Return an (N, D) unit vector for each segment; zeros for one too short to embed."""
    recording = Segment(0.0, waveform.duration)
    parts = [Segment(one.start, one.end) & recording for one in asked]
    long = [
        row for row, part in enumerate(parts) if part.duration >= settings.embedding.min_segment
    ]
    vectors = np.zeros((len(parts), embedder.dimension), np.float32)
    vectors[long] = embed_means(waveform, [parts[row] for row in long], embedder, settings)
    return vectors


def match_embeddings(
    asked: Sequence[SegmentMatch],
    vectors: Float32,
    gallery: Gallery,
    options: MatchOptions,
    settings: IdentificationSettings = DEFAULTS.identification,
) -> list[SegmentMatch]:
    """Return segments with the people whom their (N, D) vectors match.

    What the segments' labels share is subtracted from all; segments without labels are one voice.
    """
    embedded = vectors.any(axis=1)
    scores = np.full((len(asked), len(gallery)), REJECTED, np.float32)
    if embedded.any():
        labels = np.array([one.label or "" for one in asked], object)
        voices = [
            unit(vectors[embedded & (labels == label)].mean(axis=0))
            for label in np.unique(labels[embedded])
        ]
        channel = options.channel(np.array(voices))
        scores[embedded] = gallery.scores(vectors[embedded], channel)
    parts = [Segment(one.start, one.end) for one in asked]
    pooled = pooled_scores(parts, vectors, scores, settings)
    count = len({one.label for one in asked} - {None}) or len(gallery)
    bar = options.bar(len(gallery), count)
    return [
        _matched(one, own, gallery.names, bar, options.margin)
        for one, own in zip(asked, pooled, strict=True)
    ]


def pooled_scores(
    segments: Sequence[Segment],
    vectors: Float32,
    scores: Float32,
    settings: IdentificationSettings = DEFAULTS.identification,
) -> Float32:
    """Return the (N, P) scores, those of short segments joined with their neighbours'.

    A neighbour counts by its seconds, if it is near in time and sounds like the short one. The very
    short ones stay alone: too often they would take the name of whom they interrupt.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors of the segments.
    scores : (N, P) float32 array
        Cosines of the segments with the people.

    Examples
    --------
    >>> turns = [Segment(0.0, 5.0), Segment(5.2, 6.2), Segment(9.0, 14.0)]
    >>> voices = np.float32([[1, 0], [0.8, 0.6], [0, 1]])
    >>> scores = np.float32([[0.9], [0.4], [0.1]])
    >>> [f"{score:.2f}" for score in pooled_scores(turns, voices, scores)[:, 0]]
    ['0.90', '0.82', '0.10']
    """
    pooled: Float32 = scores.copy()
    order = sorted(range(len(segments)), key=lambda row: segments[row])
    for at, row in enumerate(order):
        length = segments[row].duration
        if not settings.min_pooled_segment <= length < settings.short_segment:
            continue
        near = [
            other
            for other in order[max(0, at - 2) : at + 3]
            if vectors[other].any()
            and segments[other].gap(segments[row]) <= settings.neighbor_gap
            and (other == row or vectors[other] @ vectors[row] >= settings.neighbor_cosine)
        ]
        if near:
            weights = [segments[other].duration for other in near]
            joined = np.average(scores[near], axis=0, weights=weights)
            rejected = vectors[row].any() & (scores[row] <= REJECTED)
            pooled[row] = np.where(rejected, REJECTED, joined)
    return pooled


def _matched(
    asked: SegmentMatch, scores: Float32, names: Sequence[str], bar: float, margin: float
) -> SegmentMatch:
    order = [int(who) for who in np.argsort(-scores, kind="stable") if scores[who] > REJECTED][:2]
    if not order:
        return asked
    best = Candidate(names[order[0]], round(float(scores[order[0]]), 4))
    found = replace(asked, score=best.score, best=best.name)
    if len(order) > 1:
        score = round(float(scores[order[1]]), 4)
        found = replace(found, runner_up=names[order[1]], runner_up_score=score)
    passed = best.score >= bar and (found.lead is None or found.lead >= margin)
    return replace(found, name=best.name) if passed else found


def segments_of(source: Any, uri: str = "") -> list[SegmentMatch]:
    """Return the segments of anything that has some, not yet matched.

    Parameters
    ----------
    uri : str
        Which recording of an RTTM with several.
    """
    if isinstance(source, str | Path):
        if Path(source).suffix.lower() == ".rttm":
            return _from_rttm(Path(source), uri)
        source = read_transcript(source)
    if isinstance(source, Transcript):
        source = source.data
    if isinstance(source, Diarization):
        return [
            SegmentMatch(turn.start, turn.end, label=source.display(turn.speaker))
            for turn in source.turns
        ]
    if isinstance(source, Mapping):
        source = source.get("segments") or ()
    if hasattr(source, "itertracks"):  # pyannote's Annotation
        source = [(part.start, part.end, str(label)) for part, _, label in source.itertracks(True)]
    if not isinstance(source, Iterable):
        raise UsageError(
            f"segments of the type {type(source).__name__} are not known: give turns, a "
            "transcript, or the path of an RTTM or of a transcript"
        )
    return [_segment(one) for one in source]


def _from_rttm(path: Path, uri: str) -> list[SegmentMatch]:
    recordings = read_rttm(path)
    if uri not in recordings:
        uri = rttm_field(uri)
    if len(recordings) > 1 and uri not in recordings:
        raise UsageError(
            f"{path} holds {len(recordings)} recordings, and none is called {uri!r}: "
            f"{', '.join(sorted(recordings)[:5])}"
        )
    turns = recordings.get(uri) or next(iter(recordings.values()), [])
    return [SegmentMatch(turn.start, turn.end, label=turn.speaker) for turn in turns]


def _segment(one: Any) -> SegmentMatch:
    """Return one segment, whatever it is written as."""
    try:
        if isinstance(one, Mapping):
            speaker = one.get("speaker")
            label = one.get("original_speaker") if speaker in (None, "") else speaker
            text = one.get("text")
            start, end = float(one["start"]), float(one["end"])
        elif hasattr(one, "start"):
            label, text = getattr(one, "speaker", None), None
            start, end = float(one.start), float(one.end)
        else:
            start, end, *rest = one
            label, text = (rest[0] if rest else None), None
            start, end = float(start), float(end)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{one!r:.60} is no segment: start and end in seconds are needed"
        ) from error
    return SegmentMatch(
        start,
        end,
        label=None if label is None else str(label),
        text=text.strip() if text else None,
    )


def segments_csv(matches: Iterable[SegmentMatch]) -> str:
    """Return matches as a table, one row a segment."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    columns = list(SegmentMatch.__dataclass_fields__)
    table.writerow(columns)
    for match in matches:
        row = asdict(match)
        table.writerow(guarded(_cell(row[name])) for name in columns)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def segments_json(matches: Iterable[SegmentMatch]) -> str:
    """Return matches as a JSON list, one object a segment."""
    return json.dumps([asdict(match) for match in matches], indent=1, ensure_ascii=False) + "\n"
