"""RTTM and UEM files, also as other people write them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.annotation import Diarization
from diarize.errors import DiarizeError
from diarize.rttm import read_rttm, read_uem
from diarize.timeline import Segment, Turn


def test_nine_and_ten_fields_comments_and_other_records(tmp_path: Path) -> None:
    file = tmp_path / "a.rttm"
    file.write_text(
        "\ufeff;; made by hand\n"
        "SPKR-INFO talk 1 <NA> <NA> <NA> unknown Ann <NA>\n"
        "SPEAKER talk 1 2.5 1.5 <NA> <NA> Ann <NA>\n"
        "\n"
        "SPEAKER\ttalk\t1\t0.0  2.0 <NA> <NA> Bob 0.75 <NA>\r\n"
        "# end\n"
        "SPEAKER other 1 0 0 <NA> <NA> Eve <NA> <NA>\n",
        encoding="utf-8",
    )
    assert read_rttm(file) == {
        "talk": [Turn(0.0, 2.0, "Bob"), Turn(2.5, 4.0, "Ann")],
        "other": [],
    }
    assert read_rttm(file)["talk"][0].confidence == 0.75


@pytest.mark.parametrize(
    ("tail", "speaker", "confidence"),
    [
        ("Speaker 1", "Speaker 1", None),
        ("Speaker 1 <NA>", "Speaker 1", None),
        ("Speaker 1 <NA> <NA>", "Speaker 1", None),
        ("Speaker 1 0.5", "Speaker 1", 0.5),
        ("Speaker 1 0.5 <NA>", "Speaker 1", 0.5),
        ("Mary Nan <NA>", "Mary Nan", None),
        ("7 <NA> <NA>", "7", None),
        ("7 1e-3 <NA>", "7", 0.001),
        ("Ann 1 <NA>", "Ann", 1.0),
        ("Ann 0.9 0.5", "Ann", 0.9),
    ],
)
def test_a_number_ends_a_name_that_others_have_too(
    tail: str, speaker: str, confidence: float | None, tmp_path: Path
) -> None:
    file = tmp_path / "a.rttm"
    lines = (tail, "Speaker 2 <NA>", "Ann 0.87 <NA>")
    file.write_text("".join(f"SPEAKER t 1 {at} 1 <NA> <NA> {it}\n" for at, it in enumerate(lines)))
    turn, *others = read_rttm(file)["t"]
    assert (turn.speaker, turn.confidence) == (speaker, confidence)
    assert [(one.speaker, one.confidence) for one in others] == [("Speaker 2", None), ("Ann", 0.87)]


def test_confidences_of_people_who_are_sure_are_no_names(tmp_path: Path) -> None:
    file = tmp_path / "a.rttm"
    file.write_text("".join(f"SPEAKER t 1 0 1 <NA> <NA> {name} 1 <NA>\n" for name in "AB"))
    assert [(one.speaker, one.confidence) for one in read_rttm(file)["t"]] == [("A", 1), ("B", 1)]


def test_folder(tmp_path: Path) -> None:
    for name in "ab":
        line = f"SPEAKER {name} 1 0 1 <NA> <NA> x <NA> <NA>\n"
        (tmp_path / f"{name}.rttm").write_text(line)
    (tmp_path / "notes.txt").write_text("not RTTM")
    assert sorted(read_rttm(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("SPEAKER a 1 x 1 <NA> <NA> b <NA>", "'x' is not a time"),
        ("SPEAKER a 1 -1 1 <NA> <NA> b <NA>", "'-1' is not a time"),
        ("SPEAKER a 1 nan 1 <NA> <NA> b <NA>", "'nan' is not a time"),
        ("SPEAKER a 1 0", "4 fields"),
        ("Hello, world", "unknown record type"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "a.rttm"
    file.write_text(f";; first\n{line}\n")
    with pytest.raises(DiarizeError, match=r"a\.rttm, line 2") as caught:
        read_rttm(file)
    assert told in str(caught.value)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DiarizeError, match="no such file"):
        read_rttm(tmp_path / "none.rttm")
    with pytest.raises(DiarizeError, match=r"no \.rttm file"):
        read_rttm(tmp_path)
    (tmp_path / "x.rttm").write_bytes(b"RIFF\x00\x01\x02WAVE")
    with pytest.raises(DiarizeError, match="binary"):
        read_rttm(tmp_path / "x.rttm")


def test_uem(tmp_path: Path) -> None:
    file = tmp_path / "a.uem"
    file.write_text("talk 1 5 9.5\ntalk 1 0 2\n")
    assert read_uem(file) == {"talk": [Segment(0, 2), Segment(5, 9.5)]}
    file.write_text("talk 1 5 2\n")
    with pytest.raises(DiarizeError, match="ends"):
        read_uem(file)


milliseconds = st.integers(0, 100_000)


@given(st.lists(st.tuples(milliseconds, st.integers(1, 9_000), st.sampled_from("abc"))))
def test_what_we_write_is_what_we_read(tmp_path_factory: pytest.TempPathFactory, rows) -> None:
    turns = [Turn(start / 1000, (start + length) / 1000, who) for start, length, who in rows]
    file = tmp_path_factory.mktemp("rttm") / "talk.rttm"
    file.write_text(Diarization(turns, 120.0, uri="talk").to_rttm())
    read = read_rttm(file).get("talk", [])
    assert [(round(t.start, 3), round(t.end, 3), t.speaker) for t in read] == [
        (t.start, t.end, t.speaker) for t in sorted(turns)
    ]


def test_pyannote_reads_the_same(tmp_path: Path) -> None:
    loader = pytest.importorskip("pyannote.database.util", reason="pip install pyannote.metrics")
    turns = [Turn(0.5, 2.25, "Ann_Lee"), Turn(2.0, 3.5, "Bob")]
    file = tmp_path / "talk.rttm"
    file.write_text(Diarization(turns, 4.0, uri="talk").to_rttm())
    theirs = loader.load_rttm(file)["talk"]
    assert (
        [
            Turn(round(segment.start, 3), round(segment.end, 3), label)
            for segment, _, label in theirs.itertracks(yield_label=True)
        ]
        == turns
        == read_rttm(file)["talk"]
    )


@given(
    st.dictionaries(
        st.sampled_from(["a", "talk", "x-1"]),
        st.lists(
            st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(
                lambda it: Segment(it[0] / 1000, (it[0] + it[1]) / 1000)
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
    )
)
def test_regions_come_back_from_uem(regions: dict[str, list[Segment]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.uem"
        lines = [f"{uri} 1 {p.start:.3f} {p.end:.3f}" for uri in regions for p in regions[uri]]
        file.write_text("\n".join(lines))
        assert read_uem(file) == {uri: sorted(parts) for uri, parts in regions.items()}
