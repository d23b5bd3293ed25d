"""faster-whisper as a recogniser: Whisper by CTranslate2, without torch, quicker on a CPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.arrays import Progress
from diarize.errors import MissingExtraError, ModelError, UsageError
from diarize.onnx.files import offline
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript
from diarize.transcript.whisper import ELSEWHERE, WhisperEngine, WhisperOptions

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform

# What a folder needs to be a model, besides an optional preprocessor_config.json.
_FILES = ("model.bin", "tokenizer.json")


class FasterWhisperTranscriber(WhisperEngine):
    """faster-whisper, with word times.

    Parameters
    ----------
    model : faster_whisper.WhisperModel or BatchedInferencePipeline, optional
        A model that is loaded already (or anything with the same ``transcribe``), instead of the
        one that ``options`` name: a name that faster-whisper knows, the folder of a model, or an
        identifier on the Hugging Face Hub.
    options : WhisperOptions, optional
    **decoding
        Further options for its ``transcribe``.

    Examples
    --------
    >>> from faster_whisper import WhisperModel                              # doctest: +SKIP
    >>> transcriber = FasterWhisperTranscriber(WhisperModel("small"))        # doctest: +SKIP
    """

    engine = "faster-whisper"
    extra = "faster-whisper"
    package = "faster_whisper"

    def __init__(
        self, model: Any = None, options: WhisperOptions | None = None, **decoding: Any
    ) -> None:
        # Whoever brings a model has said all that options say; None marks that.
        self.options = options or (WhisperOptions() if model is None else None)
        self._model = model
        self._decoding = decoding

    @staticmethod
    def models_here() -> list[str]:
        """Return the names of the models in the cache of the Hugging Face Hub."""
        return sorted(
            folder.name.split("--")[-1].replace("faster-", "", 1).removeprefix("whisper-")
            for folder in _hub().glob("models--*--faster-*whisper-*")
            if any(folder.glob("snapshots/*/model.bin"))
        )

    @classmethod
    def has_model(cls, model: str | None) -> bool:
        """Return whether a model, or a default one, needs no download."""
        is_folder = model is not None and Path(model).expanduser().is_dir()
        return is_folder or super().has_model(model)

    def check(self) -> None:
        """Fail at once, before any work, if the model is a folder that is none.

        Raises
        ------
        ModelError
        """
        model = self.options.model if self.options else None
        if self._model is None and model:
            _existing(model)

    @property
    def name(self) -> str:
        """``faster-whisper`` and the model's name, or its folder's."""
        if self._model is not None and (self.options is None or self.options.model is None):
            return f"{self.engine} {getattr(self._model, 'name', '')}".strip()
        model = (self.options and self.options.model) or default_model()
        return f"{self.engine} {Path(model).name if Path(model).is_dir() else model}"

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> Transcript:
        """Return the transcript, with the segment objects as its source.

        Raises
        ------
        MissingExtraError
            When faster-whisper is not installed.
        ModelError
            When the model cannot be had.
        UsageError
            When the model does not know the language.
        """
        if self._model is None:
            assert self.options is not None
            self._model = load_model(self.options.model, self.options.device, on_progress)
        chosen = self.options.decoding() if self.options else {}
        decoding = {"word_timestamps": True, **chosen, **self._decoding}
        total = round(waveform.duration)
        samples = waveform.block(0, len(waveform))
        _same_random_numbers()
        try:
            segments, info = self._model.transcribe(samples, **decoding)
        except ValueError as error:
            if "language" not in str(error):
                raise
            raise UsageError(
                f"--language {decoding.get('language')}: faster-whisper takes codes such as en, de "
                "or zh, and models called .en English alone"
            ) from None

        def watched() -> Iterator[Any]:
            for segment in segments:
                if on_progress is not None:
                    on_progress("transcribe", min(total, round(segment.end)), total)
                yield segment

        return read_transcript((watched(), info))


def default_model() -> str:
    """Return the model for this machine: ``turbo`` with a GPU, else ``base``."""
    import ctranslate2

    return "turbo" if ctranslate2.get_cuda_device_count() else "base"


def load_model(
    model: str | None = None, device: str | None = None, on_progress: Progress | None = None
) -> Any:
    """Load a model: from a folder, from the Hub's cache, or from the internet.

    On a CPU it computes in eight bits, which is quicker and changes next to no word.

    Raises
    ------
    MissingExtraError
        When faster-whisper is not installed.
    ModelError
        When there is no such model, or it can neither be found nor downloaded.
    """
    try:
        import ctranslate2
        import faster_whisper
    except ImportError:
        raise MissingExtraError("faster-whisper", "faster-whisper", "transcribing") from None
    where = device or ("cuda" if ctranslate2.get_cuda_device_count() else "cpu")
    precision = "int8" if where == "cpu" else "default"
    path = _path(faster_whisper, model or default_model(), on_progress)
    try:
        return faster_whisper.WhisperModel(path, device=where, compute_type=precision)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"--whisper-model {model}: faster-whisper cannot load it ({error}); it needs a model "
            "in CTranslate2's format"
        ) from None


def _path(faster_whisper: Any, model: str, on_progress: Progress | None) -> str:
    """Return the folder of a model, which is downloaded where it is not there."""
    existing = _existing(model)
    if existing is not None:
        return str(existing)
    if "/" not in model and model not in faster_whisper.available_models():
        known = ", ".join(faster_whisper.available_models())
        raise ModelError(f"--whisper-model {model}: no such model or folder; there are {known}")
    try:
        return str(faster_whisper.download_model(model, local_files_only=True))
    except Exception:  # the Hub's client has many ways to say that a file is not there
        if on_progress is not None:
            on_progress("download", 0, None)
    reason = "DIARIZE_OFFLINE forbids downloads"
    if not offline():
        try:
            return str(faster_whisper.download_model(model))
        except Exception as error:
            said = str(error).strip().splitlines() or [repr(error)]
            reason = f"downloading it failed ({said[0][:160]})"
    raise ModelError(
        f"faster-whisper's model {model!r} is not on this machine, and {reason}. Fetch it "
        f"elsewhere, put its files into a folder and pass that with --whisper-model, {ELSEWHERE}"
    )


def _existing(model: str) -> Path | None:
    """Return a model's folder if ``model`` names one; refuse what can be no model."""
    path = Path(model).expanduser()
    if path.is_file() or model.endswith(".pt"):
        raise ModelError(
            f"--whisper-model {model}: is a single file, as openai-whisper's models are; "
            "faster-whisper needs a folder with model.bin (or add --engine openai-whisper)"
        )
    if path.is_dir():
        missing = [name for name in _FILES if not (path / name).is_file()]
        if missing:
            raise ModelError(
                f"--whisper-model {model}: the folder lacks {' and '.join(missing)}; it is no "
                "model of faster-whisper's"
            )
        return path
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ModelError(f"--whisper-model {model}: no such folder")
    return None


def _hub() -> Path:
    """Return the folder in which the Hugging Face Hub's client keeps models."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def _same_random_numbers() -> None:
    """Let falling back to sampling give the same words on every run."""
    try:
        import ctranslate2
    except ImportError:  # a model of another make, with the same interface
        return
    ctranslate2.set_random_seed(1)
