"""Other people's models that can be fetched by name, and the folder that holds them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from diarize.errors import UsageError

_SHERPA = "https://github.com/k2-fsa/sherpa-onnx/releases/download"
# The release is really spelled "recongition".
_SHERPA_SPEAKERS = f"{_SHERPA}/speaker-recongition-models"
_WESPEAKER = "https://wespeaker-1256283475.cos.ap-shanghai.myqcloud.com/models/voxceleb"
_CC_BY = "CC-BY-4.0 (WeSpeaker's weights follow their data, VoxCeleb: name the source)"


def cache_folder() -> Path:
    """Return the folder of fetched models: ``$DIARIZE_MODELS``, or in the user's cache folder."""
    chosen = os.environ.get("DIARIZE_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("diarize", appauthor=False)) / "models"


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
        Under which it is stored.
    sha256 : str or None
        As published; None where no checksum is known ("unpinned"): fetching must be confirmed.
    size : int
        Bytes, about.
    licence, source : str
        Of the weights, and whose they are.
    dimension : int
        Of the vectors; 0 for segmentation.
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

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return cache_folder() / self.filename


def _sherpa(
    name: str, file: str, sha256: str, size: int, dimension: int, licence: str, source: str
) -> RemoteModel:
    """Describe a speaker model among the releases of sherpa-onnx."""
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
        ),
    )
}


def registered(name: str) -> RemoteModel:
    """Return a registered model.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    if name not in REGISTRY:
        raise UsageError(f"model {name!r} is not known; choose from {', '.join(REGISTRY)}")
    return REGISTRY[name]
