"""Sessions of onnxruntime, imported in this module alone: no telemetry, no spinning threads."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy.typing as npt

from diarize.errors import ModelError
from diarize.onnx import telemetry
from diarize.onnx.bundled import name_of
from diarize.onnx.files import locate

log = logging.getLogger(__name__)


def runtime() -> Any:
    """Return the module ``onnxruntime`` with its reports to its maker switched off.

    ``import diarize`` has set ``ORT_DISABLE_TELEMETRY`` by now, which forbids all of them. The call
    is what the library itself offers: it suppresses most events of a telemetry that has begun.
    """
    import onnxruntime

    if telemetry.has_begun and _has_telemetry(onnxruntime.__version__):
        telemetry.has_begun = False
        warnings.warn(
            f"onnxruntime {onnxruntime.__version__} was imported before diarize, so its telemetry "
            "has begun and lasts as long as this process. Import diarize first, or set "
            "ORT_DISABLE_TELEMETRY=1.",
            RuntimeWarning,
            stacklevel=2,
        )
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _has_telemetry(version: str) -> bool:
    """Return whether this release of onnxruntime reports on systems other than Windows."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return sys.platform == "win32" or (major, minor) >= (1, 29)


def available_processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def thread_count(asked: int | None) -> int:
    """Return the threads to use: all processors, or as many of them as were asked for.

    Examples
    --------
    >>> thread_count(1), thread_count(10_000) == thread_count(None)
    (1, True)
    """
    return min(asked or available_processors(), available_processors())


class Session:
    """A network that has been loaded: an ``onnxruntime.InferenceSession`` that can be pickled.

    A pickled or copied session loads its file again: the bundled one of the machine it comes to,
    any other by its path.

    Parameters
    ----------
    path : Path
        The ONNX file.
    threads : int, optional
        See :func:`thread_count`.

    Raises
    ------
    ModelError
        Where the file is missing or cannot be run.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.path = path
        self.threads = threads
        begin = perf_counter()
        self._runtime = _open(path, thread_count(threads))
        log.debug("loaded %s in %.2f s", path, perf_counter() - begin)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says of itself."""
        metadata: Mapping[str, str] = self._runtime.get_modelmeta().custom_metadata_map
        return metadata

    def number(self, key: str) -> float:
        """Return a number that our own export wrote into the file; ModelError where it lacks."""
        try:
            return float(self.metadata[f"diarize.{key}"])
        except (KeyError, ValueError):
            raise ModelError(
                f"{self.path}: the model's metadata lacks a number for diarize.{key}; "
                "export it again"
            ) from None

    @property
    def inputs(self) -> Sequence[Any]:
        """The inputs, each with ``name``, ``shape`` and ``type``."""
        inputs: Sequence[Any] = self._runtime.get_inputs()
        return inputs

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs, each with ``name``, ``shape`` and ``type``."""
        outputs: Sequence[Any] = self._runtime.get_outputs()
        return outputs

    def run(self, feed: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return all outputs for the inputs, which are given by name."""
        answers: list[npt.NDArray[Any]] = self._runtime.run(None, dict(feed))
        return answers

    def __reduce__(self) -> tuple[Callable[..., Session], tuple[str, int | None]]:
        return _reopened, (name_of(self.path), self.threads)


def _reopened(model: str, threads: int | None) -> Session:
    """Load a session that was pickled."""
    return Session(locate(model), threads)


def _open(path: Path, threads: int) -> Any:
    """Return an ``onnxruntime.InferenceSession`` on the CPU."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; give the path of an .onnx file")
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # A thread that waits by spinning takes the processor from whatever else the machine does.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelError(
            f"{path}: not an ONNX model that can be run here ({first_line(error)}); "
            "download or copy it again"
        ) from None


def first_line(error: Exception) -> str:
    """Return an error's first line, for a message of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
