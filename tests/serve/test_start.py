"""What the start page's script does, step by step, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no Node")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What came of it all, as the script beside this file says."""
    assert NODE is not None
    script = Path(__file__).with_name("start.mjs")
    page = ROOT / "diarize" / "serve" / "pages" / "start.js"
    done = subprocess.run([NODE, script, page], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_question_holds_up_nothing_else(told: dict[str, Any]) -> None:
    assert told["whileAsking"] == ["Delete", "Delete for good?"]
    assert told["withdrawn"] == ["Delete", "Delete"]
    assert told["deleted"] == [["DELETE", "/api/jobs/job7"]]


def test_a_transcript_goes_with_one_upload(told: dict[str, Any]) -> None:
    assert told["transcripts"] == ["monday.srt", None]


def test_older_recordings_are_shown_when_asked_for(told: dict[str, Any]) -> None:
    assert told["more"] == [True, False]
    assert told["older"] == [["GET", "/api/jobs?limit=500&before=job2"], 502]
