"""Every tuned number is in one tree, which is handed down."""

from __future__ import annotations

import ast
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import diarize
from diarize import Diarizer, Segment
from diarize.audio.waveform import Waveform
from diarize.segmentation.segmenters import load_segmentation
from diarize.settings import (
    DEFAULTS,
    EnergyGateSettings,
    ResegmentationSettings,
    SegmentationSettings,
    Settings,
)

PACKAGE = Path(diarize.__file__).parent
CODE = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "settings"]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_function_makes_settings_of_its_own(path: Path) -> None:
    made = [
        f"{path}:{call.lineno}"
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and not call.args and not call.keywords
        if isinstance(call.func, ast.Name) and call.func.id.endswith("Settings")
    ]
    assert not made


def test_each_number_is_used() -> None:
    code = "\n".join(path.read_text("utf-8") for path in CODE)
    groups = {field.name: getattr(DEFAULTS, field.name) for field in fields(DEFAULTS)}
    groups["segmentation"] = SegmentationSettings()
    names = [(name, one.name) for name, group in groups.items() for one in fields(group)]
    # Each use is an attribute of some settings: a name that is read nowhere is a dead number.
    dead = [f"{group}.{one}" for group, one in names if not re.search(rf"\.{one}\b", code)]
    assert not dead


def test_digest_and_differences() -> None:
    assert Settings().digest() == DEFAULTS.digest()
    assert Settings().differences() == {}
    changed = Settings(
        segmentation=SegmentationSettings(onset=0.4),
        resegmentation=ResegmentationSettings(switch_cost=6.0),
    )
    assert changed.digest() != DEFAULTS.digest()
    found = changed.differences()
    assert found["resegmentation.switch_cost"] == 6.0
    # All of a group whose values the model would bring.
    assert found["segmentation.onset"] == 0.4


def test_a_result_names_the_settings_behind_it() -> None:
    samples = np.random.default_rng(1).normal(0, 3000, 32_000).astype(np.int16)
    settings = replace(DEFAULTS, resegmentation=ResegmentationSettings(join=1.0))
    diarizer = Diarizer(vad=lambda _: [Segment(0.0, 2.0)], settings=settings)
    parameters = diarizer(Waveform(samples)).parameters
    assert parameters["settings"] == settings.digest()
    assert parameters["settings_changed"] == {"resegmentation.join": 1.0}


def test_the_segmenter_takes_its_settings() -> None:
    gate, own = EnergyGateSettings(relative_db=3.0), SegmentationSettings(onset=0.9)
    usual = load_segmentation()
    changed = load_segmentation(settings=Settings(segmentation=own, energy_gate=gate))
    assert (changed.settings, changed.energy_gate) == (own, gate)  # type: ignore[attr-defined]
    assert usual.settings != own  # type: ignore[attr-defined]
    assert usual.energy_gate == DEFAULTS.energy_gate  # type: ignore[attr-defined]


def test_pages_that_settings_name_exist() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (PACKAGE / "settings").glob("*.py"))
    pages = set(re.findall(r"``([\w./]+\.md)``", text))
    assert pages
    root = Path(__file__).parents[1]
    assert [page for page in sorted(pages) if not (root / page).is_file()] == []
