"""Nothing is reported to anybody, and nothing is left behind: runs in a home that is empty."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Their presence alone keeps onnxruntime from reporting.
_SILENCERS = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI")


def run_at_home(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python in an empty home folder, without any variable that switches reports off."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _SILENCERS and not name.startswith(("XDG_", "GITHUB_"))
    }
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *words],
        cwd=home,
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=300,
    )


def left_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_onnxruntime_would_leave_traces(tmp_path: Path) -> None:
    # What the other tests here guard against; older releases have nothing to guard against.
    onnxruntime = pytest.importorskip("onnxruntime")
    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < (1, 29):
        pytest.skip("this onnxruntime has no telemetry outside of Windows")
    done = run_at_home(tmp_path, "-c", "import onnxruntime")
    assert done.returncode == 0, done.stderr
    assert any("onnxruntime" in name for name in left_in(tmp_path))


PROGRAMMES = {
    "command": ["-m", "diarize", "AUDIO", "--no-transcript", "-q", "-f", "rttm", "-o", "-"],
    "doctor": ["-m", "diarize", "doctor"],
    "function": ["-c", "import diarize; diarize.diarize('AUDIO')"],
    "several processes": [
        "-c",
        "if __name__ == '__main__':\n"
        "    import tempfile\n"
        "    from diarize.batch import Job, run_batch\n"
        "    with tempfile.TemporaryDirectory() as out:\n"
        "        assert run_batch(['AUDIO'], Job(out), jobs=2).done == 1",
    ],
    "a process of one's own": [
        "-c",
        "import diarize, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import onnxruntime'], check=True)",
    ],
    "onnxruntime after diarize": ["-c", "import diarize, onnxruntime"],
}


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_a_run_leaves_nothing_in_the_home_folder(
    programme: str, tmp_path: Path, example_dir: Path
) -> None:
    audio = str(example_dir / "meeting.mp3")
    words = [word.replace("AUDIO", audio) for word in PROGRAMMES[programme]]
    done = run_at_home(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert left_in(tmp_path) == []


LATE = """
import {first}
import diarize.onnx.session
for _ in range(2):
    diarize.onnx.session.runtime()
"""


@pytest.mark.parametrize(("first", "times"), [("onnxruntime", 1), ("diarize", 0)])
def test_telemetry_that_has_begun_is_told_once(tmp_path: Path, first: str, times: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < (1, 29):
        pytest.skip("this onnxruntime has no telemetry outside of Windows")
    done = run_at_home(tmp_path, "-c", LATE.format(first=first))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("imported before diarize") == times
    silenced = run_at_home(tmp_path, "-c", LATE.format(first=first), ORT_DISABLE_TELEMETRY="1")
    assert silenced.stderr == ""


def test_onnxruntime_is_imported_in_one_place() -> None:
    pattern = re.compile(r"^\s*(import onnxruntime|from onnxruntime import)", re.MULTILINE)
    places = {
        path.relative_to(ROOT).as_posix()
        for folder in ("diarize", "models")
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert places == {"diarize/onnx/session.py"}
