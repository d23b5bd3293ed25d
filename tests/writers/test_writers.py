"""Each format is read back by somebody else's reader."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from diarize.annotation import Candidate, Diarization, Speaker
from diarize.errors import OutputError, UsageError
from diarize.files import RECORD_NAME
from diarize.formats import FORMATS, WriterOptions, get_writer, names, writable
from diarize.outputs import write_files
from diarize.result import Result
from diarize.result_file import from_json
from diarize.text import guarded, one_line
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript

ODD_NAME = 'Ann "A" <Lee> & Co'


# Formats of an extra; the others need nothing.
NEEDS = {"docx": "docx", "parquet": "pyarrow"}


def word(text: str, start: float, end: float) -> dict[str, object]:
    return {"word": text, "start": start, "end": end, "probability": 0.9}


@pytest.fixture
def result() -> Result:
    turns = [
        Turn(0.0, 2.0, "SPEAKER_00", confidence=0.4),
        Turn(2.1, 4.0, "SPEAKER_01", confidence=0.2),
        Turn(3.8, 5.0, "SPEAKER_00", overlap=True),
    ]
    speakers = [Speaker("SPEAKER_00", ODD_NAME, 0.61, 0.2, (Candidate(ODD_NAME, 0.61),))]
    diarization = Diarization(turns, 6.0, "my talk", speakers, model="net", parameters={"k": 1})
    segments = [
        {
            "id": 0,
            "start": 0.1,
            "end": 3.7,
            "text": " =1+1 --> 2,\nis it? Да, 你好 & <b>.",
            "tokens": [1, 2],
            "words": [
                word(" =1+1", 0.1, 0.5),
                word(" -->", 0.5, 0.6),
                word(" 2,\nis", 0.8, 1.2),
                word(" it?", 1.2, 1.6),
                word(" Да,", 2.3, 2.6),
                word(" 你好", 2.7, 3.0),
                word(" &", 3.1, 3.3),
                word(" <b>.", 3.3, 3.7),
            ],
        },
        {"id": 1, "start": 4.1, "end": 4.9, "text": ' "Fine"\t| *ok*', "words": []},
    ]
    transcript = label_transcript({"text": "…", "segments": segments}, diarization)
    return Result(diarization, transcript, "folder/my talk.mp3")


TEXTS = ["=1+1 --> 2, is it?", "Да, 你好 & <b>.", '"Fine" | *ok*']
SPEAKERS = [ODD_NAME, "SPEAKER_01", ODD_NAME]


def render(result: Result, name: str, **options: object) -> Any:
    return get_writer(name).render(result, WriterOptions(**options))  # type: ignore[arg-type]


def test_the_registry_holds_every_format() -> None:
    assert names()[: len(FORMATS)] == tuple(FORMATS)
    extensions = [get_writer(name).extension for name in FORMATS]
    assert len(set(extensions)) == len(extensions)
    with pytest.raises(UsageError, match="doc"):
        get_writer("doc")


def test_srt_through_pysrt(result: Result) -> None:
    import pysrt

    items = pysrt.from_string(render(result, "srt"))
    texts = [text.replace("-->", "->") for text in TEXTS]
    assert [item.text for item in items] == [
        f"{speaker}: {text}" for speaker, text in zip(SPEAKERS, texts, strict=True)
    ]
    assert [item.index for item in items] == [1, 2, 3]
    assert (items[0].start.ordinal, items[0].end.ordinal) == (100, 1600)


def test_vtt_through_webvtt(result: Result) -> None:
    webvtt = pytest.importorskip("webvtt", reason="pip install webvtt-py")
    import html

    text = render(result, "vtt")
    captions = webvtt.from_buffer(io.StringIO(text)).captions
    assert [html.unescape(caption.voice) for caption in captions] == SPEAKERS
    assert [html.unescape(caption.text) for caption in captions] == TEXTS
    assert captions[1].start == "00:00:02.300"


def test_json_reads_back_whole(result: Result) -> None:
    document = json.loads(render(result, "json"))
    assert [segment["speaker"] for segment in document["segments"]] == SPEAKERS
    assert document["segments"][0]["tokens"] == document["segments"][1]["tokens"] == [1, 2]
    block = document["diarization"]
    assert block["speakers"][0]["name"] == ODD_NAME
    assert block["speakers"][0]["talk_time"] == pytest.approx(3.2)
    assert block["speakers"][0]["turns"] == 2
    assert block["audio"] == "folder/my talk.mp3"
    again = from_json(document)
    assert again.diarization == result.diarization
    assert render(again, "json") == render(result, "json")


def test_json_holds_no_nan_and_no_numpy(result: Result) -> None:
    import numpy as np

    assert result.transcript is not None
    result.transcript["segments"][0]["avg_logprob"] = float("nan")
    result.transcript["segments"][0]["score"] = np.float32(0.5)
    segment = json.loads(render(result, "json"), parse_constant=pytest.fail)["segments"][0]
    assert segment["avg_logprob"] is None
    assert segment["score"] == 0.5


def test_txt(result: Result) -> None:
    paragraphs = render(result, "txt").split("\n\n")
    assert paragraphs[1].strip() == "SPEAKER_01 (00:00:02): Да, 你好 & <b>."


def test_txt_joins_segments_of_one_turn() -> None:
    segments = [
        {"start": 0, "end": 1, "text": "One.", "speaker": "A"},
        {"start": 1, "end": 2, "text": "Two.", "speaker": "A"},
        {"start": 2, "end": 3, "text": "Three.", "speaker": "B"},
        {"start": 3, "end": 4, "text": "Four.", "speaker": None},
    ]
    result = Result(Diarization([], 4.0), {"segments": segments})
    assert render(result, "txt").split("\n\n") == [
        "A (00:00:00): One. Two.",
        "B (00:00:02): Three.",
        "Unknown (00:00:03): Four.\n",
    ]


def test_tsv_has_whispers_columns_first(result: Result) -> None:
    lines = render(result, "tsv").splitlines()
    assert lines[0].split("\t") == ["start", "end", "text", "speaker"]
    rows = [line.split("\t") for line in lines[1:]]
    assert rows[0] == ["100", "1600", TEXTS[0], ODD_NAME]


def test_csv_is_safe_in_a_spreadsheet(result: Result) -> None:
    rows = list(csv.DictReader(io.StringIO(render(result, "csv"))))
    assert [row["text"] for row in rows] == ["'" + TEXTS[0], *TEXTS[1:]]
    assert [row["speaker"] for row in rows] == SPEAKERS
    assert float(rows[0]["start"]) == 0.1
    assert [guarded(text)[0] for text in ("=a", "+a", "-a", "@a")] == ["'"] * 4


def test_rttm_through_pyannote_database(result: Result, tmp_path: Path) -> None:
    util = pytest.importorskip("pyannote.database.util", reason="pip install pyannote.database")
    path = tmp_path / "a.rttm"
    path.write_text(render(result, "rttm"), encoding="utf-8")
    annotation = util.load_rttm(path)["my_talk"]
    assert len(annotation) == 3
    assert {str(label) for label in annotation.labels()} == {
        ODD_NAME.replace(" ", "_"),
        "SPEAKER_01",
    }
    assert annotation.get_overlap().duration() == pytest.approx(0.2)
    path.write_text(render(result, "rttm", exclusive=True), encoding="utf-8")
    exclusive = util.load_rttm(path)["my_talk"]
    assert exclusive.get_overlap().duration() == pytest.approx(0.0, abs=2e-3)


def test_rttm_and_seglst_through_meeteval(result: Result, tmp_path: Path) -> None:
    meeteval = pytest.importorskip("meeteval", reason="pip install meeteval")
    (tmp_path / "a.rttm").write_text(render(result, "rttm"), encoding="utf-8")
    assert len(meeteval.io.load(str(tmp_path / "a.rttm"))) == 3
    pytest.importorskip("simplejson", reason="pip install simplejson, which meeteval wants")
    path = tmp_path / "a.seglst.json"
    path.write_text(render(result, "seglst"), encoding="utf-8")
    segments = meeteval.io.SegLST.load(str(path))
    assert [segment["words"] for segment in segments] == TEXTS
    assert [segment["speaker"] for segment in segments] == SPEAKERS
    assert {segment["session_id"] for segment in segments} == {"my_talk"}
    assert float(segments[1]["start_time"]) == 2.3


def test_audacity_labels(result: Result) -> None:
    rows = [line.split("\t") for line in render(result, "audacity").splitlines()]
    assert rows[1] == ["2.300000", "3.700000", f"SPEAKER_01: {TEXTS[1]}"]


def test_textgrid_through_praatio(result: Result, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid", reason="pip install praatio")
    path = tmp_path / "a.TextGrid"
    path.write_text(render(result, "textgrid"), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
    assert set(grid.tierNames) == {ODD_NAME, "SPEAKER_01"}
    assert grid.maxTimestamp == 6.0
    entries = grid.getTier(ODD_NAME).entries
    assert [entry.label for entry in entries] == [TEXTS[0], TEXTS[2]]
    assert (entries[0].start, entries[0].end) == (0.1, 1.6)
    full = textgrid.openTextgrid(str(path), includeEmptyIntervals=True).getTier(ODD_NAME).entries
    assert [entry.end for entry in full[:-1]] == [entry.start for entry in full[1:]]


@pytest.mark.parametrize("place", ["talk.mp3", "recordings/a b/talk.mp3", "../elsewhere/talk.mp3"])
def test_elan_finds_the_recording_from_the_file(tmp_path: Path, place: str) -> None:
    pympi = pytest.importorskip("pympi")
    folder = tmp_path / "out"
    audio = folder / place
    audio.parent.mkdir(parents=True, exist_ok=True)
    audio.write_bytes(b"sound")
    result = Result(Diarization([Turn(0, 1, "a")], 1), audio=str(audio))
    (path,) = result.write(folder / "talk.eaf")
    (media,) = pympi.Elan.Eaf(str(path)).get_linked_files()
    assert (folder / media["RELATIVE_MEDIA_URL"]).resolve() == audio.resolve()
    assert f"file://{audio.as_posix()}" in result.to_eaf()


def test_eaf_through_pympi(result: Result, tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pip install pympi-ling")
    path = tmp_path / "a.eaf"
    path.write_text(render(result, "eaf"), encoding="utf-8")
    document = elan.Eaf(str(path))
    assert set(document.get_tier_names()) == {ODD_NAME, "SPEAKER_01"}
    assert sorted(document.get_annotation_data_for_tier(ODD_NAME)) == [
        (100, 1600, TEXTS[0]),
        (4100, 4900, TEXTS[2]),
    ]
    assert document.media_descriptors[0]["MIME_TYPE"] == "audio/mpeg"


def test_minutes_say_who_spoke_how_long(result: Result) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="pip install markdown-it-py")
    html = markdown_it.MarkdownIt().enable("table").render(render(result, "md"))
    assert "<td>SPEAKER_01</td>" in html
    assert ">63%</td>" in html
    assert "<strong>SPEAKER_01</strong> (00:00:02): Да, 你好 &amp; &lt;b&gt;." in html
    assert "<em>" not in html


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_do_without_a_transcript(result: Result, name: str) -> None:
    pytest.importorskip(NEEDS.get(name, "json"))
    text = render(Result(result.diarization), name)
    if isinstance(text, str):
        assert "SPEAKER_01" in text
        assert text.endswith("\n")
    else:
        assert len(text) > 1000


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_do_without_anybody(name: str, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(name, "json"))
    for duration in (0.0, 3.0):
        nobody = Result(Diarization([], duration), {"text": "", "segments": []})
        assert render(nobody, name) == render(nobody, name)
    (path,) = write_files(nobody, [name], tmp_path, "empty")
    if name == "textgrid":
        textgrid = pytest.importorskip("praatio.textgrid", reason="pip install praatio")
        textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    if name == "eaf":
        pytest.importorskip("pympi.Elan", reason="pip install pympi-ling").Eaf(str(path))


def test_tiers_do_not_overlap(tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid", reason="pip install praatio")
    segments = [
        {"start": 0.0, "end": 2.0, "text": "long", "speaker": "A"},
        {"start": 1.0, "end": 3.0, "text": "late", "speaker": "A"},
        {"start": 1.5, "end": 2.5, "text": "gone", "speaker": "A"},
        {"start": 5.0, "end": 5.0, "text": "point", "speaker": "B"},
    ]
    result = Result(Diarization([], 4.0), {"segments": segments})
    (path,) = write_files(result, ["textgrid"], tmp_path, "a")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    labels = [(entry.start, entry.end, entry.label) for entry in grid.getTier("A").entries]
    assert labels == [(0.0, 2.0, "long"), (2.0, 3.0, "late gone")]
    assert grid.getTier("B").entries[0].label == "point"


def test_files_are_written_and_listed(result: Result, tmp_path: Path) -> None:
    written = write_files(result, writable(), tmp_path / "new" / "folder", "talk")
    files = {path for path in (tmp_path / "new" / "folder").iterdir() if path.name != RECORD_NAME}
    assert set(written) == files
    assert written[0].name == "talk.srt"
    assert b"\r" not in written[0].read_bytes()


def test_an_input_is_never_overwritten(result: Result, tmp_path: Path) -> None:
    theirs = tmp_path / "talk.json"
    theirs.write_text("theirs")
    written = write_files(result, ["json", "srt"], tmp_path, "talk", inputs=[theirs])
    assert [path.name for path in written] == ["talk.diarized.json", "talk.srt"]
    assert theirs.read_text() == "theirs"
    inputs = [theirs, tmp_path / "talk.diarized.json"]
    written = write_files(result, ["json"], tmp_path, "talk", inputs=inputs, overwrite=True)
    assert [path.name for path in written] == ["talk.diarized.2.json"]
    with pytest.raises(OutputError, match="is an input"):
        write_files(result, ["json"], tmp_path, "talk", inputs=inputs, file=theirs)


def test_a_link_to_an_input_is_seen_through(result: Result, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("theirs")
    (tmp_path / "talk.json").symlink_to(tmp_path / "real.json")
    (path,) = write_files(result, ["json"], tmp_path, "talk", inputs=[tmp_path / "real.json"])
    assert path.name == "talk.diarized.json"


def test_all_files_or_none(result: Result, tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").mkdir()
    with pytest.raises(OutputError, match=r"talk\.vtt"):
        write_files(result, ["srt", "vtt"], tmp_path, "talk")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.vtt"]


def test_a_file_in_place_of_the_folder_is_one_line(result: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_files(result, ["srt"], tmp_path / "file", "talk")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_one_line(result: Result, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write"):
        write_files(result, ["srt"], tmp_path, "talk")


def test_a_labelled_transcript_of_others_is_read() -> None:
    data = {"segments": [{"start": 0, "end": 1, "text": "a", "speaker": "X"}]}
    assert from_json(data).diarization.turns == (Turn(0.0, 1.0, "X"),)


def test_one_line() -> None:
    assert one_line("a\r\nb\x00c\u2028 d") == "a b c d"
