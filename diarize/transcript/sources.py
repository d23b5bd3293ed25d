"""Where a recording's transcript comes from: given, found beside it, kept from before, or made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.arrays import Progress
from diarize.errors import MissingExtraError, ModelError
from diarize.files import is_file
from diarize.settings import DEFAULTS, TranscriptSettings
from diarize.timeline import Segment
from diarize.transcript.cache import Outcome, describe, is_as_asked, keep, read_cached
from diarize.transcript.candidates import TEXT_EXTENSIONS, Candidates, in_a_language
from diarize.transcript.clock import on_recordings_clock
from diarize.transcript.engines import Engine, is_asked, options_of
from diarize.transcript.hallucinations import doubts, drop_hallucinations
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript
from diarize.transcript.whisper import Transcriber, WhisperOptions

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform


def find_or_make_transcript(
    waveform: Waveform,
    transcriber: Transcriber,
    *,
    audio: Path | None = None,
    transcript: str | Path | Transcript | None = None,
    directory: Path | None = None,
    stem: str | None = None,
    speech: Sequence[Segment] | None = None,
    make: bool = True,
    keep_nonspeech: bool = False,
    trust_words: bool = True,
    offset: float | str | None = None,
    settings: TranscriptSettings = DEFAULTS.transcript,
    on_progress: Progress | None = None,
) -> Outcome:
    """Return the transcript of a recording: the one given, else one found, else one made.

    Looked for are, beside the recording and in ``directory``: ``STEM.json`` and ``AUDIO.json``
    of any producer, subtitles and tables of the same names (SRT, VTT, TSV, and TXT if it has
    times), a transcript kept from an earlier run, subtitles with a language in their name
    (``talk.en.vtt``), if there is one such file and no newer result, and last the words in a result
    of an earlier run, or else in its subtitles (first, if somebody corrected these and the result
    is gone). Only what was transcribed with the same options is used again, if a model, a language
    or a task was asked for.

    Parameters
    ----------
    transcriber : Transcriber
        What makes one; it keeps its model over many recordings.
    audio : Path or None
        Its file; None for standard input, beside which nothing can be found.
    transcript : path, Transcript or None
        A transcript that the user names; it must be readable.
    directory : Path or None
        Where results go, and a transcript is kept.
    stem : str, optional
        What a transcript is kept under; the recording's name where not given.
    speech : sequence of Segment or None
        Where anybody speaks, if that is known. Where nobody does, Whisper is not run.
    make : bool
        False: only look for one.
    keep_nonspeech : bool
        Keep what a recogniser wrote where nobody speaks.
    trust_words : bool
        Leave it out only where the recogniser's own figures doubt it, too.
    offset : float, "auto" or None
        Seconds to add to the times of a transcript that was not made here; see
        :func:`diarize.transcript.clock.on_recordings_clock`.

    Raises
    ------
    TranscriptError
        When ``transcript`` cannot be read.
    ModelError
        When a Whisper model that was asked for by name cannot be had.
    """
    if transcript is not None:
        given = read_transcript(transcript)
        path = Path(given.path) if given.path else None
        outcome = Outcome(given, "given", path, given.warnings)
        return _checked(outcome, waveform, speech, offset, settings)
    messages: list[str] = []
    found = None
    if audio is not None:
        found = _look(waveform, audio, directory, stem or audio.stem, transcriber, messages)
    if found is None and make:
        found = _make(waveform, audio, speech, transcriber, on_progress)
        if found is not None and _is_ours(found) and audio and directory:
            found = keep(found, audio, directory, stem or audio.stem)
    if found is None:
        return Outcome(None, messages=(*messages, *([_hint(audio)] if make else [])))
    found = replace(found, messages=(*messages, *found.messages))
    if _is_ours(found) and speech is not None and not keep_nonspeech:
        found = _without_hallucinations(found, speech, trust_words, settings)
    if found.origin in ("transcribed", "none"):
        return found
    return _checked(found, waveform, speech, None if _is_ours(found) else offset, settings)


def will_transcribe(
    runner: Transcriber, audio: Path | None, directory: Path | None, stem: str
) -> bool:
    """Guess, from names of files alone, whether a transcript will have to be made."""
    if isinstance(runner, Engine) and not runner.is_installed():
        return False
    if audio is None:
        return True
    extensions = ["whisper.json"]
    if not is_asked(runner):
        extensions += ["json", *TEXT_EXTENSIONS[:-1]]
    folders = [folder for folder in (audio.parent, directory) if folder is not None]
    return not any(
        is_file(folder / f"{name}.{extension}")
        for folder in folders
        for name in (audio.stem, audio.name, stem)
        for extension in extensions
    ) and (is_asked(runner) or len(in_a_language(folders, audio)) != 1)


def _checked(
    outcome: Outcome,
    waveform: Waveform,
    speech: Sequence[Segment] | None,
    offset: float | str | None,
    settings: TranscriptSettings,
) -> Outcome:
    """Shift a transcript as asked; warn where it seems to be of another clock or recording."""
    if outcome.transcript is None:
        return outcome
    name = str(outcome.path or "the transcript")
    moved, message = on_recordings_clock(outcome.transcript, speech or (), offset, name, settings)
    messages = [message] if message else []
    if not message or offset is not None:
        found = doubts(moved, waveform.duration, speech or (), settings)
        messages += [f"{name} {doubt}: is it of this recording?" for doubt in found]
    return replace(outcome, transcript=moved, messages=(*outcome.messages, *messages))


def _is_ours(outcome: Outcome) -> bool:
    """Return whether a recogniser was run from here: nothing is taken out of users' transcripts."""
    made = outcome.transcript is not None and outcome.origin in ("transcribed", "cached")
    return made and "transcriber" in outcome.transcript.data  # type: ignore[union-attr]


def _without_hallucinations(
    outcome: Outcome,
    speech: Sequence[Segment],
    trust_words: bool,
    settings: TranscriptSettings,
) -> Outcome:
    assert outcome.transcript is not None
    remaining, dropped = drop_hallucinations(
        outcome.transcript, speech, trust_words=trust_words, settings=settings
    )
    if not dropped:
        return outcome
    examples = "; ".join(f"{s['start']:.1f} s {s['text'].strip()[:40]!r}" for s in dropped[:3])
    more = ", …" if len(dropped) > 3 else ""
    message = (
        f"{len(dropped)} segment(s) that Whisper wrote where nobody speaks are left out "
        f"({examples}{more}); --keep-nonspeech keeps them"
    )
    messages = (*outcome.messages, message)
    return replace(outcome, transcript=remaining, messages=messages)


# --- looking --------------------------------------------------------------------------------------


def _look(
    waveform: Waveform,
    audio: Path,
    directory: Path | None,
    stem: str,
    runner: Transcriber,
    messages: list[str],
) -> Outcome | None:
    """Return the best transcript that lies about; say what was passed over, and why."""
    folders = [Path(folder) for folder in dict.fromkeys((audio.parent, directory)) if folder]
    stems = list(dict.fromkeys((audio.stem, audio.name, stem)))
    files = Candidates(folders, audio, waveform, messages)
    asked = is_asked(runner)
    for found in () if asked else files.by_users(stems):
        if _is_as_asked(found, runner):
            return found
    cached = read_cached(folders, stems, waveform, audio, runner, messages)
    if cached is not None or asked:
        return cached
    ours = chain(files.results, files.by_us(stems))
    earlier = next((found for found in ours if _is_as_asked(found, runner)), None)
    if earlier is not None and earlier.origin == "found":  # corrected by hand
        return earlier
    return files.in_a_language(earlier) or earlier


def _is_as_asked(outcome: Outcome, runner: Transcriber) -> bool:
    """Return whether words were made as is wanted now, as far as they tell how."""
    note = outcome.transcript.data.get("transcriber") if outcome.transcript else None
    return not isinstance(note, dict) or is_as_asked(note, runner)


# --- making ---------------------------------------------------------------------------------------


def _make(
    waveform: Waveform,
    audio: Path | None,
    speech: Sequence[Segment] | None,
    runner: Transcriber,
    on_progress: Progress | None,
) -> Outcome | None:
    """Transcribe, and note how; None where no recogniser is installed nor asked for."""
    asked = is_asked(runner)
    if isinstance(runner, Engine) and not runner.is_installed():
        if asked:
            raise MissingExtraError(runner.engine, runner.extra, "transcribing")
        return None
    if speech is not None and not speech:
        return Outcome(Transcript({"text": "", "segments": []}), "transcribed")
    try:
        transcript = read_transcript(runner(waveform, on_progress))
    except ModelError as error:
        if asked:
            raise
        return Outcome(None, messages=(str(error),))
    options = options_of(runner) or WhisperOptions()
    note = {
        "name": runner.name,
        "language": options.language,
        "task": options.task,
        "initial_prompt": options.initial_prompt,
        "audio": describe(waveform, audio),
    }
    transcript = replace(transcript, data={**transcript.data, "transcriber": note})
    return Outcome(transcript, "transcribed", None, transcript.warnings)


def _hint(audio: Path | None) -> str:
    """Say how to get words."""
    beside = ""
    if audio is not None:
        text = audio.with_suffix(".txt")
        beside = f" (nothing readable at {audio.with_suffix('.json')} or .srt, .vtt, .tsv"
        beside += f"; {text.name} has no times)" if text.is_file() else ")"
    return (
        f"there is no transcript{beside}, only who speaks when. Give one with --transcript FILE, "
        'or have it made: pip install "autospeech-diarize[faster-whisper]"'
    )
