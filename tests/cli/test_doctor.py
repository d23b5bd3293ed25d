"""The doctor: what it finds in this installation, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from diarize.cli import doctor, main
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIARIZE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("DIARIZE_SPEAKERS", str(tmp_path / "people.db"))
    return tmp_path


def install(folder: Path, name: str, package: str | None, script: str | None) -> None:
    """Lay down what pip would leave of a small distribution."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n" if package else "")
    if package:
        (info / "top_level.txt").write_text(f"{package}\n")
    if script:
        (info / "entry_points.txt").write_text(f"[console_scripts]\n{script} = x:main\n")


def test_this_installation_is_listed(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    found = {(line["topic"], line["name"]): line for line in json.loads(capsys.readouterr().out)}
    assert found["model", "autospeech"]["state"] == "ok"
    assert found["audio", "decoder"]["state"] == "ok"
    assert found["audio", "speech detector"]["state"] == "ok"
    assert "CPUExecutionProvider" in found["runtime", "onnxruntime providers"]["detail"]
    assert found["version", "numpy"]["state"] == "ok"
    assert str(places / "models") in found["place", "fetched models"]["detail"]
    assert str(places / "people.db") in found["place", "speaker book"]["detail"]
    assert ("optional", "torch") in found


def test_plain_report_ends_with_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert ("problem(s)" in last) == (code == 1)


@pytest.mark.parametrize(
    ("name", "package", "script"),
    [("diarize", "diarize", None), ("pyannote-onnx", "pyannote_onnx", "diarize")],
)
def test_another_diarize_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, script: str | None
) -> None:
    install(tmp_path / "site", name, package, script)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    clashes = [finding for finding in doctor.examine() if finding.topic == "clash"]
    assert (name, "problem") in [(finding.name, finding.state) for finding in clashes]
    assert any(f"pip uninstall {name}" in finding.detail for finding in clashes)


def test_our_own_distribution_is_no_clash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "autospeech-diarize", "diarize", "diarize")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "autospeech-diarize" in doctor.owners("diarize")
    assert not [
        finding
        for finding in doctor.examine()
        if finding.topic == "clash" and finding.name == "autospeech-diarize"
    ]


def test_missing_pieces_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "_webrtcvad", None)
    monkeypatch.setattr(doctor, "OPTIONAL", (("no_such_module", "whisper", "nothing"),))
    monkeypatch.setattr(doctor, "CORE", ("no-such-distribution",))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "pip install no-such-distribution" in out
    assert "pip install --force-reinstall webrtcvad-wheels" in out
    assert 'pip install "autospeech-diarize[whisper]"' in out


def test_all_that_is_needed_is_looked_for() -> None:
    table = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [")[2]
    needed = re.findall(r'"([\w-]+)>=', table.partition("]")[0])
    assert sorted(needed) == sorted(doctor.CORE)


def test_offline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    assert any("DIARIZE_OFFLINE" in finding.detail for finding in doctor.examine())
