"""The package's types as a user's type checker sees them (py.typed)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

EXAMPLE = ROOT / "tests" / "data" / "typed_example.py"
PLUGIN = ROOT / "tests" / "data" / "plugin" / "diarize_example_plugin.py"
WRONG = (
    'diarize("a.mp3", nun_speakers=2)',
    'Diarizer(threads="two")',
    'diarize("a.mp3").turns[0].speaker + 1',
    "diarize(3)",
)


def checked(command: list[str], path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    return subprocess.run(
        [*command, str(path)], capture_output=True, text=True, cwd=ROOT, env=environment
    )


@pytest.fixture(params=["mypy", "pyright"])
def checker(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "mypy":
        pytest.importorskip("mypy", reason='pip install ".[dev]"')
        # In the checkout's own cache, so that only the first run is slow.
        return [sys.executable, "-m", "mypy", "--strict"]
    # Its first run fetches the checker itself, which fails where there is no network.
    if shutil.which("pyright") is None or subprocess.run(["pyright", "--version"]).returncode:
        pytest.skip('pip install "pyright[nodejs]", and run it once online')
    return ["pyright", "--pythonpath", sys.executable]


def test_an_example_of_the_whole_api_is_well_typed(checker: list[str]) -> None:
    done = checked(checker, EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_plugin_is_well_typed(checker: list[str], tmp_path: Path) -> None:
    path = tmp_path / "used.py"
    shutil.copy(PLUGIN, path)
    with path.open("a") as file:
        file.write(
            "\n\nfrom diarize import Diarizer, LabelOptions\n\n"
            "Diarizer(vad=EverythingIsSpeech(), embedder=LoudnessEmbedder())\n"
            "LabelOptions(engine=Parrot())\n"
        )
    done = checked(checker, path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mistakes_are_found(checker: list[str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("\n".join(["from diarize import Diarizer, diarize", *WRONG]))
    done = checked(checker, path)
    assert done.returncode == 1
    found = {int(number) for number in re.findall(r"wrong\.py:(\d+):.*error", done.stdout)}
    assert found == {2, 3, 4, 5}, done.stdout
