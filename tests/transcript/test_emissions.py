"""What the merge goes by: errors of boundaries, anchors of short turns, marks and capitals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from diarize.annotation import Diarization
from diarize.settings import WordSettings
from diarize.timeline import Turn
from diarize.transcript.anchors import IndexedTurn, anchors
from diarize.transcript.boundaries import BoundaryError, estimate_boundary_error
from diarize.transcript.emissions import TurnIndex, as_diarization, integer_costs
from diarize.transcript.sentences import ends_sentence, switch_costs
from diarize.transcript.sounds import sounds

OPTIONS = WordSettings()
WORDS = [(0.3 * place, 0.3 * place + 0.25) for place in range(10)]


def estimate(shift: float, pause: float) -> BoundaryError:
    """Sentences of one second, turns whose edges are off by ``shift`` to both sides in turn."""
    turns, starts, ends = [], [], []
    clock = 0.0
    for place in range(30):
        off = shift if place % 2 else -shift
        turns.append(Turn(clock + off, clock + 1.0 + off, "AB"[place % 2]))
        for word in range(4):
            starts.append((clock + 0.25 * word, 0.2 if word == 0 else 4.0))
            ends.append((clock + 0.25 * word + 0.25, 0.2 if word == 3 else 4.0))
        clock += 1.0 + pause
    return estimate_boundary_error(turns, starts, ends, OPTIONS)


@pytest.mark.parametrize("shift", [0.03, 0.1, 0.2, 0.3])
def test_the_error_of_edges_at_pauses_is_found(shift: float) -> None:
    assert shift / 1.5 <= estimate(shift, 1.0).pause <= 1.5 * shift


def test_changes_without_a_pause_have_an_error_of_their_own() -> None:
    exact = estimate(0.0, 0.0)
    assert exact.change < 0.04  # told by the edges
    apart = estimate(0.0, 0.5)
    assert apart.pause < 0.04
    assert 0.1 < apart.change < 0.2  # none at all


def test_rows_without_a_speaker_are_nobodys() -> None:
    rows = [
        {"start": place, "end": place + 1, "speaker": speaker}
        for place, speaker in enumerate(["x", None, math.nan, np.float32("nan"), "None"])
    ]
    assert as_diarization(rows).turns == (Turn(0.0, 1.0, "x"), Turn(4.0, 5.0, "None"))
    pandas = pytest.importorskip("pandas", reason="pip install pandas")
    table = pandas.DataFrame(rows).astype({"speaker": "string"})  # has NA
    assert set(as_diarization(table).labels) == {"x", "None"}


def test_without_words_or_turns_the_expected_errors_hold() -> None:
    for found in (
        estimate_boundary_error([], [(0.0, 1.0)], [(1.0, 1.0)], OPTIONS),
        estimate_boundary_error([Turn(0, 1, "A")], [], [], OPTIONS),
    ):
        assert found.pause == pytest.approx(OPTIONS.pause_std, rel=0.2)
        assert found.change == pytest.approx(OPTIONS.change_std, rel=0.2)


def anchor(turn: IndexedTurn, costs: list[float], error: BoundaryError) -> list[int]:
    found = anchors([turn], WORDS, [0.0] * len(WORDS), costs, error, OPTIONS)
    return [place for place, speakers in enumerate(found) if turn.speaker in speakers]


FLAT = [2.0] * len(WORDS)
GOOD, BAD = BoundaryError(0.05, 0.05), BoundaryError(0.05, 0.3)


def test_a_short_turn_takes_the_words_that_it_fits() -> None:
    assert anchor(IndexedTurn(0.6, 0.85, 1), FLAT, GOOD) == [2]
    assert anchor(IndexedTurn(0.62, 1.14, 1), FLAT, GOOD) == [2, 3]
    assert anchor(IndexedTurn(0.0, 30.0, 1), FLAT, GOOD) == []  # no short one


def test_a_turn_with_uncertain_edges_goes_by_the_sentences() -> None:
    costs = [4.0] * len(WORDS)
    costs[4] = costs[5] = 0.2  # the sixth word is a sentence of its own
    assert anchor(IndexedTurn(1.3, 1.55, 1), costs, BoundaryError(0.3, 0.3)) == [5]
    assert anchor(IndexedTurn(1.3, 1.55, 1), costs, GOOD) == [4]


def test_words_beside_a_turn_are_not_its_own() -> None:
    assert anchor(IndexedTurn(0.25, 0.3, 1), FLAT, GOOD) == []  # between two words
    assert anchor(IndexedTurn(0.26, 0.29, 1), FLAT, GOOD) == []
    assert anchor(IndexedTurn(0.1, 0.3, 1), FLAT, GOOD) == [0]


def test_turns_that_may_hold_no_words_anchor_none() -> None:
    assert anchor(IndexedTurn(0.6, 0.85, 1, nested=True), FLAT, GOOD) == []
    touching = IndexedTurn(0.6, 0.85, 1, touches=True)
    assert anchor(touching, FLAT, GOOD) == [2]
    assert anchor(touching, FLAT, BAD) == []


def test_the_evidence_of_an_anchor_is_shared_by_its_words() -> None:
    one, two = (
        anchors([turn], WORDS, [0.0] * 10, FLAT, GOOD, OPTIONS)[2][1]
        for turn in (IndexedTurn(0.6, 0.85, 1), IndexedTurn(0.6, 1.15, 1))
    )
    fit = 2 * math.log(OPTIONS.word_step / 0.05 / math.sqrt(2 * math.pi))
    assert one == pytest.approx(-math.log(OPTIONS.outlier_probability) + fit)
    assert two == pytest.approx(one / 2)
    off = anchors([IndexedTurn(0.65, 0.85, 1)], WORDS, [0.0] * 10, FLAT, GOOD, OPTIONS)[2][1]
    assert off == pytest.approx(one - 0.5)


def costs_of(text: str, pause: float = 0.0) -> list[float]:
    words = [f" {word}" for word in text.split()]
    step = 0.3 + pause
    spoken = [(step * place, step * place + 0.3) for place in range(len(words))]
    return switch_costs(words, spoken, frozenset(), OPTIONS)


def test_costs_of_a_change() -> None:
    inside, comma, end, last = costs_of("so well, then. yes")
    assert (inside, comma, end, last) == pytest.approx(
        (OPTIONS.switch_inside, OPTIONS.switch_comma, OPTIONS.switch_sentence, 0.0)
    )
    assert costs_of("and so on", pause=0.15)[:2] == pytest.approx(
        [OPTIONS.switch_unpunctuated / math.e] * 2
    )
    assert costs_of("and so on.", pause=0.5)[0] == pytest.approx(OPTIONS.switch_inside / math.e)


def test_an_answer_inside_a_sentence_is_told_from_a_name_by_what_follows() -> None:
    text = "the boats and the nets were by the old wall near Yes. the mill and the sea."
    assert costs_of(text)[10] == pytest.approx(OPTIONS.switch_answer)
    name = "the boats and the nets were by the old wall near Paul. The mill and the sea."
    assert costs_of(name)[10] == pytest.approx(OPTIONS.switch_capital)
    pronoun = "the boats and the nets were by the old wall near I the mill and the sea."
    assert costs_of(pronoun)[10] == pytest.approx(OPTIONS.switch_inside)


def test_capitals_tell_nothing_where_all_nouns_have_them() -> None:
    german = "der Hund und die Katze sahen den Mann mit Hut. der ging weg."
    assert costs_of(german)[0] == pytest.approx(OPTIONS.switch_inside)


def test_a_word_that_begins_before_the_last_one_is_somebody_elses() -> None:
    words = [" one", " two", " three."]
    spoken = [(0.0, 0.3), (2.0, 2.3), (1.0, 1.3)]
    assert switch_costs(words, spoken, frozenset(), OPTIONS)[1] == 0.0


def test_a_long_stretch_without_marks_counts_as_unpunctuated() -> None:
    costs = costs_of(" ".join(["so"] * OPTIONS.max_sentence_words) + " on.")
    assert costs[0] == pytest.approx(OPTIONS.switch_unpunctuated)
    costs = costs_of(" ".join(["so"] * (OPTIONS.max_sentence_words - 1)) + " on.")
    assert costs[0] == pytest.approx(OPTIONS.switch_inside)


def test_a_segment_end_is_cheaper_than_the_middle_of_a_sentence() -> None:
    words, spoken = [" so", " it", " is."], [(0.0, 0.3), (0.3, 0.6), (0.6, 0.9)]
    costs = switch_costs(words, spoken, frozenset({0}), OPTIONS)
    assert costs[0] == pytest.approx(min(OPTIONS.switch_segment, OPTIONS.switch_inside / 2))
    assert costs[1] == pytest.approx(OPTIONS.switch_inside)


@pytest.mark.parametrize("word", ["है।", "ہے۔", "է։", "ነው።", "បាទ។", "သည်။", "τι;", "吗？", "か。"])
def test_sentences_end_as_their_languages_write_it(word: str) -> None:
    assert ends_sentence(word)


def test_a_semicolon_ends_no_sentence_outside_of_greek() -> None:
    assert not ends_sentence("so;")


def test_spanish_says_where_a_sentence_begins() -> None:
    assert costs_of("vamos a ¿verdad? la playa.")[1] == pytest.approx(OPTIONS.switch_answer)


def test_speech_in_brackets_is_no_sound() -> None:
    assert sounds([" (and", " I", " mean", " it)", " well."]) == [False] * 5
    assert sounds([" [unclear]"]) == [False]
    assert sounds([" 3", " *", " 4"]) == [False] * 3
    assert sounds([""]) == [False]


def weights(
    start: float, end: float, *turns: tuple[float, float, str], **options: float
) -> dict[int, float]:
    made = [Turn(*turn) for turn in turns]
    diarization = Diarization(made, max(turn.end for turn in made))
    index = TurnIndex(diarization, WordSettings(**options), BoundaryError(0.01, 0.3))  # type: ignore[arg-type]
    return index.weights(start, end)


def test_a_little_silence_between_turns_counts_as_none() -> None:
    turns = ((0.0, 1.0, "A"), (1.01, 2.0, "B"))
    assert weights(0.8, 0.9, *turns)[1] > 0.1
    assert weights(0.8, 0.9, *turns, touch=0.0).get(1, 0.0) < 0.01


def test_silence_in_a_word_takes_little_from_its_evidence() -> None:
    turn = (0.0, 1.0, "A")
    assert weights(0.9, 1.2, turn)[0] == pytest.approx(2 / 3, abs=0.01)
    assert weights(0.9, 1.2, turn, full_cover=1.0)[0] == pytest.approx(1 / 3, abs=0.01)
    assert weights(0.8, 1.1, turn)[0] == pytest.approx(1.0, abs=0.01)


def test_turns_near_a_word_count_by_their_distance() -> None:
    turn = (0.0, 1.0, "A")
    near = OPTIONS.gap_weight * math.exp(-0.5 / OPTIONS.gap_scale)
    assert weights(1.5, 1.8, turn)[0] == pytest.approx(near)
    assert weights(2.9, 3.2, turn) != {}
    assert weights(3.1, 3.4, turn) == {}
    assert OPTIONS.max_gap == 2.0


# --- exact edges, so that shares can be worked out by hand ----------------------------------------


def index_of(*turns: Turn | tuple[float, float, str], **options: float) -> TurnIndex:
    """Return an index of turns whose edges are exact."""
    made = [turn if isinstance(turn, Turn) else Turn(*turn) for turn in turns]
    diarization = Diarization(made, max(turn.end for turn in made))
    settings = WordSettings(min_edge_std=1e-9, **options)  # type: ignore[arg-type]
    return TurnIndex(diarization, settings, BoundaryError(0.0, 0.0))


def test_weights_are_shares_of_the_word() -> None:
    index = index_of((0.0, 1.0, "A"), (1.0, 2.0, "B"))
    assert index.weights(0.9, 1.3) == pytest.approx({0: 0.25, 1: 0.75})
    assert index.weights(0.995, 1.005) == pytest.approx({0: 0.5, 1: 0.5})
    assert index.weights(1.0, 1.0) == pytest.approx({0: 0.5, 1: 0.5})
    assert index.weights(0.999, 1.003) == pytest.approx({0: 0.45, 1: 0.55})  # as if 20 ms long


def test_what_hardly_touches_a_word_is_beside_it() -> None:
    turn = (0.0, 1.0, "A")
    assert index_of(turn).weights(0.995, 1.995) == pytest.approx({0: OPTIONS.gap_weight})
    assert index_of(turn, outlier_probability=0.25).weights(0.75, 1.75) == {0: 0.5}
    assert index_of(turn, outlier_probability=0.26).weights(0.75, 1.75) == {0: OPTIONS.gap_weight}


def test_both_neighbours_of_a_word_count() -> None:
    index = index_of((0.0, 1.0, "A"), (5.0, 6.0, "B"), (9.1, 10.0, "C"))
    near = {
        speaker: OPTIONS.gap_weight * math.exp(-gap / OPTIONS.gap_scale)
        for speaker, gap in ((1, 1.0), (2, 1.9))
    }
    assert index.weights(7.0, 7.2) == pytest.approx(near)
    assert index.weights(2.4, 2.6) == pytest.approx({0: 0.3 * math.exp(-1.4 / 0.5)})
    assert index.weights(12.1, 12.3) == {}


def test_costs_are_thousandths_of_a_nat() -> None:
    index = index_of((0.0, 1.0, "A"), (1.0, 2.0, "B"), (2.0, 3.0, "C"))
    assert index.costs({0: 0.5, 1: 0.25}) == [300, 809, 3454]
    assert index.costs({0: 1.0, 1: 1.0}) == [683, 683, 4605]
    assert index.costs({0: 1.0, 1: 1.0}, {1: 1.5}) == [1500, 0, 4605]
    assert index.costs({}) is None
    assert index.costs({0: 0.0}) is None


@pytest.mark.parametrize(
    ("confidence", "counts"), [(None, 1.0), (0.0, 0.5), (0.05, 0.75), (0.1, 1.0), (0.9, 1.0)]
)
def test_doubtful_turns_count_less(confidence: float | None, counts: float) -> None:
    index = index_of(Turn(0.0, 1.0, "A", confidence))
    assert index.weights(0.2, 0.4) == pytest.approx({0: counts})


def test_a_turn_within_another_counts_more_than_that() -> None:
    within = index_of((0.0, 3.0, "A"), (1.0, 2.0, "B"))
    assert within.weights(1.2, 1.8) == pytest.approx({0: OPTIONS.nested_weight, 1: 1.0})
    assert within.weights(0.2, 0.8) == pytest.approx({0: 1.0})
    for other in ((1.0, 3.0, "B"), (0.0, 2.0, "B")):  # not wholly within
        index = index_of((0.0, 3.0, "A"), other)
        assert index.weights(1.2, 1.8) == pytest.approx({0: 1.0, 1: 1.0})
    alone = index_of((0.0, 3.0, "A"), (1.0, 2.0, "B"), nested_weight=0.0)
    assert alone.weights(1.2, 1.8) == pytest.approx({1: 1.0})
    same = index_of((0.0, 3.0, "A"), (1.0, 2.0, "A"))
    assert same.weights(1.2, 1.8) == pytest.approx({0: 1.0})


def test_turns_are_known_that_are_nested_or_touch() -> None:
    index = index_of(
        (0.0, 1.0, "A"), (1.0, 2.0, "B"), (3.0, 4.0, "A"), (3.5, 4.5, "B"), (5, 5, "B")
    )
    assert [turn.touches for turn in index.turns] == [True, True, False, False]
    assert not any(turn.nested for turn in index.turns)
    for share, nested in ((0.5, True), (0.51, False)):
        half = index_of((3.0, 4.0, "A"), (3.5, 4.5, "B"), nested_share=share)
        assert [turn.nested for turn in half.turns] == [False, nested]


def test_turns_as_far_apart_as_silence_may_be_touch() -> None:
    turns = ((0.0, 1.0, "A"), (1.25, 2.0, "B"))
    assert weights(0.8, 0.9, *turns, touch=0.25)[1] > 0.05
    assert weights(0.8, 0.9, *turns, touch=0.24).get(1, 0.0) < 0.01


def test_shares_at_an_uncertain_edge_are_those_of_a_normal_distribution() -> None:
    turns = [Turn(0.0, 1.0, "A")]
    index = TurnIndex(Diarization(turns, 1.0), OPTIONS, BoundaryError(0.1, 0.1))
    instants = np.linspace(0.95, 1.25, 3001)
    covered = float(norm.sf(instants, loc=1.0, scale=0.1).mean())
    assert index.weights(0.95, 1.25) == pytest.approx({0: covered / OPTIONS.full_cover}, rel=1e-3)


def test_of_several_anchors_the_strongest_is_the_least_cost() -> None:
    index = index_of((0.0, 1.0, "A"), (1.0, 2.0, "B"), (2.0, 3.0, "C"))
    assert index.costs({2: 1.0}, {0: 1.0, 1: 2.0}) == [0, 0, 2000]
    assert integer_costs([1.5, 0.0004, 0.0006]) == [1500, 0, 1]


def test_a_list_of_turns_lasts_until_the_last_end() -> None:
    assert as_diarization([Turn(0, 5, "A"), Turn(1, 2, "B")]).duration == 5
    assert as_diarization([]).duration == 0
