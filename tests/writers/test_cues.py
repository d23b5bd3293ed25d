"""Cues: one speaker each, within the limits, nothing lost."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="pip install hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.errors import UsageError
from diarize.formats import WriterOptions
from diarize.result import Utterance
from diarize.text import one_line
from diarize.writers import cues as cutting
from diarize.writers.cues import Cue, width_of


def cues(utterances: Iterable[Utterance], prefix: str = "always", **limits: Any) -> list[Cue]:
    return cutting.cues(utterances, WriterOptions(speaker_prefix=prefix, **limits))


def said(
    text: str, start: float = 0.0, speaker: str | None = "Ann", step: float = 0.3
) -> Utterance:
    words = [
        {"word": f" {part}", "start": start + step * place, "end": start + step * (place + 1)}
        for place, part in enumerate(text.split())
    ]
    return Utterance(start, words[-1]["end"], speaker, text, tuple(words))  # type: ignore[arg-type]


LONG = (
    "When we started this project, nobody knew how long it would take. Then the first results "
    "came in, and they were better than anyone had dared to hope, which was a relief."
)


def test_whole_segments_without_options() -> None:
    shown = cues([said("One two."), said(LONG, 5.0)])
    assert [cue.lines for cue in shown] == [("Ann: One two.",), (f"Ann: {LONG}",)]
    assert (shown[0].start, shown[0].end) == (0.0, 0.6)


def test_extremely_long_segments_are_cut_at_punctuation() -> None:
    shown = cues([said(" ".join([LONG] * 4))])
    assert len(shown) > 1
    assert all(cue.lines[0].endswith((".", ",")) for cue in shown)
    assert all(cue.end - cue.start <= 15.0 for cue in shown)


def test_lines_keep_to_width_and_count() -> None:
    shown = cues([said(LONG)], max_line_width=32, max_line_count=2)
    assert all(len(cue.lines) <= 2 for cue in shown)
    assert all(width_of(line) <= 32 for cue in shown for line in cue.lines)
    assert " ".join(line for cue in shown for line in cue.lines).replace("Ann: ", "") == LONG


def test_the_prefix_counts_as_width() -> None:
    shown = cues([said("seven letters hereabouts")], max_line_width=20, max_line_count=1)
    assert [cue.lines for cue in shown] == [("Ann: seven letters",), ("Ann: hereabouts",)]


def test_a_cue_prefers_to_end_with_its_sentence() -> None:
    text = "Yes, it does. But we should look at it again tomorrow morning."
    shown = cues([said(text)], max_line_width=26, max_line_count=2, prefix="never")
    assert " ".join(shown[0].lines) == "Yes, it does."


def test_lines_are_even() -> None:
    (cue,) = cues([said("aaaa bbbb cccc dddd eeee")], max_line_width=19, prefix="never")
    assert cue.lines == ("aaaa bbbb cccc", "dddd eeee")


def test_seconds_are_kept_even_for_one_stretched_word() -> None:
    words = (
        {"word": " Well", "start": 0.0, "end": 9.0},
        {"word": " no.", "start": 9.0, "end": 9.4},
    )
    shown = cues([Utterance(0.0, 9.4, "Ann", "Well no.", words)], max_cue_seconds=4.0)
    assert [(cue.start, cue.end) for cue in shown] == [(0.0, 4.0), (9.0, 9.4)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("always", ["Ann: a", "Ann: b", "Bo: c", "d", "Bo: e"]),
        ("on-change", ["Ann: a", "b", "Bo: c", "d", "Bo: e"]),
        ("never", ["a", "b", "c", "d", "e"]),
    ],
)
def test_prefixes(prefix: str, expected: list[str]) -> None:
    spoken: list[tuple[str, str | None]] = [
        ("a", "Ann"), ("b", "Ann"), ("c", "Bo"), ("d", None), ("e", "Bo")
    ]  # fmt: skip
    shown = cues(
        [said(text, place * 1.0, name) for place, (text, name) in enumerate(spoken)], prefix=prefix
    )
    assert [cue.lines[0] for cue in shown] == expected


def test_a_cue_has_the_speaker_of_all_its_words() -> None:
    words = tuple(
        {"word": f" {text}", "start": place, "end": place + 1, "speaker": speaker}
        for place, (text, speaker) in enumerate(
            [("is", "Ann"), ("it?", "Ann"), ("uh", None), ("Yes.", "Bo"), ("Good.", "Ann")]
        )
    )
    shown = cues([Utterance(0, 5, "Ann", "is it? uh Yes. Good.", words)])
    assert [(cue.speaker, cue.lines[0]) for cue in shown] == [
        ("Ann", "Ann: is it? uh"),
        ("Bo", "Bo: Yes."),
        ("Ann", "Ann: Good."),
    ]


def test_wide_characters_count_twice() -> None:
    text = "我们今天开始。大家都准备好了吗？"
    (first, *rest) = cues(
        [Utterance(0, 4, None, text)], max_line_width=18, max_line_count=1, prefix="never"
    )
    assert first.lines == ("我们今天开始。",)
    assert all(width_of(line) <= 18 for cue in rest for line in cue.lines)
    assert "".join(line for cue in (first, *rest) for line in cue.lines) == text


def test_a_text_without_words_is_shared_out_in_time() -> None:
    shown = cues([Utterance(10, 20, "Ann", LONG)], max_line_width=40)
    assert shown[0].start == 10
    assert shown[-1].end == pytest.approx(20)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(shown))


def test_words_that_do_not_make_up_the_text_are_not_trusted() -> None:
    words = ({"word": " other", "start": 0.0, "end": 1.0},)
    (cue,) = cues([Utterance(0, 2, "Ann", "the text", words)])
    assert cue.lines == ("Ann: the text",)


def test_bare_turns_show_the_speaker() -> None:
    assert cues([Utterance(0, 2, "Ann", "")])[0].lines == ("Ann",)


def test_no_cue_lasts_no_time() -> None:
    parts = [Utterance(start, start, "Ann", text) for start, text in ((1, "a"), (1.2, "b"))]
    parts += [Utterance(5, 5, who, who) for who in ("Ann", "Ben")]
    times = [(cue.start, cue.end) for cue in cues(parts)]
    assert times == [(1, 1.2), (1.2, 1.5), (5, 5.01), (5, 5.3)]


def test_small_overlaps_are_cut() -> None:
    shown = cues([said("a b", 0.0), said("c", 0.5)])
    assert shown[0].end == 0.5


LIMITS = st.fixed_dictionaries(
    {
        "max_line_width": st.sampled_from([None, 1, 8, 20, 42]),
        "max_line_count": st.sampled_from([None, 1, 2, 3]),
        "max_cue_seconds": st.sampled_from([None, 0.5, 2.0, 6.0]),
        "prefix": st.sampled_from(["always", "on-change", "never"]),
    }
)
TEXTS = st.lists(
    st.sampled_from(["a", "bb,", "ccc.", "dddddddd", "你好。", "yes?", "-->"]),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["Ann", "Bo", None])), max_size=4), LIMITS)
def test_every_word_is_shown_once_and_in_order(
    spoken: list[tuple[list[str], str | None]], limits: dict[str, Any]
) -> None:
    utterances = []
    clock = 0.0
    for texts, speaker in spoken:
        utterances.append(said(" ".join(texts), clock, speaker))
        clock = utterances[-1].end + 0.1
    shown = cues(utterances, **limits)
    text = " ".join(line.removeprefix(f"{cue.speaker}:") for cue in shown for line in cue.lines)
    assert one_line(text) == " ".join(utterance.text for utterance in utterances)
    for cue in shown:
        assert cue.end >= cue.start
        if limits["max_cue_seconds"] is not None:
            assert cue.end - cue.start <= limits["max_cue_seconds"] + 1e-9
        for line in cue.lines if limits["max_line_width"] else ():
            one_word = len(line.removeprefix(f"{cue.speaker}: ").split()) <= 1
            assert one_word or width_of(line) <= limits["max_line_width"]


# --- broadcasters' rules --------------------------------------------------------------------------

BROADCAST: dict[str, Any] = {
    "max_line_width": 42,
    "max_line_count": 2,
    "max_cue_seconds": 7.0,
    "max_characters_per_second": 17.0,
    "dashes": True,
}


def test_two_short_remarks_share_a_cue_with_dashes() -> None:
    shown = cues([said("Is it late?", 1.0), said("Yes.", 2.0, "Ben")], prefix="never", **BROADCAST)
    (cue,) = shown
    assert cue.lines == ("- Is it late?", "- Yes.")
    assert cue.voices() == [("Ann", ("- Is it late?",)), ("Ben", ("- Yes.",))]
    assert cue.start <= 1.0 and cue.end >= 2.3


def test_long_or_distant_remarks_do_not_share() -> None:
    apart = [said("Is it late?", 1.0), said("Yes.", 5.0, "Ben")]
    assert len(cues(apart, **BROADCAST)) == 2
    long = [said(LONG, 1.0), said("Yes.", 10.6, "Ben")]
    assert all(cue.second is None for cue in cues(long, **BROADCAST)[:-1])
    same = [said("Is it late?", 1.0), said("Yes.", 2.0)]
    assert len(cues(same, **BROADCAST)) == 2


def test_cues_stay_as_long_as_reading_takes() -> None:
    quick = [said("Seventeen characters.", 5.0, step=0.1), said("Later.", 9.0)]
    first, second = cues(quick, prefix="never", **BROADCAST)
    assert first.end - first.start == pytest.approx(21 / 17)
    assert (first.start, second.start) == (5.0, 9.0)
    pressed = [said("Seventeen characters.", 5.0, step=0.1), said("Now.", 5.7, step=0.8)]
    first, second = cues(pressed, prefix="never", **BROADCAST)
    assert first.end == pytest.approx(5.62)
    assert first.start == pytest.approx(5.62 - 21 / 17)


@pytest.mark.parametrize(
    "text",
    [
        "วันนี้อากาศดีมากเลยใช่ครับผมก็คิดอย่างนั้นเหมือนกันแล้วพรุ่งนี้เราจะไปทะเลด้วยกันหรือเปล่า",
        "ថ្ងៃនេះអាកាសធាតុល្អណាស់មែនទេបាទខ្ញុំក៏គិតដូច្នោះដែរហើយស្អែកយើងនឹងទៅសមុទ្រជាមួយគ្នាទេ",
        "今天天气非常好是的我也这么认为那么明天我们一起去海边好吗当然可以我们早上八点出发吧",
    ],
)
@pytest.mark.parametrize("width", [12, 20, 42])
def test_scripts_without_spaces_keep_to_the_width(text: str, width: int) -> None:
    from diarize.transcript.tokenize import tokens

    shown = cues(
        [Utterance(7.0, 21.0, "Ann", text)],
        prefix="never",
        max_line_width=width,
        max_line_count=2,
    )
    lines = [line for cue in shown for line in cue.lines]
    assert "".join(lines) == text
    assert all(width_of(line) <= width for line in lines)
    assert all(len(cue.lines) <= 2 for cue in shown)
    assert [part for line in lines for part in tokens(line)] == tokens(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.text("abcกี你", min_size=1, max_size=9), min_size=1, max_size=12),
            st.integers(0, 300),
            st.sampled_from(["Ann", "Ben"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_broadcasters_rules_lose_nothing_and_cross_nothing(
    remarks: list[tuple[list[str], int, str]],
) -> None:
    utterances, clock = [], 0.0
    for parts, gap, speaker in remarks:
        utterances.append(said(" ".join(parts), clock + gap / 100, speaker))
        clock = utterances[-1].end
    shown = cues(utterances, prefix="never", **BROADCAST)
    spoken = "".join(line.removeprefix("- ") for cue in shown for line in cue.lines)
    whole = "".join(utterance.text for utterance in utterances)
    assert spoken.replace(" ", "") == whole.replace(" ", "")
    for one, other in pairwise(shown):
        assert one.start <= other.start
        assert one.end <= other.start + 1e-9


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_reading_speed_is_above_0(speed: float) -> None:
    with pytest.raises(UsageError, match=f"max_characters_per_second is {speed}"):
        WriterOptions(max_characters_per_second=speed)
