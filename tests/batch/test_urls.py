"""Recordings and results that lie elsewhere, by a file system of fsspec's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diarize.batch import Job
from diarize.batch.archive import link_archive
from diarize.batch.items import collect
from diarize.batch.places import plan_places
from diarize.batch.runner import Runner
from diarize.batch.sidecar import each_sidecar, forget_folders, stamps_beside
from diarize.batch.stores import Store
from diarize.batch.tables import write_tables
from diarize.errors import UsageError
from diarize.labeler import LabelOptions
from diarize.relabel import relabel
from diarize.result_file import from_json
from tests.batch.conftest import NAMES
from tests.batch.detectors import harmful

fsspec = pytest.importorskip("fsspec", reason='pip install "autospeech-diarize[cluster]"')


@pytest.fixture
def memory(talks: Path) -> Iterator[Any]:
    """A file system in memory that holds the recordings, one with a transcript beside it."""
    system = fsspec.filesystem("memory")
    for name in NAMES[:3]:
        system.pipe_file(f"/calls/{name}.wav", (talks / f"{name}.wav").read_bytes())
    words = {"language": "en", "segments": [{"start": 0, "end": 3, "text": "Good morning."}]}
    system.pipe_file("/calls/ann/one.json", json.dumps(words).encode())
    forget_folders()
    yield system
    system.rm("/", recursive=True)


def test_urls_in_and_out(memory, talks, tmp_path):
    told: list[str] = []
    items = collect(["memory://calls"], told.append)
    assert [item.inside for item in items] == [f"{name}.wav" for name in NAMES[:3]]
    assert told == ["memory://calls: 3 recordings; 1 other file skipped"]
    assert collect(["memory://calls/*/one.wav"]) == [items[0], items[2]]

    job = Job("memory://out", {"vad": harmful}, label=LabelOptions(transcripts="find"), voices=True)
    store = Store(job.output)
    run = Runner(job)
    places = plan_places(items, {}, store)
    outcomes = [run(item, place) for item, place in zip(items, places, strict=True)]
    assert [one.state for one in outcomes] == ["done"] * 3, outcomes
    result = json.loads(memory.cat_file("/out/ann/one.json"))
    assert result["diarization"]["audio"] == "memory:///calls/ann/one.wav"
    assert result["segments"][0]["text"] == "Good morning."
    assert memory.exists("/out/ann/one.srt")
    assert memory.exists("/out/ann/two.rttm")

    known = dict(each_sidecar(store))
    assert sorted(known) == sorted(places)
    assert plan_places(items, known, store) == places
    for item, place in zip(items, places, strict=True):
        assert job.is_done(known[place], item, place)
        assert run(item, place).state == "skipped"
    named = relabel(from_json(result), rename={"SPEAKER_00": "Cem"})
    memory.pipe_file("/out/ann/one.json", named.to_json().encode())
    again = Runner(replace(job, force=True))
    assert again(items[0], places[0]).speakers[0][0] == "Cem"

    memory.pipe_file("/calls/ann/one.wav", (talks / "three.wav").read_bytes())
    assert not job.is_done(known[places[0]], items[0], places[0])

    people = link_archive(job.output, 0.4)
    assert sum(one.recordings for one in people) >= 3
    assert b"VOICE_0000" in memory.cat_file("/out/ann/two.rttm")
    assert b"Cem" in memory.cat_file("/out/ann/one.srt")  # corrected by hand
    if pytest.importorskip("pyarrow"):
        from pyarrow.parquet import read_table

        write_tables(job.output)
        with memory.open("/out/words.parquet") as file:
            assert read_table(file).num_rows == 2


def test_subtitles_in_a_language_elsewhere(memory):
    memory.pipe_file("/calls/bo/one.pt-BR.srt", b"1")
    for name in ("one.raw.srt", "one.raw.batch.json"):  # of a recording one.raw.wav
        memory.pipe_file(f"/calls/bo/{name}", b"1")
    assert list(stamps_beside(collect(["memory://calls/bo/one.wav"])[0])) == ["one.pt-BR.srt"]


def test_what_is_not_there(memory, tmp_path):
    (item,) = collect(["memory://calls/gone.wav"])
    job = Job(str(tmp_path), {"vad": harmful}, label=LabelOptions(transcripts="ignore"))
    outcome = Runner(job)(item, "gone")
    assert outcome.kind == "error"
    assert "memory://calls/gone.wav: cannot be fetched" in outcome.error
    with pytest.raises(UsageError, match="holds no recording"):
        collect(["memory://calls/*.ogg"])
    with pytest.raises(UsageError, match="nosuch"):
        collect(["nosuch://calls"])
