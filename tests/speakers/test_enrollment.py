"""Enrollment: what is taken from a recording, and what is refused or warned of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diarize.annotation import Diarization
from diarize.arrays import unit
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform, signal_to_noise
from diarize.embedding.base import Thresholds
from diarize.errors import AudioError, EnrollmentError, SpeakerBookError, TranscriptError
from diarize.result import Result
from diarize.result_file import to_block
from diarize.settings import DEFAULTS
from diarize.speakers.book import SpeakerBook
from diarize.speakers.diarizer import Diarizer
from diarize.speakers.enrollment import enroll, voice_of
from diarize.speakers.export import export_book, import_book
from diarize.speakers.quality import unlike_others
from diarize.speakers.records import BookModel, Sample
from diarize.speakers.reenrollment import re_enroll
from diarize.speakers.results import enroll_from_result, rejected_voice
from diarize.speakers.voiceprints import voice_samples
from diarize.timeline import Segment, Turn
from tests import command
from tests.audio.test_sources import film

RATE = 16_000
ANN, BOB = 200.0, 900.0


class PitchEmbedder:
    """Tells "voices" apart that are tones: the spectrum in 24 bands, as a unit vector."""

    name = "pitch"
    dimension = 24
    window, hop = 1.6, 0.8
    thresholds = Thresholds(clustering=0.4, verification=0.5, margin=0.05)

    def __init__(self, checksum: str = "a" * 64) -> None:
        self.checksum = checksum

    def embed(self, waveform: Waveform, segments: Sequence[Segment], on_progress=None):
        rows = []
        for segment in segments:
            samples = waveform.block(round(segment.start * RATE), round(segment.end * RATE))
            power = np.abs(np.fft.rfft(samples, 16_384 * 2)) ** 2
            bands = np.array_split(power[:4096], self.dimension)
            rows.append(unit([float(np.sqrt(band.sum())) for band in bands]))
        return np.array(rows, np.float32).reshape(-1, self.dimension)


def loud_parts(waveform: Waveform) -> list[Segment]:
    """Find everything that is not silence, in steps of 0.1 s."""
    step = RATE // 10
    loud = [
        np.abs(waveform.samples[at : at + step]).max() > 3
        for at in range(0, len(waveform.samples) - step + 1, step)
    ]
    edges = np.flatnonzero(np.diff([0, *map(int, loud), 0]))
    return [Segment(a / 10, b / 10) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@pytest.fixture
def diarizer() -> Diarizer:
    return Diarizer(vad=loud_parts, embedder=PitchEmbedder())


def tone(pitch: float, seconds: float, level: float = 0.2) -> np.ndarray:
    """Return a tone with the ups and downs of syllables, four a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    loudness = np.sin(4 * np.pi * time) ** 2
    return level * loudness * np.sin(2 * np.pi * pitch * time)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def waveform(*parts: np.ndarray, path: str = "array") -> Waveform:
    joined = np.clip(np.concatenate(parts), -1, 1)
    return Waveform((joined * 32767).astype(np.int16), path)


def write(path: Path, *parts: np.ndarray) -> Path:
    soundfile.write(path, waveform(*parts).samples, RATE)
    return path


def test_samples_are_unit_vectors_with_their_place(diarizer, tmp_path):
    path = write(tmp_path / "ann.wav", quiet(2), tone(ANN, 14))
    found = enroll(path, diarizer)
    assert found.seconds == pytest.approx(14, abs=0.3)
    assert found.warnings == ()
    assert len(found.samples) == 2
    for sample in found.samples:
        assert np.linalg.norm(sample.embedding) == pytest.approx(1)
        assert sample.source == str(path.resolve())
        assert sample.quality == pytest.approx(1, abs=0.01)
        assert sample.seconds >= 4.5
        assert all(2 <= region.start < region.end <= 16.01 for region in sample.regions)


def test_long_files_give_samples_spread_over_them(diarizer):
    found = enroll(waveform(tone(ANN, 300)), diarizer)
    assert len(found.samples) == DEFAULTS.enrollment.recording_samples
    starts = [sample.regions[0].start for sample in found.samples]
    assert starts[0] < 30
    assert starts[-1] > 250
    assert np.diff(starts).min() > 20


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([quiet(10)], "no speech found"),
        ([tone(ANN, 1)], r"only 1\.0 s, at least 5 s"),
        ([tone(ANN, 3), quiet(20), tone(ANN, 1)], "only 4.0 s"),
        (
            [tone(ANN, 10), quiet(1), tone(BOB, 8)],
            r"2 people talk here(.|\n)*SPEAKER_00 (.|\n)*SPEAKER_01",
        ),
        ([np.zeros(0)], "no speech found"),
    ],
)
def test_what_is_not_one_voice_is_refused(diarizer, parts, reason):
    with pytest.raises(EnrollmentError, match=reason):
        enroll(waveform(*parts), diarizer)


def test_one_of_several_voices(diarizer):
    both = waveform(tone(ANN, 10), quiet(1), tone(BOB, 8))
    for asked in ("1", "SPEAKER_01"):
        found = enroll(both, diarizer, speaker=asked)
        assert min(region.start for s in found.samples for region in s.regions) >= 10.9
    with pytest.raises(EnrollmentError, match=r"no speaker 7; those found:\n.*\nSPEAKER_00"):
        enroll(both, diarizer, speaker="7")
    with pytest.raises(EnrollmentError, match="speaks alone for only 4"):
        enroll(waveform(tone(ANN, 10), quiet(1), tone(BOB, 4)), diarizer, speaker="1")


def test_a_word_of_somebody_else_is_left_out(diarizer):
    found = enroll(waveform(tone(ANN, 30), quiet(1), tone(BOB, 1.5)), diarizer)
    assert max(region.end for s in found.samples for region in s.regions) <= 30.1


def test_only_the_part_asked_for(diarizer):
    both = waveform(tone(ANN, 10), quiet(1), tone(BOB, 9))
    found = enroll(both, diarizer, regions=[Segment(2.5, 9.5)])
    regions = [region for sample in found.samples for region in sample.regions]
    assert regions[0].start >= 2.4
    assert regions[-1].end <= 9.6
    expected = voice_of(waveform(tone(ANN, 10)), diarizer)[0]
    assert found.samples[0].embedding @ expected > 0.99
    with pytest.raises(EnrollmentError, match="nothing at 50-60"):
        enroll(both, diarizer, regions=[Segment(50, 60)])


def test_clipping_and_low_level_are_warned_of(diarizer):
    (clipped,) = enroll(waveform(tone(ANN, 8, level=3.0), path="x.wav"), diarizer).warnings
    assert clipped.startswith("x.wav: the sound is clipped")
    (low,) = enroll(waveform(tone(ANN, 8, level=0.001), path="x.wav"), diarizer).warnings
    assert "very quiet (-68 dBFS)" in low


def test_unlike_others_names_the_odd_samples():
    def sample(x: float, y: float) -> Sample:
        return Sample(unit([x, y]), "a.wav", (Segment(3, 9),), 6, 1)

    assert unlike_others([sample(1, 0), sample(1, 0.1), sample(1, 0.2)], 0.5) == []
    assert unlike_others([sample(1, 0), sample(0, 1)], 0.5) == []
    assert unlike_others([sample(1, 0), sample(1, 0.1), sample(-0.2, 1)], 0.5) == [2]
    assert unlike_others([sample(1, 0), sample(0, 1), sample(-1, 0), sample(0, -1)], 0.5) == []


def test_recordings_are_pooled(diarizer, tmp_path):
    short = write(tmp_path / "one.wav", quiet(1), tone(ANN, 3))
    other = write(tmp_path / "two.wav", tone(ANN, 2.5), quiet(1))
    nothing = write(tmp_path / "nothing.wav", quiet(4))
    with pytest.raises(EnrollmentError, match=r"one\.wav: .*only 3\.0 s"):
        enroll(short, diarizer)
    found = enroll([short, nothing, other], diarizer)
    assert found.seconds == pytest.approx(5.5, abs=0.3)
    assert {Path(sample.source).name for sample in found.samples} == {"one.wav", "two.wav"}
    assert found.warnings == (f"{nothing}: no speech found; left out",)
    with pytest.raises(EnrollmentError, match=r"nothing\.wav, .*only 3\.0 s"):
        enroll([nothing, short], diarizer)


def test_recordings_of_different_people_are_not_pooled(diarizer, tmp_path):
    ann = write(tmp_path / "ann.wav", tone(ANN, 8))
    bob = write(tmp_path / "bob.wav", tone(BOB, 8))
    with pytest.raises(EnrollmentError, match=r"ann\.wav: does not sound like .*bob\.wav"):
        enroll([ann, bob], diarizer)
    assert len(enroll([ann, bob], diarizer, one_voice=True).samples) == 2
    with pytest.raises(EnrollmentError, match=r"bob\.wav: does not sound like the others"):
        enroll([ann, bob, write(tmp_path / "ann2.wav", tone(ANN, 9))], diarizer)


def test_one_voice_takes_all_of_a_recording(diarizer):
    both = waveform(tone(ANN, 10), quiet(1), tone(BOB, 8))
    assert enroll(both, diarizer, one_voice=True).seconds == pytest.approx(18, abs=0.3)


def test_noise_is_refused(diarizer, tmp_path):
    dice = np.random.default_rng(0)
    hiss = 0.3 * dice.normal(size=8 * RATE)
    noisy = write(tmp_path / "noisy.wav", hiss)
    with pytest.raises(EnrollmentError, match=r"noisy\.wav: too noisy to know a voice by"):
        enroll(noisy, diarizer)
    clear = write(tmp_path / "clear.wav", tone(ANN, 8))
    found = enroll([clear, noisy], diarizer, one_voice=True)
    assert {Path(sample.source).name for sample in found.samples} == {"clear.wav"}
    assert any("too noisy" in warning for warning in found.warnings)


def test_signal_to_noise_falls_with_the_noise():
    dice = np.random.default_rng(0)
    speech = tone(ANN, 8)
    ratios = [
        signal_to_noise(waveform(speech + level * dice.normal(size=len(speech))), [Segment(0, 8)])
        for level in (0.0, 0.003, 0.03, 0.3)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 20
    assert ratios[-1] < 3


def test_nothing_makes_no_samples():
    assert voice_samples([], np.empty((0, 4), np.float32)) == []


# -- from a finished result -----------------------------------------------------------------


@pytest.fixture
def result(tmp_path: Path) -> Path:
    write(tmp_path / "talk.wav", tone(ANN, 10), quiet(1), tone(BOB, 8))
    talk = Diarization(
        [Turn(0, 10, "SPEAKER_00"), Turn(11, 19, "SPEAKER_01"), Turn(9, 10.5, "SPEAKER_02")],
        19.0,
        "talk",
    )
    path = tmp_path / "talk.json"
    block = to_block(Result(talk, None, "talk.wav"))  # relative: beside the result
    path.write_text(json.dumps({"diarization": block}))
    return path


def test_somebody_just_heard(result):
    found = enroll_from_result(result, "SPEAKER_01", PitchEmbedder())
    assert found.seconds == pytest.approx(8, abs=0.1)
    assert {sample.source for sample in found.samples} == {str(result.with_suffix(".wav"))}
    assert all(r.start >= 11 and r.end <= 19 for s in found.samples for r in s.regions)


def test_a_result_whose_recording_is_gone(result):
    moved = result.with_suffix(".wav").rename(result.with_name("moved.wav"))
    with pytest.raises(AudioError, match=r"is not at .*talk\.wav any more.*--audio"):
        enroll_from_result(result, "SPEAKER_01", PitchEmbedder())
    found = enroll_from_result(result, "1", PitchEmbedder(), audio=moved)
    assert found.seconds == pytest.approx(8, abs=0.1)


def test_results_that_cannot_serve(result, tmp_path):
    with pytest.raises(EnrollmentError, match="there is no Ann; it has SPEAKER_00, "):
        enroll_from_result(result, "Ann", PitchEmbedder())
    with pytest.raises(EnrollmentError, match="speaks alone for only"):
        enroll_from_result(result, "SPEAKER_02", PitchEmbedder())
    with pytest.raises(TranscriptError, match="cannot read"):
        enroll_from_result(tmp_path / "none.json", "SPEAKER_00", PitchEmbedder())
    other = tmp_path / "other.json"
    other.write_text("{]")
    with pytest.raises(TranscriptError, match="not JSON"):
        enroll_from_result(other, "SPEAKER_00", PitchEmbedder())
    other.write_text("{}")
    with pytest.raises(TranscriptError):
        enroll_from_result(other, "SPEAKER_00", PitchEmbedder())


# -- with another model ---------------------------------------------------------------------


def test_re_enrollment_from_kept_recordings(diarizer, tmp_path):
    ann = write(tmp_path / "ann.wav", tone(ANN, 14))
    bob = write(tmp_path / "bob.wav", tone(BOB, 8))
    newer = Diarizer(vad=loud_parts, embedder=PitchEmbedder("b" * 64))
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        for name, path in (("Ann", ann), ("Bob", bob)):
            book.add(name, enroll(path, diarizer).samples, BookModel.of(diarizer.embedder))
        with pytest.raises(SpeakerBookError, match="re-enroll"):
            book.require(newer.embedder)
        before = book.samples("Ann")
        done = re_enroll(book, newer)
        assert (done.people, done.samples, done.lost) == (2, 3, {})
        book.require(newer.embedder)
        for old, new in zip(before, book.samples("Ann"), strict=True):
            assert (old.regions, old.source, old.created) == (new.regions, new.source, new.created)
            assert old.embedding @ new.embedding > 0.99
        bob.unlink()
        revision = book.revision
        with pytest.raises(SpeakerBookError, match=r"1 of 2 recordings.*bob\.wav.*--drop-missing"):
            re_enroll(book, diarizer)
        assert book.revision == revision
        assert re_enroll(book, diarizer, drop_missing=True).dropped == ("Bob",)
        assert book.names() == ["Ann"]
        call = stereo(tmp_path / "call.wav", tone(ANN, 8), tone(BOB, 8))
        samples = enroll(load(call, channels=1), diarizer).samples
        book.add("Cem", samples, BookModel.of(diarizer.embedder))
        write(call, tone(ANN, 8))  # has one channel now
        assert re_enroll(book, newer, drop_missing=True).dropped == ("Cem",)
        re_enroll(book, diarizer)
        ann.unlink()
        with pytest.raises(SpeakerBookError, match="no recording is left"):
            re_enroll(book, newer, drop_missing=True)
        assert book.model == BookModel.of(diarizer.embedder)


def stereo(path: Path, left: np.ndarray, right: np.ndarray) -> Path:
    soundfile.write(path, np.stack([left, right], axis=1), RATE)
    return path


def pitch_of(sample: Sample) -> float:
    """Return which of the two tones a sample is of."""
    made = PitchEmbedder().embed(
        waveform(tone(ANN, 2), tone(BOB, 2)), [Segment(0, 2), Segment(2, 4)]
    )
    return (ANN, BOB)[int(np.argmax(made @ sample.embedding))]


def test_the_channel_that_was_enrolled_is_enrolled_again(diarizer, tmp_path):
    path = stereo(tmp_path / "call.wav", tone(ANN, 8), tone(BOB, 8))
    model = BookModel.of(diarizer.embedder)
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        for channel, name in enumerate(("Ann", "Bob")):
            found = enroll(load(path, channels=channel), diarizer)
            assert {(one.channel, one.track) for one in found.samples} == {(channel, None)}
            book.add(name, found.samples, model)
            book.reject(name, enroll(load(path, channels=1 - channel), diarizer).samples[0], model)
        data = json.loads(json.dumps(export_book(book)))
        assert (
            re_enroll(book, Diarizer(vad=loud_parts, embedder=PitchEmbedder("b" * 64))).people == 2
        )
        assert [pitch_of(book.samples(name)[0]) for name in ("Ann", "Bob")] == [ANN, BOB]
        assert [pitch_of(book.rejections(name)[0]) for name in ("Ann", "Bob")] == [BOB, ANN]
        assert [book.samples(name)[0].channel for name in ("Ann", "Bob")] == [0, 1]
    with SpeakerBook(tmp_path / "copy.db", create=True) as copy:
        import_book(copy, data)
        assert export_book(copy) == data
        assert copy.samples("Bob")[0].channel == 1


def test_a_result_is_heard_as_it_was_made(diarizer, tmp_path):
    path = stereo(tmp_path / "call.wav", tone(ANN, 8), tone(BOB, 8))
    for source, heard, known in (
        (path, {"channels": 1}, (1, None)),
        (film(tmp_path / "talk.mkv", [(ANN, 1, True), (BOB, 1, False)], seconds=8),
         {"audio_track": 1}, (None, 1)),
    ):  # fmt: skip
        diarization = diarizer(source, **heard)
        assert diarization.parameters.items() >= heard.items()
        (result,) = Result(diarization, None, str(source)).write("json", folder=tmp_path / "out")
        voice = rejected_voice(result, "0", PitchEmbedder())
        assert pitch_of(voice) == BOB
        assert (voice.channel, voice.track) == known
        assert command.run("samples", result, "-o", tmp_path / "voices", "--tracks").returncode == 0
        spoken = load(tmp_path / "voices" / "SPEAKER_00.wav")
        (vector,) = PitchEmbedder().embed(spoken, [Segment(1, 3)])
        assert pitch_of(Sample(vector, "", (), 2, 1)) == BOB
        (tmp_path / "voices" / "SPEAKER_00.wav").unlink()


def test_recordings_of_one_name_are_not_taken_for_each_other(diarizer, tmp_path):
    newer = Diarizer(vad=loud_parts, embedder=PitchEmbedder("b" * 64))
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        for day, name, pitch in (("mon", "Ann", ANN), ("tue", "Ben", BOB)):
            (tmp_path / day).mkdir()
            path = write(tmp_path / day / "talk.wav", tone(pitch, 8))
            book.add(name, enroll(path, diarizer).samples, BookModel.of(diarizer.embedder))
        (tmp_path / "mon" / "talk.wav").unlink()
        with pytest.raises(
            SpeakerBookError, match=r"mon.*may be .*tue.*the same name; put it back"
        ):
            re_enroll(book, newer, folder=tmp_path / "tue")
        assert book.model == BookModel.of(diarizer.embedder)


def test_who_is_enrolled_during_a_re_enrollment_is_kept(diarizer, tmp_path):
    path = write(tmp_path / "ann.wav", tone(ANN, 8))
    samples = enroll(path, diarizer).samples
    with SpeakerBook(tmp_path / "book.db", create=True) as book:
        book.add("Ann", samples, BookModel.of(diarizer.embedder))

        def another(stage: str, done: float, total: float | None) -> None:
            with SpeakerBook(book.path) as other:
                other.add("Ben", samples, BookModel.of(diarizer.embedder))

        with pytest.raises(SpeakerBookError, match="was changed by another program meanwhile"):
            re_enroll(book, diarizer, on_progress=another)
        assert book.names() == ["Ann", "Ben"]
