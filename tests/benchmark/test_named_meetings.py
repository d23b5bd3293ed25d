"""Meetings of enrolled people and strangers: real recordings, and how names are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diarize.annotation import Diarization, Speaker
from diarize.embedding.base import Thresholds
from diarize.pipeline.intermediate import DiarizationDetails
from diarize.speakers.matching import MatchOptions
from diarize.timeline import Segment, Turn
from models.benchmark.name_scores import judge, speech_shares, total
from models.benchmark.named_meetings import OFFSETS, Meeting, Table, halves, hold, outcomes, report
from models.benchmark.named_segments import segment_table
from models.simulation.voices import VoiceBank

PEOPLE = tuple("abcdef")
THRESHOLDS = Thresholds(clustering=0.5, verification=0.7, margin=0.05)


def meeting(mixed: float) -> Meeting:
    """Six people of one cluster each; the last one's vector leans towards the first one's.

    The first one has a cold then, and does not sound like that any more.
    """
    centres = np.eye(6, 7, dtype=np.float32)
    heard = centres.copy()
    if mixed:
        heard[0] = np.eye(7)[6]
    heard[5] = mixed * centres[0] + np.sqrt(1 - mixed**2) * centres[5]
    turns = [Turn(10.0 * at, 10.0 * at + 8, f"SPEAKER_{at:02d}") for at in range(6)]
    truth = tuple(Turn(t.start, t.end, who) for t, who in zip(turns, PEOPLE, strict=True))
    labels = tuple(turn.speaker for turn in turns)
    talk = Diarization(turns, 60.0, embeddings=dict(zip(labels, heard, strict=True)))
    windows = tuple(Segment(turn.start, turn.end) for turn in turns)
    details = DiarizationDetails(talk, windows, heard, labels)
    samples = {who: centres[at : at + 1] for at, who in enumerate(PEOPLE)}
    return Meeting("m", "clean", details, truth, PEOPLE, samples, 0, Table(), heard)


def test_names_are_counted_by_who_mainly_speaks():
    truth = [Turn(0, 4, "ann"), Turn(4, 9, "eve"), Turn(9, 12, "bob"), Turn(12, 15, "cid")]
    heard = Diarization(
        [
            Turn(0, 5, "S0"),
            Turn(5, 9, "S1"),
            Turn(9, 12, "S1"),
            Turn(12, 15, "S2"),
            Turn(20, 21, "S0"),
        ],
        21,
        speakers=[Speaker("S0", "ann"), Speaker("S1", "cid"), Speaker("S2")],
    )
    found = judge(heard, truth, ["ann", "bob", "cid"])
    assert (found.right, found.wrong, found.unnamed) == (5.0, 3.0, 3.0)
    assert (found.strangers, found.strangers_named) == (4.0, 4.0)
    assert (found.enrolled, found.people_named) == (3, 1)
    together = judge(heard, [*truth, Turn(9, 11, "cid")], ["ann", "bob", "cid"])
    assert (together.right, together.wrong, together.unnamed) == (8.0, 0.0, 3.0)
    assert total([found, found]).right == 10.0


def test_each_group_of_four_is_enrolled_in_turn():
    found = outcomes(meeting(0.0), MatchOptions(0.9, margin=0.05))
    assert [one.right for one in found] == [32.0] * 3
    assert [one.strangers for one in found] == [16.0] * 3
    assert total(found).strangers_named == total(found).wrong == 0.0


def test_castings_leave_others_out_in_turn():
    assert Table(6, 2).castings() == [[0, 1, 2, 3], [2, 3, 4, 5], [0, 1, 4, 5]]
    assert Table(2, 1).castings() == [[0], [1]]
    assert Table(5, 1).castings() == [[0, 1, 2, 3], [1, 2, 3, 4], [0, 2, 3, 4]]


def test_outcomes_depend_on_the_bar_and_on_who_else_is_enrolled():
    risky = meeting(0.6)
    strict, loose = (total(outcomes(risky, MatchOptions(bar))) for bar in (0.7, 0.5))
    assert strict.strangers_named == 0.0
    assert loose.strangers_named > 0
    # Somebody absent who sounds more like the stranger than the first person does.
    absent = [("g", risky.details.embeddings[5:6])]
    assert total(outcomes(risky, MatchOptions(0.7), absent)).strangers_named > 0


def test_speech_shares_counts_instants():
    truth = [Turn(0, 4, "ann"), Turn(3, 6, "eve"), Turn(6, 8, "bob")]
    heard = Diarization(
        [Turn(0, 4, "S0"), Turn(4, 5, "S1"), Turn(6, 7, "S0")],
        8,
        speakers=[Speaker("S0", "ann"), Speaker("S1")],
    )
    found = speech_shares(heard, truth, ["ann", "bob"])
    assert (found.right, found.wrong, found.unnamed, found.missed) == (4.0, 1.0, 0.0, 1.0)
    assert (found.strangers, found.strangers_named) == (3.0, 0.0)


def test_report_has_a_row_for_every_bar():
    text = report([[meeting(0.6)], [meeting(0.0)]], THRESHOLDS)
    assert text.count("| all | 6 |") == 2
    assert sum(f"| {offset:+.2f} |" in text for offset in OFFSETS) == len(OFFSETS)
    assert "| with names | 0.0 / 0.0 | 100% | 0.00 |" in text


def test_segments_are_counted_by_their_length():
    one = meeting(0.6)
    truth = [
        replace(turn, end=turn.start + length)
        for turn, length in zip(one.reference, (8, 8, 8, 1.5, 0.4, 1), strict=True)
    ]
    vectors = one.segments.copy()
    vectors[4] = 0.0  # too short to embed
    text = segment_table(
        [replace(one, reference=tuple(truth), segments=vectors)], MatchOptions(0.5), {}
    )
    # Two of three casts enroll each person. The first one has a cold; the last one, a stranger to
    # the first cast, is taken for the first one of it.
    assert text.split("\n")[2:] == [
        "| 0 to 1 s | 3 | 0.0% | 0.0% | 100.0% | 0.0% |",
        "| 1 to 2 s | 6 | 100.0% | 0.0% | 0.0% | 40.0% |",
        "| 5 s and more | 9 | 66.7% | 0.0% | 33.3% | 0.0% |",
        "| any length | 18 | 68.8% | 0.0% | 31.2% | 3.7% |",
    ]


@pytest.fixture(scope="module")
def bank(speech_dir) -> VoiceBank:
    return VoiceBank(speech_dir, "dev")


@pytest.mark.parametrize(
    ("scene", "named"), [("clean", 4), ("podcast", 3), ("web", 3), ("meeting", 1)]
)
def test_four_enrolled_people_and_two_strangers(bank, scene, named):
    """Names stand on their people's speech, hardly on a stranger's; most of the four bear theirs.

    At one microphone on the table most of the four may stay unnamed.
    """
    from diarize.speakers.diarizer import Diarizer

    diarizer = Diarizer(threads=1)
    held = hold(bank, halves(bank)[1], 1, diarizer, scene=scene, table=Table(minutes=2.0))
    found = outcomes(held, MatchOptions.of(diarizer.embedder.thresholds))[0]
    assert found.strangers > 10
    assert found.people_named >= named
    assert found.right > 5 * (found.wrong + found.strangers_named)
