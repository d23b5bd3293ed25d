"""Who speaks when is the same with and without enrolled people; participants bound the names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.audio.waveform import Waveform
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import SpeakerBookError, UsageError
from diarize.formats import WriterOptions, get_writer, writable
from diarize.result import Result
from diarize.speakers.book import SpeakerBook
from diarize.speakers.diarizer import Diarizer
from diarize.speakers.enrollment import enroll
from diarize.speakers.records import BookModel, Sample
from diarize.timeline import Segment
from diarize.transcript.assign import label_transcript
from tests import command
from tests.networks import write_mean_network
from tests.talk import recording

RATE = 16_000
PITCHES = {"Ann": 110.0, "Ben": 247.0, "Cem": 415.0}


def buzz(frequency: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A "voice": harmonics of one pitch, and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 12))
    return (3000 * tone + 30 * rng.standard_normal(len(time))).astype(np.int16)


def everything(waveform: Waveform) -> list[Segment]:
    """Take everything for speech."""
    return [Segment(0.0, waveform.duration)]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEmbedder:
    """A network that answers with the mean spectrum."""
    path = write_mean_network(tmp_path_factory.mktemp("net") / "tiny.onnx")
    return OnnxEmbedder(path, threads=1)


@pytest.fixture(scope="module")
def talk() -> Waveform:
    """Ann, Ben, Ann and somebody unknown take turns."""
    parts = [(110.0, 5), (247.0, 4), (110.0, 6), (600.0, 5)]
    return Waveform(np.concatenate([buzz(f, s, i) for i, (f, s) in enumerate(parts)]), "talk.wav")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, embedder: OnnxEmbedder) -> Path:
    """A book with Ann, Ben, and Cem, who is not in the recording."""
    path = tmp_path_factory.mktemp("book") / "people.db"
    with SpeakerBook(path, create=True) as people:
        for number, (name, pitch) in enumerate(PITCHES.items()):
            sound = Waveform(buzz(pitch, 6, 90 + number))
            (vector,) = embedder.embed(sound, [Segment(0.0, 6.0)])
            sample = Sample(vector, "a.wav", (), 6.0, 0.9)
            people.add(name, [sample], BookModel.of(embedder))
    return path


def frames(talk: Diarization) -> list[tuple[float, float, bool, float | None]]:
    return [(turn.start, turn.end, turn.overlap, turn.confidence) for turn in talk]


def same_turns(plain: Diarization, named: Diarization) -> None:
    """Check that names changed nothing but names."""
    assert frames(named) == frames(plain)
    assert len(named.labels) <= len(plain.labels)
    assert set(named.labels) <= set(plain.labels)
    assert named.labels == tuple(dict.fromkeys(turn.speaker for turn in named))


def test_names_leave_turns_and_labels_as_they_are(embedder, talk, book):
    plain = Diarizer(vad=everything, embedder=embedder)(talk)
    named = Diarizer(vad=everything, embedder=embedder, speakers=book)(talk)
    same_turns(plain, named)
    assert named.labels == plain.labels == ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02")
    assert [one.display for one in named.speakers] == ["Ann", "Ben", "SPEAKER_02"]


@pytest.mark.parametrize(
    ("participants", "shown"),
    [
        (["Ann", "Ben"], ["Ann", "Ben", "SPEAKER_02"]),
        (["ann", "Ben", "Cem"], ["Ann", "Ben", "SPEAKER_02"]),
        (["Ben", "Cem"], ["SPEAKER_00", "Ben", "SPEAKER_02"]),
        (["Cem", "Ben", "Ben"], ["SPEAKER_00", "Ben", "SPEAKER_02"]),
    ],
)
def test_participants_bound_the_names(embedder, talk, book, participants, shown):
    diarizer = Diarizer(vad=everything, embedder=embedder, speakers=book, participants=participants)
    found = diarizer(talk)
    assert [one.display for one in found.speakers] == shown
    assert found.parameters["max_speakers"] == len(set(participants)) + 1
    assert not found.warnings


def test_participants_bound_the_number_unless_it_is_given(embedder, talk, book):
    options = {"vad": everything, "embedder": embedder, "speakers": book, "participants": ["Ann"]}
    assert len(Diarizer(**options)(talk).labels) == 2
    assert len(Diarizer(**options)(talk, num_speakers=3).labels) == 3
    assert len(Diarizer(**options, max_speakers=3)(talk).labels) == 3


def test_a_participant_who_is_not_enrolled_is_told_of(embedder, talk, book):
    diarizer = Diarizer(
        vad=everything, embedder=embedder, speakers=book, participants=["Anne", "Ben", "Zoe"]
    )
    found = diarizer(talk)
    assert [one.display for one in found.speakers] == ["SPEAKER_00", "Ben", "SPEAKER_02"]
    first, second = found.warnings
    assert "Anne is not enrolled" in first
    assert "did you mean Ann?" in first
    assert "diarize enroll 'Zoe' FILE" in second


def test_participants_that_make_no_sense_are_refused(embedder, book):
    options = {"vad": everything, "embedder": embedder, "speakers": book}
    with pytest.raises(SpeakerBookError, match="none of the participants"):
        Diarizer(**options, participants=["Zoe"])
    with pytest.raises(UsageError, match="a list of names"):
        Diarizer(**options, participants="Ann")
    with pytest.raises(UsageError, match="holds no name"):
        Diarizer(**options, participants=[" "])


def test_the_name_is_on_every_word_in_every_format(embedder, talk, book):
    found = Diarizer(vad=everything, embedder=embedder, speakers=book)(talk)
    # None within a second of a change of speaker: who says those is the merge's business.
    starts = [0, 1, 2, 3, 6, 7, 10, 11, 12, 13, 16, 17, 18, 19]
    words = [
        {"word": f" word{start}.", "start": start + 0.2, "end": start + 0.8} for start in starts
    ]
    text = "".join(word["word"] for word in words)
    transcript = {"segments": [{"start": 0.2, "end": 19.8, "text": text, "words": words}]}
    labelled = label_transcript(transcript, found)
    expected = ["Ann"] * 4 + ["Ben"] * 2 + ["Ann"] * 4 + ["SPEAKER_02"] * 4
    spoken = [word for segment in labelled["segments"] for word in segment["words"]]
    assert [word["speaker"] for word in spoken] == expected
    result = Result(found, labelled)
    for name in writable():
        shown = get_writer(name).render(result, WriterOptions())
        if isinstance(shown, bytes):  # zipped or in columns: the writer's own tests read it
            continue
        for who in ("Ann", "Ben", "SPEAKER_02"):
            assert who in shown, name
        # The JSON, which the page holds as well, has the labels beside the names.
        assert "SPEAKER_00" not in shown or name in ("json", "html"), name
    block = json.loads(get_writer("json").render(result, WriterOptions()))
    assert [w["speaker"] for s in block["segments"] for w in s["words"]] == expected
    assert [one["name"] for one in block["diarization"]["speakers"]] == ["Ann", "Ben", None]


# -- real speech ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A conversation of three readers, and a book with two of them."""
    path = tmp_path_factory.mktemp("book") / "book.db"
    diarizer = Diarizer(threads=1)
    with SpeakerBook(path, create=True) as book:
        for name in ("libris_000", "libris_001"):
            enrollment = enroll(recording(f"{name}-2"), diarizer)
            book.add(name, enrollment.samples, BookModel.of(diarizer.embedder))
    return recording("readers"), path


def test_named_and_unnamed_are_the_same_to_the_frame(conversation):
    recording, book = conversation
    plain = Diarizer(threads=1)(recording)
    named = Diarizer(threads=1, speakers=book)(recording)
    same_turns(plain, named)
    assert any(speaker.name for speaker in named.speakers)
    assert named.duration == plain.duration
    assert named.speech == plain.speech


def test_the_command_gives_the_same_turns_with_and_without_a_book(conversation):
    recording, book = conversation
    words = ("--rttm", "-o", "-", "--no-transcript", "-q")
    found = [
        command.run(recording, *words, *more).stdout.decode().splitlines()
        for more in ((), ("--speakers", book))
    ]
    plain, named = ([line.split() for line in lines] for lines in found)
    assert [line[:7] for line in named] == [line[:7] for line in plain]
    assert [line[8:] for line in named] == [line[8:] for line in plain]
    pairs = {(one[7], other[7]) for one, other in zip(plain, named, strict=True)}
    # One name a label, and no label with two names.
    assert len({one for one, _ in pairs}) == len(pairs)
    assert any(not name.startswith("SPEAKER_") for _, name in pairs)
