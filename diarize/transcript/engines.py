"""The recognisers that can be run from here, and which one runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from diarize import plugins
from diarize.errors import UsageError
from diarize.onnx.files import offline
from diarize.transcript.faster_whisper import FasterWhisperTranscriber
from diarize.transcript.whisper import Transcriber, WhisperOptions, WhisperTranscriber

Engine = FasterWhisperTranscriber | WhisperTranscriber

# In order of preference: the first needs no torch and is quicker on a CPU.
ENGINES: dict[str, type[Engine]] = {
    "faster-whisper": FasterWhisperTranscriber,
    "openai-whisper": WhisperTranscriber,
}


def names() -> tuple[str, ...]:
    """Return what can be asked for by name: the engines, then installed plug-ins."""
    return (*ENGINES, *(name for name in plugins.names("transcribers") if name not in ENGINES))


def get_engine(name: str = "auto", options: WhisperOptions | None = None) -> Transcriber:
    """Return a recogniser.

    Parameters
    ----------
    name : str
        ``auto``: the one whose kind of model ``options`` name; else the one that is installed; of
        several the one whose model is on this machine; of these faster-whisper. A name: this one,
        installed or not, or a plug-in's.
    options : WhisperOptions, optional
        Whisper's options. Plug-ins get none.

    Raises
    ------
    UsageError
        If no engine or plug-in has this name, or options are given for a plug-in.
    """
    options = options or WhisperOptions()
    if name == "auto":
        return ENGINES[_automatic(options.model)](options=options)
    if name in ENGINES:
        return ENGINES[name](options=replace(options, engine=name))
    if name not in names():
        raise UsageError(f"--engine {name}: not known; choose from auto, {', '.join(names())}")
    if options != WhisperOptions():
        raise UsageError(
            f"--engine {name} brings its own model and language: leave out --whisper-model, "
            "--language, --task and --initial-prompt"
        )
    recogniser: Transcriber = plugins.load("transcribers", name)
    return recogniser


def is_asked(transcriber: Transcriber) -> bool:
    """Return whether words were asked for from just this recogniser or model."""
    options = options_of(transcriber)
    return options is None or options.model is not None or options.engine is not None


def is_ready(transcriber: Transcriber) -> bool:
    """Return whether words can be made, as far as is known without trying: a model may be fetched.

    Where downloads are forbidden, an engine needs its model here.
    """
    if not isinstance(transcriber, Engine):
        return True
    options = options_of(transcriber) or WhisperOptions()
    return transcriber.is_installed() and (not offline() or transcriber.has_model(options.model))


def options_of(transcriber: Transcriber) -> WhisperOptions | None:
    """Return an engine's options; None where another recogniser runs."""
    options = getattr(transcriber, "options", None)
    return options if isinstance(options, WhisperOptions) else None


def _automatic(model: str | None) -> str:
    if model is not None and model.endswith(".pt"):
        return "openai-whisper"
    if model is not None and Path(model).expanduser().is_dir():
        return "faster-whisper"
    installed = [name for name, engine in ENGINES.items() if engine.is_installed()]
    here = [name for name in installed if ENGINES[name].has_model(model)]
    return (here or installed or list(ENGINES))[0]
