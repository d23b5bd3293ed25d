"""Voices of a result as sound files: clear, alone, and never over anybody's work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization, Speaker, alone
from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.excerpts import LONGEST, clear_excerpts, excerpts
from diarize.result import Result
from diarize.result_file import read_result
from diarize.rttm import read_rttm
from diarize.samples import file_stems
from diarize.timeline import Turn
from tests import command


@pytest.fixture
def meeting(tmp_path: Path, example_dir: Path) -> Path:
    """A result of the example's true turns, with a name that no file may bear."""
    sound = tmp_path / "meeting.mp3"
    sound.write_bytes((example_dir / "meeting.mp3").read_bytes())
    (turns,) = read_rttm(example_dir / "meeting.rttm").values()
    people = [Speaker(turns[0].speaker, 'Ann / "Bo"')]
    found = Diarization(turns, load(sound).duration, "meeting", people)
    Result(found, None, str(sound)).write("json", folder=tmp_path)
    return tmp_path


spans = st.lists(
    st.tuples(st.floats(0, 200), st.floats(0.05, 20), st.sampled_from("abc")), min_size=1
)


@given(spans)
def test_excerpts_are_of_the_speaker_alone(found: list[tuple[float, float, str]]) -> None:
    talk = Diarization([Turn(start, start + size, who) for start, size, who in found], 300)
    for label in talk.labels:
        regions = [part for part in alone(talk, label) if part.duration > 0.2]
        chosen = excerpts(talk, label)
        assert len(chosen) >= min(2, len(regions))
        assert len(chosen) <= 5
        assert chosen == sorted(chosen)
        for part in chosen:
            assert part.duration <= LONGEST + 1e-9
            assert any(one.start <= part.start and part.end <= one.end for one in regions)


def test_the_clearest_come_first() -> None:
    turns = [Turn(40.0 * number, 40.0 * number + 5, "a", 0.5) for number in range(9)]
    turns[2] = Turn(80.0, 85.0, "a", 0.9)
    turns[4] = Turn(160.0, 165.0, "a", 0.9, unsure=True)
    chosen = [part.start for part in excerpts(Diarization(turns, 400), "a")]
    assert len(chosen) == 5
    assert 80.0 in chosen and 160.0 not in chosen
    noisy = excerpts(Diarization(turns, 400), "a", lambda part: float(part.start >= 200))
    assert [part.start for part in noisy if part.start < 200] == [80.0]


def test_samples(meeting: Path) -> None:
    done = command.run("samples", "meeting.json", "-o", "voices", cwd=meeting)
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (meeting / "voices").glob("*.wav"))
    assert "Ann _ _Bo_-1.wav" in files
    wave = load(meeting / "meeting.mp3")
    talk = read_result(meeting / "meeting.json").diarization
    found = clear_excerpts(talk, wave)
    assert len(files) == sum(map(len, found.values()))
    for label, stem in file_stems(talk).items():
        assert 2 <= len(found[label]) <= 5
        for number, part in enumerate(found[label], start=1):
            start, stop = round(part.start * SAMPLE_RATE), round(part.end * SAMPLE_RATE)
            sound = load(meeting / "voices" / f"{stem}-{number}.wav").samples
            assert np.array_equal(sound, wave.samples[start:stop])
    # again: the same bytes over our own files; over somebody's file never
    before = {name: (meeting / "voices" / name).read_bytes() for name in files}
    assert command.run("samples", "meeting.json", "-o", "voices", cwd=meeting).returncode == 0
    assert before == {name: (meeting / "voices" / name).read_bytes() for name in files}
    (meeting / "voices" / files[0]).write_bytes(b"mine")
    refused = command.run("samples", "meeting.json", "-o", "voices", cwd=meeting)
    assert refused.returncode == 1 and b"is not replaced" in refused.stderr
    assert (meeting / "voices" / files[0]).read_bytes() == b"mine"
    more = command.run("samples", "meeting.json", "-o", "voices", "--overwrite", cwd=meeting)
    assert more.returncode == 0
    assert (meeting / "voices" / files[0]).read_bytes() == before[files[0]]


def test_tracks(meeting: Path) -> None:
    words = ("samples", "meeting.json", "-o", "tracks", "--tracks")
    assert command.run(*words, cwd=meeting).returncode == 0
    whole = load(meeting / "meeting.mp3").samples
    tracks = {path.stem: load(path).samples for path in (meeting / "tracks").glob("*.wav")}
    assert len(tracks) == 4
    for sound in tracks.values():
        assert sound.size == whole.size
        heard = np.flatnonzero(sound)
        assert 0.05 < heard.size / sound.size < 0.6
    # nobody talks at once in the example: the tracks together are the recording where one speaks
    total = sum(sound.astype(np.int64) for sound in tracks.values())
    spoken = np.flatnonzero(total)
    off = np.abs(total[spoken] - whole[spoken].astype(np.int64))
    assert np.mean(off <= 1) > 0.98  # but for the fades


def test_a_recording_that_is_gone(meeting: Path) -> None:
    (meeting / "meeting.mp3").rename(meeting / "moved.mp3")
    done = command.run("samples", "meeting.json", "-o", "voices", cwd=meeting)
    assert done.returncode == 1 and b"--audio PATH" in done.stderr
    words = ("samples", "meeting.json", "-o", "voices", "--audio", "moved.mp3", "--opus", "-q")
    assert command.run(*words, cwd=meeting).returncode == 0
    assert list((meeting / "voices").glob("*.opus"))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6))
def test_stems_are_names_of_files(names: list[str]) -> None:
    people = [Speaker(f"SPEAKER_{number:02d}", name) for number, name in enumerate(names)]
    stems = list(file_stems(Diarization([], 1, speakers=people)).values())
    assert len({stem.casefold() for stem in stems}) == len(names)
    for stem in stems:
        assert stem and not set('<>:"/\\|?*\0\n') & set(stem) and len(stem.encode()) <= 120
