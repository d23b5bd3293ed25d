"""Names of enrolled people on the speakers of a finished diarization.

Names never change who speaks when: a speaker gets a name, or two speakers become one enrolled
person; no turn is moved, cut, added or left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from diarize.annotation import Diarization, Speaker, speaker_label
from diarize.arrays import Bool, Float32, unit
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.errors import SpeakerBookError
from diarize.pipeline.intermediate import DiarizationDetails
from diarize.settings import DEFAULTS, Settings
from diarize.speakers.book import SpeakerBook, opened
from diarize.speakers.matching import CANDIDATES, Gallery, Match, MatchOptions, match
from diarize.speakers.records import plain_name
from diarize.speakers.segments import identify_segments
from diarize.timeline import Turn, coverage, union


def identify_speakers(
    details: DiarizationDetails,
    embedder: Embedder,
    book: SpeakerBook | str | Path,
    *,
    participants: Sequence[str] | None = None,
    options: MatchOptions | None = None,
    candidates: int = CANDIDATES,
    settings: Settings = DEFAULTS,
) -> Diarization:
    """Name the speakers of a recording after the enrolled people whom they match.

    A speaker who matches nobody keeps the label, with the best candidates noted, and with a
    proposal where one of them is likely. Two speakers who both match one person clearly and never
    talk at once become one, under the label of whoever spoke first. Turns that do not sound like
    the person are marked as unsure. The turns themselves stay as they are.

    Parameters
    ----------
    details : DiarizationDetails
        The finished diarization with the windows behind it.
    embedder : Embedder
        What made the vectors; the book must have been made with the same model.
    participants : sequence of str, optional
        Use the names of these people only; a warning for each of them who is not enrolled.
    options : MatchOptions, optional
        The book's thresholds, else the model's, where not given.
    candidates : int
        How many to list for each speaker.
    settings : Settings
        Where ``options`` are not given.

    Returns
    -------
    Diarization
        Speakers are in the order of their first turns, as before.

    Raises
    ------
    SpeakerBookError
        The book cannot be read, belongs to another model, or holds none of the participants.
    """
    with opened(book, settings.book) as people:
        people.require(embedder)
        options = options or MatchOptions.of(embedder.thresholds, people, settings.identification)
        gallery = Gallery.of(people)
        warnings: tuple[str, ...] = ()
        if participants is not None:
            invited, warnings = among(participants, people)
            gallery = gallery.only(invited)
    named = identify_in(details, gallery, options, candidates)
    return replace(named, warnings=(*named.warnings, *warnings))


def among(
    participants: Sequence[str], book: SpeakerBook
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the enrolled people whom participants are, and a warning for each of the others.

    Capitals do not matter where only one enrolled person fits.

    Raises
    ------
    SpeakerBookError
        None of them is enrolled.
    """
    enrolled = book.names()
    found, warnings = [], []
    for name in participants:
        name = plain_name(name)
        alike = [one for one in enrolled if one.casefold() == name.casefold()]
        if name in enrolled or len(alike) == 1:
            found.append(name if name in enrolled else alike[0])
            continue
        close = get_close_matches(name, enrolled, 1)
        hint = f"did you mean {close[0]}?" if close else f"diarize enroll {name!r} FILE"
        warnings.append(f"{name} is not enrolled, so no voice can bear that name; {hint}")
    if not found:
        raise SpeakerBookError(
            f"{book.path}: none of the participants ({', '.join(participants)}) is enrolled; "
            "enroll them: diarize enroll NAME FILE"
        )
    return tuple(found), tuple(warnings)


def identify_in(
    details: DiarizationDetails,
    gallery: Gallery,
    options: MatchOptions,
    candidates: int = CANDIDATES,
) -> Diarization:
    """Do as :func:`identify_speakers` with the people at hand."""
    diarization = details.diarization
    labels = [label for label in diarization.labels if label in diarization.embeddings]
    voices = np.array([diarization.embeddings[label] for label in labels], np.float32)
    apart = _talk_at_once(diarization, labels)
    speakers = np.array(details.labels)
    windows = [details.embeddings[speakers == label] for label in labels]
    matches = match(voices, gallery, options, apart, candidates, windows)
    named = _with_names(diarization, dict(zip(labels, matches, strict=True)))
    channel = options.channel(voices) if len(voices) else 0.0
    return replace(named, turns=_marked(details, named, gallery, channel, options.turn))


def _talk_at_once(diarization: Diarization, labels: Sequence[str]) -> Bool:
    """Return which pairs of speakers ever talk at the same time, and so are two people, (C, C)."""
    regions = [
        union(turn.segment for turn in diarization.turns if turn.speaker == label)
        for label in labels
    ]
    return np.array([[bool(coverage(one, other).any()) for other in regions] for one in regions])


def _with_names(diarization: Diarization, matches: Mapping[str, Match]) -> Diarization:
    """Return the diarization with names; the labels of one person become the first of them."""
    merged: dict[str, str] = {}
    speakers: dict[str, Speaker] = {}
    first: dict[str, str] = {}
    for speaker in diarization.speakers:
        found = matches.get(speaker.label, Match())
        label = speaker.label if found.name is None else first.setdefault(found.name, speaker.label)
        merged[speaker.label] = label
        known = speakers.get(label)
        if known is None or (found.score or 0.0) > (known.score or 0.0):
            speakers[label] = Speaker(
                label, found.name, found.score, found.margin, found.candidates, found.proposal
            )
    sums: dict[str, Float32] = {}
    for label, vector in diarization.embeddings.items():
        share = vector * np.float32(max(diarization.talk_time(label), 1e-3))
        sums[merged[label]] = sums.get(merged[label], np.zeros_like(share)) + share
    return replace(
        diarization,
        turns=[replace(turn, speaker=merged[turn.speaker]) for turn in diarization.turns],
        speakers=tuple(speakers.values()),
        embeddings={label: unit(total) for label, total in sums.items()},
    )


def _marked(
    details: DiarizationDetails,
    named: Diarization,
    gallery: Gallery,
    channel: Float32 | float,
    least: float,
) -> list[Turn]:
    """Return the turns, those marked that do not sound like the person they are named after.

    A turn is compared by the mean of the windows that lie mostly in it. One with none is too short,
    or talked over too much, to tell, and marked as well.
    """
    people = {
        speaker.label: gallery.centroids[gallery.names.index(speaker.name)]
        for speaker in named.speakers
        if speaker.name is not None
    }
    starts = np.array([window.start for window in details.windows])
    ends = np.array([window.end for window in details.windows])
    turns = []
    for turn in named.turns:
        shared = np.minimum(ends, turn.end) - np.maximum(starts, turn.start)
        rows = shared > 0.5 * (ends - starts)
        if turn.speaker in people:
            mean = unit(details.embeddings[rows].sum(axis=0) - rows.sum() * channel)
            alike = rows.any() and mean @ people[turn.speaker] >= least
            turn = replace(turn, unsure=not alike)
        turns.append(turn)
    return turns


def identify_turns(
    diarization: Diarization,
    waveform: Waveform,
    embedder: Embedder,
    book: SpeakerBook | str | Path,
    settings: Settings = DEFAULTS,
) -> Diarization:
    """Name each turn by itself, whatever speaker it was given; turns stay as they are.

    Turns that match nobody keep their speaker's label; labels are numbered anew by first
    appearance. See :func:`diarize.speakers.segments.identify_segments`.
    """
    matches = identify_segments(diarization, waveform, book, embedder=embedder, settings=settings)
    order: dict[tuple[str, str], str] = {}
    speakers: dict[str, Speaker] = {}
    turns = []
    for turn, found in zip(diarization.turns, matches, strict=True):
        key = ("person", found.name) if found.name is not None else ("label", turn.speaker)
        label = order.setdefault(key, speaker_label(len(order)))
        best = speakers.get(label)
        if best is None or (found.score or -1.0) > (best.score or -1.0):
            speakers[label] = Speaker(label, found.name, found.score, found.lead, found.candidates)
        candidates = tuple((one.name, one.score) for one in found.candidates)
        turns.append(replace(turn, speaker=label, candidates=candidates))
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
