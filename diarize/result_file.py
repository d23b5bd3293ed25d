"""A result as JSON: the block that holds all that is known of the speakers, written and read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.annotation import Candidate, Diarization, Speaker
from diarize.edits import edits_from_json, to_json
from diarize.errors import AudioError, TranscriptError, UsageError
from diarize.files import is_url
from diarize.result import Relabelling, Result
from diarize.text import json_value
from diarize.timeline import Segment, Turn
from diarize.transcript.readers.common import clock_of

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform


def to_block(result: Result) -> dict[str, Any]:
    """Return the JSON block that holds everything known about the speakers."""
    from diarize.version import __version__

    diarization = result.diarization
    relabelling = result.relabelling
    return {
        "generator": f"diarize {__version__}",
        "audio": result.audio,
        "uri": diarization.uri,
        "duration": round(diarization.duration, 3),
        "model": diarization.model,
        "parameters": dict(diarization.parameters),
        "speakers": [
            {
                "label": speaker.label,
                "name": speaker.name,
                "score": speaker.score,
                "margin": speaker.margin,
                "candidates": [asdict(one) for one in speaker.candidates],
                "proposal": speaker.proposal and asdict(speaker.proposal),
                "confidence": diarization.confidences.get(speaker.label),
                "talk_time": round(diarization.talk_time(speaker.label), 3),
                "turns": sum(turn.speaker == speaker.label for turn in diarization.turns),
            }
            for speaker in diarization.speakers
        ],
        "speaker_counts": {str(n): chance for n, chance in diarization.speaker_counts.items()},
        "turns": [
            {
                "start": round(turn.start, 3),
                "end": round(turn.end, 3),
                "speaker": turn.speaker,
                "confidence": None if turn.confidence is None else round(turn.confidence, 4),
                "overlap": turn.overlap,
                "unsure": turn.unsure,
                **(
                    {"candidates": [asdict(Candidate(*one)) for one in turn.candidates]}
                    if turn.candidates
                    else {}
                ),
            }
            for turn in diarization.turns
        ],
        "speech": [[round(part.start, 3), round(part.end, 3)] for part in diarization.speech],
        "warnings": list(diarization.warnings),
        **({"relabelling": _relabelling_block(relabelling)} if relabelling else {}),
    }


def _relabelling_block(changed: Relabelling) -> dict[str, Any]:
    edits = {} if changed.edits is None else {"edits": [to_json(edit) for edit in changed.edits]}
    return {"labels": dict(changed.labels), "names": dict(changed.names), **edits}


def _relabelling_from(block: Mapping[str, Any]) -> Relabelling:
    edits = edits_from_json(block["edits"]) if "edits" in block else None
    return Relabelling(dict(block["labels"]), dict(block["names"]), edits)


def _candidate_from(item: Mapping[str, Any]) -> Candidate:
    return Candidate(str(item["name"]), float(item["score"]))


def read_result(path: str | Path) -> Result:
    """Read a result back from the JSON file that holds it; its ``audio`` is found from there.

    Raises
    ------
    TranscriptError
        If the file is not there, or holds no result.
    """
    return with_audio_found(from_json(read_json(Path(path)), str(path)), Path(path))


def with_audio_found(result: Result, path: Path) -> Result:
    """Return a result with its recording as it is found from ``path``, the result's file."""
    if result.audio is None or is_url(result.audio):
        return result
    return replace(result, audio=str(locate_audio(path, result.audio)))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    TranscriptError
        If it is not there or holds no JSON.
    """
    try:
        return json_value(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TranscriptError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise TranscriptError(
            f"{path} is not JSON ({error}): give the file that `diarize … --json` wrote"
        ) from None


def recording_of(path: Path, result: Result, audio: str | Path | None = None) -> str:
    """Return where the recording of a result is: where the user says, else where the result does.

    Raises
    ------
    AudioError
        If the result names none, or it is not there any more.
    """
    if audio:
        return str(audio)
    if not result.audio:
        raise AudioError(
            f"{path}: does not say which recording it is of: name it with --audio PATH"
        )
    if not Path(result.audio).is_file():
        raise AudioError(
            f"{path}: its recording is not at {result.audio} any more: say where it is with "
            "--audio PATH"
        )
    return result.audio


def load_heard(result: Result, audio: str | Path) -> Waveform:
    """Return what a result was made of: its channel and audio track of the recording.

    A file that the result does not name may hold that sound alone; then it is taken whole.

    Raises
    ------
    AudioError, UsageError
        As for :func:`diarize.audio.loading.load`.
    """
    from diarize.audio.loading import load

    known = result.diarization.parameters
    channel, track = known.get("channels"), known.get("audio_track")
    channels = channel if isinstance(channel, int) else "mix"
    try:
        return load(audio, channels=channels, audio_track=track if isinstance(track, int) else None)
    except UsageError:
        if result.audio is not None and Path(audio).name == Path(result.audio).name:
            raise
        return load(audio)


def locate_audio(path: Path, audio: str) -> Path:
    """Return where the recording of a result lies: as seen from the result, or beside it.

    Where it is at neither place, the first is returned.
    """
    first = Path(os.path.normpath(path.parent / audio))
    beside = path.parent / Path(audio).name
    for place in (first, path.parent.resolve() / audio, Path(audio), beside):
        if place.is_file():
            return place
    return first


def from_json(data: Any, name: str = "the file") -> Result:
    """Read a result back from decoded JSON; ``name`` is what to call it in error messages.

    A labelled transcript without our block (whisperX's, say) is read too: its segments' speakers
    become the turns.

    Raises
    ------
    TranscriptError
        If it holds neither the block nor segments with speakers.
    """
    block = data.get("diarization") if isinstance(data, Mapping) else None
    segments = data.get("segments") if isinstance(data, Mapping) else None
    if segments is not None:
        segments = _checked(segments, f"{name}: segment")
        data = {**data, "segments": segments}
    if not isinstance(block, Mapping):
        if not segments or not any(part.get("speaker") for part in segments):
            raise TranscriptError(
                f'{name} holds no speakers: it needs the "diarization" block that '
                "`diarize … --json` writes, or segments with a speaker"
            )
        return Result(_from_segments(segments), dict(data), None)
    try:
        diarization = _from_block(block)
        changed = block.get("relabelling")
        relabelling = _relabelling_from(changed) if changed else None
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise TranscriptError(
            f"the diarization block of {name} is damaged ({error!r:.80}): run diarize again"
        ) from None
    words = {key: value for key, value in data.items() if key != "diarization"}
    transcript = words if segments is not None else None
    audio = block.get("audio")
    audio = audio if isinstance(audio, str) else None
    return Result(diarization, transcript, audio, relabelling=relabelling)


def _checked(items: Any, what: str) -> list[dict[str, Any]]:
    """Return segments or words with numbers for times and texts for speakers, whoever wrote them.

    Raises
    ------
    TranscriptError
        If one, called ``what`` and its number, is no object, or has times that cannot be read.
    """
    checked = []
    for number, item in enumerate(items if isinstance(items, list) else [items], start=1):
        if not isinstance(item, Mapping):
            raise TranscriptError(f"{what} {number} is {item!r:.40}, no object with start and end")
        copied = dict(item)
        for key in ("start", "end"):
            if copied.get(key) is not None and not isinstance(copied[key], int | float):
                copied[key] = clock_of(copied[key])
                if copied[key] is None:
                    raise TranscriptError(
                        f"{what} {number}: its {key}, {item[key]!r:.40}, is no time in seconds"
                    )
        if copied.get("speaker") is not None:
            copied["speaker"] = str(copied["speaker"])
        if copied.get("words"):
            copied["words"] = _checked(copied["words"], f"{what} {number}, word")
        checked.append(copied)
    return checked


def _from_block(block: Mapping[str, Any]) -> Diarization:
    speakers = [
        Speaker(
            label=str(item["label"]),
            name=item.get("name"),
            score=item.get("score"),
            margin=item.get("margin"),
            candidates=tuple(_candidate_from(one) for one in item.get("candidates") or ()),
            proposal=_candidate_from(item["proposal"]) if item.get("proposal") else None,
        )
        for item in block.get("speakers") or ()
    ]
    turns = [
        Turn(
            float(item["start"]),
            float(item["end"]),
            str(item["speaker"]),
            item.get("confidence"),
            bool(item.get("overlap", False)),
            bool(item.get("unsure", False)),
            tuple((str(one["name"]), float(one["score"])) for one in item.get("candidates") or ()),
        )
        for item in block["turns"]
    ]
    return Diarization(
        turns,
        duration=float(block.get("duration") or 0.0),
        uri=str(block.get("uri") or "recording"),
        speakers=speakers,
        speech=[Segment(float(start), float(end)) for start, end in block.get("speech") or ()],
        model=str(block.get("model") or ""),
        parameters=dict(block.get("parameters") or {}),
        warnings=tuple(block.get("warnings") or ()),
        confidences={
            str(item["label"]): float(item["confidence"])
            for item in block.get("speakers") or ()
            if item.get("confidence") is not None
        },
        speaker_counts={
            int(number): float(chance)
            for number, chance in (block.get("speaker_counts") or {}).items()
        },
    )


def _from_segments(segments: Sequence[Mapping[str, Any]]) -> Diarization:
    turns = [
        Turn(float(part["start"]), float(part["end"]), str(part["speaker"]))
        for part in segments
        if part.get("speaker") and part.get("start") is not None and part.get("end") is not None
    ]
    return Diarization(turns, duration=max((turn.end for turn in turns), default=0.0))
