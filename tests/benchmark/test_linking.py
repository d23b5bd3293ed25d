"""Counting what linking joins, and the line chosen by it."""

from __future__ import annotations

import numpy as np

from diarize.annotation import Diarization
from diarize.arrays import unit
from diarize.timeline import Turn
from models.benchmark.linking import (
    Folder,
    Links,
    choose,
    judge,
    make,
    owners_of,
    report,
    total,
)
from models.benchmark.named_meetings import halves
from models.simulation.voices import VoiceBank


def talk(uri: str, *vectors: list[float]) -> Diarization:
    labels = [f"SPEAKER_{number:02d}" for number in range(len(vectors))]
    turns = [Turn(float(at), at + 1.0, label) for at, label in enumerate(labels)]
    means = {label: unit(vector) for label, vector in zip(labels, vectors, strict=True)}
    return Diarization(turns, float(len(vectors)), uri, embeddings=means)


def folder() -> Folder:
    """Ann in both recordings (cosine 0.8), Bob and Eve in one each (cosine 0.6)."""
    talks = (talk("a", [1, 0, 0, 0], [0, 0, 1, 0]), talk("b", [0.8, 0.6, 0, 0], [0, 0, 0.6, 0.8]))
    owners = (
        {"SPEAKER_00": "ann", "SPEAKER_01": "bob"},
        {"SPEAKER_00": "ann", "SPEAKER_01": "eve"},
    )
    return Folder(talks, owners)


def test_pairs_joined_rightly_and_wrongly():
    assert judge(folder(), 0.9) == Links(1, 0, 0)
    assert judge(folder(), 0.7) == Links(1, 1, 0)
    assert judge(folder(), 0.5) == Links(1, 1, 1)
    assert total([folder(), folder()], 0.5) == Links(2, 2, 2)
    assert Links(5, 3, 1).cost == 4.0


def test_the_highest_of_the_best_lines_is_chosen():
    assert 0.7 + choose([folder()], 0.7) <= 0.8 < 0.7 + choose([folder()], 0.7) + 0.03
    text = report([[folder()], [folder()]], 0.7)
    assert "2 of 2 pairs of one person joined, 0 others" in text


def test_owners_are_who_mainly_speaks():
    heard = Diarization([Turn(0, 4, "x"), Turn(4, 6, "y"), Turn(8, 9, "z")], 9)
    truth = [Turn(0, 3, "ann"), Turn(3, 6, "bob")]
    assert owners_of(heard, truth) == {"x": "ann", "y": "bob"}


def test_folders_of_real_voices(speech_dir):
    from diarize.speakers.diarizer import Diarizer

    bank = VoiceBank(speech_dir, "dev")
    made = make(bank, halves(bank)[0], 1, Diarizer(threads=1), minutes=0.7)
    assert len({name for owners in made.owners for name in owners.values()}) >= 4
    loose, strict = total([made], -1.0), total([made], 1.01)
    assert loose.same >= loose.right > 0
    assert strict == Links(loose.same, 0, 0)
    assert np.isfinite(made.talks[0].embeddings["SPEAKER_00"]).all()
