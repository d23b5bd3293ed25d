"""Names of enrolled people on a diarization: on its clusters, or on each turn by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Diarization, Segment, Speaker, Turn, speaker_label
from diarize.settings import NamingSettings
from diarize.speakers.hearing import embed_pieces, hear_whole
from diarize.speakers.index import SampleIndex, load_index
from diarize.speakers.matching import CANDIDATES, Match, MatchOptions, match, query
from diarize.speakers.parting import at_once, part, set_apart
from diarize.speakers.records import Vectors, unit
from diarize.speakers.store import SpeakerBook
from diarize.windows import whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from diarize.audio import Waveform
    from diarize.details import DiarizationDetails
    from diarize.embedding import Embedder

#: Turns of one speaker are joined across pauses up to this many seconds once names are known.
JOIN_SECONDS = 1e-3
#: Windows below which none of a voice is left out.
LEAST_WINDOWS = 4


def name_speakers(
    details: DiarizationDetails,
    embedder: Embedder,
    book: SpeakerBook | str | Path,
    options: MatchOptions | None = None,
    candidates: int = CANDIDATES,
    waveform: Waveform | None = None,
) -> Diarization:
    """Call the speakers of a recording by the names of enrolled people they match.

    Speakers who match nobody keep their labels, with the best candidates noted. Two speakers who
    match one person become one, under the label of whoever spoke first. Turns of a named speaker
    that do not sound like the person get a label of their own.

    Parameters
    ----------
    details : DiarizationDetails
        The diarization with the windows behind it.
    embedder : Embedder
        What made the vectors; the book must have been made with the same.
    book : SpeakerBook or path
    options : MatchOptions, optional
        The book's thresholds, else the model's, where not given.
    candidates : int
        How many to list for each speaker.
    waveform : Waveform, optional
        The recording: its voices are then heard once more in long pieces, which names more of
        them. Without it the windows of the diarization have to do.

    Raises
    ------
    SpeakerBookError
        The book cannot be read, or belongs to another model.
    """
    with opened(book) as people:
        people.require(embedder)
        options = options or MatchOptions.of(embedder.thresholds, people)
        if waveform is not None:
            details = hear_whole(details, waveform, embedder)
        return name_voices(details, load_index(people), options, candidates)


def name_voices(
    details: DiarizationDetails,
    index: SampleIndex,
    options: MatchOptions,
    candidates: int = CANDIDATES,
) -> Diarization:
    """Do as :func:`name_speakers` with people at hand: match, look closer, match again.

    In the end each turn has to speak for its name by itself.
    """
    matches = _matches(details, index, options, candidates)
    people = _people(matches, index)
    samples = {label: mine for label, (_, mine) in people.items()}
    parted = part(details, samples, options.support)
    if parted is not details:
        matches = _matches(parted, index, options, candidates)
        people = _people(matches, index)
    return apply_matches(set_apart(parted, people, options.support), matches)


def _people(matches: Mapping[str, Match], index: SampleIndex) -> dict[str, tuple[str, Vectors]]:
    """Return who each named label is, and that person's samples."""
    numbers = {name: number for number, name in enumerate(index.names)}
    return {
        label: (found.name, index.samples(numbers[found.name]))
        for label, found in matches.items()
        if found.name is not None
    }


def _matches(
    details: DiarizationDetails, index: SampleIndex, options: MatchOptions, candidates: int
) -> dict[str, Match]:
    diarization = details.diarization
    labels = [label for label in diarization.labels if label in diarization.embeddings]
    settings = NamingSettings()
    if len(labels) >= settings.several:
        options = replace(options, threshold=options.threshold + settings.among)
    centres = standing_out([_typical(details, label) for label in labels])
    voices = [
        query(centre, details.vectors_of(label), options.best_windows)
        for centre, label in zip(centres, labels, strict=True)
    ]
    apart = np.zeros((len(labels), len(labels)), bool)
    for one, two in combinations(range(len(labels)), 2):
        apart[one, two] = apart[two, one] = at_once(diarization, labels[one], labels[two])
    return dict(zip(labels, match(voices, index, options, candidates, apart), strict=True))


def _typical(details: DiarizationDetails, label: str) -> Vectors:
    """Return the mean of the windows that are most like a speaker's others."""
    windows = details.vectors_of(label)
    if not len(windows):
        centroid: Vectors = details.diarization.embeddings[label]
        return centroid
    share = NamingSettings().typical if len(windows) >= LEAST_WINDOWS else 1.0
    return unit(windows[: math.ceil(share * len(windows))].mean(axis=0))


def standing_out(voices: Sequence[Vectors]) -> list[Vectors]:
    """Return each voice of a recording less a share of what all of them have in common.

    Parameters
    ----------
    voices : sequence of (D,) float32 arrays
        Unit vectors.

    Examples
    --------
    Few voices stay as they are.

    >>> (alone,) = standing_out([np.float32([0.6, 0.8])])
    >>> bool(np.allclose(alone, [0.6, 0.8]))
    True
    """
    settings = NamingSettings()
    if len(voices) < settings.several:
        return list(voices)
    common = settings.centring * np.mean(voices, axis=0)
    return [unit(voice - common) for voice in voices]


def apply_matches(diarization: Diarization, matches: Mapping[str, Match]) -> Diarization:
    """Return the diarization with the names decided on; labels of one person become one label."""
    merged: dict[str, str] = {}
    speakers: dict[str, Speaker] = {}
    first: dict[str, str] = {}
    for speaker in diarization.speakers:
        found = matches.get(speaker.label, Match(None, None, None))
        label = speaker.label
        if found.name is not None:
            label = first.setdefault(found.name, speaker.label)
        if label != speaker.label:
            merged[speaker.label] = label
            if (speakers[label].score or 0.0) >= (found.score or 0.0):
                continue
        speakers[label] = Speaker(label, found.name, found.score, found.margin, found.candidates)
    return replace(
        diarization,
        turns=_joined(
            replace(turn, speaker=merged.get(turn.speaker, turn.speaker))
            for turn in diarization.turns
        ),
        speakers=tuple(speakers.values()),
        embeddings=_centroids(diarization, merged),
    )


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    """Join turns of one speaker that touch or overlap since two labels became one."""
    joined: list[Turn] = []
    latest: dict[str, int] = {}
    for turn in sorted(turns):
        at = latest.get(turn.speaker)
        if at is not None and turn.start <= joined[at].end + JOIN_SECONDS:
            joined[at] = _united(joined[at], turn)
        else:
            latest[turn.speaker] = len(joined)
            joined.append(turn)
    return joined


def _united(first: Turn, second: Turn) -> Turn:
    known = [turn.confidence for turn in (first, second) if turn.confidence is not None]
    return replace(
        first,
        end=max(first.end, second.end),
        confidence=min(known) if known else None,
        overlap=first.overlap or second.overlap,
    )


def _centroids(diarization: Diarization, merged: Mapping[str, str]) -> dict[str, Vectors]:
    """Return unit centroids, those of merged speakers weighted by how long they talked."""
    sums: dict[str, Vectors] = {}
    for label, vector in diarization.embeddings.items():
        target = merged.get(label, label)
        share = vector * np.float32(diarization.talk_time(label) or 1e-3)
        sums[target] = sums[target] + share if target in sums else share
    return {label: total / np.linalg.norm(total) for label, total in sums.items()}


def identify_segments(
    diarization: Diarization,
    waveform: Waveform,
    embedder: Embedder,
    book: SpeakerBook | str | Path,
    options: MatchOptions | None = None,
) -> Diarization:
    """Match each turn on its own with the enrolled people, whatever speaker it was given.

    Turns that match nobody keep their speaker's label; labels are numbered anew by first
    appearance. Longer turns are recognised better: below two seconds most stay unnamed.

    Parameters
    ----------
    diarization : Diarization
        Who spoke when; its speakers matter only for turns that match nobody.
    waveform : Waveform
        The recording.

    Raises
    ------
    SpeakerBookError
        The book cannot be read, or belongs to another model.
    """
    with opened(book) as people:
        people.require(embedder)
        options = options or MatchOptions.of(embedder.thresholds, people)
        index = load_index(people)
        voices = turn_voices([turn.segment for turn in diarization.turns], waveform, embedder)
        # One by one: several turns are of one person as a rule, so nobody has to be outbid.
        matches = [match([voice], index, options)[0] for voice in voices]
    return _by_turn(diarization, matches)


def turn_voices(
    segments: Sequence[Segment], waveform: Waveform, embedder: Embedder
) -> list[Vectors]:
    """Return the query of each segment by itself: its centroid and its pieces."""
    pieces = [whole([segment], NamingSettings().longest, 0.0) for segment in segments]
    vectors = embed_pieces(waveform, [piece for mine in pieces for piece in mine], embedder)
    voices, at = [], 0
    for mine in pieces:
        part = vectors[at : at + len(mine)]
        voices.append(query(part.mean(axis=0), part))
        at += len(mine)
    return voices


def _by_turn(diarization: Diarization, matches: Sequence[Match]) -> Diarization:
    """Return the diarization with a speaker for each matched person and each label left."""
    order: dict[tuple[str, str], str] = {}
    speakers: dict[str, Speaker] = {}
    turns = []
    for turn, found in zip(diarization.turns, matches, strict=True):
        key = ("person", found.name) if found.name is not None else ("label", turn.speaker)
        label = order.setdefault(key, speaker_label(len(order)))
        best = speakers.get(label)
        if best is None or (found.score or -1.0) > (best.score or -1.0):
            speakers[label] = Speaker(
                label, found.name, found.score, found.margin, found.candidates
            )
        turns.append(replace(turn, speaker=label))
    return replace(
        diarization,
        turns=turns,
        speakers=tuple(speakers.values()),
        embeddings={
            label: diarization.embeddings[old]
            for (kind, old), label in order.items()
            if kind == "label" and old in diarization.embeddings
        },
    )


def opened(book: SpeakerBook | str | Path) -> AbstractContextManager[SpeakerBook]:
    """Return the book as a context: one opened here is closed again, one handed in stays open."""
    return nullcontext(book) if isinstance(book, SpeakerBook) else SpeakerBook(book)
