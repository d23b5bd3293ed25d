"""Segments of any kind against enrolled people, one by one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diarize import Diarizer, identify_segments
from diarize.annotation import Diarization
from diarize.arrays import unit
from diarize.cli import main
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import SpeakerBookError, UsageError
from diarize.settings import DEFAULTS
from diarize.speakers.book import SpeakerBook
from diarize.speakers.enrollment import enroll
from diarize.speakers.matching import Gallery, MatchOptions
from diarize.speakers.records import BookModel
from diarize.speakers.segments import (
    SegmentMatch,
    match_embeddings,
    pooled_scores,
    segments_csv,
    segments_json,
    segments_of,
)
from diarize.timeline import Segment, Turn


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(threads=1)


@pytest.fixture(scope="module")
def book(example_dir: Path, tmp_path_factory, embedder) -> Path:
    """Two of the four people of the example meeting, by what they say at its beginning."""
    path = tmp_path_factory.mktemp("book") / "people.db"
    diarizer = Diarizer(embedder=embedder, threads=1)
    meeting = example_dir / "meeting.mp3"
    with SpeakerBook(path, create=True) as people:
        for name, parts in (("Ann", [(0.8, 9.6)]), ("Ben", [(10.1, 14.7), (20.2, 23.1)])):
            regions = [Segment(*part) for part in parts]
            found = enroll(meeting, diarizer, regions=regions, one_voice=True)
            people.add(name, found.samples, BookModel.of(embedder))
    return path


# Of the example meeting, after what the two were enrolled from; None: somebody else.
SAID = [
    (37.4, 41.4, "Ann"),
    (41.5, 44.9, None),
    (45.5, 50.3, "Ann"),
    (50.9, 56.5, "Ben"),
    (58.3, 62.1, "Ann"),
    (62.6, 67.7, "Ben"),
    (68.4, 73.0, None),
    (84.8, 88.7, None),
]


def test_segments_of_real_speech_are_matched_one_by_one(example_dir, book, embedder):
    spans = [(start, end) for start, end, _ in SAID]
    found = identify_segments(spans, example_dir / "meeting.mp3", book, embedder=embedder)
    assert [(one.start, one.end) for one in found] == spans
    wrong = [
        one for one, (_, _, name) in zip(found, SAID, strict=True) if one.name not in (name, None)
    ]
    assert wrong == []
    named = [one.name for one, (_, _, name) in zip(found, SAID, strict=True) if name]
    assert named.count(None) <= 1
    for one in found:
        assert {one.best, one.runner_up} == {"Ann", "Ben"}
        assert one.score >= one.runner_up_score


def test_a_short_segment_takes_its_neighbours_evidence(example_dir, book, embedder):
    """A second of Ann between longer stretches of her; what is shorter speaks for itself."""
    spans = [(45.5, 48.0), (48.0, 49.1), (49.1, 50.0), (50.0, 50.02)]
    audio = example_dir / "meeting.mp3"
    found = identify_segments(spans, audio, book, embedder=embedder)
    assert [one.name for one in found[:2]] == ["Ann"] * 2
    by_itself = replace(DEFAULTS.identification, short_segment=0.0)
    alone = identify_segments(
        spans, audio, book, embedder=embedder, settings=replace(DEFAULTS, identification=by_itself)
    )
    assert found[1].score != alone[1].score
    assert [found[0], *found[2:]] == [alone[0], *alone[2:]]
    assert (alone[3].name, alone[3].score) == (None, None)


def test_what_segments_share_is_subtracted_label_by_label():
    line, ann, eve = np.eye(3, dtype=np.float32)
    people = Gallery(("line", "Ann"), np.array([line, ann]))
    vectors = unit(np.array([ann + line, eve + line, eve + line], np.float32))
    asked = [SegmentMatch(9.0 * at, 9.0 * at + 8, label=label) for at, label in enumerate("abb")]
    options = MatchOptions(0.5, shrinkage=1.0)
    apart = match_embeddings(asked, vectors, people, options)
    shared = (vectors[0] + vectors[1]) / 3
    np.testing.assert_allclose(apart[0].score, unit(vectors[0] - shared) @ ann, atol=1e-4)
    assert (apart[0].name, apart[1].name) == ("Ann", None)
    together = match_embeddings(
        [replace(one, label=None) for one in asked], vectors, people, options
    )
    shared = unit(vectors.mean(axis=0)) / 2
    np.testing.assert_allclose(together[0].score, unit(vectors[0] - shared) @ ann, atol=1e-4)


def test_pooled_scores_leave_other_voices_alone():
    turns = [Segment(0, 5), Segment(5.2, 6.4), Segment(6.5, 9.7)]
    voices = np.float32([[1, 0], [0, 1], [0.1, 0.995]])
    scores = np.float32([[0.9], [0.4], [0.2]])
    first, short, last = pooled_scores(turns, voices, scores)[:, 0]
    assert (first, last) == (np.float32(0.9), np.float32(0.2))
    assert short == pytest.approx((1.2 * 0.4 + 3.2 * 0.2) / 4.4)
    far = [Segment(0, 5), Segment(7, 8.2), Segment(9.5, 12)]
    assert pooled_scores(far, voices, scores)[1, 0] == np.float32(0.4)
    brief = [Segment(0, 5), Segment(5.2, 6.1), Segment(6.5, 9.7)]
    assert pooled_scores(brief, voices, scores)[1, 0] == np.float32(0.4)


def test_segments_of_every_kind(tmp_path):
    rttm = tmp_path / "talk.rttm"
    rttm.write_text("SPEAKER talk 1 1.000 2.000 <NA> <NA> A <NA> <NA>\n")
    srt = tmp_path / "talk.srt"
    srt.write_text("1\n00:00:01,000 --> 00:00:03,000\nHello there.\n")
    talk = Diarization([Turn(1.0, 3.0, "A")], 4)

    class Annotation:
        def itertracks(self, yield_label: bool) -> Iterator[tuple[Segment, int, str]]:
            yield Segment(1.0, 3.0), 0, "A"

    labelled = SegmentMatch(1.0, 3.0, label="A")
    for source in (rttm, str(rttm), talk, talk.turns, Annotation(), [(1, 3, "A")]):
        assert segments_of(source) == [labelled]
    assert segments_of([Segment(1.0, 3.0)]) == [SegmentMatch(1.0, 3.0)]
    assert segments_of([(1, 3)]) == [SegmentMatch(1.0, 3.0)]
    said = SegmentMatch(1.0, 3.0, text="Hello there.")
    assert segments_of(srt) == [said]
    assert segments_of({"segments": [{"start": 1, "end": 3, "text": " Hello there."}]}) == [said]
    labelled_text = SegmentMatch(1.0, 3.0, label="A", text="Hi.")
    spoken = {"segments": [{"start": 1, "end": 3, "text": "Hi.", "speaker": "A"}]}
    said_json = tmp_path / "talk.json"
    said_json.write_text(json.dumps(spoken))
    assert segments_of(spoken) == segments_of(said_json) == [labelled_text]
    numbered = [SegmentMatch(1.0, 3.0, label="0")]
    for one in ({"start": 1, "end": 3, "speaker": 0}, Turn(1, 3, 0), (1, 3, 0)):
        assert segments_of([one]) == numbered
    for odd in (3, [3], [("a", "b")], [{"start": 1}]):
        with pytest.raises(UsageError):
            segments_of(odd)
    rttm.write_text(rttm.read_text() + rttm.read_text().replace("talk", "other"))
    assert segments_of(rttm, "other") == [labelled]
    with pytest.raises(UsageError, match="2 recordings"):
        segments_of(rttm, "third")
    rttm.write_text(rttm.read_text().replace("other", "my_talk"))
    assert segments_of(rttm, "my talk") == [labelled]


def test_csv_and_json():
    matches = [
        SegmentMatch(0.5, 2.0, "Ann", 0.81, "Ann", "Ben", 0.3, "SPEAKER_00", "=1, or so"),
        SegmentMatch(2.0, 2.1),
    ]
    rows = list(csv.DictReader(io.StringIO(segments_csv(matches))))
    assert (rows[0]["name"], rows[0]["score"], rows[0]["runner_up"]) == ("Ann", "0.810", "Ben")
    assert rows[0]["text"] == "'=1, or so"
    assert rows[1]["name"] == rows[1]["score"] == ""
    assert [SegmentMatch(**one) for one in json.loads(segments_json(matches))] == matches


def test_the_command(example_dir, book, tmp_path, capfdbinary):
    rttm = tmp_path / "meeting.rttm"
    rttm.write_text(
        "".join(
            f"SPEAKER meeting 1 {start} {end - start:.3f} <NA> <NA> somebody <NA> <NA>\n"
            for start, end, _ in SAID[:4]
        )
    )
    words = ["identify", str(example_dir / "meeting.mp3"), "--speakers", str(book), "-q"]
    assert main([*words, "--segments", str(rttm), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert [row["name"] for row in rows] == ["Ann", "", "Ann", "Ben"]
    assert {row["label"] for row in rows} == {"somebody"}
    assert main([*words, "--csv"]) == 2
    assert main([*words, "--segments", "turns", "--num-speakers", "1", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert {row["label"] for row in rows} == {"SPEAKER_00"}


def test_a_book_of_another_model_is_refused(example_dir, book, tmp_path, embedder):
    other = tmp_path / "other.db"
    with SpeakerBook(other, create=True) as people, SpeakerBook(book) as known:
        people.add("Ann", known.samples("Ann"), BookModel("old", "0" * 64, embedder.dimension))
    with pytest.raises(SpeakerBookError, match="re-enroll"):
        identify_segments([(1, 3)], example_dir / "meeting.mp3", other, embedder=embedder)


def test_the_main_job_names_each_turn_by_itself(example_dir, book, tmp_path):
    words = [str(example_dir / "meeting.mp3"), "--speakers", str(book), "--no-transcript", "-q"]
    plain, single = tmp_path / "plain", tmp_path / "single"
    assert main([*words, "-f", "json", "-o", str(plain)]) == 0
    assert main([*words, "--identify-segments", "-f", "json,csv", "-o", str(single)]) == 0
    before, after = (
        json.loads((folder / "meeting.json").read_text())["diarization"]
        for folder in (plain, single)
    )
    times = [[(turn["start"], turn["end"]) for turn in block["turns"]] for block in (before, after)]
    assert times[0] == times[1]
    shown = {one["label"]: one["name"] or one["label"] for one in after["speakers"]}
    rows = list(csv.DictReader(io.StringIO((single / "meeting.csv").read_text())))
    for turn, row in zip(after["turns"], rows, strict=True):
        assert row["speaker"] == shown[turn["speaker"]]
        best, second = turn["candidates"]
        assert (row["best"], row["runner_up"]) == (best["name"], second["name"])
        assert float(row["score"]) == pytest.approx(best["score"], abs=6e-4)
    named = sum(
        turn["end"] - turn["start"] for turn in after["turns"] if shown[turn["speaker"]] == "Ann"
    )
    assert 30 < named < 45
