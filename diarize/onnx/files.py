"""Model files: found by name, fetched from the registry, compared with their checksums.

Nothing is ever downloaded but by ``diarize models fetch`` and :func:`fetch`, and nothing at all
where the environment sets ``DIARIZE_OFFLINE``.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from diarize.errors import ModelError, UsageError
from diarize.files import replacing
from diarize.onnx.bundled import BUNDLED, bundled
from diarize.onnx.registry import REGISTRY, RemoteModel, registered
from diarize.version import __version__

if TYPE_CHECKING:
    from diarize.arrays import Progress  # numpy comes with it

log = logging.getLogger(__name__)

TIMEOUT = 30.0


def offline() -> bool:
    """Whether the environment forbids downloads (``DIARIZE_OFFLINE=1``)."""
    return os.environ.get("DIARIZE_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def locate(model: str | Path) -> Path:
    """Return the file of a model given by path, by a bundled name, or by a registered name.

    Raises
    ------
    ModelError
        Where there is no such file, or the registered model has not been fetched.
    """
    path = Path(model)
    if path.is_file():
        return path
    name = str(model)
    if name in BUNDLED:
        return bundled(name)
    if name in REGISTRY:
        fetched = REGISTRY[name].path
        if fetched.is_file():
            return fetched
        raise ModelError(f"{name}: is not here yet; get it with: diarize models fetch {name}")
    raise ModelError(
        f"{name}: no such model file, and no model of that name "
        "(diarize models list shows the names)"
    )


def fetch(name: str, *, accept_unpinned: bool = False, on_progress: Progress | None = None) -> Path:
    """Download a registered model into the cache folder, unless it is there already.

    Parameters
    ----------
    name : str
        A key of :data:`diarize.onnx.registry.REGISTRY`.
    accept_unpinned : bool
        Take a file although no checksum of it is known.
    on_progress : callable, optional
        Called as ``("download", bytes done, bytes in all or None)``.

    Returns
    -------
    Path
        The file. It appears complete and checked, or not at all.

    Raises
    ------
    ModelError
        Offline, unreachable, or not the file that the checksum says.
    UsageError
        The name is unknown, or the model is unpinned and not accepted.
    """
    model = registered(name)
    if model.path.is_file():
        problem = verify(model)
        if problem is None:
            return model.path
        raise ModelError(f"{problem} Delete the file and fetch it again.")
    if model.sha256 is None and not accept_unpinned:
        raise UsageError(
            f"{name}: no checksum of this file is known, so nobody can tell whether the right one "
            f"arrives from {model.url}; say --yes to take it all the same"
        )
    if offline():
        raise ModelError(f"{name}: DIARIZE_OFFLINE forbids downloads. {_by_hand(model)}")
    return _download(model, on_progress)


def verify(model: RemoteModel) -> str | None:
    """Return what is wrong with a fetched model's file, None where nothing is.

    A file without a published checksum is compared with what arrived when it was fetched.
    """
    if not model.path.is_file():
        return f"{model.name}: has not been fetched."
    expected = model.sha256 or _recorded_checksum(model.path)
    if expected is None:
        return None
    found = sha256_of(model.path)
    if found == expected:
        return None
    return (
        f"{model.name}: {model.path} is not the file it should be "
        f"(SHA-256 {found}, expected {expected})."
    )


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _download(model: RemoteModel, on_progress: Progress | None) -> Path:
    """Fetch a model over the network, and compare it with its checksum before it appears."""
    import http.client
    import urllib.error
    import urllib.request

    request = urllib.request.Request(model.url, headers={"User-Agent": f"diarize/{__version__}"})
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT) as answer,
            replacing(model.path) as file,
        ):
            length = answer.headers.get("Content-Length")
            found = _copy(answer, file, int(length) if length else None, on_progress)
            if model.sha256 is not None and found != model.sha256:
                raise ModelError(
                    f"{model.name}: what came from {model.url} has SHA-256 {found}, not "
                    f"{model.sha256}; it was thrown away. Try again, or report it."
                )
        if model.sha256 is None:
            _checksum_file(model.path).write_text(f"{found}\n", encoding="ascii")
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{model.name}: could not be downloaded ({reason}). {_by_hand(model)}"
        ) from None
    log.info("fetched %s to %s", model.name, model.path)
    return model.path


def _copy(
    answer: IO[bytes], file: IO[bytes], total: int | None, on_progress: Progress | None
) -> str:
    """Copy an answer to a file and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    while block := answer.read(1 << 18):
        file.write(block)
        digest.update(block)
        done += len(block)
        if on_progress is not None:
            on_progress("download", done, total)
    if total is not None and done < total:
        raise OSError(f"the connection broke after {done} of {total} bytes")
    return digest.hexdigest()


def _by_hand(model: RemoteModel) -> str:
    """Return how to get a model without this package."""
    return (
        f"To do it by hand, get {model.url} on a machine that is online and save it as {model.path}"
    )


def _checksum_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded_checksum(path: Path) -> str | None:
    note = _checksum_file(path)
    return note.read_text(encoding="ascii").strip() if note.is_file() else None
