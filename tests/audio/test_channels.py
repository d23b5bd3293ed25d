"""Calls with a person a channel, made of the example meeting: with leaks, noise, silence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diarize import Diarization, Diarizer, label_transcript
from diarize.arrays import SAMPLE_RATE
from diarize.audio.channels import hold_different_voices, levels
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError, UsageError
from diarize.labeler import Labeler, LabelOptions
from diarize.rttm import read_rttm
from diarize.settings import ChannelSettings, Settings
from tests import command
from tests.conftest import ROOT

SECONDS = 60.0


@pytest.fixture(scope="module")
def diarizer() -> Diarizer:
    return Diarizer(threads=1)


@pytest.fixture(scope="module")
def meeting() -> np.ndarray:
    path = ROOT / "examples" / "meeting.mp3"
    samples = load(path).samples[: round(SECONDS * SAMPLE_RATE)]
    return samples.astype(np.float32) / 32768


@pytest.fixture(scope="module")
def people(example_dir: Path) -> list[list[tuple[float, float]]]:
    """When each person of the meeting's beginning talks, in order of appearance."""
    times: dict[str, list[tuple[float, float]]] = {}
    for line in (example_dir / "meeting.rttm").read_text().splitlines():
        fields = line.split()
        start, duration, speaker = float(fields[3]), float(fields[4]), fields[7]
        if start + duration < SECONDS:
            times.setdefault(speaker, []).append((start, start + duration))
    return list(times.values())


def call(sound: np.ndarray, *sides: list[tuple[float, float]]) -> np.ndarray:
    """Put each side's turns on a channel of its own, with a little hiss."""
    planes = np.random.default_rng(0).normal(0, 1e-4, (len(sides), sound.size))
    for plane, turns in zip(planes, sides, strict=True):
        for start, end in turns:
            part = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
            plane[part] += sound[part]
    return planes.astype(np.float32)


def strangers_seconds(found: Diarization, *sides: list[tuple[float, float]]) -> float:
    """Seconds in which a channel's speaker is said to talk and somebody else's turn is."""
    wrong = 0.0
    for turn in found:
        for number, turns in enumerate(sides):
            if turn.speaker != f"SPEAKER_{number:02d}":
                for start, end in turns:
                    wrong += max(0.0, min(end, turn.end) - max(start, turn.start))
    return wrong


def spoken(found: Diarization, number: int) -> float:
    return found.talk_time(f"SPEAKER_{number:02d}")


@pytest.mark.parametrize("leak", [0.0, 0.1, 0.3, 0.4])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_each_channel_is_one_speaker(diarizer, meeting, people, leak: float, gain: float) -> None:
    sides = people[0], people[1]
    planes = call(meeting, *sides)
    planes = planes + leak * planes[::-1]
    planes[1] *= gain
    found = diarizer(planes, channels="split", sample_rate=SAMPLE_RATE)
    assert found.labels == ("SPEAKER_00", "SPEAKER_01")
    assert found.parameters["channels"] == "split"
    assert strangers_seconds(found, *sides) < 0.5
    for number, turns in enumerate(sides):
        said = sum(end - start for start, end in turns)
        assert spoken(found, number) == pytest.approx(said, rel=0.25)


def test_progress_over_all_channels(diarizer, meeting, people) -> None:
    planes = call(meeting, people[0], people[1])
    reports: list[tuple[str, float, float | None]] = []
    diarizer(
        planes,
        channels="split",
        sample_rate=SAMPLE_RATE,
        on_progress=lambda *report: reports.append(report),
    )
    done = [count for _, count, _ in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1][2] == pytest.approx(SECONDS)
    embedding = [count for stage, count, _ in reports if stage == "embed"]
    assert len(set(embedding)) >= 3  # from channel to channel, not all of it with the first one


def test_somebody_who_only_listens(diarizer, meeting, people) -> None:
    silent = call(meeting, people[0], [])
    leaky = silent + 0.05 * silent[::-1]
    for planes in (silent, leaky):
        found = diarizer(planes, channel_names=["Agent", "Customer"], sample_rate=SAMPLE_RATE)
        assert [speaker.display for speaker in found.speakers] == ["Agent"]
        assert any("nobody speaks on channel 1 (Customer)" in one for one in found.warnings)


def test_an_echo_now_and_then_in_digital_silence(diarizer, meeting, people) -> None:
    sides = people[0], people[1]
    planes = call(meeting, *sides)
    planes[np.abs(planes) < 1e-3] = 0.0
    for start, end in people[0][::2]:
        late = slice(round((start + 0.2) * SAMPLE_RATE), round((end + 0.2) * SAMPLE_RATE))
        planes[1, late] += 0.05 * np.roll(planes[0], round(0.2 * SAMPLE_RATE))[late]
    found = diarizer(planes, channels="split", sample_rate=SAMPLE_RATE)
    assert strangers_seconds(found, *sides) < 0.5


def test_a_short_answer_while_the_other_one_talks(diarizer, meeting, people) -> None:
    planes = call(meeting, people[0], [])
    start, end = people[1][0][0], people[1][0][0] + 2.0
    answer = meeting[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    place = round((people[0][1][0] + 1.0) * SAMPLE_RATE)
    planes[1, place : place + answer.size] += answer
    found = diarizer(planes, channels="split", sample_rate=SAMPLE_RATE)
    assert spoken(found, 1) == pytest.approx(2.0, abs=0.4)
    assert spoken(found, 0) == pytest.approx(sum(b - a for a, b in people[0]), rel=0.25)
    assert any(turn.overlap for turn in found if turn.speaker == "SPEAKER_01")


def test_three_channels_two_of_whom_talk_at_once(diarizer, meeting, people) -> None:
    shift = round(4 * SAMPLE_RATE)
    planes = call(meeting, people[0], people[1], people[2])
    planes[1] = np.roll(planes[1], -shift)
    found = diarizer(planes, channels="split", sample_rate=SAMPLE_RATE)
    assert len(found.speakers) == 3
    assert any(turn.overlap for turn in found)
    moved = [(start - 4, end - 4) for start, end in people[1]]
    for number, turns in enumerate([people[0], moved, people[2]]):
        said = sum(end - start for start, end in turns)
        assert spoken(found, number) == pytest.approx(said, rel=0.25)


@pytest.mark.parametrize("right", [1.0, 0.6, -1.0])
def test_the_same_sound_on_both_channels(diarizer, meeting, right: float) -> None:
    both = np.stack([meeting, right * meeting])
    found = diarizer(both, channels="split", sample_rate=SAMPLE_RATE)
    alone = diarizer(meeting, sample_rate=SAMPLE_RATE)
    assert len(found.speakers) == len(alone.speakers)
    assert any("the same sound" in warning for warning in found.warnings)
    with pytest.raises(UsageError, match="same sound"):
        diarizer(both, channel_names=["A", "B"], sample_rate=SAMPLE_RATE)


def test_what_cannot_be_split(diarizer, meeting, people) -> None:
    with pytest.raises(AudioError, match="one channel"):
        diarizer(meeting, channels="split", sample_rate=SAMPLE_RATE)
    planes = call(meeting, people[0], people[1])
    for names in (["A"], ["A", "B", "C"], "AB", ["A", "A"], ["A", " "], [None, "B"], iter("AB")):
        with pytest.raises(UsageError, match="name"):
            diarizer(planes, channel_names=names, sample_rate=SAMPLE_RATE)
    with pytest.raises(UsageError, match="split"):
        diarizer(planes, channels=0, channel_names=["A", "B"], sample_rate=SAMPLE_RATE)
    with pytest.raises(UsageError, match="number of speakers"):
        diarizer(planes, channels="split", num_speakers=3, sample_rate=SAMPLE_RATE)


def test_words_go_to_the_channel_that_spoke(tmp_path, example_dir, meeting, people) -> None:
    sides = people[0], people[1]
    audio = tmp_path / "call.wav"
    soundfile.write(audio, call(meeting, *sides).T, SAMPLE_RATE)
    words = json.loads((example_dir / "meeting.json").read_text())
    inside = [
        segment
        for segment in words["segments"]
        if any(
            start - 0.3 <= segment["start"] and segment["end"] <= end + 0.3
            for turns in sides
            for start, end in turns
        )
    ]
    (tmp_path / "call.json").write_text(json.dumps({**words, "segments": inside}))
    words = ["call.wav", "--channel-names", "Agent,Customer"]
    done = command.run(*words, "-f", "srt,json,rttm", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "call.json").read_text())
    for segment in result["segments"]:
        wanted = (
            "Agent" if any(s - 0.5 <= segment["start"] < e for s, e in sides[0]) else "Customer"
        )
        assert segment["speaker"] == wanted
        assert all(word["speaker"] == wanted for word in segment.get("words", ()))
    assert {one["name"] for one in result["diarization"]["speakers"]} == {"Agent", "Customer"}
    assert {turn.speaker for turn in read_rttm(tmp_path / "out" / "call.rttm")["call"]} == {
        "Agent",
        "Customer",
    }
    assert "Customer: " in (tmp_path / "out" / "call.srt").read_text()


# --- lines --------------------------------------------------------------------------------------


def lines(planes: np.ndarray) -> str:
    return " ".join(load(planes, sample_rate=SAMPLE_RATE).warnings)


def test_a_line_suggests_the_split(meeting, people) -> None:
    planes = call(meeting, people[0], people[1])
    assert "different voices" in lines(planes)
    assert "different voices" in lines(planes + 0.05 * planes[::-1])
    assert "different voices" in lines(np.stack([planes[0], 0 * meeting, planes[1]]))


def test_no_line_where_there_is_nothing_to_split(meeting, people) -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, meeting.size).astype(np.float32)
    panned = call(meeting, people[0], people[1])
    for planes in (
        np.stack([meeting, meeting]),
        np.stack([meeting, 0.3 * meeting + noise]),
        np.stack([meeting, noise]),
        np.stack([meeting, 0 * meeting]),
        np.stack([meeting, 3e-5 * np.sign(noise)]),
        np.stack([panned[0] + 0.5 * panned[1], panned[1] + 0.5 * panned[0]]),
        call(meeting, people[0], []),
    ):
        assert lines(planes) == ""


def test_a_faint_channel_is_told(meeting, people) -> None:
    planes = call(meeting, people[0], people[1])
    planes[1] *= 0.01
    told = lines(planes)
    assert "channel 1 is 4" in told and "dB fainter" in told
    assert "fainter" in lines(np.stack([meeting, 0.01 * np.roll(meeting, 80_000)]))


def test_the_lines_take_the_settings_of_whoever_asks(meeting, people) -> None:
    planes = call(meeting, people[0], people[1])
    planes[1] *= 0.01
    settings = ChannelSettings(min_contrast=200.0, faint_below=200.0)
    assert load(planes, sample_rate=SAMPLE_RATE, settings=settings).warnings == ()
    deaf = Diarizer(vad=lambda _: [], settings=Settings(channels=settings))
    assert deaf(planes, sample_rate=SAMPLE_RATE).warnings == ()
    labeler = Labeler(deaf, options=LabelOptions(transcripts="ignore"))
    file = io.BytesIO()
    soundfile.write(file, planes.T, SAMPLE_RATE, format="WAV")
    file.seek(0)
    assert labeler.diarize(file).diarization.warnings == ()


def test_levels() -> None:
    planes = np.stack([np.full(8000, 0.1, np.float32), np.zeros(8000, np.float32)])
    assert levels(planes, 16000).round(3).tolist() == [[-20.0] * 5, [-100.0] * 5]
    assert not hold_different_voices(levels(planes, 16000))
    assert not hold_different_voices(np.zeros((0, 0), np.float32))


def test_channels_of_a_file_that_changes_its_channels() -> None:
    wave = load(np.stack([np.ones(800), -np.ones(800)]) / 4, channels="split", sample_rate=16000)
    assert [one.samples[10] for one in wave.channels] == [8192, -8192]
    assert abs(int(wave.samples[10])) == 8192  # not what is left where the two cancel out
    assert isinstance(wave.channels[0], Waveform)


def test_labels_of_a_merged_transcript(diarizer, meeting, people) -> None:
    planes = call(meeting, people[0], people[1])
    found = diarizer(planes, channel_names=["Agent", "Customer"], sample_rate=SAMPLE_RATE)
    start, end = people[1][0]
    text = {"segments": [{"start": start, "end": end, "text": " Could we begin?"}]}
    assert label_transcript(text, found)["segments"][0]["speaker"] == "Customer"
