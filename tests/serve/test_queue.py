"""The queue: many uploads at once, bad files among them, and a server that is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from diarize.cli import main
from diarize.serve.jobs import DELETED, DONE, FAILED, MOST_ATTEMPTS, QUEUED, RUNNING, JobStore
from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookModel, Sample
from tests import talk
from tests.serve.running import Server, until


def states(server: Server) -> list[str]:
    return [job["state"] for job in server.jobs()]


def test_fifty_uploads_at_once(tmp_path: Path, beep: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(os.urandom(20_000))
    paths = [bad if number % 10 == 3 else beep for number in range(50)]
    with Server(tmp_path / "serve") as server:
        with ThreadPoolExecutor(50) as pool:
            jobs = list(pool.map(server.upload, paths))
        busiest = 0
        while not set(states(server)) <= {"done", "failed"}:
            busiest = max(busiest, states(server).count("running"))
        assert busiest == 1
        found = {job["id"]: job["state"] for job in server.jobs()}
        assert [found[job["id"]] for job in jobs] == [
            "failed" if path == bad else "done" for path in paths
        ]
        assert list((tmp_path / "serve" / "uploads").iterdir()) == []


def test_a_server_that_is_killed_loses_nothing(tmp_path: Path, beep: Path) -> None:
    folder = tmp_path / "serve"
    with Server(folder) as server:
        ids = [
            server.upload(path, words="false")["id"]
            for path in (talk.recording("meeting"), talk.recording("call"), beep)
        ]
        until(lambda: server.job(ids[0])["state"] == "running")
        server.kill()
    assert not (folder / "results" / ids[0]).exists()
    with Server(folder) as server:
        for id in ids:
            job = server.over(id)
            assert job["state"] == "done", job
            result = json.loads((folder / "results" / id / "result.json").read_text())
            assert result["diarization"]["duration"] > 0
        assert [job["id"] for job in server.jobs()] == ids[::-1]
        assert list((folder / "uploads").iterdir()) == []


def test_a_worker_that_is_killed_takes_nothing_along(tmp_path: Path) -> None:
    with Server(tmp_path / "serve") as server:
        id = server.upload(talk.recording("meeting"), words="false")["id"]
        until(lambda: server.job(id)["state"] == "running")
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        if not children.exists():
            pytest.skip("no /proc here")
        tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
        pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        workers = [
            pid for pid in pids if b"serve.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(workers[0], 9)
        assert server.over(id)["state"] == "done"


def test_one_server_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(tmp_path / "serve"):
        assert main(["serve", "--port", "0", "-o", str(tmp_path / "serve")]) == 1
        assert "in use by another" in capsys.readouterr().err


def test_a_book_of_another_model_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "people.db"
    with SpeakerBook(book, create=True) as people:
        ones = Sample(np.float32([1, 0]), "ann.wav", (), 8.0, 0.9)
        people.add("Ann", [ones], BookModel("tiny", "0" * 64, 2))
    assert main(["serve", "--port", "0", "--speakers", str(book), "-o", str(tmp_path / "x")]) == 1
    assert "enrolled with the model tiny" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_job_that_ends_its_worker_again_and_again_is_given_up(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.db")
    job = store.add("recording", "a.wav", {}, listed=True)
    for number in range(MOST_ATTEMPTS):
        found = store.claim(f"worker {number}")
        assert found is not None and found.state == RUNNING
        store.release(f"worker {number}")
    last = store.get(job.id)
    assert last is not None and last.state == FAILED and last.error["code"] == "server"
    assert store.claim("another") is None


def test_a_server_that_is_stopped_is_no_fault_of_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "serve"
    with Server(folder) as server:
        id = server.upload(talk.recording("meeting"), words="false")["id"]
        until(lambda: server.job(id)["state"] == "running")
    store = JobStore(folder / "jobs.db")
    job = store.get(id)
    assert job is not None and (job.state, job.attempts) == (QUEUED, 0)
    store.close()


def test_a_job_has_one_worker(tmp_path: Path) -> None:
    one, other = JobStore(tmp_path / "jobs.db"), JobStore(tmp_path / "jobs.db")
    ids = [one.add("recording", f"{number}.wav", {}, listed=True).id for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda n: (one, other)[n % 2].claim(f"w{n}"), range(60)))
    assert sorted(job.id for job in claimed if job) == sorted(ids)
    late = next(job for job in claimed if job)
    assert not one.finish(late.id, "somebody else", {})
    assert other.get(late.id).state == RUNNING
    one.release(None)
    assert {other.get(id).state for id in ids} == {QUEUED}


def test_what_nobody_waits_for_any_more_is_listed(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.db")
    left = store.add("transcription", "a.wav", {})
    over = store.add("transcription", "b.wav", {})
    store.claim("w"), store.claim("w")
    store.finish(over.id, "w", {})
    store.recover()
    assert [job.id for job in store.listed(9)] == [left.id]
    assert store.get(over.id) is None
    assert store.get(left.id).state == QUEUED


def test_what_is_deleted_is_gone_from_the_file(tmp_path: Path) -> None:
    store, other = JobStore(tmp_path / "jobs.db"), JobStore(tmp_path / "jobs.db")

    def held() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("jobs.db*"))

    jobs = [
        store.add("recording", f"secret-{end}.wav", {"known": ["secret"]}, listed=True)
        for end in ("done", "failed", "queued")
    ]
    waited = store.add("transcription", "secret.wav", {"prompt": "secret"})
    other.claim("w"), other.claim("w")
    other.report(jobs[0].id, "w", {"stage": "secret"})
    other.finish(jobs[0].id, "w", {"messages": ["secret"]})
    other.fail(jobs[1].id, "w", "secret", "recording")
    assert b"secret" in held()
    for job in jobs:
        assert store.delete(job.id)
    assert [job.state for job in store.changed(-1) if job.name == ""] == [DELETED] * 3
    other.claim("w")
    store.finish(waited.id, "w", {})
    store.recover()  # the request that waited for it is over
    assert b"secret" not in held()
    store.close(), other.close()


@pytest.mark.skipif(os.name == "nt", reason="there is no Ctrl-C to send")
def test_ctrl_c_lets_those_go_who_wait(tmp_path: Path) -> None:
    with Server(tmp_path / "serve") as server:
        sound = talk.recording("meeting").read_bytes()
        with ThreadPoolExecutor(1) as pool, server.http.stream("GET", "api/jobs/events") as page:
            files = {"file": ("talk.mp3", sound)}
            asked = pool.submit(server.http.post, "v1/audio/diarization", files=files)
            database = sqlite3.connect(tmp_path / "serve" / "jobs.db")
            running = "SELECT count(*) FROM jobs WHERE state = ?"
            until(lambda: database.execute(running, (RUNNING,)).fetchone()[0])
            server.process.send_signal(signal.SIGINT)
            assert asked.result().status_code == 503
            assert "event: jobs" in list(page.iter_lines())
        assert server.process.stderr is not None
        said = server.process.stderr.read()
        assert "Traceback" not in said and "Cancelled" not in said, said


def test_every_state_is_one_of_those_known(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.db")
    store.add("recording", "a.wav", {"note": "ü"}, listed=True)
    job = store.claim("w")
    assert job is not None and job.request == {"note": "ü"}
    assert store.report(job.id, "w", {"stage": "speech", "share": 0.5})
    assert store.finish(job.id, "w", {"seconds": 1})
    assert store.get(job.id).state == DONE
    assert not store.report(job.id, "w", {})
    store.close()
    with sqlite3.connect(tmp_path / "jobs.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
