"""What the package hands out in the end: who spoke when, and what was said, together."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from diarize import display
from diarize.annotation import Candidate, Diarization, Speaker
from diarize.errors import TranscriptError
from diarize.text import one_line
from diarize.timeline import Segment, Turn
from diarize.transcript.schema import Transcript, join_texts

_PARAGRAPH_SECONDS = 45.0  # from this length on a pause begins a new paragraph (by taste)
_PARAGRAPH_PAUSE = 1.5  # seconds


@dataclass(frozen=True)
class Utterance:
    """Something said by one speaker (None: by nobody known), times in seconds."""

    start: float
    end: float
    speaker: str | None
    text: str
    words: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Relabelling:
    """What a person changed in a result.

    Parameters
    ----------
    labels : mapping of str to str
        The label of each voice as it was found, and the one that it has now.
    names : mapping of str to str
        The names given, by today's labels.
    """

    labels: Mapping[str, str]
    names: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Result:
    """A diarized recording, with its labelled transcript where there is one.

    Parameters
    ----------
    diarization : Diarization
    transcript : dict or None
        As :func:`diarize.transcript.assign.label_transcript` returns it.
    audio : str or None
        The recording's path; a JSON file holds it as seen from its own folder.
    source : Transcript or None
        What ``transcript`` was labelled from, for giving it back in its producer's own shape.
    relabelling : Relabelling or None
        What a person changed since the recording was diarized.
    """

    diarization: Diarization
    transcript: dict[str, Any] | None = None
    audio: str | None = None
    source: Transcript | None = None
    relabelling: Relabelling | None = None

    @property
    def has_words(self) -> bool:
        """Whether anything was said, as far as the transcript tells."""
        return self.transcript is not None and any(part.text for part in self.utterances)

    def __repr__(self) -> str:
        return f"<Result {display.result_line(self)}>"

    def __str__(self) -> str:
        return display.result_table(self)

    def _repr_html_(self) -> str:
        """Show it in a notebook: who speaks when, and the first words."""
        return display.result_html(self)

    @cached_property
    def utterances(self) -> tuple[Utterance, ...]:
        """The transcript's segments with text; without a transcript the turns, with none."""
        if self.transcript is None:
            show = self.diarization.display
            return tuple(
                Utterance(turn.start, turn.end, show(turn.speaker), "")
                for turn in self.diarization.turns
            )
        found = []
        for segment in self.transcript.get("segments") or ():
            text = one_line(str(segment.get("text") or ""))
            start, end = float(segment.get("start") or 0.0), float(segment.get("end") or 0.0)
            if text:
                words = tuple(segment.get("words") or ())
                speaker = segment.get("speaker")
                found.append(Utterance(start, max(start, end), speaker, text, words))
        return tuple(found)

    def paragraphs(self) -> list[Utterance]:
        """Return the utterances joined to one a turn; very long turns break at pauses."""
        joined: list[Utterance] = []
        for part in self.utterances:
            last = joined[-1] if joined else None
            if (
                last is not None
                and last.speaker == part.speaker
                and not (
                    last.end - last.start > _PARAGRAPH_SECONDS
                    and part.start - last.end > _PARAGRAPH_PAUSE
                )
            ):
                text = join_texts([{"text": last.text}, {"text": part.text}])
                joined[-1] = replace(last, end=max(last.end, part.end), text=text, words=())
            else:
                joined.append(part)
        return joined

    def speakers_shown(self) -> list[str | None]:
        """Return the speakers' names in order of appearance; None comes last, if it occurs."""
        show = self.diarization.display
        names: list[str | None] = [show(label) for label in self.diarization.labels]
        names += [part.speaker for part in self.utterances if part.speaker is not None]
        nobody = any(part.speaker is None for part in self.utterances)
        return [*dict.fromkeys(names), *([None] if nobody else [])]


def with_unsure_marked(result: Result) -> Result:
    """Return the result with a ``?`` behind names where turns do not sound like the person.

    A segment of the transcript is marked where unsure turns of its speaker cover most of it.

    Examples
    --------
    >>> speakers = [Speaker("a", "Ann")]
    >>> talk = Diarization([Turn(0, 1, "a"), Turn(1, 2, "a", unsure=True)], 2, speakers=speakers)
    >>> [part.speaker for part in with_unsure_marked(Result(talk)).utterances]
    ['Ann', 'Ann?']
    """
    talk = result.diarization
    unsure = [turn for turn in talk if turn.unsure]
    if result.transcript is not None:
        segments = [
            _marked(segment, unsure, talk) for segment in result.transcript.get("segments") or ()
        ]
        return replace(result, transcript={**result.transcript, "segments": segments})
    labels = {turn.speaker: f"{turn.speaker}?" for turn in unsure}
    turns = [
        replace(turn, speaker=labels[turn.speaker]) if turn.unsure else turn for turn in talk.turns
    ]
    speakers = [
        *talk.speakers,
        *(Speaker(new, f"{talk.display(old)}?") for old, new in labels.items()),
    ]
    present = {turn.speaker for turn in turns}
    kept = [one for one in speakers if one.label in present]
    return replace(result, diarization=replace(talk, turns=turns, speakers=kept))


def _marked(segment: dict[str, Any], unsure: Sequence[Turn], talk: Diarization) -> dict[str, Any]:
    """Return a segment of the transcript, marked if it is unsure who says it."""
    speaker = segment.get("speaker")
    span = Segment(float(segment.get("start") or 0.0), float(segment.get("end") or 0.0))
    doubted = sum(
        turn.segment.overlap(span) for turn in unsure if talk.display(turn.speaker) == speaker
    )
    if speaker is None or doubted <= 0.5 * span.duration:
        return segment
    return {**segment, "speaker": f"{speaker}?"}


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
                "candidates": [_candidate(one) for one in speaker.candidates],
                "proposal": speaker.proposal and _candidate(speaker.proposal),
                "talk_time": round(diarization.talk_time(speaker.label), 3),
                "turns": sum(turn.speaker == speaker.label for turn in diarization.turns),
            }
            for speaker in diarization.speakers
        ],
        "turns": [
            {
                "start": round(turn.start, 3),
                "end": round(turn.end, 3),
                "speaker": turn.speaker,
                "confidence": None if turn.confidence is None else round(turn.confidence, 4),
                "overlap": turn.overlap,
                "unsure": turn.unsure,
                **({"candidates": _candidates(turn)} if turn.candidates else {}),
            }
            for turn in diarization.turns
        ],
        "speech": [[round(part.start, 3), round(part.end, 3)] for part in diarization.speech],
        "warnings": list(diarization.warnings),
        **({"relabelling": asdict(relabelling)} if relabelling else {}),
    }


def _candidates(turn: Turn) -> list[dict[str, Any]]:
    return [{"name": name, "score": score} for name, score in turn.candidates]


def _candidate(one: Candidate) -> dict[str, Any]:
    return {"name": one.name, "score": one.score}


def _candidate_from(item: Mapping[str, Any]) -> Candidate:
    return Candidate(str(item["name"]), float(item["score"]))


def read_result(path: str | Path) -> Result:
    """Read a result back from the JSON file that holds it; its ``audio`` is found from there.

    Raises
    ------
    TranscriptError
        If the file is not there, or holds no result.
    """
    result = from_json(read_json(Path(path)), str(path))
    if result.audio is None:
        return result
    return replace(result, audio=str(locate_audio(Path(path), result.audio)))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    TranscriptError
        If it is not there or holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TranscriptError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise TranscriptError(
            f"{path} is not JSON ({error}): give the file that `diarize … --json` wrote"
        ) from None


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
    """Read a result back from what the JSON writer wrote.

    A labelled transcript without our block (whisperX's, say) is read too: its segments' speakers
    become the turns.

    Parameters
    ----------
    data : object
        The decoded JSON.
    name : str
        What to call it in error messages.

    Raises
    ------
    TranscriptError
        If it holds neither the block nor segments with speakers.
    """
    block = data.get("diarization") if isinstance(data, Mapping) else None
    segments = data.get("segments") if isinstance(data, Mapping) else None
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
        relabelling = (
            Relabelling(dict(changed["labels"]), dict(changed["names"])) if changed else None
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TranscriptError(
            f"the diarization block of {name} is damaged ({error!r:.80}): run diarize again"
        ) from None
    transcript = {key: value for key, value in data.items() if key != "diarization"}
    return Result(
        diarization,
        transcript if segments is not None else None,
        block.get("audio"),
        relabelling=relabelling,
    )


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
    )


def _from_segments(segments: Sequence[Mapping[str, Any]]) -> Diarization:
    turns = [
        Turn(float(part["start"]), float(part["end"]), str(part["speaker"]))
        for part in segments
        if part.get("speaker") and part.get("start") is not None and part.get("end") is not None
    ]
    return Diarization(turns, duration=max((turn.end for turn in turns), default=0.0))
