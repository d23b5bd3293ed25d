"""What each result page is made with, and which pages are known to be made with something older.

A page's head names the checksums of both bundled models and a hash of the settings that move its
figures. A page made with others is stale: it is made again, or listed in :data:`STALE` with the
reason, which the page says as well.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

from diarize.settings import DEFAULTS

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "benchmark"
MODELS = ("autospeech", "segmentation")
_PIPELINE = ("energy_gate", "embedding", "clustering", "vbx", "pairs", "resegmentation", "overlap")


@dataclass(frozen=True)
class Page:
    """The command that makes a page, and the settings and models that move its figures."""

    command: str
    settings: tuple[str, ...] = _PIPELINE
    models: tuple[str, ...] = MODELS


PAGES = {
    "RESULTS.md": Page("systems"),
    "STAGES.md": Page("stages"),
    "ABLATION.md": Page("ablation"),
    "LENGTHS.md": Page("lengths"),
    "SPEED.md": Page("speed"),
    "WORDS.md": Page("words", ("words",)),
    "NAMES.md": Page("named-meetings", (*_PIPELINE, "identification")),
    "LINKING.md": Page("archive", ("linking",), ()),
}
STALE: dict[str, str] = {}


@lru_cache
def model_checksum(name: str) -> str:
    """Return the SHA-256 of a bundled model's file."""
    from diarize.onnx.bundled import bundled

    return hashlib.sha256(bundled(name).read_bytes()).hexdigest()


def settings_hash(groups: tuple[str, ...]) -> str:
    """Return a hash of the default values of groups of settings.

    The values count, not their names: a setting that is renamed moves no figure.
    """
    values = [astuple(getattr(DEFAULTS, group)) for group in groups]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


def provenance(name: str) -> str:
    """Return the line that a page made now has in its head."""
    page = PAGES[name]
    made = [f"{model}.onnx {model_checksum(model)[:12]}" for model in page.models]
    return f"Made with {', '.join([*made, f'settings {settings_hash(page.settings)}'])}."


def fingerprint(name: str) -> str:
    """Return what tells measurements for a page from those with other models or settings."""
    return hashlib.sha256(provenance(name).encode()).hexdigest()[:16]


def head(name: str) -> str:
    """Return what a page's head says: what it was made with, or why it is stale."""
    return f"**Stale:** {STALE[name]}" if name in STALE else provenance(name)


def complaints(folder: Path = FOLDER) -> list[str]:
    """Return a line for each page that is missing, or made with other models or settings."""
    found = []
    for name, page in PAGES.items():
        file = folder / name
        if not file.is_file():
            found.append(f"{name} is missing: python -m models.benchmark {page.command}")
        elif head(name) not in file.read_text(encoding="utf-8"):
            found.append(
                f"{name} was made with other models or settings: make it again with "
                f"`python -m models.benchmark {page.command}`, or list it in STALE of "
                "models/benchmark/pages.py with the reason, and say so in its head"
            )
    return found
