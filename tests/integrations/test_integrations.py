"""Other libraries' own objects go in and come out with speakers."""

from __future__ import annotations

import copy
import dataclasses
import io
import pickle
from collections import UserDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from diarize.annotation import Diarization
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError, MissingExtraError, UsageError
from diarize.integrations import faster_whisper, pyannote, whisper, whisperx
from diarize.timeline import Segment, Turn
from tests.transcript.test_readers import WHISPER, WHISPERX

TALK = Diarization([Turn(0.0, 1.7, "SPEAKER_00"), Turn(1.7, 4.0, "SPEAKER_01")], duration=4.0)
SILENCE = np.zeros(64_000, dtype=np.float32)


@pytest.fixture(scope="module")
def excerpt(example_dir: Path) -> Waveform:
    """The first twelve seconds of the example meeting."""
    from diarize.audio.loading import load

    whole = load(example_dir / "meeting.mp3")
    return Waveform(whole.samples[: 12 * 16_000], "meeting.mp3")


class Model:
    """Has the ``transcribe`` and the ``device`` of Whisper's models."""

    device = "cpu"

    def transcribe(self, audio: Any, **options: Any) -> dict[str, Any]:
        self.audio, self.options = audio, options
        return copy.deepcopy(WHISPER)


def speakers(result: Any) -> list[tuple[str, list[str]]]:
    return [(s["speaker"], [w["speaker"] for w in s["words"]]) for s in result["segments"]]


BOTH = [("SPEAKER_00", ["SPEAKER_00"] * 2), ("SPEAKER_01", ["SPEAKER_01"] * 2)]


# --- openai-whisper -------------------------------------------------------------------------------


def test_whisper_returns_its_own_dictionary_with_speakers() -> None:
    model = Model()
    result = whisper.transcribe(model, SILENCE, diarize=TALK, language="en", beam_size=3)
    assert speakers(result) == BOTH
    assert model.options == {
        "word_timestamps": True,
        "fp16": False,
        "language": "en",
        "beam_size": 3,
    }
    assert model.audio.dtype == np.float32
    for item in (*result["segments"], *(w for s in result["segments"] for w in s["words"])):
        del item["speaker"]
    assert result == WHISPER


def test_whisper_without_diarization() -> None:
    assert whisper.transcribe(Model(), SILENCE, diarize=False) == WHISPER


def test_a_result_that_exists_already_gets_speakers() -> None:
    result = whisper.add_speakers(WHISPER, SILENCE, diarize=TALK)
    assert speakers(result) == BOTH
    assert "speaker" not in WHISPER["segments"][0]


@pytest.mark.slow
def test_real_whisper_and_the_real_diarizer(excerpt: Waveform, tmp_path: Path) -> None:
    package = pytest.importorskip("whisper", reason='pip install "autospeech-diarize[whisper]"')
    from tests.checkpoints import whisper_checkpoint

    model = package.load_model(str(whisper_checkpoint(tmp_path / "hello.pt")), device="cpu")
    result = whisper.transcribe(model, excerpt, num_speakers=1)
    assert result["text"] == " Hello there. Who is it?"
    labels = {s["speaker"] for s in result["segments"]}
    assert labels | {w["speaker"] for s in result["segments"] for w in s["words"]} == {"SPEAKER_00"}


def test_audio_comes_as_path_array_or_tensor(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="pip install torch")
    for audio in (SILENCE, torch.zeros(64_000), Waveform(np.zeros(64_000, dtype=np.int16))):
        assert speakers(whisper.add_speakers(WHISPER, audio, diarize=TALK)) == BOTH
    with pytest.raises(UsageError, match="a list"):
        whisper.add_speakers(WHISPER, [0.0], diarize=TALK)
    with pytest.raises(AudioError):
        whisper.add_speakers(WHISPER, tmp_path / "none.wav", diarize=TALK)


# --- faster-whisper -------------------------------------------------------------------------------


def faster_segments() -> Iterator[Any]:
    """Yield faster-whisper's own segments, as its models do."""
    module = pytest.importorskip("faster_whisper.transcribe", reason="pip install faster-whisper")
    for segment in WHISPER["segments"]:
        words = [module.Word(w["start"], w["end"], w["word"], 0.5) for w in segment["words"]]
        yield module.Segment(
            id=segment["id"],
            seek=0,
            start=segment["start"],
            end=segment["end"],
            text=segment["text"],
            tokens=[1, 2],
            avg_logprob=-0.3,
            compression_ratio=1.2,
            no_speech_prob=0.1,
            words=words,
            temperature=0.0,
        )


class FasterModel:
    """Returns a generator and an info, as faster-whisper's models do."""

    def transcribe(self, audio: Any, **options: Any) -> tuple[Iterator[Any], Any]:
        self.options = options
        return faster_segments(), INFO


class Info:
    """What faster-whisper tells about the whole recording."""

    language = "en"
    duration = 4.0


INFO = Info()


def test_faster_whisper_segments_keep_their_class() -> None:
    module = pytest.importorskip("faster_whisper.transcribe", reason="pip install faster-whisper")
    model = FasterModel()
    segments, info = faster_whisper.transcribe(model, SILENCE, diarize=TALK, beam_size=2)
    assert info is INFO
    assert model.options == {"word_timestamps": True, "beam_size": 2}
    assert all(isinstance(segment, module.Segment) for segment in segments)
    assert [segment.speaker for segment in segments] == ["SPEAKER_00", "SPEAKER_01"]
    assert [[word.speaker for word in segment.words] for segment in segments] == [
        ["SPEAKER_00"] * 2,
        ["SPEAKER_01"] * 2,
    ]
    for segment, original in zip(segments, faster_segments(), strict=True):
        own = {**dataclasses.asdict(segment), "words": None}
        assert own == {**dataclasses.asdict(original), "words": None, "speaker": segment.speaker}


def test_nothing_is_diarized_where_nothing_is_to_be() -> None:
    segments = list(faster_segments())
    assert faster_whisper.add_speakers(iter(segments), SILENCE, diarize=False) == segments
    assert not hasattr(segments[0], "speaker")
    assert whisper.add_speakers(WHISPER, SILENCE, diarize=False) == WHISPER


def test_faster_whisper_segments_keep_their_speakers_in_other_forms() -> None:
    made = faster_whisper.add_speakers(faster_segments(), SILENCE, diarize=TALK)
    later = dataclasses.replace(made[1], id=7)
    assert (later.id, later.speaker) == (7, "SPEAKER_01")
    for twin in (*copy.deepcopy(made), *pickle.loads(pickle.dumps(made))):
        assert twin == made[twin.id]
        assert type(twin) is type(made[twin.id])
        found = dataclasses.asdict(twin)
        assert found["speaker"] == made[twin.id].speaker
        assert [word["speaker"] for word in found["words"]] == [found["speaker"]] * 2
    again = faster_whisper.add_speakers(made, SILENCE, diarize=TALK)
    assert pickle.loads(pickle.dumps(again)) == again != made
    assert again[1].original_speaker == again[1].speaker == "SPEAKER_01"


def test_segments_of_a_frozen_class_keep_it() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Part:
        start: float
        end: float
        text: str

    (made,) = faster_whisper.add_speakers([Part(0.0, 1.0, " Hi.")], SILENCE, diarize=TALK)
    assert isinstance(made, Part)
    assert dataclasses.asdict(made)["speaker"] == "SPEAKER_00"


def test_faster_whisper_segments_that_exist_already() -> None:
    segments = faster_whisper.add_speakers(faster_segments(), SILENCE, diarize=TALK)
    assert [segment.speaker for segment in segments] == ["SPEAKER_00", "SPEAKER_01"]
    assert faster_whisper.add_speakers(iter(()), SILENCE, diarize=TALK) == []


def test_faster_whisper_without_word_times_or_diarization() -> None:
    plain, _ = faster_whisper.transcribe(FasterModel(), SILENCE, diarize=False)
    assert not hasattr(plain[0], "speaker")
    for segment in plain:
        segment.words = None
    segments = faster_whisper.add_speakers(plain, SILENCE, diarize=TALK)
    assert [(s.speaker, s.words) for s in segments] == [("SPEAKER_00", None), ("SPEAKER_01", None)]


# --- whisperX -------------------------------------------------------------------------------------


def test_whisperx_pipeline_gives_its_dataframe(excerpt: Waveform) -> None:
    pd = pytest.importorskip("pandas", reason="pip install pandas")
    percentages: list[float] = []
    pipeline = whisperx.DiarizationPipeline(
        "pyannote/speaker-diarization-community-1", token=None, device="cpu", vad="webrtc"
    )
    samples = excerpt.block(0, len(excerpt))
    frame, vectors = pipeline(
        samples,
        min_speakers=1,
        max_speakers=2,
        return_embeddings=True,
        progress_callback=percentages.append,
    )
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["segment", "label", "speaker", "start", "end"]
    assert len(frame) > 0
    for _, row in frame.iterrows():
        assert (row["segment"].start, row["segment"].end) == (row["start"], row["end"])
    assert set(vectors) == set(frame["speaker"])
    assert all(isinstance(value, float) for vector in vectors.values() for value in vector)
    assert all(
        np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3) for vector in vectors.values()
    )
    assert percentages == sorted(set(percentages))
    assert percentages[-1] == 100.0
    alone = pipeline(samples, num_speakers=1)
    assert list(alone.columns) == list(frame.columns)
    assert set(alone["speaker"]) == {"SPEAKER_00"}


def test_whisperx_words_get_the_dataframes_speakers() -> None:
    pytest.importorskip("pandas", reason="pip install pandas")
    frame = whisperx.to_dataframe(TALK)
    assert list(frame["label"]) == ["A", "B"]
    result = whisperx.assign_word_speakers(frame, WHISPERX, {"SPEAKER_00": [1.0]})
    assert {word["speaker"] for word in result["word_segments"]} == {"SPEAKER_00"}
    assert [word["word"] for word in result["word_segments"]] == ["It", "cost", "42", "in", "2014."]
    assert result["speaker_embeddings"] == {"SPEAKER_00": [1.0]}
    assert len(whisperx.to_dataframe(Diarization([], duration=1.0))) == 0


def test_whisperx_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        whisperx.to_dataframe(TALK)


# --- pyannote -------------------------------------------------------------------------------------


def test_annotation_both_ways() -> None:
    core = pytest.importorskip("pyannote.core", reason="pip install pyannote.core")
    annotation = pyannote.to_annotation(TALK)
    assert isinstance(annotation, core.Annotation)
    assert annotation.labels() == ["SPEAKER_00", "SPEAKER_01"]
    assert pyannote.from_annotation(annotation, duration=4.0).turns == TALK.turns

    class Output:
        speaker_diarization = annotation

    assert pyannote.from_annotation(Output()).turns == TALK.turns
    with pytest.raises(UsageError, match="a dict"):
        pyannote.from_annotation({})


def test_a_pyannote_style_pipeline(excerpt: Waveform) -> None:
    core = pytest.importorskip("pyannote.core", reason="pip install pyannote.core")
    steps: list[str] = []

    def hook(step: str, artifact: Any, *, file: Any, total: Any, completed: Any) -> None:
        steps.append(step)

    pipeline = pyannote.Pipeline(vad="webrtc").to("cuda")
    samples = excerpt.block(0, len(excerpt))[np.newaxis]
    file = {"waveform": samples, "sample_rate": 16_000, "uri": "talk"}
    annotation = pipeline(file, num_speakers=1, hook=hook)
    assert isinstance(annotation, core.Annotation)
    assert (annotation.uri, annotation.labels()) == ("talk", ["SPEAKER_00"])
    assert "embed" in steps


def test_what_a_pyannote_style_pipeline_takes(tmp_path: Path) -> None:
    """The voice is on the second channel; the first is silent."""
    pytest.importorskip("pyannote.core", reason="pip install pyannote.core")
    heard: list[Waveform] = []

    def vad(waveform: Waveform) -> list[Segment]:
        heard.append(waveform)
        return []

    pipeline = pyannote.Pipeline(vad=vad)
    noise = 2 * np.random.default_rng(0).integers(-8000, 8000, 16_000).astype(np.int16)
    both = np.stack([0 * noise, noise])
    path = tmp_path / "talk.wav"
    soundfile.write(path, both.T, 16_000)
    for file in (
        {"audio": path, "channel": 1},
        UserDict({"audio": str(path), "channel": 1, "uri": "own"}),  # as a ProtocolFile is
        {"audio": io.BytesIO(path.read_bytes()), "channel": np.int64(1)},
        {"waveform": both, "sample_rate": 16_000, "channel": 1},
    ):
        annotation = pipeline(file)
        assert np.array_equal(heard[-1].samples, noise), file
        assert annotation.uri == file.get("uri", Path(heard[-1].path).stem)
    pipeline(io.BytesIO(path.read_bytes()))
    assert np.array_equal(heard[-1].samples, noise // 2)
    with pytest.raises(UsageError, match="sample_rate"):
        pipeline({"waveform": both})
    with pytest.raises(UsageError, match="a mapping with 'uri'"):
        pipeline({"uri": "talk"})


def test_transcripts_are_labelled_by_an_annotation() -> None:
    pytest.importorskip("pyannote.core", reason="pip install pyannote.core")
    from diarize.transcript.assign import label_transcript

    assert speakers(label_transcript(WHISPER, pyannote.to_annotation(TALK))) == BOTH
