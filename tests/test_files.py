"""Files appear whole or not at all."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from diarize.errors import OutputError
from diarize.files import replacing, write_whole


def test_replacing_moves_the_file_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_leaves_no_trace_of_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
@pytest.mark.parametrize("private", [True, False])
def test_replacing_keeps_private_files_private(tmp_path: Path, private: bool) -> None:
    path, plain = tmp_path / "a.txt", tmp_path / "b.txt"
    plain.write_text("")
    with replacing(path, private=private) as file:
        file.write(b"x")
    usual = stat.S_IMODE(plain.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if private else usual)


def test_write_whole_writes_all_or_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "sub" / "b.txt"
    first.write_text("old")
    write_whole({first: "one\r\n", second: "two \ud800"})
    assert first.read_bytes() == b"one\r\n"
    assert second.read_bytes() == rb"two \ud800"  # as JSON reads it
    folder = tmp_path / "c.txt"
    folder.mkdir()
    with pytest.raises(OutputError, match=r"c\.txt: there is a folder of that name"):
        write_whole({first: "changed", folder: "x"})
    assert first.read_bytes() == b"one\r\n"
    below = first / "d.txt"
    with pytest.raises(OutputError, match=r"d\.txt"):
        write_whole({second: "changed", below: "x"})
    assert second.read_bytes() == rb"two \ud800"  # as JSON reads it
    assert not list(tmp_path.rglob("*.part"))


def test_write_whole_names_the_file_that_could_not_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another program holds the old file open on Windows."""
    move = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if Path(target).name == "a.txt":
            raise PermissionError(13, "it is in use", str(self), None, str(target))
        return move(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match=r"a\.txt: it is in use"):
        write_whole({tmp_path / "a.txt": "x", tmp_path / "b.txt": "y"})
    assert not list(tmp_path.glob("*.part"))
