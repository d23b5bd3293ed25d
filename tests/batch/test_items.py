"""What is meant by inputs, and where the results of each go."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.batch.items import Item, collect, read_manifest
from diarize.batch.local import Task, default_jobs, next_task
from diarize.batch.places import plan_places
from diarize.batch.sidecar import Sidecar, Voice, decoded, forget_folders, stamps_beside
from diarize.batch.stores import Store
from diarize.errors import UsageError
from diarize.files import Note, Record


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_folders_patterns_and_files_name_each_recording_once(tmp_path, monkeypatch):
    touch(tmp_path, "in/a/x.wav", "in/b/x.flac", "in/b/.hidden.wav", "in/b/x.srt", "in/c/y.m4a")
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    folder = collect(["in"], told.append)
    assert [item.inside for item in folder] == ["a/x.wav", "b/x.flac", "c/y.m4a"]
    assert told == ["in: 3 recordings; 1 other file skipped"]
    assert [item.inside for item in collect(["in/**/x.*v"])] == ["a/x.wav"]
    assert len(collect(["in", "in/a/x.wav", str(tmp_path / "in" / "*" / "*.m4a")])) == 3
    (by_url,) = collect([(tmp_path / "in/a/x.wav").as_uri()])
    assert by_url.audio == str(tmp_path / "in/a/x.wav")
    for nothing in ("in/*.ogg", "-"):
        with pytest.raises(UsageError):
            collect([nothing])


def test_manifests(tmp_path):
    table = tmp_path / "calls.tsv"
    head = "Audio\tLanguage\tSpeakers\tclient"
    rows = ["a/x.wav\tde\t2-4\tACME", "", "../y.wav\t\tAnn; Bo\t"]
    table.write_text("\n".join([head, *rows]), encoding="utf-8-sig")
    told: list[str] = []
    first, second = read_manifest(str(table), told.append)
    assert (first.audio, first.inside) == (str(tmp_path / "a/x.wav"), "a/x.wav")
    assert (first.language, first.speakers) == ("de", (2, 4))
    assert (second.inside, second.language, second.speakers) == ("y.wav", None, ("Ann", "Bo"))
    assert told == [f"{table}: columns without a meaning here: client"]
    lines = tmp_path / "calls.jsonl"
    rows = [
        {"audio": "s3://calls/x.wav", "speakers": 3},
        {"audio": "/y.wav", "transcript": "y.srt"},
    ]
    lines.write_text("\n".join(map(json.dumps, rows)))
    remote, local = read_manifest(str(lines))
    assert (remote.audio, remote.speakers) == ("s3://calls/x.wav", 3)
    assert local.transcript == str(tmp_path / "y.srt")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", b"audio\nHello, world; again.wav\nx.wav\n"),
        ("a.csv", b'audio,language\r"Hello, world; again.wav",\rx.wav,\r'),
        ("a.csv", b'audio;language\r\n"Hello, world; again.wav";\r\nx.wav;\r\n'),
    ],
)
def test_manifests_of_other_programs(tmp_path, name, text):
    (tmp_path / name).write_bytes(text)
    items = read_manifest(str(tmp_path / name))
    assert [item.inside for item in items] == ["Hello, world; again.wav", "x.wav"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "file,who\nx.wav,2\n", "no column 'audio', but file, who"),
        ("a.csv", "audio,speakers\nx.wav,0\n", "line 2: speakers is '0'"),
        ("a.csv", "audio,speakers\nx.wav,4-2\n", "line 2: speakers is '4-2'"),
        ("a.csv", "audio,speakers\nx.wav,-1\n", "line 2: speakers is '-1'"),
        ("a.csv", f"audio,speakers\nx.wav,{'9' * 5000}\n", "line 2: speakers is '999"),
        ("a.csv", "audio,language\n,en\n", "line 2: names no recording"),
        ("a.csv", f'audio\n"x.wav\n{"y" * 140_000}\n', "line 2: no table .field larger"),
        ("a.csv", "audio\n", "names no recording"),
        ("a.jsonl", '{"audio": "x.wav"}\n{"audio"\n', "line 2: no JSON"),
        ("a.jsonl", "[" * 200_000, "line 1: no JSON .it is nested too deeply"),
        ("a.jsonl", '"x.wav"\n', 'line 1: write {"audio"'),
        ("b.csv", None, "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_understood(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        collect([str(tmp_path / name)])


def sidecar(audio: str, **recording: object) -> Sidecar:
    return Sidecar(audio, "", "", {"recording": recording} if recording else {}, {})


def test_recordings_of_one_name_have_places_of_their_own(tmp_path):
    touch(tmp_path, "a/x.wav", "a/x.mp3", "b/x.wav")
    store = Store(str(tmp_path / "out"))
    files = collect([str(tmp_path / name) for name in ("a/x.wav", "a/x.mp3", "b/x.wav")])
    assert plan_places(files, {}, store) == ["a/x.wav", "a/x.mp3", "b/x"]
    assert plan_places(collect([str(tmp_path / "a")]), {}, store) == ["x.mp3", "x.wav"]
    twice = [Item(str(tmp_path / "b/x.wav"), "x.wav", language=code) for code in ("de", "en")]
    assert plan_places(twice, {}, store) == ["x.wav", "x.wav.2"]


def test_no_recording_takes_the_place_of_the_batchs_own_files(tmp_path):
    touch(tmp_path, "a.batch.wav", "a.wav", "Summary.wav", "summary", "words.wav", "b/summary.wav")
    items = [*collect([str(tmp_path)]), Item(str(tmp_path / "summary"), "summary")]
    places = plan_places(items, {}, Store("/out"))
    assert dict(zip([item.inside for item in items], places, strict=True)) == {
        "a.batch.wav": "a.batch.wav",
        "a.wav": "a",
        "Summary.wav": "Summary.wav",
        "words.wav": "words.wav",
        "b/summary.wav": "b/summary",
        "summary": "summary.2",
    }
    known = {"a.batch": sidecar(f"..{tmp_path}/a.batch.wav")}  # as an earlier version had it
    again = [item for item in items if item.inside == "a.batch.wav"]
    assert plan_places(again, known, Store("/out")) == ["a.batch.wav"]


def test_one_recording_with_two_settings_keeps_both_places(tmp_path):
    touch(tmp_path, "x.wav", "x.srt")
    audio, words = str(tmp_path / "x.wav"), str(tmp_path / "x.srt")
    items = [
        Item(audio, "x.wav", speakers=3),
        Item(audio, "x.wav", language="de"),
        Item(audio, "x.wav", transcript=words),
        Item(audio, "x.wav"),
    ]
    places = plan_places(items, {}, Store("/out"))
    assert places == ["x.wav", "x.wav.2", "x.wav.3", "x.wav.4"]
    known = {
        place: replace(
            sidecar(f"..{audio}", **item.settings()),
            transcripts=stamps_beside(item) if item.transcript else {},
        )
        for place, item in zip(places, items, strict=True)
    }
    known = dict(sorted(known.items(), reverse=True))
    assert plan_places(items, known, Store("/out")) == places
    changed = [replace(items[0], speakers=4), *items[1:]]
    assert plan_places(changed, known, Store("/out")) == places


def test_a_place_stays_when_recordings_are_added(tmp_path):
    touch(tmp_path, "a/x.wav", "b/x.wav", "out/x.rttm")
    store = Store(str(tmp_path / "out"))
    first = collect([str(tmp_path / "a/x.wav")])
    (place,) = plan_places(first, {}, store)
    assert place == "x"
    known = {"x": sidecar("../a/x.wav")}
    both = collect([str(tmp_path / "b/x.wav"), str(tmp_path / "a/x.wav")])
    assert plan_places(both, known, store) == ["b/x", "x"]
    # alone, the other one does not take the place of what is not worked on today
    assert plan_places(both[:1], known, store) == ["x.wav"]
    (tmp_path / "a/x.wav").unlink()  # moved away: the place is free
    assert plan_places(both[:1], known, store) == ["x"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abA"), st.sampled_from("xyX"), st.sampled_from(["wav", "mp3"])),
        max_size=12,
        unique=True,
    )
)
def test_no_two_recordings_share_a_place(names):
    items = [Item(f"/in/{folder}/{stem}.{end}", f"{stem}.{end}") for folder, stem, end in names]
    places = plan_places(items, {}, Store("/out"))
    assert len({place.casefold() for place in places}) == len(items)
    known = {
        place: sidecar(f"{'../' * (2 + place.count('/'))}{item.audio[1:]}")
        for place, item in zip(places, items, strict=True)
    }
    assert plan_places(items[::-1], known, Store("/out")) == places[::-1]


def test_all_transcripts_beside_a_recording_are_stamped(tmp_path, monkeypatch):
    touch(tmp_path, "talk.wav", "talk.en.vtt", "TALK.SRT", "talk.wav.json", "talk.notes.vtt")
    item = Item(str(tmp_path / "talk.wav"), "talk.wav")
    assert set(stamps_beside(item)) == {"talk.en.vtt", "TALK.SRT", "talk.wav.json"}
    assert set(stamps_beside(item, [str(tmp_path / "TALK.SRT")])) == {
        "talk.en.vtt",
        "talk.wav.json",
    }
    before = stamps_beside(item)
    (tmp_path / "talk.en.vtt").write_text("corrected")
    assert stamps_beside(item) != before
    monkeypatch.chdir(tmp_path)
    assert stamps_beside(Item("talk.wav", "talk.wav")) == stamps_beside(item)


def test_a_folder_that_is_written_to_is_listed_once_for_many_recordings(tmp_path, monkeypatch):
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or listdir(folder))
    touch(tmp_path, *(f"{number}.en.srt" for number in range(5)))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    for number in range(5):
        item = Item(str(tmp_path / f"{number}.wav"), f"{number}.wav")
        assert list(stamps_beside(item)) == [f"{number}.en.srt"]
        touch(tmp_path, f"{number}.json")
    assert listed == [str(tmp_path)]
    touch(tmp_path, "0.de.srt")
    forget_folders()
    assert set(stamps_beside(Item(str(tmp_path / "0.wav"), "0.wav"))) == {
        *("0.json", "0.en.srt", "0.de.srt"),
    }


def test_what_was_written_for_another_recording_is_no_transcript(tmp_path):
    touch(tmp_path, "talk.raw.srt", "talk.en.srt")
    Record(tmp_path).add([Note("talk.raw.srt")])
    assert list(stamps_beside(Item(str(tmp_path / "talk.wav"), "talk.wav"))) == ["talk.en.srt"]


def test_sidecars_come_back_as_they_were_written():
    import numpy as np

    vector = np.float32([0.6, -0.8])
    written = Sidecar(
        "../a.wav",
        "12",
        "3 4",
        {"formats": ["srt"]},
        {"embedding": "5"},
        outputs={"a.srt": "6"},
        duration=7.25,
        speakers=(("Ann", 3.5),),
        voices=(Voice("SPEAKER_00", 3.5, vector, "Ann"),),
    )
    read = decoded(written.encoded())
    assert read is not None
    assert read.encoded() == written.encoded()
    assert read.voices is not None
    np.testing.assert_array_equal(read.voices[0].vector, vector)
    assert decoded(b"{}") is None
    assert decoded(b"\xff") is None


def test_memory_bounds_what_is_at_work():
    assert default_jobs(100, available=100.0) == 1
    assert default_jobs(1, available=1e6) == 1
    long, short = (
        Task(Item(name, name), name, hours * 3600.0) for name, hours in (("l", 10), ("s", 1))
    )
    assert next_task([long, short], [], 0.0) is long
    assert next_task([long, short], [short], 2500.0) is long
    assert next_task([long, short], [long], 2500.0) is short
    assert next_task([long], [long], 2500.0) is None
