"""Two processes at one speaker book, and processes that are killed while they write to it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookModel, Sample

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="processes are forked and killed as POSIX does"
)

MODEL = BookModel("tiny", "a" * 64, 64)
KILLS = 50


def samples(seed: int, count: int = 5) -> list[Sample]:
    vectors = np.random.default_rng(seed).normal(size=(count, 64))
    return [Sample(unit(vector), f"{seed}.wav", (), 6.0, 0.9) for vector in vectors]


def enrol_many(path: Path, who: str, count: int) -> None:
    with SpeakerBook(path, create=True) as book:
        for number in range(count):
            book.add(f"{who} {number}", samples(number), MODEL)


def test_threads_share_an_open_book(tmp_path):
    with SpeakerBook(tmp_path / "book.db", create=True) as book:

        def enrol(who: str) -> int:
            for number in range(10):
                book.add(f"{who} {number}", samples(number), MODEL)
                vectors, starts, names = book.vectors()
                assert len(vectors) == starts[-1] == 5 * len(names)
            return len(book)

        with ThreadPoolExecutor(4) as pool:
            assert max(pool.map(enrol, ["Ann", "Ben", "Cem", "Dan"])) == 40
        assert book.revision == 40


def test_a_reader_in_another_thread_sees_nobody_by_half(tmp_path):
    with SpeakerBook(tmp_path / "book.db", create=True) as book:

        def come_and_go() -> None:
            for number in range(20):
                book.add("Ann", samples(number), MODEL)
                book.reject("Ann", samples(number)[0], MODEL)
                book.forget(["Ann"])

        with ThreadPoolExecutor(1) as pool:
            going = pool.submit(come_and_go)
            while not going.done():
                assert set(book.rejected_vectors()) <= {"Ann"}
                assert all(person.samples for person in book.people())
            going.result()


@posix
@pytest.mark.slow
def test_two_processes_enrolling_at_once_lose_nothing(tmp_path):
    """Both start from nothing: the race for making the file is part of it."""
    context = multiprocessing.get_context("fork")
    for repeat in range(5):
        path = tmp_path / f"book{repeat}.db"
        workers = [
            context.Process(target=enrol_many, args=(path, who, 15)) for who in ("left", "right")
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0
        with SpeakerBook(path) as book:
            assert len(book) == 30
            vectors, starts, _ = book.vectors()
            assert len(vectors) == 150
            assert np.diff(starts).tolist() == [5] * 30
            assert book.revision == 30


def write_until_killed(path: Path, first: int, acknowledged: Connection) -> None:
    with SpeakerBook(path, create=True) as book:
        for number in range(first, first + 10**6):
            name = f"person {number:06d}"
            book.add(name, samples(number), MODEL)
            acknowledged.send(name)
            if number % 3 == 2:
                book.forget([name])
                acknowledged.send("-" + name)


@posix
@pytest.mark.slow
def test_being_killed_never_harms_the_book(tmp_path):
    path = tmp_path / "book.db"
    context = multiprocessing.get_context("fork")
    dice = random.Random(1)
    expected: set[str] = set()
    first = 0
    for _ in range(KILLS):
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=write_until_killed, args=(path, first, sender))
        worker.start()
        sender.close()
        receiver.poll(30)  # the first one is in: from here on a write is always under way
        time.sleep(dice.uniform(0.0, 0.03))
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(30)
        assert worker.exitcode == -signal.SIGKILL
        names = _received(receiver)
        for name in names:
            (expected.discard if name[0] == "-" else expected.add)(name.lstrip("-"))
        _check(path, expected)
        first += 1000
    assert len(expected) > KILLS / 2


def _received(receiver: Connection) -> list[str]:
    names = []
    while True:
        try:
            names.append(receiver.recv())
        except EOFError:
            return names


def _check(path: Path, expected: set[str]) -> None:
    """The book is sound, and holds what was acknowledged, give or take the write cut off."""
    with SpeakerBook(path) as book:
        present = set(book.names())
        vectors, starts, names = book.vectors()  # checks that each is a unit vector
        assert len(names) == len(present)  # nobody without samples
        assert set(np.diff(starts).tolist()) <= {5}  # and nobody with half of theirs
        assert len(vectors) == 5 * len(present)
    assert len(expected ^ present) <= 1
    expected.clear()
    expected.update(present)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
