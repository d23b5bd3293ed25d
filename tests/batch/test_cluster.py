"""The same batch on a Dask cluster: a scheduler and two workers, processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from diarize.batch import Job, run_batch
from diarize.batch.sidecar import ENDING
from diarize.errors import UsageError
from tests.batch.conftest import NAMES
from tests.batch.detectors import harmful
from tests.batch.test_run import BARE, contents
from tests.conftest import ROOT

distributed = pytest.importorskip("distributed", reason='pip install "autospeech-diarize[cluster]"')


def start(module: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def start_worker(address: str) -> subprocess.Popen[bytes]:
    words = ("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--no-nanny")
    return start("dask_worker", address, *words)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler on the loopback."""
    note = tmp_path_factory.mktemp("scheduler") / "file.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note))
    process = start("dask_scheduler", *words)
    while not note.exists() or not note.read_text().strip():
        assert process.poll() is None
        time.sleep(0.05)
    import json

    yield json.loads(note.read_text())["address"]
    process.kill()
    process.wait()


@pytest.fixture
def workers(scheduler: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers."""
    started = [start_worker(scheduler) for _ in range(2)]
    with distributed.Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_gives_what_one_machine_gives(talks, tmp_path, scheduler, workers):
    inputs = [str(talks), str(tmp_path / "missing.wav")]
    crash = tmp_path / "crash.wav"
    crash.write_bytes((talks / "three.wav").read_bytes())
    inputs.append(str(crash))
    here = Job(str(tmp_path / "here"), {"vad": harmful}, label=BARE)
    there = Job(str(tmp_path / "there"), {"vad": harmful}, label=BARE)
    one = run_batch(inputs, here, jobs=2)
    other = run_batch(inputs, there, scheduler=scheduler)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert one.done == other.done == 5
    assert {failure.kind for failure in other.failures} == {"error", "crash"}
    assert run_batch([str(talks)], there, scheduler=scheduler).skipped == 5


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_worker_may_be_lost(talks, tmp_path, scheduler, workers):
    job = Job(str(tmp_path / "out"), label=BARE)
    killed: list[int] = []
    done: list[str] = []

    def kill_one(outcome, summary, pace):
        if outcome is not None:
            done.append(outcome.place)
            if not killed:
                killed.append(workers[0].pid)
                os.kill(workers[0].pid, signal.SIGKILL)

    summary = run_batch([str(talks)], job, scheduler=scheduler, on_outcome=kill_one)
    assert (summary.done + summary.skipped, summary.failures) == (5, [])
    assert sorted(done) == sorted(NAMES)  # each once
    single = Job(str(tmp_path / "one"), label=BARE)
    run_batch([str(talks)], single, jobs=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "one")
    assert not list((tmp_path / "out").rglob("*.part"))


def test_urls_in_and_out(talks, tmp_path, scheduler, workers):
    # ``file://`` is a path on this machine; other file systems are read and written by fsspec
    output = (tmp_path / "out").as_uri()
    summary = run_batch([talks.as_uri()], Job(output, label=BARE), scheduler=scheduler)
    assert summary.done == 5
    assert len(list((tmp_path / "out").rglob(f"*{ENDING}"))) == 5


def test_no_scheduler(talks, tmp_path, monkeypatch):
    monkeypatch.setattr("diarize.batch.cluster._CONNECTING", "1s")
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        run_batch([str(talks)], Job(str(tmp_path)), scheduler="tcp://127.0.0.1:9")
