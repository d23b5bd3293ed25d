"""Result pages say what they were made with; a stale one is listed, or fails."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest

from diarize.settings import DEFAULTS
from models.benchmark import pages
from models.benchmark.__main__ import COMMANDS
from tests.conftest import ROOT


def test_every_page_is_made_with_these_models_and_settings_or_says_that_it_is_stale() -> None:
    assert pages.complaints() == []


def test_every_page_has_a_command() -> None:
    assert {page.command for page in pages.PAGES.values()} <= set(COMMANDS)
    assert set(pages.STALE) <= set(pages.PAGES)
    found = {file.name for file in (ROOT / "examples" / "benchmark").glob("*.md")}
    assert found == {*pages.PAGES, "README.md"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(pages.FOLDER, tmp_path / "pages"))


def test_other_settings_make_pages_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vbx = replace(DEFAULTS.vbx, prior_strength=2 * DEFAULTS.vbx.prior_strength)
    monkeypatch.setattr(pages, "DEFAULTS", replace(DEFAULTS, vbx=vbx))
    names = {line.split()[0] for line in pages.complaints(folder)}
    assert names == set(pages.PAGES) - {"WORDS.md", "LINKING.md"} - set(pages.STALE)
    words = replace(DEFAULTS.words, **{fields(DEFAULTS.words)[0].name: 123.0})
    monkeypatch.setattr(pages, "DEFAULTS", replace(DEFAULTS, words=words))
    names = {line.split()[0] for line in pages.complaints(folder)}
    assert names == {"WORDS.md"} - set(pages.STALE)  # they move no figure of the others


def test_another_model_makes_pages_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "model_checksum", lambda name: 64 * name[0])
    concerned = {name for name, page in pages.PAGES.items() if page.models} - set(pages.STALE)
    assert {line.split()[0] for line in pages.complaints(folder)} == concerned


def test_a_stale_page_has_to_say_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STALE", {**pages.STALE, "STAGES.md": "not yet made again."})
    (line,) = pages.complaints(folder)
    assert line.startswith("STAGES.md") and "python -m models.benchmark stages" in line
    text = (folder / "STAGES.md").read_text()
    (folder / "STAGES.md").write_text(text + "\n**Stale:** not yet made again.\n")
    assert pages.complaints(folder) == []
    (folder / "STAGES.md").unlink()
    (line,) = pages.complaints(folder)
    assert "STAGES.md is missing" in line
