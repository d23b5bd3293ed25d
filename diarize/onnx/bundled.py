"""Where the two models lie that come with the package."""

from __future__ import annotations

from pathlib import Path

from diarize.errors import ModelError

BUNDLED = ("autospeech", "segmentation")
_PACKAGE = Path(__file__).resolve().parent.parent


def bundled(name: str) -> Path:
    """Return the path of a bundled model, ``autospeech`` or ``segmentation``.

    It lies in the package where that was installed from a wheel, and in ``models/`` in a checkout.

    Raises
    ------
    ModelError
        Where there is no such file.
    """
    places = _places(name)
    for place in places:
        if place.is_file():
            return place
    raise ModelError(
        f"the bundled model {name}.onnx is missing (looked for {places[0]}); "
        "install the package again"
    )


def _places(name: str) -> tuple[Path, Path]:
    """Return where a bundled model may lie."""
    return (
        _PACKAGE / "assets" / f"{name}.onnx",
        _PACKAGE.parent / "models" / name / f"{name}.onnx",
    )


def name_of(path: Path) -> str:
    """Return by what any machine finds a model: a bundled one's name, else the path."""
    return next((name for name in BUNDLED if path in _places(name)), str(path.absolute()))
