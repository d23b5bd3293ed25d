"""The main job: a recording, its words and its people, put together to a result.

>>> from diarize import label_recording                                      # doctest: +SKIP
>>> result = label_recording("meeting.mp3", speakers="default")              # doctest: +SKIP
>>> result.write("meeting.srt")                                              # doctest: +SKIP
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diarize.arrays import Progress
from diarize.audio.folders import with_folders_opened
from diarize.audio.sources import Source
from diarize.audio.waveform import Waveform
from diarize.errors import DiarizeError, TranscriptError, UsageError
from diarize.formats import WORD_FORMATS
from diarize.labeler import Labeler, LabelOptions, Recording, path_of
from diarize.outputs import Output, plan_outputs
from diarize.progress import OverallProgress
from diarize.result import Result
from diarize.speakers.diarizer import Diarizer
from diarize.text import counted

if TYPE_CHECKING:
    from diarize.speakers import SpeakerBook

log = logging.getLogger(__name__)


def label_recording(
    source: Source,
    *,
    transcript: Any = None,
    diarizer: Diarizer | None = None,
    speakers: SpeakerBook | str | Path | None = None,
    participants: Sequence[str] | None = None,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    options: LabelOptions | None = None,
    folder: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
) -> Result:
    """Put the right person's name on every word of a recording.

    Its transcript is the one given; else one that lies beside it, as Whisper and others write them;
    else Whisper runs, if it is installed. Without a transcript the result says who speaks when.

    Parameters
    ----------
    source : path, ``"-"``, binary file, bytes, array, tensor, pair, mapping or Waveform
        As for :meth:`diarize.Diarizer.analyse`.
    transcript : path, Transcript, or what a recogniser returned; optional
        All that :func:`diarize.read_transcript` reads.
    diarizer : Diarizer, optional
        With settings and a speaker book of its own.
    speakers : SpeakerBook, path or str, optional
    participants : sequence of str, optional
        As for :class:`diarize.Diarizer`, where none is given.
    num_speakers, min_speakers, max_speakers : int, optional
        What is known of the number of speakers.
    options : LabelOptions, optional
        Channels, recogniser, language, and what else the command line has options for.
    folder : path, optional
        Where results will go: earlier ones are looked for there too, and a transcript that is made
        is kept there, so that it need not be made again. Nothing is written where it is not given.
    on_progress : callable, optional
        Called with (stage, done, total): seconds of audio over all stages together.

    Returns
    -------
    Result
        It writes itself; its ``messages`` say what there is to know of words and names.

    Raises
    ------
    DiarizeError
        With one line that says what is wrong and what to do.

    Examples
    --------
    >>> result = label_recording("call.wav", num_speakers=2)                 # doctest: +SKIP
    >>> result.write("call.srt", "call.json")                                # doctest: +SKIP
    """
    sources = with_folders_opened([source], log.warning)
    if len(sources) > 1:
        raise UsageError(
            f"{source!s}: holds {counted(len(sources), 'recording')}, not one: use label_recordings"
        )
    results = label_recordings(
        sources,
        transcripts=[transcript],
        diarizer=diarizer,
        speakers=speakers,
        participants=participants,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        options=options,
        folder=folder,
        on_progress=on_progress,
    )
    return next(results)


def label_recordings(
    sources: Source | Iterable[Source],
    *,
    transcripts: Sequence[Any] | None = None,
    diarizer: Diarizer | None = None,
    speakers: SpeakerBook | str | Path | None = None,
    participants: Sequence[str] | None = None,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    link: bool = False,
    options: LabelOptions | None = None,
    folder: str | os.PathLike[str] | None = None,
    on_progress: Progress | None = None,
    on_error: Callable[[Source, DiarizeError], None] | None = None,
) -> Iterator[Result]:
    """Yield the result of each recording in turn; parameters as for :func:`label_recording`.

    Parameters
    ----------
    sources : iterable, or path
        Recordings, and folders of recordings; a path is one of these.
    transcripts : sequence, optional
        The transcript of each recording, or None where it is to be looked for.
    link : bool
        Give a stranger the same label in all recordings. All are diarized then before the first
        result comes, and stay in memory (115 MB an hour).
    on_error : callable, optional
        Called with a recording that cannot be worked on, and the error; it is left out. Without
        it the first error is raised.

    Yields
    ------
    Result
    """
    if diarizer is not None and (speakers is not None or participants is not None):
        raise UsageError("speakers and participants are the Diarizer's: give them to it")
    labeler = Labeler(
        diarizer or Diarizer(speakers=speakers, participants=participants), options=options
    )
    recordings = with_folders_opened(_several(sources), log.warning)
    words = [None] * len(recordings) if transcripts is None else list(transcripts)
    if len(words) != len(recordings):
        raise UsageError(f"{len(recordings)} recordings have {len(words)} transcripts: give each")
    places = _places(recordings, folder)
    bounds = {
        "num_speakers": num_speakers,
        "min_speakers": min_speakers,
        "max_speakers": max_speakers,
    }

    nameless: Counter[str] = Counter()

    def begun(number: int) -> _Begun:
        """Diarize one recording."""
        source, place, given = recordings[number], places[number], words[number]
        progress = OverallProgress(on_progress, labeler.costs(path_of(source), place, given))
        recording = labeler.diarize(source, place, **bounds, progress=progress)
        return _numbered(recording, nameless), given, progress

    def failed(number: int, error: DiarizeError) -> None:
        if on_error is None:
            raise error
        on_error(recordings[number], error)

    return _results(labeler, len(recordings), begun, failed, link)


def formats_of(
    result: Result,
    asked: Sequence[str] = (),
    *,
    usual: Sequence[str] | None = None,
    needs_words: bool = True,
) -> list[str]:
    """Return the formats that a result is written in: those asked for, else the usual ones.

    Usual are ``srt`` and ``json``, or ``rttm`` and ``json`` without a transcript, if not said.

    Raises
    ------
    TranscriptError
        Where a format needs words, and the recording has speech but no transcript; not so without
        ``needs_words``.
    """
    bare = result.transcript is None
    empty = [name for name in asked if name in WORD_FORMATS]
    if bare and empty and result.diarization and needs_words:
        why = "; ".join(one.rstrip(".") for one in result.messages) or "there is no transcript"
        name = "stdin" if result.audio is None else result.audio
        raise TranscriptError(
            f"{name}: no words for {', '.join(empty)}: {why}; "
            "--no-transcript writes who speaks when alone"
        )
    return list(asked or usual or (["rttm", "json"] if bare else ["srt", "json"]))


def _several(sources: Source | Iterable[Source]) -> Iterable[Source]:
    """Return what was given as an iterable of recordings: a path is one of them."""
    if isinstance(sources, str | os.PathLike):
        return [sources]
    if isinstance(sources, bytes | Mapping | Waveform) or hasattr(sources, "read"):
        raise UsageError("label_recordings takes a list of recordings: pass [recording]")
    return cast("Iterable[Source]", sources)


def _numbered(recording: Recording, nameless: Counter[str]) -> Recording:
    """Return a recording that is no file under a name of its own: files are called after it."""
    if recording.audio is not None:
        return recording
    uri = recording.diarization.uri
    nameless[uri] += 1
    if nameless[uri] == 1:
        return recording
    numbered = replace(recording.diarization, uri=f"{uri}.{nameless[uri]}")
    return replace(recording, diarization=numbered)


_Begun = tuple[Recording, Any, OverallProgress]


def _results(
    labeler: Labeler,
    count: int,
    begun: Callable[[int], _Begun],
    failed: Callable[[int, DiarizeError], None],
    link: bool,
) -> Iterator[Result]:
    """Yield results as they are done; those to be linked when all are diarized."""
    waiting: dict[int, _Begun] = {}
    for number in range(count):
        try:
            waiting[number] = begun(number)
            if not link:
                yield _finished(labeler, *waiting.pop(number))
        except DiarizeError as error:
            waiting.pop(number, None)
            failed(number, error)
    linked = labeler.link([recording for recording, _, _ in waiting.values()])
    for (number, (_, given, progress)), recording in zip(waiting.items(), linked, strict=True):
        try:
            yield _finished(labeler, recording, given, progress)
        except DiarizeError as error:
            failed(number, error)


def _finished(
    labeler: Labeler, recording: Recording, transcript: Any, progress: OverallProgress
) -> Result:
    result = labeler.label(recording, transcript, progress=progress)
    for message in result.messages:
        log.warning("%s", message)
    progress.finish()
    return result


def _places(sources: Sequence[Source], folder: str | os.PathLike[str] | None) -> list[Output]:
    """Return where the results of recordings go: nowhere, if no folder is given."""
    names = [
        "-" if isinstance(one, str) and one == "-" else path_of(one) or "recording"
        for one in sources
    ]
    places = plan_outputs(names, None if folder is None else Path(folder))
    return places if folder is not None else [Output(None, place.stem) for place in places]
