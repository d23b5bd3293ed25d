"""The page as a file: what it holds, and what becomes of it without its recording."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.audio.encoding import opus
from diarize.cli import main
from diarize.result import Result
from diarize.timeline import Turn
from diarize.writers.html import peaks


def test_braces_and_a_recording_that_is_none(tmp_path: Path) -> None:
    audio = tmp_path / "{{script}} <script>.mp3"
    audio.write_bytes(b"no sound")
    result = Result(Diarization([Turn(0, 1, "{{facts}}")], 2, "talk"), None, str(audio))
    page = result.to_html()
    assert page.count("<script") == page.count("</script") == 3
    assert "{{script}} &lt;script&gt;.mp3</title>" in page
    assert page == result.to_html()


def test_relabel_where_the_embedded_recording_has_gone(
    tmp_path: Path, example_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio, page = tmp_path / "talk.mp3", tmp_path / "talk.html"
    shutil.copy(example_dir / "meeting.mp3", audio)
    Result(Diarization([Turn(0, 9, "SPEAKER_00")], 9), None, str(audio)).write(
        "json", folder=tmp_path
    )
    words = ["relabel", str(tmp_path / "talk.json")]
    assert main([*words, "--html", "--embed-audio"]) == 0
    before = page.read_bytes()
    audio.unlink()
    assert main([*words, "--rename", "SPEAKER_00=Ann"]) == 0
    assert "left alone: talk.html" in capsys.readouterr().err
    assert page.read_bytes() == before


def test_the_page_draws_the_channel_that_the_result_is_of(tmp_path: Path) -> None:
    import soundfile

    audio = tmp_path / "call.wav"
    tone = 0.5 * np.sin(np.arange(32_000) / 5)
    soundfile.write(audio, np.stack([tone, 0 * tone], axis=1), 16_000)
    drawn = {}
    for channel in (0, 1):
        result = Result(Diarization([], 2.0, parameters={"channels": channel}), None, str(audio))
        (facts,) = re.findall(r'"peaks":"([^"]*)"', result.to_html())
        drawn[channel] = max(base64.b64decode(facts))
    assert drawn == {0: 255, 1: 0}


def test_peaks_and_opus() -> None:
    import av

    tone = (8000 * np.sin(np.arange(32_000) / 5)).astype(np.int16)
    tone[16_000:] = 0
    rate, heights = peaks(tone)
    assert (rate, len(heights)) == (20, 40)
    assert heights[:20].min() > 240 > heights[20:].max() == 0
    assert peaks(np.full(10, -32768, dtype=np.int16))[1].tolist() == [255]
    assert peaks(np.zeros(0, dtype=np.int16))[1].size == 0
    assert len(peaks(np.zeros(16_000 * 7200, dtype=np.int16))[1]) <= 120_000
    packed = opus(tone)
    assert packed == opus(tone)
    with av.open(io.BytesIO(packed)) as ogg:
        frames = sum(frame.samples for frame in ogg.decode(audio=0))
    assert frames == pytest.approx(96_000, abs=2_000)
