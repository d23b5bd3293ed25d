"""Which models exist, where they lie, and how others than the bundled ones are fetched.

Nothing is ever downloaded but by ``diarize models fetch`` and :func:`fetch`, and nothing at all
where the environment sets ``DIARIZE_OFFLINE``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from diarize.errors import ModelError, UsageError
from diarize.version import __version__

if TYPE_CHECKING:
    from diarize.networks import Thresholds

BUNDLED = ("autospeech", "segmentation")
TIMEOUT = 30.0
_PACKAGE = Path(__file__).resolve().parent
_SHERPA = "https://github.com/k2-fsa/sherpa-onnx/releases/download"
# The release is really spelled "recongition".
_SHERPA_SPEAKERS = f"{_SHERPA}/speaker-recongition-models"
_WESPEAKER = "https://wespeaker-1256283475.cos.ap-shanghai.myqcloud.com/models/voxceleb"
_CC_BY = "CC-BY-4.0 (WeSpeaker's weights follow their data, VoxCeleb: name the source)"

Progress = Callable[[str, int, "int | None"], None]


@dataclass(frozen=True)
class RemoteModel:
    """A model of others that can be fetched by name.

    Parameters
    ----------
    name : str
        What users call it.
    kind : str
        ``"embedding"`` (80 Kaldi filter banks in, a vector out) or ``"segmentation"``.
    url : str
        HTTPS, without an account.
    filename : str
        Under which it is kept.
    sha256 : str or None
        As published; None where no checksum is known ("unpinned"): fetching must be confirmed.
    size : int
        Bytes, about.
    licence, source : str
        Of the weights, and whose they are.
    dimension : int
        Of the vectors; 0 for segmentation.
    frontend : str
        What the network takes.
    """

    name: str
    kind: str
    url: str
    filename: str
    sha256: str | None
    size: int
    licence: str
    source: str
    dimension: int = 0
    frontend: str = "kaldi-fbank-80"

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return folder() / self.filename


def _sherpa(
    name: str, file: str, sha256: str, size: int, dimension: int, licence: str, source: str
) -> RemoteModel:
    url = f"{_SHERPA_SPEAKERS}/{file.replace('+', '%2B')}"
    return RemoteModel(name, "embedding", url, file, sha256, size, licence, source, dimension)


# Checksums: as public repositories that use these files state them (wespeaker-resnet34: only one).
REGISTRY: dict[str, RemoteModel] = {
    model.name: model
    for model in (
        _sherpa(
            "wespeaker-resnet34",
            "wespeaker_en_voxceleb_resnet34.onnx",
            "5ef208a9da1453335308a6b6f4e6dfbd7e183a38b604de0a57664f45d257fe94",
            26_530_550,
            256,
            _CC_BY,
            "WeSpeaker ResNet34",
        ),
        _sherpa(
            "wespeaker-resnet34-lm",
            "wespeaker_en_voxceleb_resnet34_LM.onnx",
            "e9848563da86f263117134dfd7ad63c92355b37de492b55e325400c9d9c39012",
            26_530_550,
            256,
            _CC_BY,
            "WeSpeaker ResNet34, large margin",
        ),
        _sherpa(
            "wespeaker-resnet293-lm",
            "wespeaker_en_voxceleb_resnet293_LM.onnx",
            "f65dbc820e534eef64ae12d1e289e20244d60e60f7f00d7b092092b1c458be2e",
            114_336_527,
            256,
            _CC_BY,
            "WeSpeaker ResNet293, large margin",
        ),
        _sherpa(
            "wespeaker-campplus",
            "wespeaker_en_voxceleb_CAM++.onnx",
            "c46fad10b5f81e1aa4a60c162714208577093655076c5450f8c469e522ec54ef",
            29_292_684,
            512,
            _CC_BY,
            "WeSpeaker CAM++",
        ),
        _sherpa(
            "wespeaker-campplus-lm",
            "wespeaker_en_voxceleb_CAM++_LM.onnx",
            "e197af7e9d473030cf486b3124149a19bf37014d0e4485e4c70c483b0ec10cb2",
            29_292_687,
            512,
            _CC_BY,
            "WeSpeaker CAM++, large margin",
        ),
        _sherpa(
            "3dspeaker-campplus",
            "3dspeaker_speech_campplus_sv_en_voxceleb_16k.onnx",
            "357a834f702b80161e5b981182c038e18553c1f2ca752ed6cec2052365d4129b",
            29_596_978,
            512,
            "Apache-2.0",
            "3D-Speaker CAM++, English",
        ),
        RemoteModel(
            "wespeaker-ecapa512-lm",
            "embedding",
            f"{_WESPEAKER}/voxceleb_ECAPA512_LM.onnx",
            "voxceleb_ECAPA512_LM.onnx",
            None,
            24_900_000,
            _CC_BY,
            "WeSpeaker ECAPA-TDNN 512, large margin",
            192,
        ),
        RemoteModel(
            "wespeaker-ecapa1024-lm",
            "embedding",
            f"{_WESPEAKER}/voxceleb_ECAPA1024_LM.onnx",
            "voxceleb_ECAPA1024_LM.onnx",
            None,
            59_000_000,
            _CC_BY,
            "WeSpeaker ECAPA-TDNN 1024, large margin",
            192,
        ),
        RemoteModel(
            "pyannote-segmentation-3.0",
            "segmentation",
            "https://huggingface.co/csukuangfj/sherpa-onnx-pyannote-segmentation-3-0"
            "/resolve/main/model.onnx",
            "pyannote-segmentation-3.0.onnx",
            "220ad67ca923bef2fa91f2390c786097bf305bceb5e261d4af67b38e938e1079",
            5_992_913,
            "MIT",
            "pyannote segmentation 3.0, sherpa-onnx export",
            frontend="samples",
        ),
    )
}


def bundled(name: str) -> Path:
    """Return the path of a bundled model, ``autospeech`` or ``segmentation``.

    It lies in the package where that was installed from a wheel, and in ``models/`` in a checkout.

    Raises
    ------
    ModelError
        Where there is no such file.
    """
    places = (
        _PACKAGE / "assets" / f"{name}.onnx",
        _PACKAGE.parent / "models" / name / f"{name}.onnx",
    )
    for place in places:
        if place.is_file():
            return place
    raise ModelError(
        f"the bundled model {name}.onnx is missing (looked for {places[0]}); "
        "install the package again"
    )


def folder() -> Path:
    """Return where fetched models are kept: ``$DIARIZE_MODELS``, or in the user's cache folder."""
    chosen = os.environ.get("DIARIZE_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("diarize", appauthor=False)) / "models"


def offline() -> bool:
    """Whether the environment forbids downloads (``DIARIZE_OFFLINE=1``)."""
    return os.environ.get("DIARIZE_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def resolve(model: str | Path) -> Path:
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


def find(name: str) -> RemoteModel:
    """Return a registered model.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    if name not in REGISTRY:
        raise UsageError(f"model {name!r} is not known; choose from {', '.join(REGISTRY)}")
    return REGISTRY[name]


def thresholds_of(path: Path) -> Thresholds:
    """Return the thresholds to begin with for a kaldi-style embedder, by its file's name."""
    from diarize.networks import Thresholds

    known = next((model for model in REGISTRY.values() if model.filename == path.name), None)
    name = known.source if known else "this model"
    return Thresholds(
        clustering=0.5,
        verification=0.5,
        margin=0.05,
        note=f"starting points, not calibrated for {name}: 0.5 is what sherpa-onnx clusters and "
        "WeSpeaker's runtime verifies by; diarize calibrate fits them to your recordings",
    )


def fetch(name: str, *, accept_unpinned: bool = False, on_progress: Progress | None = None) -> Path:
    """Download a registered model into :func:`folder`, unless it is there already.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.
    accept_unpinned : bool
        Take a file although no checksum of it is known.
    on_progress : callable, optional
        Called as ``("download", bytes done, bytes in all or None)``.

    Returns
    -------
    Path
        The file. It appears whole, checked, or not at all.

    Raises
    ------
    ModelError
        Offline, unreachable, or not the file that the checksum says.
    UsageError
        The name is unknown, or the model is unpinned and not accepted.
    """
    model = find(name)
    if model.path.is_file():
        problem = check(model)
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


def check(model: RemoteModel) -> str | None:
    """Return what is wrong with a fetched model's file, None where nothing is.

    A file without a published checksum is compared with what arrived when it was fetched.
    """
    if not model.path.is_file():
        return f"{model.name}: has not been fetched."
    expected = model.sha256 or _noted(model.path)
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
    import http.client
    import urllib.error
    import urllib.request

    request = urllib.request.Request(model.url, headers={"User-Agent": f"diarize/{__version__}"})
    part: Path | None = None
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(request, timeout=TIMEOUT) as answer,
            tempfile.NamedTemporaryFile(
                dir=model.path.parent, prefix=f".{model.filename}.", delete=False
            ) as file,
        ):
            part = Path(file.name)
            length = answer.headers.get("Content-Length")
            total = int(length) if length else None
            found = _copy(answer, file, total, on_progress)
        if model.sha256 is not None and found != model.sha256:
            raise ModelError(
                f"{model.name}: what came from {model.url} has SHA-256 {found}, not "
                f"{model.sha256}; it was thrown away. Try again, or report it."
            )
        part.chmod(0o644)
        part.replace(model.path)
        if model.sha256 is None:
            _note_path(model.path).write_text(f"{found}\n", encoding="ascii")
        return model.path
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{model.name}: could not be downloaded ({reason}). {_by_hand(model)}"
        ) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


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
    return (
        f"To do it by hand, get {model.url} on a machine that is online and save it as {model.path}"
    )


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _noted(path: Path) -> str | None:
    note = _note_path(path)
    return note.read_text(encoding="ascii").strip() if note.is_file() else None
