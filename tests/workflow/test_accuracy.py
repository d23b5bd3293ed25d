"""How right the whole chain is, on real voices: what a change may not make worse unseen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from diarize import Diarization, Diarizer, label_transcript
from diarize.evaluation.metrics import DiarizationError, diarization_error, optimal_mapping
from diarize.speakers.book import SpeakerBook
from diarize.speakers.enrollment import enroll
from diarize.speakers.records import BookModel
from tests.talk import CONVERSATIONS, recording, transcript, true_turns

# Error rate of the turns, and share of words with the wrong speaker: today's figures (14.2, 11.3,
# 14.1 and 21.0 %; 12.7, 3.3, 6.1 and 10.8 %) and about four points.
BOUNDS = {
    "readers": (0.18, 0.17),
    "interview": (0.15, 0.07),
    "call": (0.18, 0.10),
    "meeting": (0.25, 0.15),
}
PEOPLE = {"Rita": "libris_000", "Sam": "libris_001"}


@pytest.fixture(scope="module")
def diarizer() -> Diarizer:
    return Diarizer()


@pytest.fixture(scope="module")
def found(diarizer: Diarizer) -> Mapping[str, Diarization]:
    """Each conversation diarized, without being told how many people there are."""
    return {name: diarizer(recording(name)) for name in CONVERSATIONS}


@pytest.fixture(scope="module")
def book(diarizer: Diarizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with two of the three readers, from other chapters than those of the conversation."""
    path = tmp_path_factory.mktemp("book") / "people.db"
    with SpeakerBook(path, create=True) as people:
        for name, reader in PEOPLE.items():
            enrollment = enroll(recording(f"{reader}-2"), diarizer)
            people.add(name, enrollment.samples, BookModel.of(diarizer.embedder))
    return path


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_turns(found: Mapping[str, Diarization], name: str) -> None:
    assert diarization_error(true_turns(name), found[name].turns).rate < BOUNDS[name][0]


def test_turns_of_all(found: Mapping[str, Diarization]) -> None:
    errors = [diarization_error(true_turns(name), found[name].turns) for name in CONVERSATIONS]
    total = sum(errors, DiarizationError())
    assert total.rate < 0.18
    assert total.confusion / total.total < 0.05


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_number_of_people(found: Mapping[str, Diarization], name: str) -> None:
    assert len(found[name].speakers) == len({turn.speaker for turn in true_turns(name)})


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_words(found: Mapping[str, Diarization], name: str) -> None:
    whisper, truth = transcript(name)
    labelled = label_transcript(whisper, found[name])
    words = [word for segment in labelled["segments"] for word in segment["words"]]
    who = optimal_mapping(true_turns(name), found[name].turns)
    wrong = sum(who.get(word["speaker"]) != true for word, true in zip(words, truth, strict=True))
    assert wrong / len(words) < BOUNDS[name][1]


def test_names(found: Mapping[str, Diarization], diarizer: Diarizer, book: Path) -> None:
    named = Diarizer(embedder=diarizer.embedder, speakers=book)(recording("readers"))
    assert [(t.start, t.end) for t in named.turns] == [
        (t.start, t.end) for t in found["readers"].turns
    ]
    assert diarization_error(true_turns("readers"), named.turns).rate < BOUNDS["readers"][0]
    who = optimal_mapping(true_turns("readers"), named.turns)
    names = {who[speaker.label]: speaker.name for speaker in named.speakers}
    assert names == {"libris_000": "Rita", "libris_001": "Sam", "libris_002": None}


def test_names_of_nobody(book: Path) -> None:
    """None of the enrolled people takes part: nobody is named."""
    diarizer = Diarizer(speakers=book)
    for name in ("interview", "call"):
        assert [speaker.name for speaker in diarizer(recording(name)).speakers] == [None, None]
