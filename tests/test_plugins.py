"""A package that offers parts under our entry points is installed for real, and used."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize import plugins
from diarize.errors import UsageError
from tests.conftest import ROOT

PLUGIN = ROOT / "tests" / "data" / "plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example plug-in is installed into."""
    target = tmp_path_factory.mktemp("site")
    if importlib.util.find_spec("hatchling") is None:
        _install_by_hand(target)
        return target
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(PLUGIN, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True)
    return target


def _install_by_hand(target: Path) -> None:
    """Do what an installer does, where no build back end is at hand."""
    shutil.copy(PLUGIN / "diarize_example_plugin.py", target)
    info = target / "diarize_example_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: diarize-example-plugin\nVersion: 1.0\n"
    )
    lines = []
    for line in (PLUGIN / "pyproject.toml").read_text().splitlines():
        if line.startswith("["):
            section = line.partition('entry-points."')[2].rstrip('"]')
            lines += [f"[{section}]"] if section else []
        elif lines and section and "=" in line:
            lines.append(line.replace('"', ""))
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds: loud noise, then quiet noise."""
    noise = np.random.default_rng(5).normal(0, 1, 128_000)
    noise[:64_000] *= 8000
    noise[64_000:] *= 500
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(noise.clip(-32_768, 32_767).astype("<i2").tobytes())
    return path


def python(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = [str(site), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )


def evaluate(site: Path, expression: str) -> Any:
    code = f"import json; from diarize import plugins; print(json.dumps({expression}))"
    done = python(site, "-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_an_installed_package_offers_is_known(site: Path) -> None:
    offered = evaluate(site, "{group: plugins.names(group) for group in plugins.GROUPS}")
    assert {"everything"} <= set(offered["vads"])
    assert {"loudness", "broken"} <= set(offered["embedders"])
    assert {"parrot"} <= set(offered["transcribers"])
    assert {"shout"} <= set(offered["writers"])


def test_it_is_loaded_by_name(site: Path) -> None:
    assert evaluate(site, "type(plugins.load('vads', 'everything')).__name__") == (
        "EverythingIsSpeech"
    )


def test_the_command_line_uses_all_of_it(site: Path, talk: Path, tmp_path: Path) -> None:
    done = python(
        site,
        *("-m", "diarize", str(talk), "--vad", "everything", "--embedding-model", "loudness"),
        *("--engine", "parrot", "-f", "shout,json", "-o", str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    loud, quiet = (tmp_path / "talk.shout").read_text().splitlines()
    assert loud.startswith("SPEAKER_00: POLLY. POLLY. POLLY.")
    assert quiet.startswith("SPEAKER_01: POLLY. POLLY. POLLY.")
    assert loud.count("POLLY.") + quiet.count("POLLY.") == 8
    block = json.loads((tmp_path / "talk.json").read_text())["diarization"]
    assert (block["model"], block["parameters"]["vad"]) == ("loudness", "everything")
    kept = json.loads((tmp_path / "talk.whisper.json").read_text())
    assert kept["transcriber"]["name"] == "parrot"


def test_every_command_takes_an_embedder_by_its_name(
    site: Path, talk: Path, tmp_path: Path
) -> None:
    usual = ("--speakers", str(tmp_path / "people.db"), "--embedding-model", "loudness")
    heard = (str(talk), "--vad", "everything", *usual)
    done = python(site, "-m", "diarize", "enroll", "Ann", *heard, "--one-voice")
    assert done.returncode == 0, done.stderr
    done = python(site, "-m", "diarize", "identify", *heard, "--segments", "turns")
    assert (done.returncode, done.stdout.count("Ann 0.")) == (0, 2), done.stderr
    done = python(site, "-m", "diarize", "calibrate", *usual)
    assert "at least two enrolled people are needed" in done.stderr


def test_a_broken_plugin_is_one_line(site: Path, talk: Path) -> None:
    done = python(site, "-m", "diarize", str(talk), "--embedding-model", "broken", "-o", "-")
    assert done.returncode == 1
    assert "diarize-example-plugin" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_names_that_nobody_offers(site: Path, talk: Path) -> None:
    done = python(site, "-m", "diarize", str(talk), "--vad", "silero9", "-o", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "silero9" in done.stderr
    done = python(site, "-m", "diarize", str(talk), "--engine", "nobody", "-o", "-")
    assert done.returncode == 2
    assert "parrot" in done.stderr


def test_without_plugins() -> None:
    with pytest.raises(UsageError, match="no plug-in group 'voices'"):
        plugins.names("voices")
    with pytest.raises(UsageError, match="no installed package offers 'nobody' among vads"):
        plugins.load("vads", "nobody")
