"""The README's snippets run as they stand, in a folder with the example meeting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\S+)([^\n]*)\n(.*?)^```", README, re.S | re.M)
PYTHON = [code for language, tag, code in BLOCKS if language == "python" and "norun" not in tag]
SHELL = [code for language, tag, code in BLOCKS if language == "sh" and "norun" not in tag]


@pytest.fixture
def folder(tmp_path, example_dir) -> Path:
    """A folder with the example meeting, and a ``diarize`` command of this checkout."""
    for name in ("meeting.mp3", "meeting.json", "meeting.rttm"):
        shutil.copy(example_dir / name, tmp_path / name)
    command = tmp_path / "bin" / "diarize"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m diarize "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DIARIZE_SPEAKERS": str(folder / "people.db"),
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_python_snippet(code, folder):
    done = run([sys.executable, "-c", code], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the snippets are for a POSIX shell")
@pytest.mark.parametrize("code", SHELL, ids=range(len(SHELL)))
def test_shell_snippet(code, folder):
    done = run(["sh", "-ec", code], folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_begins_with_the_two_commands():
    first, second = (code for language, _, code in BLOCKS[:2] if language == "bash")
    assert first.startswith("pip install")
    assert "diarize examples/meeting.mp3 --srt" in first
    assert "pytest" in second


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#][^)]*)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", README, re.M)
    }
    for anchor in re.findall(r"\]\(#([^)]*)\)", README):
        assert anchor in anchors, anchor
