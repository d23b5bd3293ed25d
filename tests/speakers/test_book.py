"""The speaker book: what goes in comes out, and nothing else ever happens to the file."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.errors import SpeakerBookError, UsageError
from diarize.settings import DEFAULTS, BookSettings
from diarize.speakers import database, export
from diarize.speakers.book import SpeakerBook, default_path, index_path, opened
from diarize.speakers.identification import among
from diarize.speakers.matching import Gallery
from diarize.speakers.records import BookModel, BookThresholds, Sample, redundant
from diarize.timeline import Segment
from tests.conftest import ROOT

MODEL = BookModel("tiny", "a" * 64, 8)
OTHER = BookModel("other", "b" * 64, 8)


def sample(seed: int, source: str = "ann.wav", quality: float = 0.9) -> Sample:
    vector = unit(np.random.default_rng(seed).normal(size=8))
    return Sample(vector, source, (Segment(1.0, 6.5),), 5.5, quality)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def book(path: Path):
    with SpeakerBook(path, create=True) as opened:
        yield opened


def test_what_goes_in_comes_out(book, path):
    assert book.add("Ann Lee", [sample(1), sample(2)], MODEL) == 2
    assert book.add("Bob", [sample(3)], MODEL) == 1
    book.close()
    with SpeakerBook(path) as again:
        first, second = again.samples("Ann Lee")
        np.testing.assert_array_equal(first.embedding, sample(1).embedding)
        assert first.regions == (Segment(1.0, 6.5),)
        assert first.source == "ann.wav"
        assert (second.seconds, second.quality) == (5.5, 0.9)
        assert again.model == MODEL
        ann, bob = again.people()
        assert (ann.name, ann.samples, ann.seconds) == ("Ann Lee", 2, 5.5)  # the same part twice
        assert ann.consistency == pytest.approx(float(sample(1).embedding @ sample(2).embedding))
        assert bob.consistency is None


def test_vectors_are_grouped_by_person(book):
    book.add("Ann", [sample(1)], MODEL)
    book.add("Bob", [sample(2)], MODEL)
    book.add("Ann", [sample(3)], MODEL)
    vectors, starts, names = book.vectors()
    assert names == ["Ann", "Bob"]
    assert starts.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(vectors[1], sample(3).embedding)


def test_the_same_sample_twice_is_kept_once(book):
    assert book.add("Ann", [sample(1), sample(1)], MODEL) == 1
    assert book.add("Ann", [sample(1), sample(2)], MODEL) == 1
    assert len(book.samples("Ann")) == 2


def test_too_many_samples_lose_the_redundant_ones(book):
    book.add("Ann", [sample(number) for number in range(DEFAULTS.book.person_samples)], MODEL)
    near = unit(sample(0).embedding + 0.01)
    book.add("Ann", [Sample(near, "copy.wav", (), 5.0, 0.1)], MODEL)
    kept = book.samples("Ann")
    assert len(kept) == DEFAULTS.book.person_samples
    assert all(one.source == "ann.wav" for one in kept)


def test_redundant_keeps_the_most_different():
    vectors = np.float32([[1, 0, 0], [0.995, 0.0998, 0], [0, 1, 0], [0, 0, 1]])
    assert redundant(vectors, [0.5, 0.9, 0.9, 0.9], keep=3) == [0]
    assert redundant(vectors, [0.9, 0.5, 0.9, 0.9], keep=3) == [1]
    assert redundant(vectors, [1, 1, 1, 1], keep=4) == []


def test_rename_and_merge(book):
    book.add("Ann", [sample(1)], MODEL)
    book.add("Anne", [sample(2)], MODEL)
    with pytest.raises(SpeakerBookError, match="speakers merge"):
        book.rename("Ann", "Anne")
    book.merge("Ann", "Anne")
    assert book.names() == ["Ann"]
    assert len(book.samples("Ann")) == 2
    book.rename("Ann", "Zoë  O'Neil")
    assert book.names() == ["Zoë O'Neil"]
    with pytest.raises(SpeakerBookError, match="did you mean"):
        book.rename("Zoe O'Neil", "X")
    for other in ("Zoë O'Neil", " Zoë O'Neil", "Zoe\u0308 O'Neil"):
        with pytest.raises(UsageError, match="with itself"):
            book.merge("Zoë O'Neil", other)
    assert len(book.samples("Zoë O'Neil")) == 2


def test_names_are_found_however_they_are_typed(book):
    book.add("Zoë Lee", [sample(1)], MODEL)
    for typed in ("Zoë Lee", " Zoë  Lee", "Zoe\u0308 Lee"):
        assert book.enrolled(typed)
        assert among([typed], book) == (("Zoë Lee",), ())
    assert book.forget(["Zoë Lee", "Zoe\u0308 Lee "])
    assert len(book) == 0


def test_merging_withdraws_what_is_rejected_no_more(book):
    book.add("Ann", [sample(1)], MODEL)
    book.add("Anne", [sample(2)], MODEL)
    book.reject("Ann", sample(2), MODEL)
    book.reject("Anne", sample(1), MODEL)
    book.reject("Anne", sample(3), MODEL)
    book.merge("Ann", "Anne")
    (left,) = book.rejections("Ann")
    np.testing.assert_array_equal(left.embedding, sample(3).embedding)


def test_recordings_without_a_name_share_no_time(book):
    def voice(seed: int, source: str, created: str) -> Sample:
        return Sample(sample(seed).embedding, source, (Segment(0, 9),), 9.0, 0.9, created)

    monday, tuesday = "2026-11-02T10:00:00Z", "2026-11-03T10:00:00Z"
    for seed, when in enumerate((monday, tuesday)):
        book.add("Ann", [voice(seed, "-", when)], MODEL)
        book.add("Bob", [voice(seed, "bob.wav", when)], MODEL)
    assert [person.seconds for person in book.people()] == [18.0, 9.0]


def test_notes_and_rejected_voices_stay_with_the_person(book, tmp_path):
    book.add("Ann", [sample(1)], MODEL, note="agreed by mail, 3 Nov")
    book.add("Anne", [sample(2)], MODEL, note="on paper")
    book.reject("Anne", sample(7), MODEL)
    book.reject("Anne", sample(7), MODEL)
    book.merge("Ann", "Anne")
    assert [note.text for note in book.notes("Ann")] == ["agreed by mail, 3 Nov", "on paper"]
    assert len(book.rejections("Ann")) == 1
    (person,) = book.people()
    assert person.rejections == 1
    assert person.notes == tuple(book.notes("Ann"))
    vectors = book.rejected_vectors()
    np.testing.assert_array_equal(vectors["Ann"], sample(7).embedding[None])
    data = json.loads(json.dumps(export.export_book(book)))
    with SpeakerBook(tmp_path / "copy.db", create=True) as copy:
        export.import_book(copy, data)
        export.import_book(copy, data)
        assert export.export_book(copy) == export.export_book(book)
    book.add("Ann", [sample(7)], MODEL)  # it is Ann after all
    assert book.rejections("Ann") == []
    book.reject("Ann", sample(8), MODEL)
    book.forget(["Ann"])
    assert book._rows("SELECT * FROM notes") == book._rows("SELECT * FROM rejections") == []


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "SPEAKER_01", "x" * 201])
def test_names_that_are_none(book, name):
    with pytest.raises(UsageError):
        book.add(name, [sample(1)], MODEL)
    assert len(book) == 0


def test_another_model_is_refused_with_the_way_out(book, path):
    book.add("Ann", [sample(1)], MODEL)
    with pytest.raises(SpeakerBookError, match=r"diarize speakers re-enroll --speakers .*book\.db"):
        book.add("Bob", [sample(2)], OTHER)
    assert book.names() == ["Ann"]


def test_re_enrollment_swaps_everything_at_once(book):
    book.add("Ann", [sample(1)], MODEL)
    book.add("Bob", [sample(2)], MODEL)
    book.set_thresholds(BookThresholds(0.6, 0.1, "calibrated"))
    book.replace_samples({"Ann": [sample(5)]}, OTHER)
    assert book.model == OTHER
    assert book.names() == ["Ann"]
    assert book.thresholds is None
    np.testing.assert_array_equal(book.samples("Ann")[0].embedding, sample(5).embedding)


def test_every_change_moves_the_revision(book):
    seen = [book.revision]
    book.add("Ann", [sample(1)], MODEL)
    seen.append(book.revision)
    book.rename("Ann", "Bob")
    seen.append(book.revision)
    book.forget(["Bob"])
    seen.append(book.revision)
    assert seen == sorted(set(seen))
    book.people()
    assert book.revision == seen[-1]


def test_forgetting_leaves_no_trace_in_any_file(book, path):
    book.add("Ann", [sample(number) for number in range(15)], MODEL)
    book.add("Bob", [sample(99)], MODEL)
    index_path(path).write_bytes(sample(3).embedding.tobytes())
    needles = [sample(number).embedding.tobytes() for number in range(15)] + [b"Ann"]
    assert any(needle in path.with_name("book.db-wal").read_bytes() for needle in needles)
    assert book.forget(["Ann"]) is True
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert not any(needle in content for needle in needles), file
    assert book.names() == ["Bob"]
    book.close()
    assert sample(99).embedding.tobytes() in path.read_bytes()


def test_forgetting_beside_a_reader_says_so(book, path):
    book.add("Ann", [sample(1)], MODEL)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM samples").fetchall()
    book._connection.execute("PRAGMA busy_timeout = 100")
    assert book.forget(["Ann"]) is False
    reader.execute("ROLLBACK")
    assert book.forget([]) is True
    assert sample(1).embedding.tobytes() not in path.read_bytes()


def test_a_disk_that_fails_is_not_taken_for_another_program(book):
    book.add("Ann", [sample(1)], MODEL)
    book._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(SpeakerBookError, match=r"could not be rewritten \(attempt to write"):
        book._wipe()


def test_forgetting_everybody_frees_the_book_for_another_model(book):
    book.add("Ann", [sample(1)], MODEL)
    book.forget(["Ann"])
    book.add("Bob", [sample(2)], OTHER)
    assert book.model == OTHER


def test_export_and_import_are_inverse(book, tmp_path):
    book.add("Ann", [sample(1), sample(2)], MODEL)
    book.add("Боб", [sample(3)], MODEL)
    book.set_thresholds(BookThresholds(0.6, 0.1, "calibrated"))
    target = tmp_path / "people.json"
    export.write_export(book, target)
    if os.name == "posix":
        assert target.stat().st_mode & 0o077 == 0
    with SpeakerBook(tmp_path / "second.db", create=True) as second:
        assert export.import_book(second, export.read_export(target)) == {"Ann": 2, "Боб": 1}
        assert export.export_book(second) == export.export_book(book)
        assert export.import_book(second, export.read_export(target)) == {"Ann": 0, "Боб": 0}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("people"),
        lambda data: data.update(format="other"),
        lambda data: data.update(version=99),
        lambda data: data["people"][0]["samples"][0].update(embedding=[0.0] * 8),
        lambda data: data["people"][0]["samples"][0].update(embedding=[1.0]),
        lambda data: data["people"][0]["samples"][0].update(embedding="text"),
        lambda data: data["model"].update(checksum="c" * 64),
    ],
)
def test_a_bad_import_changes_nothing(book, tmp_path, damage):
    book.add("Ann", [sample(1)], MODEL)
    data = export.export_book(book)
    data["people"][0]["name"] = "Eve"
    damage(data)
    before = export.export_book(book)
    with pytest.raises(SpeakerBookError):
        export.import_book(book, json.loads(json.dumps(data)))
    assert export.export_book(book) == before


def _version_1(path: Path) -> None:
    """Write a book as the first version of the schema had it."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in database.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("INSERT INTO people VALUES (7, 'Ann', '2026-01-02T03:04:05Z')")
    connection.execute(
        "INSERT INTO samples VALUES (1, 7, ?, 'ann.wav', 6.0, 0.8, '2026-01-02T03:04:05Z')",
        (sample(1).embedding.tobytes(),),
    )
    connection.execute("INSERT INTO book VALUES ('model', ?)", (json.dumps(vars(MODEL)),))
    connection.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_a_book_of_version_1_is_migrated(path):
    _version_1(path)
    with SpeakerBook(path) as book:
        (kept,) = book.samples("Ann")
        np.testing.assert_array_equal(kept.embedding, sample(1).embedding)
        assert (kept.regions, kept.seconds, kept.source) == ((), 6.0, "ann.wav")
        before = book.revision
        book.add("Ann", [sample(2)], MODEL)
        assert book.revision == before + 1
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == database.SCHEMA_VERSION
    connection.close()


def test_a_book_that_is_opened_for_somebody_takes_their_settings(path, book):
    book.add("Ann", [sample(1)], MODEL)
    settings = BookSettings(same_voice=0.9)
    with opened(path, settings) as found:
        assert Gallery.of(found).same_voice == 0.9
    with opened(book, settings) as found:
        assert found.settings == book.settings


def test_a_book_of_a_later_version_is_left_alone(path, book):
    book.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SpeakerBookError, match="newer version"):
        SpeakerBook(path)
    assert path.read_bytes() == before


def _garbage(path: Path) -> None:
    path.write_text("name,vector\nAnn,1\n" * 100)


def _short(path: Path) -> None:
    path.write_text("hello")


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def _truncated(path: Path) -> None:
    with SpeakerBook(path, create=True) as book:
        book.add_people({f"person {number}": [sample(number)] for number in range(200)}, MODEL)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scribbled(path: Path) -> None:
    with SpeakerBook(path, create=True) as book:
        book.add_people({f"person {number}": [sample(number)] for number in range(200)}, MODEL)
    content = bytearray(path.read_bytes())
    content[8192:20480] = os.urandom(12288)
    path.write_bytes(content)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("make", [_garbage, _short, _foreign, _truncated, _scribbled])
def test_what_is_no_book_is_refused_and_untouched(path, make, create):
    make(path)
    before = path.read_bytes()
    with pytest.raises(SpeakerBookError) as caught, SpeakerBook(path, create=create) as book:
        book.people()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_damaged_vector_is_noticed(book, path):
    book.add("Ann", [sample(1)], MODEL)
    blob = np.full(8, np.nan, np.float32).tobytes()
    book._connection.execute("UPDATE samples SET embedding = ?", (blob,))
    for read in (book.vectors, book.people):
        with pytest.raises(SpeakerBookError, match="damaged"):
            read()


def test_missing_folder_and_empty(tmp_path, path):
    with pytest.raises(SpeakerBookError, match="diarize enroll"):
        SpeakerBook(path)
    assert not path.exists()
    with pytest.raises(SpeakerBookError, match="is a folder"):
        SpeakerBook(tmp_path)
    path.touch()
    with pytest.raises(SpeakerBookError, match="is empty"):
        SpeakerBook(path)
    with SpeakerBook(tmp_path / "new" / "folder" / "book.db", create=True) as book:
        assert len(book) == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_file_is_private(book, path):
    assert path.stat().st_mode & 0o077 == 0


READ_ONLY = """
import sys, numpy as np
from pathlib import Path
from diarize.errors import SpeakerBookError
from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookModel, Sample
import diarize.annotation, difflib, os
if os.getuid() == 0:  # permissions do not bind the superuser
    os.setuid(65534)
with SpeakerBook(Path(sys.argv[1])) as book:
    print(book.names(), len(book.samples("Ann")), book.revision)
    try:
        book.add("Bob", [Sample(np.eye(8, dtype="f4")[0], "b.wav", (), 5, 1)],
                 BookModel("tiny", "a" * 64, 8))
    except SpeakerBookError as error:
        print(error)
try:
    SpeakerBook(Path(sys.argv[1]).with_name("fresh.db"), create=True)
except SpeakerBookError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("old", [False, True])
def test_a_read_only_disk_can_be_read(path, old):
    """The book is readable where nothing can be written, and a change is one clear line."""
    if old:
        _version_1(path)
    else:
        with SpeakerBook(path, create=True) as book:
            book.add("Ann", [sample(1)], MODEL)
    before = path.read_bytes()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    for folder in path.parents:  # whoever reads must be able to get there
        if folder.stat().st_uid == os.getuid() and folder != path.parent and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    path.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    read, refused, unmade = done.stdout.splitlines()
    assert read.startswith("['Ann'] 1")
    assert str(path) in refused
    assert "read-only" in refused
    assert "cannot make the speaker book" in unmade
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["book.db"]


def test_the_default_place(monkeypatch, tmp_path):
    monkeypatch.setenv("DIARIZE_SPEAKERS", str(tmp_path / "mine.db"))
    assert default_path() == tmp_path / "mine.db"
    monkeypatch.delenv("DIARIZE_SPEAKERS")
    assert default_path().name == "speakers.db"
