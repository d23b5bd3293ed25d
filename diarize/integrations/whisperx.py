"""A stand-in for whisperX's diarization pipeline: one line changes, no token is needed.

.. code-block:: python

    # from whisperx.diarize import DiarizationPipeline
    from diarize.integrations.whisperx import DiarizationPipeline

    diarize_df = DiarizationPipeline(device="cuda")(audio, min_speakers=2)
    result = whisperx.assign_word_speakers(diarize_df, result)

:func:`assign_word_speakers` of this module takes the same arguments as whisperX's, and puts the
speakers on words in this package's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.annotation import Diarization
from diarize.arrays import Progress
from diarize.errors import MissingExtraError
from diarize.integrations.common import load_audio
from diarize.pipeline.detectors import Detector
from diarize.settings import Settings
from diarize.speakers import SpeakerBook
from diarize.speakers.diarizer import Diarizer
from diarize.transcript.assign import label_transcript
from diarize.transcript.readers import read_transcript, to_source_shape

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["DiarizationPipeline", "assign_word_speakers", "to_dataframe"]


class DiarizationPipeline:
    """Called as whisperX calls its own; tells speakers apart with this package.

    Parameters
    ----------
    model_name : str, optional
        Path or registered name of an embedding model; whisperX's names of pyannote pipelines
        (``pyannote/…``) stand for the bundled one.
    token, use_auth_token, cache_dir
        Taken and not needed.
    device : str or torch.device
        Taken and not needed: everything runs on the CPU.
    vad, threshold, num_speakers, min_speakers, max_speakers, threads, speakers, \
identify_segments, participants, settings
        As for :class:`diarize.Diarizer`.
    """

    def __init__(
        self,
        model_name: str | None = None,
        token: str | None = None,
        device: Any = "cpu",
        cache_dir: str | None = None,
        use_auth_token: str | None = None,
        *,
        vad: str | Path | Detector = "auto",
        threshold: float | None = None,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        threads: int | None = None,
        speakers: SpeakerBook | str | Path | None = None,
        identify_segments: bool = False,
        participants: Sequence[str] | None = None,
        settings: Settings | None = None,
    ) -> None:
        own = None if model_name is None or model_name.startswith("pyannote/") else model_name
        self.model = Diarizer(
            vad=vad,
            embedder=own,
            threshold=threshold,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            threads=threads,
            speakers=speakers,
            identify_segments=identify_segments,
            participants=participants,
            settings=settings,
        )

    def __call__(
        self,
        audio: Any,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        return_embeddings: bool = False,
        progress_callback: Callable[[float], None] | None = None,
    ) -> Any:
        """Return who spoke when as a DataFrame.

        Parameters
        ----------
        audio : path or (n,) array
            Samples at 16 kHz, as ``whisperx.load_audio`` gives them.
        num_speakers, min_speakers, max_speakers : int, optional
        return_embeddings : bool
            Return the speakers' vectors too.
        progress_callback : callable, optional
            Called with a percentage that only grows.

        Returns
        -------
        DataFrame, or DataFrame and dict of str to list of float
            Columns ``segment``, ``label``, ``speaker``, ``start``, ``end``.
        """
        hook = None if progress_callback is None else _percentages(progress_callback)
        diarization = self.model(
            load_audio(audio),
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            on_progress=hook,
        )
        if progress_callback is not None:
            progress_callback(100.0)
        frame = to_dataframe(diarization)
        if not return_embeddings:
            return frame
        vectors = {
            diarization.display(label): [float(value) for value in vector]
            for label, vector in diarization.embeddings.items()
        }
        return frame, vectors


def to_dataframe(diarization: Diarization) -> pd.DataFrame:
    """Return the turns as whisperX's DataFrame.

    The ``segment`` column holds ``pyannote.core`` segments where that package is installed, else
    this package's own, which have the same ``start`` and ``end``.

    Raises
    ------
    MissingExtraError
        When pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "eval", "a DataFrame") from None
    try:
        from pyannote.core import Segment
    except ImportError:
        from diarize.timeline import Segment  # type: ignore[assignment,unused-ignore]
    rows = [
        (
            Segment(turn.start, turn.end),
            _track(index),
            diarization.display(turn.speaker),
            turn.start,
            turn.end,
        )
        for index, turn in enumerate(diarization.turns)
    ]
    return pd.DataFrame(rows, columns=["segment", "label", "speaker", "start", "end"])


def assign_word_speakers(
    diarize_df: pd.DataFrame,
    transcript_result: dict[str, Any],
    speaker_embeddings: dict[str, list[float]] | None = None,
    fill_nearest: bool = False,
) -> dict[str, Any]:
    """Put the speakers of a DataFrame on whisperX's result; arguments as whisperX's own.

    ``fill_nearest`` is taken and not needed: words near a turn get its speaker anyway. Unlike
    whisperX's function this one returns a new result, and splits segments where speakers change.
    """
    transcript = read_transcript(transcript_result)
    result: dict[str, Any] = to_source_shape(label_transcript(transcript, diarize_df), transcript)
    if speaker_embeddings is not None:
        result["speaker_embeddings"] = speaker_embeddings
    return result


def _track(index: int) -> str:
    """Name tracks as pyannote does: A … Z, AA, AB, …

    Examples
    --------
    >>> _track(0), _track(25), _track(26), _track(52)
    ('A', 'Z', 'AA', 'BA')
    """
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _percentages(callback: Callable[[float], None]) -> Progress:
    """Turn seconds of audio into a percentage, and leave the last to the caller."""
    last = 0.0

    def report(stage: str, done: float, total: float | None) -> None:
        nonlocal last
        percent = 100.0 * done / total if total else 0.0
        if last < percent < 100.0:
            last = percent
            callback(percent)

    return report
