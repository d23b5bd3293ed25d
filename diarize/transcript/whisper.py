"""Running speech recognition with openai-whisper; what every recogniser has to bring.

openai-whisper and torch are imported when a recording is transcribed, and not before.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from diarize.arrays import Progress
from diarize.errors import MissingExtraError, ModelError, UsageError
from diarize.onnx.files import offline, sha256_of

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform


ELSEWHERE = (
    "or give a transcript that you already have with --transcript, which needs no Whisper at all"
)
# How long a download may stay silent before it counts as failed, in seconds.
_PATIENCE = 30.0
_FRAME = 0.01  # seconds of a frame of Whisper's, in which it counts
# Names under which models are stored other than those they are asked for by.
_STORED = {"large": "large-v3", "turbo": "large-v3-turbo"}
# Whisper reports its progress through module attributes, which are put back afterwards.
_LOCK = threading.Lock()


class Transcriber(Protocol):
    """Turns speech into text: what to implement to bring a recogniser of your own."""

    @property
    def name(self) -> str:
        """What it is, with its model, such as ``openai-whisper base``.

        A stored transcript is used again only if the same one made it.
        """
        ...

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> object:
        """Return a transcript of ``waveform`` in any shape that ``read_transcript`` takes."""


@dataclass(frozen=True)
class WhisperOptions:
    """Whisper's options.

    Parameters
    ----------
    model : str or None
        A name that Whisper knows (``tiny`` … ``turbo``), the path of openai-whisper's checkpoint
        (``.pt``), or the folder of faster-whisper's. None: ``turbo`` where there is a GPU, else
        ``base``.
    language : str or None
        Code, for openai-whisper also an English name; None: Whisper finds out.
    task : str
        ``transcribe``, or ``translate`` into English.
    initial_prompt : str or None
        Text that puts Whisper on the right track: names, jargon, spelling.
    device : str or None
        ``cpu``, ``cuda``, …; None: a GPU where there is one.
    extra : mapping
        Anything else that the engine's ``transcribe`` takes, such as ``beam_size``.
    engine : str or None
        The engine, if one was asked for by name.
    """

    model: str | None = None
    language: str | None = None
    task: str = "transcribe"
    initial_prompt: str | None = None
    device: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    engine: str | None = None

    def decoding(self) -> dict[str, Any]:
        """Return the options of ``transcribe`` that were set."""
        chosen = {"language": self.language, "initial_prompt": self.initial_prompt}
        known = {name: value for name, value in chosen.items() if value is not None}
        return {"task": self.task, **known, **self.extra}


class WhisperEngine(ABC):
    """What the packages that run Whisper's models have in common."""

    engine: ClassVar[str]
    extra: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether the package can be imported, without importing it."""
        try:
            return find_spec(cls.package) is not None
        except ValueError:  # imports of it are blocked
            return False

    @staticmethod
    @abstractmethod
    def models_here() -> list[str]:
        """Return the names of the models in the package's cache."""

    @classmethod
    def has_model(cls, model: str | None) -> bool:
        """Return whether a model, or a default one, needs no download."""
        wanted = ("base", "turbo") if model is None else (model,)
        return any(_STORED.get(name, name) in cls.models_here() for name in wanted)


class WhisperTranscriber(WhisperEngine):
    """openai-whisper, with word times.

    Parameters
    ----------
    options : WhisperOptions, optional
    model : whisper.Whisper, optional
        A model that is loaded already, instead of the one that ``options`` name.

    Notes
    -----
    Takes the samples as they are decoded already, so that no ``ffmpeg`` programme is needed. Where
    Whisper falls back to sampling, the random numbers are the same on every run.
    """

    engine = "openai-whisper"
    extra = "whisper"
    package = "whisper"

    def __init__(self, options: WhisperOptions | None = None, model: Any = None) -> None:
        self.options = options or WhisperOptions()
        self._model = model

    @staticmethod
    def models_here() -> list[str]:
        """Return the names of the models in Whisper's cache."""
        return sorted(path.stem for path in _cache().glob("*.pt"))

    def check(self) -> None:
        """Fail at once, before any work, if the model is a file that is not there.

        Raises
        ------
        ModelError
        """
        if self._model is None and self.options.model and _is_path(self.options.model):
            _existing_file(self.options.model)

    @property
    def name(self) -> str:
        """``openai-whisper`` and the model's name, or its file's."""
        if self._model is not None and self.options.model is None:
            return "openai-whisper"
        return f"openai-whisper {model_name(self.options.model or default_model())}"

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> Any:
        """Return Whisper's result, with ``words`` in every segment.

        Raises
        ------
        MissingExtraError
            When openai-whisper is not installed.
        ModelError
            When the model cannot be had, or does not fit into memory.
        UsageError
            When Whisper does not know the language.
        """
        if len(waveform) == 0:
            return {"text": "", "segments": [], "language": self.options.language}
        whisper = _import_whisper()
        _check_language(whisper, self.options.language)
        with _LOCK, contextlib.ExitStack() as stack:
            if self._model is None:
                self._model = load_model(self.options.model, self.options.device, on_progress)
            frames = _reporting("whisper.transcribe", "transcribe", on_progress, _FRAME)
            stack.enter_context(frames)
            stack.enter_context(_reproducible())
            return self._transcribe(whisper, waveform)

    def _transcribe(self, whisper: Any, waveform: Waveform) -> Any:
        options = {"word_timestamps": True, "verbose": None, **self.options.decoding()}
        options.setdefault("fp16", str(self._model.device).startswith("cuda"))
        try:
            with warnings.catch_warnings():
                # half precision on CPUs, word times of translations
                warnings.simplefilter("ignore")
                return whisper.transcribe(self._model, waveform.block(0, len(waveform)), **options)
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise ModelError(
                    f"Whisper's model {model_name(self.options.model or '')!r} does not fit into "
                    "the GPU's memory: take a smaller --whisper-model"
                ) from None
            raise


def default_model() -> str:
    """Return the model for this machine: ``turbo`` with a GPU, else ``base``."""
    import torch

    return "turbo" if torch.cuda.is_available() else "base"


def model_name(model: str) -> str:
    """Return a model's name; of a path, the file's name.

    Examples
    --------
    >>> model_name("base.en"), model_name("models/mine.pt")
    ('base.en', 'mine.pt')
    """
    return Path(model).name if _is_path(model) else model


def load_model(
    model: str | None = None, device: str | None = None, on_progress: Progress | None = None
) -> Any:
    """Load an openai-whisper model: from a file, from Whisper's cache, or from the internet.

    Raises
    ------
    MissingExtraError
        When openai-whisper is not installed.
    ModelError
        When there is no such model, or it can neither be found nor downloaded.
    """
    whisper = _import_whisper()
    chosen = model or default_model()
    if chosen not in whisper.available_models():
        return _load_file(whisper, chosen, device)
    if offline() and not _is_cached(whisper, chosen):
        reason = "DIARIZE_OFFLINE forbids downloads"
        raise ModelError(_explain_missing(whisper, chosen, reason))
    with _reporting("whisper", "download", on_progress), _impatient():
        try:
            return whisper.load_model(chosen, device=device)
        except (OSError, RuntimeError) as error:
            reason = f"downloading it failed ({getattr(error, 'reason', None) or error})"
            raise ModelError(_explain_missing(whisper, chosen, reason)) from None


def _load_file(whisper: Any, model: str, device: str | None) -> Any:
    if not _is_path(model) and not Path(model).exists():
        names = ", ".join(whisper.available_models())
        raise ModelError(f"--whisper-model {model}: no such model or file; there are {names}")
    path = _existing_file(model)
    try:
        return whisper.load_model(str(path), device=device)
    except Exception as error:  # whatever torch's unpickling may raise
        raise ModelError(
            f"--whisper-model {model}: not a checkpoint that openai-whisper can load "
            f"({type(error).__name__}); it needs a .pt file with dims and model_state_dict"
        ) from None


def _existing_file(model: str) -> Path:
    path = Path(model).expanduser()
    if not path.exists():
        raise ModelError(
            f"--whisper-model {model}: no such file; Whisper's own models go by names such as base"
        )
    if path.is_dir():
        raise ModelError(
            f"--whisper-model {model}: is a folder, as models of faster-whisper and Transformers "
            "are; openai-whisper needs its own checkpoint, one .pt file"
        )
    return path


def _cached_file(whisper: Any, model: str) -> Path:
    """Return where Whisper keeps the weights of one of its own models."""
    return _cache() / str(whisper._MODELS[model]).rsplit("/", 1)[-1]


def _is_cached(whisper: Any, model: str) -> bool:
    """Return whether the weights are there and complete; otherwise Whisper downloads them again."""
    path = _cached_file(whisper, model)
    return path.is_file() and sha256_of(path) == whisper._MODELS[model].split("/")[-2]


def _explain_missing(whisper: Any, model: str, reason: str) -> str:
    """Say which file is missing, where it was looked for, and what to do instead."""
    url = whisper._MODELS[model]
    return (
        f"Whisper's model {model!r} is not on this machine: {_cached_file(whisper, model)} is "
        f"missing or damaged, and {reason}. Fetch {url} elsewhere and put "
        f"it there or pass its path with --whisper-model, {ELSEWHERE}"
    )


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"


def _is_path(model: str) -> bool:
    return model.endswith(".pt") or "/" in model or os.sep in model


def _import_whisper() -> Any:
    try:
        import whisper
    except ImportError:
        raise MissingExtraError("openai-whisper", "whisper", "transcribing") from None
    if not hasattr(whisper, "load_model"):
        raise ModelError(
            f"the package 'whisper' in {Path(str(whisper.__file__)).parent} is not openai-whisper "
            "but another of that name: pip uninstall whisper, then pip install openai-whisper"
        )
    return whisper


def _check_language(whisper: Any, language: str | None) -> None:
    from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE

    if language is not None and language.lower() not in {*LANGUAGES, *TO_LANGUAGE_CODE}:
        raise UsageError(
            f"--language {language}: Whisper knows no such language; use a code such as en, de, "
            "zh, or an English name"
        )


@contextlib.contextmanager
def _reporting(
    module: str, stage: str, on_progress: Progress | None, unit: float = 1
) -> Iterator[None]:
    """Send the progress that one of Whisper's modules shows with tqdm to ``on_progress``.

    What it counts is multiplied by ``unit``.
    """

    class Bar:
        def __init__(self, *args: Any, total: int | None = None, **kwargs: Any) -> None:
            self.total, self.done = total, 0

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *details: object) -> None:
            return None

        def update(self, step: int = 1) -> None:
            self.done += step
            if on_progress is not None:
                total = None if self.total is None else self.total * unit
                on_progress(stage, self.done * unit, total)

    home = sys.modules[module]
    original = vars(home)["tqdm"]
    # One module imports tqdm's class, the other the package of the same name.
    replacement = Bar if isinstance(original, type) else SimpleNamespace(tqdm=Bar)
    setattr(home, "tqdm", replacement)  # noqa: B010
    try:
        yield
    finally:
        setattr(home, "tqdm", original)  # noqa: B010


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Let network calls inside fail after a while instead of never."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _reproducible() -> Iterator[None]:
    """Give torch the same random numbers on every run inside, and its own again afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
