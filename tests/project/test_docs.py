"""README and docs/: their snippets run as they stand, and print what the page says they print."""

from __future__ import annotations

import doctest
import os
import pydoc
import re
import shlex
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from diarize.audio.loading import load
from diarize.formats import FORMATS
from diarize.rttm import read_rttm
from diarize.transcript.readers import _BY_PRODUCER
from models.benchmark.__main__ import COMMANDS
from tests import command
from tests.conftest import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
DOORS = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("models/**/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
    *sorted(ROOT.glob(".github/*.md")),
]
CALL_SECONDS = 60


@dataclass(frozen=True)
class Snippet:
    """A block of code on a page, and the output that the page shows (None: not looked at)."""

    code: str
    output: str | None


def snippets(page: Path) -> Iterator[Snippet]:
    """Yield the blocks of a page that run, in order.

    A ``sh`` block runs as it is; in a ``console`` block each command stands behind ``$`` and its
    output below; a ``python`` block may be followed at once by a ``text`` block with its output.
    """
    text = page.read_text(encoding="utf-8")
    blocks = r"^```(\w+)([^\n]*)\n(.*?)^```(?:\n\n?```text\n(.*?)^```)?"
    for language, tag, code, printed in re.findall(blocks, text, re.S | re.M):
        if "norun" in tag or language not in ("sh", "console", "python"):
            continue
        if language == "console":
            for command, output in re.findall(r"^\$ ([^\n]*)\n((?:(?!\$ ).*\n)*)", code, re.M):
                yield Snippet(f"sh\n{command}", output)
        else:
            yield Snippet(f"{language}\n{code}", printed or None)


@pytest.fixture(scope="module")
def call(example_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of the example meeting as a call: two of its speakers, each on a channel."""
    samples = load(example_dir / "meeting.mp3").samples
    channels = np.zeros((len(samples), 2), np.int16)
    turns = read_rttm(example_dir / "meeting.rttm")["meeting"]
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))[:2]
    for turn in turns:
        if turn.speaker in speakers:
            span = slice(int(turn.start * 16000), int(turn.end * 16000))
            channels[span, speakers.index(turn.speaker)] = samples[span]
    path = tmp_path_factory.mktemp("call") / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(channels[: 16000 * CALL_SECONDS].tobytes())
    return path


@pytest.fixture
def folder(tmp_path: Path, example_dir: Path, call: Path) -> Path:
    """A folder with recordings, and a ``diarize`` command of this checkout."""
    for name in ("meeting.mp3", "meeting.json", "meeting.rttm"):
        shutil.copy(example_dir / name, tmp_path / name)
    shutil.copy(call, tmp_path / "call.wav")
    (tmp_path / "recordings" / "monday").mkdir(parents=True)
    shutil.copy(call, tmp_path / "recordings" / "monday" / "standup.wav")
    (tmp_path / "recordings" / "agenda.txt").write_text("the roof, the fair\n")
    command = tmp_path / "bin" / "diarize"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m diarize "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(snippet: Snippet, folder: Path, as_readers_do: bool) -> tuple[int, str, str]:
    """Return exit code, output and messages of a snippet.

    What needs no shell runs in this process, which has the libraries loaded, unless a reader's
    processes are wished.
    """
    language, _, code = snippet.code.partition("\n")
    people = {"DIARIZE_SPEAKERS": str(folder / "people.db")}
    if not as_readers_do and language == "python":
        return texts(command.run_script(code, cwd=folder, **people))
    if not as_readers_do and re.fullmatch(r"diarize [^|*&;<>\n]*\n?", code):
        return texts(command.run(*shlex.split(code)[1:], cwd=folder, **people))
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **people, "PATH": path, "PYTHONPATH": str(ROOT)}
    start = ["sh", "-ec"] if language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*start, code], cwd=folder, env=environment, capture_output=True, check=False
    )
    return texts(done)


def texts(done: subprocess.CompletedProcess[bytes]) -> tuple[int, str, str]:
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the snippets are for a POSIX shell")
@pytest.mark.parametrize("page", [page for page in PAGES if any(snippets(page))], ids=str)
def test_snippets_run_and_print_what_the_page_says(page: Path, folder: Path) -> None:
    for snippet in snippets(page):
        code, output, messages = run(snippet, folder, as_readers_do=page.name == "README.md")
        assert code == 0, f"{snippet.code}\n{output}{messages}"
        if snippet.output is None:
            assert "print(" not in snippet.code or output, snippet.code
            continue
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        same = doctest.OutputChecker().check_output(snippet.output, output, flags)
        assert same, f"{snippet.code}\nprinted\n{output}\ninstead of\n{snippet.output}"


def test_pages_have_snippets() -> None:
    counts = {page.name: sum(1 for _ in snippets(page)) for page in PAGES}
    assert counts["README.md"] >= 4, counts
    assert all(counts[name] >= 3 for name in ("guide.md", "names.md", "python.md")), counts


def test_the_readme_is_short_and_has_the_two_commands_of_the_gate() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 900
    first, second = re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M)
    assert first.startswith("pip install")
    assert "diarize examples/meeting.mp3 --srt" in first
    assert "pytest" in second


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", DOORS, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = page.parent / path if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


@pytest.mark.parametrize("page", DOORS, ids=str)
def test_names_of_code_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`(diarize(?:\.\w+)+)[`(]", text):
        assert pydoc.locate(name) is not None, name
    for path in re.findall(r"`((?:diarize|tests|models|examples|\.ci)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"python -m models\.benchmark ([a-z][a-z-]+)", text):
        assert name in COMMANDS, name
    for module in re.findall(r"python -m (models\.[\w.]*\w)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file() or (
            ROOT / module.replace(".", "/") / "__main__.py"
        ).is_file(), module


def test_the_page_of_formats_names_every_reader_and_every_writer() -> None:
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|.*\|", text, re.M)
    assert set(rows) == {*FORMATS, *_BY_PRODUCER}


def test_files_named_in_docstrings_exist() -> None:
    named = r"``((?:diarize|tests|models|examples|docs)/[\w./-]+)``"
    missing = {
        (source.relative_to(ROOT).as_posix(), path)
        for folder in ("diarize", "models")
        for source in (ROOT / folder).rglob("*.py")
        for path in re.findall(named, source.read_text(encoding="utf-8"))
        if not (ROOT / path).exists()
    }
    assert missing == set()
