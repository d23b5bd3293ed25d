"""A batch on this machine: everything done once, and nothing that one recording's fault stops."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from diarize import Diarizer, LabelOptions, label_recordings
from diarize.batch import Job, Outcome, run_batch
from diarize.batch.items import Item
from diarize.batch.sidecar import ENDING, read_sidecar
from diarize.batch.stores import Store
from diarize.errors import ModelError, UsageError
from diarize.settings import LinkingSettings, Settings
from diarize.transcript.engines import ENGINES
from tests.batch.conftest import NAMES
from tests.batch.detectors import harmful
from tests.cli.test_main_job import RATE
from tests.command import run
from tests.conftest import ROOT

BARE = LabelOptions(transcripts="ignore")


def contents(folder: Path) -> dict[str, bytes]:
    """Return all results of a folder, by name; what tells of one run is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("summary.json", "failures.jsonl", ".diarize.jsonl")
    }


def failures(output: Path) -> dict[str, str]:
    lines = (output / "failures.jsonl").read_text(encoding="utf-8").splitlines()
    return {Path(line["audio"]).stem: line["kind"] for line in map(json.loads, lines)}


def test_a_batch_gives_what_single_runs_give(talks, tmp_path):
    summary = run_batch([str(talks)], Job(str(tmp_path / "many"), label=BARE), jobs=2)
    assert (summary.done, summary.skipped, summary.failures) == (5, 0, [])
    many = contents(tmp_path / "many")
    assert {name.removesuffix(ENDING) for name in many if name.endswith(ENDING)} == set(NAMES)
    diarizer = Diarizer(threads=1)
    for name in NAMES:
        folder = (tmp_path / "single" / name).parent
        (one,) = label_recordings([talks / f"{name}.wav"], diarizer=diarizer, options=BARE)
        one.write("rttm", "json", folder=folder)
    for name, content in contents(tmp_path / "single").items():
        assert many[name] == content, name


def test_a_fault_of_one_recording_stops_no_other(talks, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(talks, source)
    for name in ("crash", "hang", "fault"):
        shutil.copy(talks / "three.wav", source / f"{name}.wav")
    (source / "corrupt.mp3").write_bytes(bytes(range(256)) * 20)
    (source / "empty.flac").write_bytes(b"")
    (source / "notes.txt").write_text("no recording")
    job = Job(str(tmp_path / "out"), {"vad": harmful}, label=BARE)
    told: list[Outcome | None] = []
    summary = run_batch(
        [str(source), str(tmp_path / "missing.wav")],
        job,
        jobs=2,
        timeout=15,
        on_outcome=lambda outcome, summary, pace: told.append(outcome),
    )
    assert summary.done == 5
    assert failures(tmp_path / "out") == {
        "crash": "crash",
        "hang": "timeout",
        "fault": "unexpected",
        "corrupt": "error",
        "empty": "error",
        "missing": "error",
    }
    errors = {Path(one.audio).stem: one.error for one in summary.failures}
    assert "SIGSEGV" in errors["crash"] or os.name == "nt"
    assert "longer than 15 s" in errors["hang"]
    assert "a fault of the detector's" in errors["fault"]
    assert len([one for one in told if one is not None]) == summary.recordings == 11
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (written["done"], written["failed"]) == (5, 6)
    assert written["audio_hours"] == pytest.approx(5 * 8 / 3600, rel=0.01)

    for name in ("crash", "hang", "fault", "corrupt", "empty"):
        next(source.glob(f"{name}.*")).unlink()
    again = run_batch([str(source)], job, jobs=2)
    assert (again.done, again.skipped, again.failures) == (0, 5, [])
    assert failures(tmp_path / "out") == {}


def test_only_what_changed_is_done_again(talks, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(talks, source)
    job = Job(str(tmp_path / "out"), {"vad": harmful}, label=BARE)
    inputs = [str(source)]
    assert run_batch(inputs, job, jobs=2).done == 5
    before = contents(tmp_path / "out")

    (source / "three.wav").write_bytes((source / "ann" / "one.wav").read_bytes())
    os.utime(source / "bo" / "one.wav")  # the same bytes
    (tmp_path / "out" / "bo" / "two.rttm").unlink()
    outcomes: list[Outcome] = []
    run_batch(
        inputs, job, on_outcome=lambda one, *_: outcomes.append(one) if one is not None else None
    )
    done = {one.place for one in outcomes if one.state == "done"}
    assert done == {"three", "bo/two"}
    after = contents(tmp_path / "out")
    assert after["bo/two.rttm"] == before["bo/two.rttm"]
    assert after[f"three{ENDING}"] != before[f"three{ENDING}"]

    segments = [{"start": 0, "end": 3, "text": "Good morning everybody."}]
    (source / "three.json").write_text(json.dumps({"segments": segments}))
    words = Job(str(tmp_path / "out"), {"vad": harmful}, label=LabelOptions(transcripts="find"))
    assert run_batch(inputs, words).done == 5  # other parameters
    assert run_batch(inputs, words).skipped == 5
    (source / "three.json").write_text(json.dumps({"segments": segments * 2}))
    assert run_batch(inputs, words).done == 1
    forced = Job(str(tmp_path / "out"), {"vad": harmful}, label=words.label, force=True)
    assert run_batch(inputs, forced, jobs=2).done == 5


def test_results_in_place_are_no_transcripts_of_other_recordings(talks, tmp_path):
    for name in ("talk", "talk.raw"):
        shutil.copy(talks / "three.wav", tmp_path / f"{name}.wav")
    job = Job(str(tmp_path), {"vad": harmful}, label=BARE, formats=("srt",))
    assert run_batch([str(tmp_path)], job, jobs=1).done == 2
    assert run_batch([str(tmp_path)], job, jobs=1).skipped == 2


def test_words_that_could_not_be_made_are_made_when_they_can_be(talks, tmp_path, monkeypatch):
    monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    recording = tmp_path / "talk.wav"
    shutil.copy(talks / "three.wav", recording)
    job = Job(str(tmp_path / "out"))
    assert run_batch([str(recording)], job, jobs=1).done == 1
    assert run_batch([str(recording)], job, jobs=1).skipped == 1
    sidecar = read_sidecar(Store(job.output), "talk")
    assert sidecar is not None and sidecar.lacks_words
    item = Item(str(recording), "talk.wav")
    assert replace(job).is_done(sidecar, item, "talk")
    monkeypatch.delenv("DIARIZE_OFFLINE")
    assert replace(job).is_done(sidecar, item, "talk") is not any(
        engine.is_installed() for engine in ENGINES.values()
    )


def test_messages_name_their_recording_once(tmp_path):
    loud = tmp_path / "loud.wav"
    wavfile.write(loud, RATE, np.full(RATE, 30, np.float32))
    done = run("batch", loud, "-o", tmp_path / "out", "--no-transcript", "--jobs", "1")
    line = f"diarize: {loud}: its samples reach 30 times full scale; scaled down."
    assert line in done.stderr.decode().splitlines()


def test_a_short_time_limit_is_told_as_it_is(talks, tmp_path):
    job = Job(str(tmp_path), {"vad": harmful}, label=BARE)
    summary = run_batch([str(talks / "three.wav")], job, jobs=1, timeout=0.001, retries=0)
    assert [one.error.split(": ")[1] for one in summary.failures] == [
        "took longer than 0.001 s and was stopped"
    ]


def test_a_manifest_says_what_is_known_of_each(talks, tmp_path):
    words = {"segments": [{"start": 0, "end": 3, "text": "Good morning everybody."}]}
    (tmp_path / "words.json").write_text(json.dumps(words))
    manifest = tmp_path / "calls.csv"
    rows = [f"{talks}/ann/one.wav;words.json;1", f"{talks}/bo/one.wav;;", "gone.wav;;"]
    manifest.write_text("audio;transcript;speakers\n" + "\n".join(rows) + "\n")
    done = run("batch", manifest, "-o", tmp_path / "out", "-f", "json", "--timeout", "100")
    assert done.returncode == 1
    assert b"gone.wav: no such file" in done.stderr
    results = {path.parent.name: path for path in (tmp_path / "out").rglob("one.json")}
    ann, bo = (json.loads(results[name].read_text()) for name in ("ann", "bo"))
    assert ann["segments"][0]["text"] == "Good morning everybody."
    assert len(ann["diarization"]["speakers"]) == 1
    assert ann["diarization"]["parameters"]["num_speakers"] == 1
    assert "segments" not in bo


def test_a_manifest_is_done_again_when_the_people_change_whom_it_invites(
    talks, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in ("Ann", "Ben"):
        assert run("enroll", name, talks / "ann" / "one.wav", "--one-voice").returncode == 0
    manifest = tmp_path / "calls.jsonl"
    manifest.write_text(json.dumps({"audio": f"{talks}/ann/one.wav", "speakers": ["Ann", "Ben"]}))
    output = tmp_path / "out"

    def done() -> tuple[int, int]:
        # a job knows the book as it was when it began
        summary = run_batch([str(manifest)], Job(str(output), label=BARE), jobs=1)
        return summary.done, summary.skipped

    assert done() == (1, 0)
    assert done() == (0, 1)
    assert run("forget", "Ben").returncode == 0
    assert done() == (1, 0)
    (tmp_path / "diarize" / "speakers.db").unlink()
    assert done() == (0, 0)
    assert failures(output) == {"one": "error"}


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_a_name_that_is_not_utf8_stops_nothing(talks, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "diarize")  # pytest-xdist cannot pass such names on
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(talks / "three.wav", os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav"))
    (folder / "caf\udce8.mp3").write_bytes(b"no sound")
    job = Job(str(tmp_path / "out"), label=BARE, formats=("json", "html", "rttm"))
    summary = run_batch([str(folder)], job, jobs=1)
    assert (summary.done, [one.kind for one in summary.failures]) == (1, ["error"])
    assert failures(tmp_path / "out") == {"caf\udce8": "error"}
    assert json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["done"] == 1
    assert b"caf%E9.wav" in Path(tmp_path, "out", "caf\udce9.html").read_bytes()
    assert run_batch([str(folder)], job, jobs=1).skipped == 1
    before = contents(tmp_path / "out")
    assert run_batch([str(folder)], replace(job, force=True), jobs=1).done == 1
    assert contents(tmp_path / "out") == before
    job = replace(job, tables=True, formats=("json", "parquet"))
    assert run_batch([str(folder)], job, jobs=1).done == 1
    assert b"caf\\udce9" in (tmp_path / "out" / "recordings.parquet").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_second_run_finishes_what_a_killed_one_left(talks, tmp_path):
    words = ["batch", talks, "-o", tmp_path / "out", "--no-transcript", "--jobs", "1", "-q"]
    begun = subprocess.Popen(
        [sys.executable, "-m", "diarize", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    while len(list((tmp_path / "out").rglob(f"*{ENDING}"))) < 2:
        assert begun.poll() is None
        time.sleep(0.02)
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    time.sleep(0.3)  # its worker notices, and ends
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob(f"*{ENDING}")}
    assert 2 <= len(left) < 5

    done = run(*words[:-1])
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (written["done"], written["skipped"]) == (5 - len(left), len(left))
    assert {path: path.stat().st_mtime_ns for path in left} == left
    assert b"done before" in done.stderr


def test_the_threshold_for_linking_needs_no_people(tmp_path):
    made_with = {"speakers": str(tmp_path / "people.db"), "identify_segments": True}
    job = Job(str(tmp_path / "out"), diarizer=made_with)
    assert job.link_threshold == Job(str(tmp_path / "out")).link_threshold


def test_linking_takes_the_jobs_settings(talks, tmp_path, monkeypatch):
    settings = Settings(linking=LinkingSettings(neighbors=3))
    job = Job(str(tmp_path), {"vad": harmful, "settings": settings}, label=BARE, voices=True)
    told: list[LinkingSettings] = []
    monkeypatch.setattr(
        "diarize.batch.run.link_archive", lambda *_, **named: told.append(named["settings"]) or []
    )
    run_batch([str(talks / "three.wav")], job, jobs=1)
    assert told == [settings.linking]


def test_what_concerns_all_recordings_is_told_at_once(talks, tmp_path):
    with pytest.raises(UsageError, match="cannot be sent"):
        run_batch([str(talks)], Job(str(tmp_path), {"vad": lambda waveform: []}, label=BARE))
    with pytest.raises(ModelError, match=r"none\.onnx"):
        run_batch([str(talks)], Job(str(tmp_path), {"embedder": "none.onnx"}, label=BARE))
    with pytest.raises(UsageError, match="at least 1"):
        run_batch([str(talks)], Job(str(tmp_path)), jobs=0)
    with pytest.raises(UsageError, match="holds no recording"):
        run_batch([str(tmp_path)], Job(str(tmp_path)))
    done = run("batch", talks)
    assert done.returncode == 2
    assert b"add -o DIR" in done.stderr
