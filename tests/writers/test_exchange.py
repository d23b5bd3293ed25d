"""Formats for other programs, each read back by somebody else's package."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from diarize.annotation import Diarization
from diarize.errors import MissingExtraError
from diarize.formats import WriterOptions, get_writer
from diarize.result import Result
from diarize.timeline import Turn
from diarize.transcript.assign import label_transcript
from diarize.transcript.readers import parse_transcript
from tests.writers.test_writers import ODD_NAME, SPEAKERS, TEXTS, render, result  # noqa: F401


def test_ass_through_pysubs2(result: Result) -> None:  # noqa: F811
    pysubs2 = pytest.importorskip("pysubs2")
    document = pysubs2.SSAFile.from_string(render(result, "ass", speaker_prefix="never"))
    assert [event.plaintext for event in document] == TEXTS
    assert [event.name for event in document] == SPEAKERS
    assert [event.style for event in document] == SPEAKERS
    colours = {str(document.styles[name].primarycolor) for name in SPEAKERS}
    assert len(colours) == 2
    assert (document[0].start, document[0].end) == (100, 1600)


def test_ass_text_that_looks_like_commands_stays_text() -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    text = r"C:\new {\an8} \hi, a"
    segments = [{"start": 0, "end": 1, "text": text, "speaker": "Lee, Ann"}]
    document = pysubs2.SSAFile.from_string(
        render(Result(Diarization([], 2.0), {"segments": segments}), "ass", speaker_prefix="never")
    )
    shown = document[0].plaintext.replace("\u2060", "").replace("｛", "{").replace("｝", "}")
    assert shown == text
    assert document[0].name == "Lee; Ann"


def test_ttml_through_ttconv(result: Result) -> None:  # noqa: F811
    reader = pytest.importorskip("ttconv.imsc.reader", reason="pip install ttconv")
    text = render(result, "ttml", speaker_prefix="never")
    document = reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(text)))
    paragraphs = [p for div in document.get_body() for p in div]
    shown = ["".join(t.get_text() for s in p for t in s) for p in paragraphs]
    assert shown == TEXTS
    assert [(float(p.get_begin()), float(p.get_end())) for p in paragraphs] == [
        (0.1, 1.6),
        (2.3, 3.7),
        (4.1, 4.9),
    ]


def test_ttml_names_its_agents(result: Result) -> None:  # noqa: F811
    space = "{http://www.w3.org/ns/ttml#metadata}"
    root = ElementTree.fromstring(render(result, "ttml"))
    identifier = "{http://www.w3.org/XML/1998/namespace}id"
    agents = {a.get(identifier): a[0].text for a in root.iter(f"{space}agent")}
    paragraphs = root.iter("{http://www.w3.org/ns/ttml}p")
    assert [agents[p.get(f"{space}agent")] for p in paragraphs] == SPEAKERS


def test_ttml_through_pycaption(result: Result) -> None:  # noqa: F811
    pycaption = pytest.importorskip("pycaption", reason="pip install pycaption")
    captions = pycaption.DFXPReader().read(render(result, "ttml", speaker_prefix="never"))
    (language,) = captions.get_languages()
    assert [c.get_text() for c in captions.get_captions(language)] == TEXTS


def test_stm_and_ctm_through_meeteval(result: Result, tmp_path: Path) -> None:  # noqa: F811
    meeteval = pytest.importorskip("meeteval", reason="pip install meeteval")
    path = tmp_path / "a.stm"
    path.write_text(render(result, "stm"), encoding="utf-8")
    lines = meeteval.io.STM.load(str(path)).lines
    assert [line.transcript for line in lines] == TEXTS
    assert [line.speaker_id for line in lines] == [name.replace(" ", "_") for name in SPEAKERS]
    assert [float(line.begin_time) for line in lines] == [0.1, 2.3, 4.1]
    path = tmp_path / "a.ctm"
    path.write_text(render(result, "ctm"), encoding="utf-8")
    words = meeteval.io.CTM.load(str(path)).lines
    assert " ".join(word.word for word in words) == " ".join(TEXTS)
    assert (float(words[1].begin_time), float(words[1].duration)) == (0.5, pytest.approx(0.1))
    comments = [row for row in path.read_text("utf-8").splitlines() if row.startswith(";;")]
    assert comments == [f";; speaker {name}" for name in SPEAKERS]


def test_diarized_json_through_openais_client(result: Result) -> None:  # noqa: F811
    text = render(result, "diarized-json")
    audio = pytest.importorskip("openai.types.audio", reason="pip install openai")
    document = audio.TranscriptionDiarized.model_validate_json(text)
    assert [segment.speaker for segment in document.segments] == SPEAKERS
    assert [segment.text for segment in document.segments] == TEXTS


PODCAST_SCHEMA = {
    "type": "object",
    "required": ["version", "segments"],
    "properties": {
        "version": {"type": "string"},
        "segments": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["startTime", "body"],
                "additionalProperties": False,
                "properties": {
                    "speaker": {"type": "string"},
                    "startTime": {"type": "number"},
                    "endTime": {"type": "number"},
                    "body": {"type": "string"},
                },
            },
        },
    },
}


def test_podcast_json_fits_its_schema(result: Result) -> None:  # noqa: F811
    document = json.loads(render(result, "podcast"))
    jsonschema = pytest.importorskip("jsonschema", reason="pip install jsonschema")
    jsonschema.validate(document, PODCAST_SCHEMA)
    assert [segment["speaker"] for segment in document["segments"]] == SPEAKERS


@pytest.mark.parametrize("name", ["podcast", "diarized-json", "vtt", "tsv"])
def test_what_is_written_is_read_again_with_its_speakers(
    result: Result,  # noqa: F811
    name: str,
) -> None:
    transcript = parse_transcript(render(result, name).encode(), "talk")
    assert [s["text"] for s in transcript.segments] == TEXTS
    assert [s["original_speaker"] for s in transcript.segments] == SPEAKERS


def test_subrip_is_read_again_with_its_speakers() -> None:
    segments = [
        {"start": n, "end": n + 1, "text": "What: a day.", "speaker": name}
        for n, name in enumerate(["Ann Lee", "Ben van Orr", "SPEAKER_02"])
    ]
    text = render(Result(Diarization([], 4.0), {"segments": segments}), "srt")
    found = parse_transcript(text.encode()).segments
    assert [s["original_speaker"] for s in found] == ["Ann Lee", "Ben van Orr", "SPEAKER_02"]
    assert [s["text"] for s in found] == ["What: a day."] * 3


def test_docx_through_python_docx(result: Result) -> None:  # noqa: F811
    docx = pytest.importorskip("docx", reason='pip install "autospeech-diarize[docx]"')
    raw = render(result, "docx")
    assert raw == render(result, "docx"), "the same bytes every time"
    document = docx.Document(io.BytesIO(raw))
    paragraphs = [p for p in document.paragraphs if p.runs and p.runs[0].bold]
    assert [p.runs[0].text for p in paragraphs] == SPEAKERS
    assert [p.text.split(": ", 1)[1] for p in paragraphs] == TEXTS
    rows = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert rows[1:] == [[ODD_NAME, "00:00:03", "63%", "2"], ["SPEAKER_01", "00:00:01", "37%", "1"]]


def test_parquet_through_pandas(result: Result, tmp_path: Path) -> None:  # noqa: F811
    pandas = pytest.importorskip("pandas", reason="pip install pandas")
    pytest.importorskip("pyarrow", reason='pip install "autospeech-diarize[parquet]"')
    path = tmp_path / "a.parquet"
    path.write_bytes(render(result, "parquet"))
    assert path.read_bytes() == render(result, "parquet"), "the same bytes every time"
    frame = pandas.read_parquet(path)
    assert list(frame["speaker"]) == SPEAKERS
    assert list(frame["text"]) == TEXTS
    assert [word["word"] for word in frame["words"][0]] == TEXTS[0].split()
    assert frame["words"][0][1]["probability"] == 0.9
    assert frame["start"].dtype == "float64"


@pytest.mark.parametrize(("name", "module"), [("docx", "docx"), ("parquet", "pyarrow")])
def test_a_missing_package_says_what_to_install(
    result: Result,  # noqa: F811
    name: str,
    module: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"\[{name}\]"):
        get_writer(name).render(result, WriterOptions())


def test_languages_without_spaces_keep_their_text(tmp_path: Path) -> None:
    turns = [Turn(0, 5, "A"), Turn(5, 10, "B")]
    text = "วันนี้อากาศดีมากเลยใช่ครับผมก็คิดอย่างนั้นเหมือนกัน"
    data = {"segments": [{"start": 1, "end": 9, "text": text}], "language": "th"}
    diarization = Diarization(turns, 10.0)
    one = Result(diarization, label_transcript(data, diarization))
    rows = [row for row in render(one, "ctm").splitlines() if not row.startswith(";;")]
    assert "".join(row.split()[4] for row in rows) == text
    assert 'lang="th"' in render(one, "ttml")


def test_words_of_no_length_last_a_moment_in_ctm() -> None:
    words = [{"word": " Yes.", "start": 1.5, "end": 1.5, "speaker": "Ann"}]
    segments = [{"start": 1.5, "end": 1.5, "text": " Yes.", "speaker": "Ann", "words": words}]
    one = Result(Diarization([Turn(1, 2, "Ann")], 2, uri="talk"), {"segments": segments})
    assert render(one, "ctm") == ";; speaker Ann\ntalk 1 1.500 0.010 Yes.\n"
