"""Where a recording's transcript comes from: given, found beside it, kept from before, or made.

A transcript that Whisper has made is kept as ``STEM.whisper.json`` beside the output, with a note
of the recording and the options that it belongs to, so that nothing is ever transcribed twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.annotation import Segment
from diarize.errors import MissingExtraError, ModelError, OutputError, TranscriptError
from diarize.transcript.hallucinations import doubts, drop_nonspeech
from diarize.transcript.readers import read_transcript
from diarize.transcript.readers.whisper import is_own
from diarize.transcript.schema import Transcript
from diarize.transcript.whisper import (
    OnProgress,
    Transcriber,
    WhisperOptions,
    WhisperTranscriber,
    is_whisper_installed,
    model_name,
)

if TYPE_CHECKING:
    from diarize.audio import Waveform

CACHE_SUFFIX = ".whisper.json"

# The beginning and the end of a file tell recordings apart; all of a film would take seconds.
_DIGEST_BYTES = 1 << 20
# Two decoders may disagree about a recording's length by a codec frame or two (seconds).
_SAME_LENGTH = 0.5


@dataclass(frozen=True)
class Outcome:
    """What came of looking for a transcript.

    Parameters
    ----------
    transcript : Transcript or None
        None where there is none to be had; a message then says how to get one.
    origin : str
        ``given``, ``found``, ``kept`` (from an earlier run), ``made``, or ``none``.
    path : Path or None
        The file it came from, or was kept in.
    messages : tuple of str
        What the user should know, in whole sentences.
    dropped : tuple of dict
        Segments that were taken out because nobody speaks there.
    """

    transcript: Transcript | None
    origin: str = "none"
    path: Path | None = None
    messages: tuple[str, ...] = ()
    dropped: tuple[dict[str, Any], ...] = ()

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files of the user's that must not be overwritten by a result."""
        return (self.path,) if self.path and self.origin in ("given", "found") else ()


def find_or_make_transcript(
    waveform: Waveform,
    *,
    audio: Path | None = None,
    transcript: str | Path | Transcript | None = None,
    directory: Path | None = None,
    speech: Sequence[Segment] | None = None,
    options: WhisperOptions | None = None,
    transcriber: Transcriber | None = None,
    make: bool = True,
    keep_nonspeech: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Return the transcript of a recording: the one given, else one found, else one made.

    Looked for are, in this order: ``STEM.json`` and ``AUDIO.json`` of any producer beside the
    recording or in ``directory``, a transcript kept from an earlier run, and the words in a result
    of an earlier run. Only what was transcribed with the same options is used again, if a model,
    a language or a task was asked for.

    Parameters
    ----------
    waveform : Waveform
        The decoded recording.
    audio : Path or None
        Its file; None for standard input, beside which nothing can be found.
    transcript : path, Transcript or None
        A transcript that the user names; it must be readable.
    directory : Path or None
        Where results go, and a transcript is kept.
    speech : sequence of Segment or None
        Where anybody speaks, if that is known. Where nobody does, Whisper is not run.
    options : WhisperOptions, optional
    transcriber : Transcriber, optional
        Instead of openai-whisper; or a :class:`WhisperTranscriber` with options of its own, which
        keeps its model over many recordings.
    make : bool
        False: only look for one.
    keep_nonspeech : bool
        Keep what a recogniser wrote where nobody speaks.

    Raises
    ------
    TranscriptError
        When ``transcript`` cannot be read.
    ModelError
        When a Whisper model that was asked for by name cannot be had.
    """
    runner = transcriber or WhisperTranscriber(options)
    if transcript is not None:
        return _checked(_given(transcript), waveform, speech)
    messages: list[str] = []
    found = _look(waveform, audio, directory, runner, messages)
    if found is None and make:
        found = _make(waveform, audio, directory, speech, runner, on_progress)
    if found is None:
        return Outcome(None, messages=(*messages, *([_hint(audio)] if make else [])))
    found = replace(found, messages=(*messages, *found.messages))
    if _is_ours(found) and speech is not None and not keep_nonspeech:
        found = _without_nonspeech(found, speech)
    return found if found.origin == "made" else _checked(found, waveform, speech)


def _given(source: str | Path | Transcript) -> Outcome:
    found = read_transcript(source)
    return Outcome(found, "given", Path(found.path) if found.path else None, found.warnings)


def _options(runner: Transcriber) -> WhisperOptions | None:
    """Return what Whisper is told; None where another recogniser runs."""
    return runner.options if isinstance(runner, WhisperTranscriber) else None


def _checked(outcome: Outcome, waveform: Waveform, speech: Sequence[Segment] | None) -> Outcome:
    """Add a warning where a transcript seems to be of another recording."""
    if outcome.transcript is None:
        return outcome
    name = outcome.path or "the transcript"
    found = doubts(outcome.transcript, waveform.duration, speech or ())
    told = tuple(f"{name} {doubt}: is it of this recording?" for doubt in found)
    return replace(outcome, messages=(*outcome.messages, *told))


def _is_ours(outcome: Outcome) -> bool:
    """Return whether a recogniser was run from here: nothing is taken out of users' transcripts."""
    if outcome.transcript is None or outcome.origin not in ("made", "kept"):
        return False
    return "transcriber" in outcome.transcript.data


def _without_nonspeech(outcome: Outcome, speech: Sequence[Segment]) -> Outcome:
    assert outcome.transcript is not None
    kept, dropped = drop_nonspeech(outcome.transcript, speech)
    if not dropped:
        return outcome
    examples = "; ".join(f"{s['start']:.1f} s {s['text'].strip()[:40]!r}" for s in dropped[:3])
    more = ", …" if len(dropped) > 3 else ""
    message = (
        f"{len(dropped)} segment(s) that Whisper wrote where nobody speaks are left out "
        f"({examples}{more}); --keep-nonspeech keeps them"
    )
    told = (*outcome.messages, message)
    return replace(outcome, transcript=kept, messages=told, dropped=tuple(dropped))


# --- looking --------------------------------------------------------------------------------------


def _look(
    waveform: Waveform,
    audio: Path | None,
    directory: Path | None,
    runner: Transcriber,
    messages: list[str],
) -> Outcome | None:
    """Return the best transcript that lies about; say what was passed over, and why."""
    if audio is None:
        return None
    folders = list(dict.fromkeys(Path(folder) for folder in (audio.parent, directory) if folder))
    options = _options(runner)
    asked = options is None or options.model is not None
    own: Outcome | None = None
    if not asked:
        for path in _existing(folders, f"{audio.stem}.json", f"{audio.name}.json"):
            candidate = _read_candidate(path, waveform, messages)
            if candidate is not None and candidate.origin == "found":
                return candidate
            own = own or candidate
    for path in _existing(folders, f"{audio.stem}{CACHE_SUFFIX}"):
        kept = _read_kept(path, waveform, audio, runner, messages)
        if kept is not None:
            return kept
    note = own.transcript.data.get("transcriber") if own and own.transcript else None
    if isinstance(note, dict) and not _is_as_asked(note, runner):
        return None
    return own


def _existing(folders: Sequence[Path], *names: str) -> Iterator[Path]:
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                yield folder / name


def _read_candidate(path: Path, waveform: Waveform, messages: list[str]) -> Outcome | None:
    """Read a file that may be a transcript by its name; an own result is told from others'."""
    try:
        transcript = read_transcript(path)
    except TranscriptError as error:
        if not _is_result(path):
            messages.append(f"{error}. It is passed over")
        return None
    if transcript.producer != "autospeech-diarize":
        return Outcome(transcript, "found", path, transcript.warnings)
    length = transcript.source["diarization"].get("duration")  # type: ignore[index]
    if not isinstance(length, (int, float)) or abs(length - waveform.duration) > _SAME_LENGTH:
        messages.append(f"{path} is the result of another recording. It is passed over")
        return None
    return Outcome(transcript, "kept", path, transcript.warnings)


def is_foreign(path: Path) -> bool:
    """Return whether there is a file that no earlier run of this package wrote as its JSON result.

    Such a file, a transcript most likely, must not be overwritten by one.
    """
    return path.is_file() and not _is_result(path)


def _is_result(path: Path) -> bool:
    """Return whether a file is a result of our own, with words or without."""
    try:
        return is_own(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return False


def _read_kept(
    path: Path,
    waveform: Waveform,
    audio: Path,
    runner: Transcriber,
    messages: list[str],
) -> Outcome | None:
    """Return a kept transcript if it is of this recording and made as is asked for now."""
    try:
        transcript = read_transcript(path)
    except TranscriptError as error:
        messages.append(f"{error}. It is passed over")
        return None
    note = transcript.data.get("transcriber")
    if not isinstance(note, dict) or not isinstance(note.get("audio"), dict):
        return Outcome(transcript, "found", path, transcript.warnings)
    if not _is_same_recording(note["audio"], waveform, audio):
        messages.append(f"{path} is the transcript of another recording. It is passed over")
        return None
    if not _is_as_asked(note, runner):
        messages.append(f"{path} was made with other options. It is passed over")
        return None
    return Outcome(transcript, "kept", path, transcript.warnings)


def _is_as_asked(note: dict[str, Any], runner: Transcriber) -> bool:
    options = _options(runner)
    if options is None:
        return note.get("name") == runner.name
    wanted = {
        "name": options.model and f"openai-whisper {model_name(options.model)}",
        "language": options.language,
        "task": options.task if options.task != "transcribe" else None,
        "initial_prompt": options.initial_prompt,
    }
    if options.model is None and options.task == "transcribe" and note.get("task") == "translate":
        return False
    return all(note.get(key) == value for key, value in wanted.items() if value is not None)


def _is_same_recording(note: dict[str, Any], waveform: Waveform, audio: Path) -> bool:
    """Compare bytes where both are known, else lengths; names and dates may change freely."""
    now = _describe(waveform, audio)
    if "digest" in note and "digest" in now:
        return (note["digest"], note.get("bytes")) == (now["digest"], now["bytes"])
    length = note.get("duration")
    return isinstance(length, (int, float)) and abs(length - waveform.duration) <= _SAME_LENGTH


def _describe(waveform: Waveform, audio: Path | None) -> dict[str, Any]:
    """Return what tells a recording from others."""
    known: dict[str, Any] = {"duration": round(waveform.duration, 3)}
    if audio is not None:
        try:
            with audio.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                digest = hashlib.sha256(file.read(_DIGEST_BYTES))
                file.seek(max(0, size - _DIGEST_BYTES))
                digest.update(file.read(_DIGEST_BYTES))
        except OSError:
            return known
        known |= {"bytes": size, "digest": digest.hexdigest()}
    return known


# --- making ---------------------------------------------------------------------------------------


def _make(
    waveform: Waveform,
    audio: Path | None,
    directory: Path | None,
    speech: Sequence[Segment] | None,
    runner: Transcriber,
    on_progress: OnProgress | None,
) -> Outcome | None:
    """Transcribe, and keep the transcript; None where no recogniser is installed nor asked for."""
    options = _options(runner)
    asked = options is None or options.model is not None
    if options is not None and not is_whisper_installed():
        if asked:
            raise MissingExtraError("openai-whisper", "whisper", "--whisper-model")
        return None
    if speech is not None and not speech:
        return Outcome(Transcript({"text": "", "segments": []}), "made")
    try:
        transcript = read_transcript(runner(waveform, on_progress))
    except ModelError as error:
        if asked:
            raise
        return Outcome(None, messages=(str(error),))
    told = options or WhisperOptions()
    note = {
        "name": runner.name,
        "language": told.language,
        "task": told.task,
        "initial_prompt": told.initial_prompt,
        "audio": _describe(waveform, audio),
    }
    transcript = replace(transcript, data={**transcript.data, "transcriber": note})
    if directory is None or audio is None:
        return Outcome(transcript, "made", None, transcript.warnings)
    return _keep(transcript, directory / f"{audio.stem}{CACHE_SUFFIX}")


def _keep(transcript: Transcript, path: Path) -> Outcome:
    """Write a transcript beside the output, whole or not at all."""
    from diarize.writers import write_texts

    # Only what JSON knows: a third party's transcriber may hand over anything.
    text = json.dumps(transcript.data, ensure_ascii=False, indent=1, default=str) + "\n"
    try:
        write_texts({path: text})
    except OutputError as error:
        told = f"the transcript could not be kept for the next run: {error}"
        return Outcome(transcript, "made", None, (*transcript.warnings, told))
    return Outcome(transcript, "made", path, transcript.warnings)


def _hint(audio: Path | None) -> str:
    """Say how to get words."""
    beside = f" (nothing readable at {audio.with_suffix('.json')})" if audio is not None else ""
    return (
        f"there is no transcript{beside}, so only the speakers are told. Give one with "
        '--transcript FILE, or have it made: pip install "autospeech-diarize[whisper]"'
    )
