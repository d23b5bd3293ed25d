"""The start page and a recording's page in a real browser, over a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import talk
from tests.browsers import (
    choose,
    chromium,
    find,
    names,
    needs_chromium,
    rename,
    requests,
    texts,
    until,
)
from tests.serve.running import Server

pytestmark = needs_chromium
HOSTILE = "<script>window.hurt=1</script>' & مريم 👩"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from chromium(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def quiet(browser: Any, server: Server) -> Iterator[Any]:
    """A browser whose pages neither complain nor ask anybody else for anything."""
    browser.get_log("browser")
    browser.get_log("performance")
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    known = (server.url, "data:", "blob:", "chrome:")
    assert [url for url in requests(browser) if not url.startswith(known)] == []


def test_from_a_file_to_a_corrected_page(quiet: Any, server: Server, tmp_path: Path) -> None:
    sound = tmp_path / f"{HOSTILE.replace('/', '')}.opus"
    sound.write_bytes(talk.recording("call").read_bytes())
    quiet.get(server.url)
    find(quiet, "#words").get_attribute("checked")
    quiet.execute_script("document.getElementById('words').checked = false")
    find(quiet, "#file").send_keys(str(sound))
    until(lambda: quiet.find_elements("css selector", ".job.done"), tries=1200)
    assert sound.name in texts(quiet, ".name")
    assert "2 speakers" in texts(quiet, ".about")[0]
    find(quiet, ".open").click()
    until(lambda: quiet.execute_script("return typeof audio === 'object' && audio.readyState > 0"))
    rename(quiet, 0, HOSTILE)
    until(lambda: "saved" in find(quiet, "#summary").text)
    quiet.refresh()
    until(lambda: HOSTILE in names(quiet))
    assert quiet.execute_script("return window.hurt") is None
    id = server.jobs()[0]["id"]
    kept = json.loads((server.folder / "results" / id / "edits.json").read_text(encoding="utf-8"))
    assert kept == {"edits": [{"edit": "rename", "speaker": "SPEAKER_00", "name": HOSTILE}]}
    theirs = server.http.get(f"api/jobs/{id}/result/rttm").text
    assert quiet.execute_script("return toRttm(exactState(), widths)") == theirs
    quiet.execute_script("document.querySelector('#undo').click()")
    rename(quiet, 1, "Bo")
    until(lambda: "saved" in find(quiet, "#summary").text)
    find(quiet, "#speakers li:nth-child(2) .more").click()
    choose(quiet, "Know Bo by this voice")
    until(lambda: "Bo is known now" in find(quiet, "#notice").text, tries=1200)
    find(quiet, ".home").click()
    until(lambda: quiet.find_elements("css selector", ".job.done"))
    find(quiet, ".job .drop").click()
    assert texts(quiet, ".job .drop") == ["Delete for good?"]
    find(quiet, ".job .drop").click()
    until(lambda: not quiet.find_elements("css selector", ".job"))
    assert not (server.folder / "results" / id).exists()


def test_a_bad_file_says_so(quiet: Any, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"nothing of the kind" * 100)
    quiet.get(server.url)
    find(quiet, "#file").send_keys(str(bad))
    until(lambda: quiet.find_elements("css selector", ".job.failed"), tries=600)
    assert "bad.mp3" in texts(quiet, ".about")[0]


def test_the_description_is_shown(quiet: Any, server: Server) -> None:
    quiet.get(f"{server.url}docs")
    until(lambda: "/v1/audio/transcriptions" in texts(quiet, "#routes code"))
    assert f"{server.url}v1" in find(quiet, "pre").text


def test_the_token_lets_a_browser_in(browser: Any, tmp_path: Path) -> None:
    with Server(tmp_path / "serve", "--token", "open-sesame-7") as server:
        browser.get(server.url)
        for given, shown in (("wrong", ".wrong:not([hidden])"), ("open-sesame-7", "#drop")):
            find(browser, "[name=token]").send_keys(given)
            find(browser, "button").click()
            until(lambda shown=shown: browser.find_elements("css selector", shown))
    browser.get("about:blank")
    browser.get_log("browser")
