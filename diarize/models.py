"""Which models exist and where they lie."""

from __future__ import annotations

from pathlib import Path

from diarize.errors import ModelError

_PACKAGE = Path(__file__).resolve().parent


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
