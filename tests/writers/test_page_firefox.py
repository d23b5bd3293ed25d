"""The page in Firefox: it is drawn, plays, is corrected, and gives what `relabel` gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diarize.annotation import Diarization
from diarize.cli import main
from diarize.result import Result
from diarize.rttm import read_rttm
from diarize.transcript.assign import label_transcript
from diarize.transcript.readers import read_transcript
from tests.browsers import (
    choose,
    find,
    firefox,
    names,
    needs_firefox,
    press,
    rename,
    texts,
    until,
)

pytestmark = needs_firefox


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, example_dir: Path) -> Path:
    """The example beside its result and its page."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(example_dir / "meeting.mp3", folder)
    (turns,) = read_rttm(example_dir / "meeting.rttm").values()
    found = Diarization(turns, turns[-1].end + 1, "meeting")
    words = label_transcript(read_transcript(example_dir / "meeting.json"), found)
    Result(found, words, str(folder / "meeting.mp3")).write("json", "srt", "html", folder=folder)
    (folder / "downloads").mkdir()
    return folder


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    yield from firefox(folder / "downloads")


def test_the_page_in_firefox(browser: Any, folder: Path) -> None:
    browser.get((folder / "meeting.html").as_uri())
    # whatever goes wrong is noted from now on; what went wrong before leaves nothing drawn
    browser.execute_script(
        "window.wrong = []; addEventListener('error', (e) => wrong.push(`${e.message}`))"
    )
    until(lambda: browser.execute_script("return audio.readyState > 0"))
    word = next(
        one for one in browser.find_elements("css selector", ".word") if one.text == "roof?"
    )
    word.click()
    assert texts(browser, ".word.now") == ["roof?"]
    find(browser, "#play").click()
    until(lambda: browser.execute_script("return !audio.paused"))
    find(browser, "#play").click()
    rename(browser, 0, "<b>Ann</b> 'مريم' 👩")
    find(browser, '[data-row="3"] .head button').click()
    choose(browser, "A new speaker")
    press(browser, "0")
    assert "3 corrections" in find(browser, "#summary").text
    find(browser, "#undo").click()
    before = names(browser)
    browser.refresh()
    until(lambda: names(browser) == before)
    assert browser.execute_script("return document.querySelectorAll('b.hurt, #rows b').length") == 0
    for name, item in (("meeting.srt", "meeting.srt"), ("edits.json", "--edits")):
        find(browser, "#save").click()
        choose(browser, item)
        until(lambda name=name: (folder / "downloads" / name).is_file())
    saved = folder / "downloads" / "edits.json"
    until(lambda: saved.stat().st_size)
    assert len(json.loads(saved.read_text(encoding="utf-8"))["edits"]) == 2
    assert main(["relabel", str(folder / "meeting.json"), "--edits", str(saved), "-q"]) == 0
    ours, theirs = folder / "meeting.srt", folder / "downloads" / "meeting.srt"
    assert until(lambda: theirs.read_bytes() == ours.read_bytes())
    assert browser.execute_script("return window.wrong ?? []") == []
    lanes = "const c = document.getElementById('lanes'); return c.width > 200 && c.height > 60"
    assert browser.execute_script(lanes)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
