"""The page in a real browser: it plays, follows, is corrected, and gives what `relabel` gives."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diarize.annotation import Candidate, Diarization, Speaker
from diarize.cli import main
from diarize.edits import Edit, Merge, Reassign, Rename, Split, Swap, to_json
from diarize.errors import UsageError
from diarize.relabel import apply_edits
from diarize.result import Result
from diarize.result_file import from_json
from diarize.rttm import read_rttm
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript
from diarize.transcript.readers import read_transcript
from diarize.writers.html import columns

pytest.importorskip("selenium")
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from tests.browsers import (
    choose,
    chord,
    chromium,
    edits,
    find,
    names,
    needs_chromium,
    press,
    rename,
    requests,
    texts,
    until,
)

pytestmark = needs_chromium
FORMATS = ("srt", "vtt", "txt", "rttm", "json")
HOSTILE = [
    "<script>window.hurt=1</script>\"'&",
    "مريم",
    "👩 Zoë",
    "</script><img src=x onerror=hurt()>",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from chromium(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def folder(tmp_path: Path, example_dir: Path) -> Path:
    """The example beside its result and its page, one turn of which is unsure."""
    shutil.copy(example_dir / "meeting.mp3", tmp_path / "meeting one.mp3")
    (turns,) = read_rttm(example_dir / "meeting.rttm").values()
    turns[3] = replace(turns[3], unsure=True)
    found = Diarization(
        turns, turns[-1].end + 1, "meeting one", [Speaker("SPEAKER_01", HOSTILE[0])]
    )
    transcript = label_transcript(read_transcript(example_dir / "meeting.json"), found)
    result = Result(found, transcript, str(tmp_path / "meeting one.mp3"))
    result.write("json", "srt", "vtt", "txt", "rttm", "html", folder=tmp_path)
    return tmp_path


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    """The page, opened from the file system; it neither complains nor asks for anything."""
    browser.get_log("performance")
    browser.get_log("browser")
    command = {"behavior": "allow", "downloadPath": str(folder / "downloads")}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", command)
    browser.get((folder / "meeting one.html").as_uri())
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    until(lambda: browser.execute_script("return audio.readyState > 0"))
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    ours = ("file:", "data:", "blob:")
    assert [url for url in requests(browser) if not url.startswith(ours)] == []


def test_it_plays_and_follows(page: Any) -> None:
    find(page, "#play").click()
    until(lambda: page.execute_script("return audio.currentTime > 0.3 && !audio.paused"))
    find(page, "#play").click()
    assert page.execute_script("return audio.paused")
    word = next(one for one in page.find_elements(By.CSS_SELECTOR, ".word") if one.text == "roof?")
    word.click()
    start = page.execute_script("return state.transcript.segments.flatMap((one) => one.words)"
                                ".find((one) => one.word === ' roof?').start")  # fmt: skip
    assert page.execute_script("return audio.currentTime") == pytest.approx(start, abs=0.01)
    assert texts(page, ".word.now") == ["roof?"]
    press(page, Keys.ARROW_RIGHT)
    assert page.execute_script("return audio.currentTime") == pytest.approx(start + 3, abs=0.01)
    press(page, "n")
    unsure = page.execute_script("return state.turns.find((one) => one.unsure).start")
    assert page.execute_script("return audio.currentTime") == pytest.approx(unsure, abs=0.01)
    canvas = find(page, "#overview")
    ActionChains(page).move_to_element(canvas).click().perform()
    assert page.execute_script("return Math.abs(audio.currentTime - duration / 2) < 1")


def test_names_are_text(page: Any) -> None:
    assert HOSTILE[0] in names(page)
    for place, name in enumerate(HOSTILE):
        rename(page, place, name + str(place))
    assert names(page) == [name + str(place) for place, name in enumerate(HOSTILE)]
    assert HOSTILE[3] + "3" in texts(page, ".head button")
    assert page.execute_script("return window.hurt") is None
    assert page.execute_script("return document.querySelectorAll('img, #rows script').length") == 0


def test_corrections_come_out_as_relabel_writes_them(page: Any, folder: Path) -> None:
    field = page.find_elements(By.CSS_SELECTOR, "#speakers input")[0]
    field.click()
    chord(page, Keys.CONTROL, "a")
    field.send_keys("Ann", Keys.ENTER)
    words = page.find_elements(By.CSS_SELECTOR, '[data-row="2"] .word')
    words[2].click()
    ActionChains(page).key_down(Keys.SHIFT).click(words[5]).key_up(Keys.SHIFT).perform()
    assert len(page.find_elements(By.CSS_SELECTOR, ".word.picked")) == 4
    choose(page, "Ann")
    find(page, '[data-row="5"] .head button').click()
    choose(page, "A new speaker")
    press(page, "n")
    press(page, "2")
    find(page, "#speakers li:nth-child(3) .more").click()
    choose(page, "Split at the playhead")
    find(page, "#speakers li:nth-child(4) .more").click()
    choose(page, "Is the same as Ann")
    kinds = [edit["edit"] for edit in edits(page)]
    assert kinds == ["rename", "reassign", "reassign", "reassign", "split", "merge"]
    before = page.execute_script("return toJson(exactState())")
    find(page, "#undo").click()
    assert [edit["edit"] for edit in edits(page)] == kinds[:-1]
    chord(page, Keys.CONTROL, Keys.SHIFT, "z")
    assert page.execute_script("return toJson(exactState())") == before
    page.refresh()
    assert page.execute_script("return toJson(exactState())") == before
    assert "6 corrections" in find(page, "#summary").text
    for name in (*(f"meeting one.{ending}" for ending in FORMATS), "edits.json"):
        find(page, "#save").click()
        choose(page, name if name != "edits.json" else "--edits")
        until((folder / "downloads" / name).is_file)
    saved = folder / "downloads" / "edits.json"
    assert main(["relabel", str(folder / "meeting one.json"), "--edits", str(saved), "-q"]) == 0
    for ending in FORMATS:
        ours, theirs = (
            folder / f"meeting one.{ending}",
            folder / "downloads" / f"meeting one.{ending}",
        )
        assert theirs.read_bytes() == ours.read_bytes(), ending
    # the page was brought up to date as well, and the corrections are not made twice
    page.get((folder / "meeting one.html").as_uri())
    assert edits(page) == []
    assert names(page) == [
        one["name"] or one["label"] for one in json.loads(before)["diarization"]["speakers"]
    ]


def test_selected_words_and_keys(page: Any) -> None:
    page.execute_script(
        "const words = document.querySelectorAll('[data-row=\"0\"] .word'), range = new Range();"
        "range.setStartBefore(words[1]); range.setEndAfter(words[3]);"
        "getSelection().addRange(range); pickFromSelection();"
    )
    assert texts(page, ".word.picked") == ["morning", "everybody.", "Thank"]
    press(page, "0")
    assert (edits(page)[0]["edit"], edits(page)[0]["to"]) == ("reassign", "+")
    assert "SPEAKER_04" in names(page)
    chord(page, Keys.CONTROL, "z")
    assert "SPEAKER_04" not in names(page)
    find(page, "#help").click()
    assert find(page, "#keys").is_displayed()
    find(page, "#keys button").click()


def test_several_turns_are_given_in_one_step(page: Any) -> None:
    boxes = page.find_elements(By.CSS_SELECTOR, ".pick")
    page.execute_script("arguments[0].click()", boxes[1])
    page.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {shiftKey: true, bubbles: true}))",
        boxes[3],
    )
    assert find(page, "#selected").text == "3 turns selected"
    before = names(page)
    find(page, "#give").click()
    choose(page, "A new speaker")
    assert [edit["edit"] for edit in edits(page)] == ["reassign"] * 3
    assert len(names(page)) == len(before) + 1
    (new,) = set(names(page)) - set(before)
    rows = "return rows.slice(0, 5).map((one) => one.speaker === arguments[0])"
    # rows of one speaker that follow each other have become one
    assert page.execute_script(rows, new)[:3] == [False, True, False]
    assert not find(page, "#selection").is_displayed()
    find(page, "#undo").click()
    assert (edits(page), names(page)) == ([], before)
    chord(page, Keys.CONTROL, "y")
    assert len(edits(page)) == 3


def test_a_voice_is_heard_before_it_is_named(page: Any) -> None:
    buttons = "#speakers li:nth-child(2) .excerpts button"
    assert 2 <= len(page.find_elements(By.CSS_SELECTOR, buttons)) <= 5
    find(page, buttons).click()
    start, end = page.execute_script("return excerptsOf(order[1].label)[0]")
    until(lambda: page.execute_script("return audio.currentTime") > start)
    turns = "return state.turns.filter((one) => one.start < arguments[1] && arguments[0] < one.end)"
    assert {one["speaker"] for one in page.execute_script(turns, start, end)} == {
        page.execute_script("return order[1].label")
    }
    until(lambda: page.execute_script("return audio.paused"))
    assert end <= page.execute_script("return audio.currentTime") < end + 1.5
    # what is another speaker's now is no excerpt of the one before
    other = page.execute_script("return order[0].label")
    page.execute_script(
        "perform({edit: 'reassign', start: arguments[0], end: arguments[1], to: arguments[2]})",
        start, end, other,
    )  # fmt: skip
    assert [start, end] not in page.execute_script("return excerptsOf(order[1].label)")
    assert [start, end] in page.execute_script(
        "return facts.excerpts.filter((one) => excerptsOf(order[0].label).includes(one) ||"
        " one[0] === arguments[0])", start
    )  # fmt: skip


def test_unsure_places_say_why(page: Any) -> None:
    press(page, "n")
    assert find(page, "#why").text.startswith("1 of ")
    assert "does not sound much like" in find(page, "#why").text


def test_a_stored_correction_that_is_refused_by_now_takes_no_other_with_it(page: Any) -> None:
    kept = [
        {"edit": "rename", "speaker": "SPEAKER_00", "name": "Ann"},
        {"edit": "split", "speaker": "SPEAKER_01", "at": 9000, "to": "+"},
        {"edit": "rename", "speaker": "SPEAKER_02", "name": "Ben"},
    ]
    page.execute_script(
        "localStorage.setItem(STORE, JSON.stringify({edits: arguments[0], undone: []}))", kept
    )
    page.refresh()
    assert page.execute_script("return edits.map((one) => one.name)") == ["Ann", "Ben"]
    assert page.execute_script("return [steps.length, state.speakers.length]") == [2, 4]


def test_a_doubtful_number_of_speakers_is_said(browser: Any, folder: Path) -> None:
    doubtful = Diarization(
        [Turn(0, 2, "a"), Turn(2, 4, "b")], 5, speaker_counts={2: 0.55, 3: 0.41, 4: 0.04}
    )
    Result(doubtful).write(str(folder / "doubtful.html"))
    browser.get((folder / "doubtful.html").as_uri())
    assert "2 (55 %), 3 (41 %), 4 (4 %)" in find(browser, "#notice").text


def test_the_page_says_how_to_know_a_voice_elsewhere(page: Any) -> None:
    rename(page, 1, "Ann O'Hara")
    find(page, "#speakers li:nth-child(2) .more").click()
    choose(page, "How to know Ann O'Hara elsewhere")
    label = page.execute_script("return order[1].label")
    assert texts(page, "#notice code") == [
        "diarize relabel 'meeting one.json' --edits edits.json",
        f"diarize enroll 'Ann O'\\''Hara' --from-result 'meeting one.json' --speaker {label}",
    ]


def test_a_page_with_its_sound_inside(browser: Any, folder: Path) -> None:
    out = folder / "alone"
    assert main(["relabel", str(folder / "meeting one.json"), "--html", "--embed-audio", "-q",
                 "-o", f"{out}/"]) == 0  # fmt: skip
    (out / "meeting one.html").rename(folder.parent / "page.html")
    browser.get((folder.parent / "page.html").as_uri())
    until(lambda: browser.execute_script("return audio.readyState > 0"))
    length = browser.execute_script("return audio.duration")
    assert length == pytest.approx(browser.execute_script("return duration"), abs=2)
    browser.execute_script("seek(100)")
    until(lambda: browser.execute_script("return Math.abs(audio.currentTime - 100) < 0.1"))


def test_a_recording_that_is_gone(browser: Any, folder: Path) -> None:
    (folder / "meeting one.mp3").unlink()
    browser.get((folder / "meeting one.html").as_uri())
    until(lambda: find(browser, "#notice").is_displayed())
    assert "is not where it was" in find(browser, "#notice").text
    browser.get_log("browser")


def test_three_hours_stay_small(browser: Any, tmp_path: Path) -> None:
    result = Result(*three_hours())
    result.write(str(tmp_path / "long.html"))
    browser.get((tmp_path / "long.html").as_uri())
    count = "return document.getElementsByTagName('*').length"
    assert browser.execute_script("return rows.length") > 1000
    assert browser.execute_script(count) < 3000
    browser.execute_script("seek(9000)")
    assert browser.execute_script("const one = document.querySelector('.row.current');"
                                  "return rows[one.dataset.row].start <= 9000")  # fmt: skip
    assert browser.execute_script(count) < 3000
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def three_hours() -> tuple[Diarization, dict[str, Any]]:
    turns, segments = [], []
    for number in range(1350):
        start, label = 8.0 * number, f"SPEAKER_{number % 8:02d}"
        turns.append(Turn(start, start + 7.5, label))
        words = [{"word": f" word{n}", "start": start + 0.3 * n, "end": start + 0.3 * n + 0.2,
                  "speaker": label} for n in range(24)]  # fmt: skip
        text = "".join(word["word"] for word in words)
        segments.append({"id": number, "start": start, "end": start + 7.5, "text": text,
                         "speaker": label, "words": words})  # fmt: skip
    return Diarization(turns, 10_800.0, "long"), {"segments": segments}


# one source of truth: the page's engine and writers beside the package's


RENDER = """
const widths = widthsFrom(arguments[1]);
return arguments[0].map(([text, edits]) => {
  const state = applyEdits(stateOf(parseExactly(text)), edits);
  const found = Object.entries(FORMATS).map(([name, render]) => [name, render(state, widths)]);
  return Object.fromEntries(found);
});
"""
WORDS = [
    *("Hello,", "world.", "Dr.", "Who", "said", "<b>ok</b>", "&", '"fine"', "-->", "then?"),
    *(
        "你好。",
        "ไปทะเล",
        "ok…",
        "I.",
        "τι;",
        "émigré",
        "e\u0301",
        "\u200d👍🏽",
        "a\u00a0b",
        "x\u2028y",
    ),
]
NAMES = [*HOSTILE, "Ann", "李\u3000雷", "a-->b & c", "1", "__proto__", " x "]


@pytest.mark.parametrize("seed", range(3))
def test_the_page_and_the_package_say_the_same(browser: Any, folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    browser.get((folder / "meeting one.html").as_uri())
    cases, expected = [], []
    while len(cases) < 60:
        text = made_up(chance).to_json()
        result = from_json(json.loads(text))
        done = []
        for edit in some_edits(chance, result):
            try:
                result = apply_edits(result, [edit])
            except UsageError:
                continue
            done.append(to_json(edit))
        cases.append([text, done])
        expected.append({name: result.render(name) for name in FORMATS})
    found = browser.execute_script(RENDER, cases, columns())
    for (_, done), ours, theirs in zip(cases, expected, found, strict=True):
        for name in FORMATS:
            assert theirs[name] == ours[name], (name, done)


def some_edits(chance: random.Random, result: Result) -> list[Edit]:
    found: list[Edit] = []
    labels = list(result.diarization.labels)
    for _ in range(chance.randint(0, 5)):
        one, other = chance.choice(labels), chance.choice(labels)
        start = chance.random() * result.diarization.duration
        end = start + chance.random() * 6 + 0.001
        to = chance.choice([*labels, "+", "SPEAKER_09", *NAMES])
        found.append(
            chance.choice(
                [
                    Rename(one, chance.choice(NAMES)),
                    Merge((one, other)),
                    Swap((one, other)),
                    Reassign(start, end, to, one),
                    Reassign(start, end, to),
                    Split(one, start, to),
                ]
            )
        )
    return found


def made_up(chance: random.Random) -> Result:
    """Return a talk with all that is hard: overlaps, odd names, words without times, long text."""
    labels = [f"SPEAKER_{number:02d}" for number in range(chance.randint(1, 4))]
    labels += chance.sample(["7", "A-B"], chance.randint(0, 1))
    turns, clock = [], 0.0
    for _ in range(chance.randint(1, 12)):
        clock += chance.random() * 1.5
        end = clock + 0.05 + chance.random() * 8
        confidence = chance.choice([None, chance.random()])
        candidates = (("Ann", 0.5),) if chance.random() < 0.1 else ()
        label, unsure = chance.choice(labels), chance.random() < 0.2
        turns.append(Turn(clock, end, label, confidence, False, unsure, candidates))
        clock = end if chance.random() < 0.7 else 0.5 * (clock + end)
    named = chance.sample(NAMES, len(labels))
    speakers = [
        Speaker(label, name, 0.51, 1, (Candidate("Q", 1e-5),), Candidate("Z", 0.4))
        for label, name in zip(labels, named, strict=True)
        if chance.random() < 0.4
    ]
    odd = {"a": 1, "b": 1.0, "10": 1e-7, "c": [1e20, -0.0, 3.0, True, None], "__proto__": {}}
    found = Diarization(
        turns, clock + 9, "my talk", speakers, parameters=odd,
        confidences={label: chance.random() for label in labels if chance.random() < 0.5},
        speaker_counts={2: 0.5, 3: 0.25} if chance.random() < 0.5 else {},
    )  # fmt: skip
    if chance.random() < 0.1:
        return Result(found)
    segments = made_up_segments(chance, clock)
    transcript = {"text": "", "segments": segments, "language": "en"}
    if chance.random() < 0.4:
        transcript["word_segments"] = [
            dict(word) for part in segments for word in part.get("words", [])
        ]
    return Result(found, label_transcript(transcript, found))


def made_up_segments(chance: random.Random, end: float) -> list[dict[str, Any]]:
    segments: list[dict[str, Any]] = []
    clock = 0.0
    while clock < end:
        start, words = clock, []
        for _ in range(chance.randint(1, 70 if chance.random() < 0.2 else 9)):
            length = chance.random() * 0.6
            word = {"word": " " + chance.choice(WORDS), "start": clock, "end": clock + length}
            if chance.random() < 0.05:
                del word["start"], word["end"]
            words.append(word)
            clock = round(clock + length, 2)
        text = "".join(word["word"] for word in words)
        text = f"{text.upper()} x" if chance.random() < 0.1 else text
        text = " ".join(text.split(" ")[::2]) if chance.random() < 0.1 else text
        part = {"id": len(segments), "start": start, "end": clock, "text": text, "words": words}
        if chance.random() < 0.2:
            del part["words"]
        segments.append(part)
        clock += chance.random() * 3
    return segments
