"""From a recording of one person to samples fit for the speaker book, or a reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diarize.annotation import Diarization, Segment, Turn, speaker_label, union
from diarize.errors import EnrollmentError
from diarize.result import read_result
from diarize.speakers.quality import inconsistency, recording_warnings
from diarize.speakers.records import Sample, Vectors, unit
from diarize.speakers.sampling import voice_samples
from diarize.speakers.voiceprints import embed_segments, split_into_segments

if TYPE_CHECKING:
    from diarize.audio import Waveform
    from diarize.details import Listening
    from diarize.embedding import Embedder
    from diarize.pipeline import Diarizer

#: Seconds below which a turn of a result is not listened to.
SHORTEST_TURN = 0.5
#: Windows this many robust standard deviations less like the voice than usual are left out …
OUTLYING_SPREADS = 4.0
#: … if they are less like it by at least this cosine. On 42 people kept apart, 98 % of the windows
#: of one voice stay.
LEAST_OUTLYING = 0.2
#: Clusters whose means are alike to within this much of the verification threshold are one voice.
#: Chosen with version 1 of the bundled model on the same people, where below that line (0.50, as
#: far below its 1 % line for means of windows as this is now) are 0.6 % of a person's stretches of
#: 3 s, compared with the rest of the person, and 90 % of other voices of the same corpus.
SAME_VOICE_DROP = 0.18


@dataclass(frozen=True)
class EnrollmentOptions:
    """What a recording must be like.

    Parameters
    ----------
    least_speech : float
        Seconds of speech, after voice activity detection.
    second_voice_seconds, second_voice_share : float
        A second voice counts if it speaks this long, and for this share of the speech: less than
        that is as often an odd stretch of the first voice.
    clipped_share : float
        Share of samples at full scale beyond which clipping is warned of.
    low_level : float
        Mean level of the speech in dBFS below which the recording is called quiet.
    """

    least_speech: float = 5.0
    second_voice_seconds: float = 3.0
    second_voice_share: float = 0.1
    clipped_share: float = 0.001
    low_level: float = -45.0


@dataclass(frozen=True)
class Enrollment:
    """Samples of one person, and what the user should know of them."""

    samples: tuple[Sample, ...]
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Voice:
    """One of the voices in a recording that was to have one."""

    label: str
    windows: tuple[Segment, ...]
    vectors: Vectors

    @property
    def seconds(self) -> float:
        """How long it speaks."""
        return sum(region.duration for region in union(self.windows))


def enroll(
    source: Any,
    diarizer: Diarizer,
    *,
    regions: Sequence[Segment] = (),
    speaker: str | None = None,
    options: EnrollmentOptions | None = None,
) -> Enrollment:
    """Return samples of the one person who speaks in a recording.

    Parameters
    ----------
    source : path, file object or Waveform
    diarizer : Diarizer
        Finds speech, embeds it, and tells voices apart.
    regions : sequence of Segment
        Use only these parts.
    speaker : str, optional
        Which voice to take where there are several: its label or the label's number.

    Raises
    ------
    AudioError
        The recording cannot be read.
    EnrollmentError
        Too little speech, or more than one voice.
    """
    options = options or EnrollmentOptions()
    waveform = _loaded(source)
    where = waveform.path
    heard = listen(waveform, diarizer, regions)
    _check_speech(heard, where, options)
    found = voices(heard, diarizer, options)
    voice = _chosen(found, speaker, where)
    if voice.seconds < options.least_speech:
        raise EnrollmentError(
            f"{where}: {voice.label} speaks for {voice.seconds:.1f} s, at least "
            f"{options.least_speech:g} s are needed; add more of this voice"
        )
    return _enrollment(waveform, union(voice.windows), diarizer.embedder, options)


def enroll_from_result(
    path: Path,
    speaker: str,
    embedder: Embedder,
    options: EnrollmentOptions | None = None,
    audio: Path | None = None,
) -> Enrollment:
    """Return samples of a speaker of a finished result, from the recording that it names.

    Parameters
    ----------
    path : Path
        JSON, as the main job writes it.
    speaker : str
        Label, or the name shown.
    audio : Path, optional
        The recording, where it is no longer where the result says.

    Raises
    ------
    EnrollmentError
        No such speaker, too little speech, or the recording is gone.
    TranscriptError
        ``path`` is no such JSON.
    """
    options = options or EnrollmentOptions()
    result = read_result(path)
    talk = result.diarization
    labels = [one.label for one in talk.speakers if speaker in (one.label, one.display)]
    if not labels:
        known = ", ".join(one.display for one in talk.speakers) or "nobody"
        raise EnrollmentError(f"{path}: there is no {speaker}; it has {known}")
    waveform = _loaded(audio or _recording(path, result.audio))
    alone = [
        turn.segment
        for turn in talk.exclusive()
        if turn.speaker in labels and not _talked_over(turn, talk)
    ]
    regions = [region for region in union(alone) if region.duration >= SHORTEST_TURN]
    seconds = sum(region.duration for region in regions)
    if seconds < options.least_speech:
        raise EnrollmentError(
            f"{path}: {speaker} speaks alone for {seconds:.1f} s, at least "
            f"{options.least_speech:g} s are needed"
        )
    return _enrollment(waveform, regions, embedder, options)


def _talked_over(turn: Turn, talk: Diarization) -> bool:
    """Return whether most of a turn is spoken while somebody else talks."""
    others = union(one.segment for one in talk if one.speaker != turn.speaker)
    return sum(turn.segment.overlap(other) for other in others) > 0.5 * turn.duration


def _recording(path: Path, audio: str | None) -> Path:
    """Return where the recording of a result is: where it says, else beside the result."""
    if not audio:
        raise EnrollmentError(
            f"{path}: does not say which recording it is of; enroll from the recording itself: "
            "diarize enroll NAME FILE --from START-END"
        )
    if not Path(audio).is_file():
        raise EnrollmentError(
            f"{path}: its recording is not at {audio} any more: say where it is with --audio PATH"
        )
    return Path(audio)


def _enrollment(
    waveform: Waveform, regions: Sequence[Segment], embedder: Embedder, options: EnrollmentOptions
) -> Enrollment:
    pieces = split_into_segments(regions)
    samples = voice_samples(pieces, embed_segments(waveform, pieces, embedder), source_of(waveform))
    warnings = [
        *waveform.warnings,
        *recording_warnings(
            waveform,
            regions,
            clipped_share=options.clipped_share,
            low_level=options.low_level,
        ),
    ]
    odd = inconsistency(samples, embedder.thresholds.verification)
    seconds = sum(region.duration for region in regions)
    return Enrollment(tuple(samples), seconds, (*warnings, *([odd] if odd else [])))


def voice_of(
    source: Any, diarizer: Diarizer, regions: Sequence[Segment] = ()
) -> tuple[Vectors, tuple[str, ...]]:
    """Return the mean of all speech in a recording as a (D,) unit vector, and warnings.

    Raises
    ------
    AudioError
        The recording cannot be read.
    EnrollmentError
        There is no speech in it.
    """
    waveform = _loaded(source)
    heard = listen(waveform, diarizer, regions)
    if not len(heard.vectors):
        raise EnrollmentError(f"{waveform.path}: no speech found")
    pieces = split_into_segments(union(heard.windows))
    return unit(embed_segments(waveform, pieces, diarizer.embedder).mean(axis=0)), waveform.warnings


def _loaded(source: Any) -> Waveform:
    from diarize.audio import Waveform, load

    return source if isinstance(source, Waveform) else load(source)


def source_of(waveform: Waveform) -> str:
    """Return what the book notes as source: an absolute path, where the sound came from a file."""
    if waveform.path in ("-", "array"):
        return waveform.path
    return str(Path(waveform.path).resolve())


def listen(waveform: Waveform, diarizer: Diarizer, regions: Sequence[Segment] = ()) -> Listening:
    """Find speech in the parts asked for, and embed its windows; silent windows are left out."""
    whole = Segment(0.0, waveform.duration)
    asked = union(region & whole for region in regions) if regions else [whole]
    if regions and not any(region.duration for region in asked):
        spans = ", ".join(f"{region.start:g}-{region.end:g}" for region in regions)
        raise EnrollmentError(
            f"{waveform.path}: lasts {waveform.duration:.1f} s, there is nothing at {spans}"
        )
    heard = diarizer.listen(masked(waveform, asked) if regions else waveform)
    kept = [
        row
        for row, window in enumerate(heard.windows)
        if bool(np.any(heard.vectors[row])) and any(window.overlap(part) for part in asked)
    ]
    return replace(
        heard,
        windows=tuple(_inside(heard.windows[row], asked) for row in kept),
        vectors=heard.vectors[kept],
    )


def masked(waveform: Waveform, regions: Sequence[Segment]) -> Waveform:
    """Return the recording with silence outside the regions."""
    from diarize.arrays import SAMPLE_RATE

    samples = np.zeros_like(waveform.samples)
    for region in regions:
        start, stop = round(region.start * SAMPLE_RATE), round(region.end * SAMPLE_RATE)
        samples[start:stop] = waveform.samples[start:stop]
    return replace(waveform, samples=samples)


def _inside(window: Segment, regions: Sequence[Segment]) -> Segment:
    """Return the part of a window that is inside the regions; the rest of it is silence."""
    return max((window & region for region in regions), key=lambda part: part.duration)


def _check_speech(heard: Listening, where: str, options: EnrollmentOptions) -> None:
    seconds = sum(region.duration for region in union(heard.windows))
    if not seconds:
        raise EnrollmentError(f"{where}: no speech found; record the person speaking")
    if seconds < options.least_speech:
        raise EnrollmentError(
            f"{where}: only {seconds:.1f} s of speech found, at least {options.least_speech:g} s "
            "are needed; add a longer recording"
        )


def voices(heard: Listening, diarizer: Diarizer, options: EnrollmentOptions) -> list[Voice]:
    """Return the voices in a recording, numbered by first appearance.

    Clusters that may well be one person are one voice. What speaks too little to
    tell is left out, unless it sounds like one of the voices.
    """
    details = diarizer.decide(heard)
    rows = [
        [row for row, mine in enumerate(details.labels) if mine == label]
        for label in details.diarization.labels
    ]
    rows = sorted((mine for mine in rows if mine), key=lambda mine: -_seconds(heard, mine))
    whole = sum(_seconds(heard, mine) for mine in rows)
    least = max(options.second_voice_seconds, options.second_voice_share * whole)
    line = diarizer.embedder.thresholds.verification - SAME_VOICE_DROP
    groups: list[list[int]] = []
    for mine in rows:
        centre = unit(heard.vectors[mine].mean(axis=0))
        likeness = [float(centre @ unit(heard.vectors[group].mean(axis=0))) for group in groups]
        if likeness and max(likeness) >= line:
            groups[int(np.argmax(likeness))] += mine
        elif not groups or _seconds(heard, mine) >= least:
            groups.append(list(mine))
    groups = sorted(
        (sorted(group) for group in _merged(groups, heard.vectors, line)),
        key=lambda group: group[0],
    )
    found = []
    for number, group in enumerate(groups):
        kept = [group[at] for at in typical(heard.vectors[group])]
        windows = tuple(heard.windows[row] for row in kept)
        found.append(Voice(speaker_label(number), windows, heard.vectors[kept]))
    return found


def _merged(groups: list[list[int]], vectors: Vectors, line: float) -> list[list[int]]:
    """Join the two groups most alike, again and again, while their means reach the line."""
    while len(groups) > 1:
        means = np.array([unit(vectors[group].mean(axis=0)) for group in groups])
        cosines = means @ means.T
        np.fill_diagonal(cosines, -np.inf)
        first, second = sorted(divmod(int(cosines.argmax()), len(groups)))
        if cosines[first, second] < line:
            break
        groups[first] += groups.pop(second)
    return groups


def typical(vectors: Vectors) -> list[int]:
    """Return which of one voice's (n, D) window vectors to keep: coughs and noises are not it.

    Examples
    --------
    >>> typical(np.float32([[1, 0], [1, 0], [0.96, 0.28], [0, 1]]))
    [0, 1, 2]
    """
    likeness = vectors @ unit(np.median(vectors, axis=0))
    middle = float(np.median(likeness))
    spread = 1.4826 * float(np.median(np.abs(likeness - middle)))
    line = middle - max(LEAST_OUTLYING, OUTLYING_SPREADS * spread)
    kept: list[int] = np.flatnonzero(likeness >= line).tolist()
    return kept


def _seconds(heard: Listening, rows: Sequence[int]) -> float:
    return sum(region.duration for region in union(heard.windows[row] for row in rows))


def _chosen(found: Sequence[Voice], speaker: str | None, where: str) -> Voice:
    listed = ", ".join(
        f"{voice.label} ({voice.seconds:.0f} s, from {voice.windows[0].start:.1f} s on)"
        for voice in found
        if voice.windows
    )
    if speaker is None:
        if len(found) == 1:
            return found[0]
        raise EnrollmentError(
            f"{where}: {len(found)} voices found, one is needed: {listed}; "
            "choose one with --speaker, or a part with --from"
        )
    label = speaker if not speaker.isdigit() else f"SPEAKER_{int(speaker):02d}"
    for voice in found:
        if voice.label == label:
            return voice
    raise EnrollmentError(f"{where}: there is no {label}; the voices found: {listed}")
