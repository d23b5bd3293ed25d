"""One identity over an archive: stable labels, outputs that bear them, tables of all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest

from diarize.batch.archive import link_archive
from diarize.batch.sidecar import ENDING, Sidecar, Voice, each_sidecar, sha256_of_bytes
from diarize.batch.stores import Store
from diarize.batch.tables import write_tables
from diarize.files import encoded
from diarize.formats import get_writer
from diarize.relabel import relabel
from diarize.result_file import from_json, read_result
from diarize.rewriting import rewrite
from diarize.rttm import read_rttm
from tests.command import run
from tests.speakers.test_linking import voice


def add(
    output: Path,
    place: str,
    people: list[int],
    names: dict[int, str] | None = None,
    formats: tuple[str, ...] = ("srt", "json"),
) -> None:
    """Write what a batch leaves of a recording in which each speaks for a second, in turn."""
    labels = [f"SPEAKER_{number:02d}" for number in range(len(people))]
    shown = [(names or {}).get(person) for person in people]
    block = {
        "audio": f"{place}.wav",
        "uri": place,
        "duration": float(len(people)),
        "speakers": [{"label": a, "name": b} for a, b in zip(labels, shown, strict=True)],
        "turns": [
            {"start": float(number), "end": number + 1.0, "speaker": label}
            for number, label in enumerate(labels)
        ],
    }
    segments = [
        {"start": float(number), "end": number + 1.0, "text": f"word{number} here", "speaker": one}
        for number, one in enumerate(b or a for a, b in zip(labels, shown, strict=True))
    ]
    data = {"language": "en", "segments": segments, "diarization": block}
    output.mkdir(exist_ok=True)
    result = from_json(data)
    files = {f"{place}.{get_writer(name).extension}": result.render(name) for name in formats}
    outputs = {}
    for name, text in files.items():
        (output / name).write_bytes(encoded(text))
        outputs[name] = sha256_of_bytes(encoded(text))
    seed = sum(map(ord, place))
    sidecar = Sidecar(
        f"{place}.wav",
        "",
        "",
        {"formats": list(formats), "writer": {}},
        {"embedding": "1"},
        outputs=outputs,
        duration=float(len(people)),
        speakers=tuple((b or a, 1.0) for a, b in zip(labels, shown, strict=True)),
        voices=tuple(
            Voice(label, 1.0, voice(person, seed), name)
            for label, person, name in zip(labels, people, shown, strict=True)
        ),
    )
    (output / f"{place}{ENDING}").write_bytes(sidecar.encoded())


def labels_of(output: Path, place: str) -> list[str]:
    result = read_result(output / f"{place}.json")
    assert result.transcript is not None
    shown = [segment["speaker"] for segment in result.transcript["segments"]]
    assert shown == [result.diarization.display(turn.speaker) for turn in result.diarization]
    for name in shown:
        assert f"{name}: word" in (output / f"{place}.srt").read_text()
    return [turn.speaker for turn in result.diarization]


def test_labels_stay_when_recordings_are_added(tmp_path):
    add(tmp_path, "b", [0, 1])
    add(tmp_path, "c", [1, 2])
    people = link_archive(str(tmp_path), 0.5)
    assert labels_of(tmp_path, "b") == ["VOICE_00000", "VOICE_00001"]
    assert labels_of(tmp_path, "c") == ["VOICE_00001", "VOICE_00002"]
    assert [(one.label, one.recordings) for one in people] == [
        ("VOICE_00000", 1),
        ("VOICE_00001", 2),
        ("VOICE_00002", 1),
    ]
    before = {path: path.read_bytes() for path in tmp_path.glob("[bc].*")}
    add(tmp_path, "a", [3, 2, 0])
    link_archive(str(tmp_path), 0.5)
    assert labels_of(tmp_path, "a") == ["VOICE_00003", "VOICE_00002", "VOICE_00000"]
    assert {path: path.read_bytes() for path in tmp_path.glob("[bc].*")} == before
    again = {path: path.read_bytes() for path in tmp_path.iterdir()}
    link_archive(str(tmp_path), 0.5)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == again
    lines = (tmp_path / "people.jsonl").read_text().splitlines()
    assert [json.loads(line)["recordings"] for line in lines] == [2, 2, 2, 1]


@pytest.mark.parametrize("place", ["a", "a.podcast"])
def test_every_output_keeps_its_format(tmp_path, place):
    formats = ("audacity", "diarized-json", "json", "podcast", "rttm", "seglst", "txt")
    add(tmp_path, place, [0, 1], formats=formats)
    link_archive(str(tmp_path), 0.5)
    result = read_result(tmp_path / f"{place}.json")
    assert result.diarization.labels == ("VOICE_00000", "VOICE_00001")
    for name in formats:
        path = tmp_path / f"{place}.{get_writer(name).extension}"
        assert path.read_bytes() == encoded(result.render(name, folder=tmp_path)), name


def test_names_join_and_two_of_one_recording_do_not(tmp_path):
    add(tmp_path, "a", [0, 5], {0: "Ann"})
    add(tmp_path, "b", [7, 5], {7: "Ann"})
    add(tmp_path, "c", [5, 5])
    link_archive(str(tmp_path), 0.5)
    first, second, twins = (labels_of(tmp_path, place) for place in "abc")
    assert first == second
    assert len(set(twins)) == 2
    assert "Ann: word0" in (tmp_path / "a.srt").read_text()


def test_what_was_corrected_by_hand_is_left_alone(tmp_path):
    add(tmp_path, "a", [0, 1])
    add(tmp_path, "b", [1, 0])
    path = tmp_path / "a.json"
    before = read_result(path)
    rewrite(path, before, relabel(before, rename={"SPEAKER_00": "Cem"}))
    (tmp_path / "b.srt").write_text("mine")
    corrected = {name: (tmp_path / name).read_bytes() for name in ("a.json", "a.srt", "b.srt")}
    told: list[str] = []
    link_archive(str(tmp_path), 0.5, on_message=told.append)
    assert {name: (tmp_path / name).read_bytes() for name in corrected} == corrected
    assert any("b.srt: was changed since" in line for line in told)
    assert any("corrected by hand" in line for line in told)
    assert "VOICE_" in (tmp_path / "b.json").read_text()


def rows_of(output: Path) -> dict[str, int]:
    """Write the tables of a folder, and return how many rows each has."""
    from pyarrow.parquet import read_metadata

    write_tables(str(output))
    return {path.stem: read_metadata(path).num_rows for path in output.glob("*.parquet")}


def test_a_damaged_result_stops_no_other(tmp_path):
    pytest.importorskip("pyarrow")
    add(tmp_path, "a", [0, 1])
    add(tmp_path, "b", [1, 0])
    add(tmp_path, "c", [0, 1])
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text()[:200])
    (tmp_path / "c.json").write_text("[" * 200_000)
    told: list[str] = []
    link_archive(str(tmp_path), 0.5, on_message=told.append)
    assert [line.split(": is gone")[0] for line in told] == [
        str(tmp_path / "a.json"),
        str(tmp_path / "c.json"),
    ]
    assert "VOICE_" in (tmp_path / "b.json").read_text()
    assert rows_of(tmp_path)["recordings"] == 1


def test_voices_of_two_models_are_never_compared(tmp_path):
    add(tmp_path, "a", [0])
    add(tmp_path, "b", [0])
    add(tmp_path, "c", [0])
    store = Store(str(tmp_path))
    ((_, other),) = [pair for pair in each_sidecar(store) if pair[0] == "c"]
    vector = np.ones(4, np.float32) / 2
    voices = (Voice("SPEAKER_00", 1.0, vector),)
    changed = Sidecar(**{**vars(other), "models": {"embedding": "2"}, "voices": voices})
    store.write(f"c{ENDING}", changed.encoded())
    told: list[str] = []
    assert len(link_archive(str(tmp_path), 0.5, on_message=told.append)) == 1
    assert told == ["1 recordings were made with another model: not linked"]


@pytest.mark.slow
def test_a_batch_links_and_writes_tables(talks, tmp_path):
    pytest.importorskip("pyarrow")
    words = ["batch", "-o", tmp_path / "out", "--no-transcript", "--link", "--tables", "-q"]
    done = run(*words, talks / "ann", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    labels = {
        path.stem: {turn.speaker for turn in next(iter(read_rttm(path).values()))}
        for path in (tmp_path / "out").glob("*.rttm")
    }
    assert set(labels) == {"one", "two"}
    assert all(name.startswith("VOICE_") for names in labels.values() for name in names)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["people"] == len(set().union(*labels.values()))
    mode = (tmp_path / "out" / f"one{ENDING}").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    before = {path: path.read_bytes() for path in (tmp_path / "out").glob("one.*")}
    assert run(*words, talks / "ann", "--force", "--jobs", "1").returncode == 0
    assert {path: path.read_bytes() for path in before} == before


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    pytest.importorskip("pyarrow")
    add(tmp_path, "a", [0, 1, 0])
    add(tmp_path, "b", [2, 0], {0: "Ann"})
    (tmp_path / "c.json").write_text("no result of the batch")
    data = json.loads((tmp_path / "a.json").read_text())
    data["diarization"]["turns"][1]["start"] = 0.7  # b begins while a speaks
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert rows_of(tmp_path) == {"recordings": 2, "turns": 5, "words": 10, "speakers": 5}
    return tmp_path


def queries() -> list[str]:
    import re

    from tests.conftest import ROOT

    page = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    return re.findall(r"^```sql\n(.*?)^```", page, re.S | re.M)


def test_the_queries_of_the_page_in_duckdb(tables, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    talks_most, interrupts, pace = (query.replace("'out/", f"'{tables}/") for query in queries())
    assert ("Ann", 1 / 60, 1) in duckdb.sql(talks_most).fetchall()
    assert duckdb.sql(interrupts).fetchall() == [("SPEAKER_01", "SPEAKER_00", 1)]
    paces = [row[1] for row in duckdb.sql(pace).fetchall()]
    assert paces == pytest.approx([120.0] * 4 + [2 / (1.3 / 60)])  # who interrupts talks longer


def test_the_tables_in_pandas(tables):
    pandas = pytest.importorskip("pandas")
    turns = pandas.read_parquet(tables / "turns.parquet")
    assert turns.groupby("recording").size().to_dict() == {"a": 3, "b": 2}
    words = pandas.read_parquet(tables / "words.parquet")
    assert list(words.word[:2]) == ["word0", "here"]
    assert words.speaker.value_counts()["Ann"] == 2
    recordings = pandas.read_parquet(tables / "recordings.parquet")
    assert recordings.language.tolist() == ["en", "en"]
