"""Every producer's transcript is read, and can be given back in its own shape."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.errors import TranscriptError
from diarize.transcript.readers import parse_transcript, read_transcript, to_source_shape
from diarize.transcript.schema import Transcript


def label(transcript: Transcript, speaker: str = "SPEAKER_00") -> dict[str, Any]:
    """Put one speaker on everything, as the assignment of words does with many."""
    labelled = copy.deepcopy(transcript.data)
    for item in (*labelled["segments"], *Transcript(labelled).words()):
        item["speaker"] = speaker
    return labelled


def texts(transcript: Transcript) -> list[str]:
    return [word["word"] for word in transcript.words()]


def unlabelled(value: Any) -> Any:
    """Take every speaker out again, ours and the ones that were set aside."""
    if isinstance(value, dict):
        hidden = ("speaker", "original_speaker", "spk")
        return {key: unlabelled(item) for key, item in value.items() if key not in hidden}
    return [unlabelled(item) for item in value] if isinstance(value, list) else value


WHISPER: dict[str, Any] = {
    "text": " Hello there. 42 things?",
    "segments": [
        {
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": 1.5,
            "text": " Hello there.",
            "tokens": [50364, 2425, 456, 13],
            "temperature": 0.0,
            "avg_logprob": -0.25,
            "compression_ratio": 1.1,
            "no_speech_prob": 0.01,
            "words": [
                {"word": " Hello", "start": 0.0, "end": 0.5, "probability": 0.9},
                {"word": " there.", "start": 0.5, "end": 1.5, "probability": 0.8},
            ],
        },
        {
            "id": 1,
            "start": 2.0,
            "end": 3.0,
            "text": " 42 things?",
            "words": [
                {"word": " 42", "start": 2.0, "end": 2.5, "probability": 0.5},
                {"word": " things?", "start": 2.5, "end": 3.0, "probability": 0.7},
            ],
        },
    ],
    "language": "en",
}

WHISPERX: dict[str, Any] = {
    "segments": [
        {
            "start": 0.1,
            "end": 1.4,
            "text": " It cost 42 in 2014.",
            "speaker": "SPEAKER_07",
            "words": [
                {"word": "It", "start": 0.1, "end": 0.3, "score": 0.9, "speaker": "SPEAKER_07"},
                {"word": "cost", "start": 0.3, "end": 0.6, "score": 0.8},
                {"word": "42"},
                {"word": "in", "start": 0.9, "end": 1.0, "score": 0.7},
                {"word": "2014."},
            ],
            "chars": [{"char": "I", "start": 0.1, "end": 0.2, "score": 0.9}],
        }
    ],
    "word_segments": [
        {"word": "It", "start": 0.1, "end": 0.3, "score": 0.9, "speaker": "SPEAKER_07"},
        {"word": "cost", "start": 0.3, "end": 0.6, "score": 0.8},
        {"word": "42"},
        {"word": "in", "start": 0.9, "end": 1.0, "score": 0.7},
        {"word": "2014."},
    ],
    "language": "en",
}


def cpp_times(start: int, end: int) -> dict[str, Any]:
    def clock(ms: int) -> str:
        return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"

    return {
        "timestamps": {"from": clock(start), "to": clock(end)},
        "offsets": {"from": start, "to": end},
    }


def cpp_token(text: str, start: int, end: int, number: int = 1, p: float = 0.5) -> dict[str, Any]:
    return {"text": text, **cpp_times(start, end), "id": number, "p": p, "t_dtw": -1}


WHISPER_CPP: dict[str, Any] = {
    "systeminfo": "AVX = 1 | AVX2 = 1",
    "model": {"type": "base", "multilingual": True, "vocab": 51865, "audio": {"ctx": 1500}},
    "params": {"model": "models/ggml-base.bin", "language": "en", "translate": False},
    "result": {"language": "en"},
    "transcription": [
        {**cpp_times(0, 7500), "text": " And so my fellow Americans"},
        {**cpp_times(7500, 3661040), "text": " ask not.", "speaker_turn_next": True},
    ],
}

WHISPER_CPP_FULL: dict[str, Any] = {
    **WHISPER_CPP,
    "transcription": [
        {
            **cpp_times(0, 2000),
            "text": " Unbelievable, yes.",
            "tokens": [
                cpp_token("[_BEG_]", 0, 0, 50364),
                cpp_token(" Un", 0, 200, p=0.4),
                cpp_token("believ", 200, 500, p=0.6),
                cpp_token("able", 500, 700, p=0.8),
                cpp_token(",", 700, 800, p=0.6),
                cpp_token(" yes", 900, 1500),
                cpp_token(".", 1500, 1600),
                cpp_token("[_TT_100]", 2000, 2000, 50464),
            ],
        }
    ],
}

CHUNKS: dict[str, Any] = {
    "text": " Good morning. How are you?",
    "chunks": [
        {"text": " Good morning.", "timestamp": [0.0, 1.2]},
        {"text": " How are you?", "timestamp": [1.5, 2.4]},
    ],
    "speakers": [],
}

WORD_CHUNKS: dict[str, Any] = {
    "text": " Good morning. How are you?",
    "chunks": [
        {"text": " Good", "timestamp": [0.0, 0.3]},
        {"text": " morning.", "timestamp": [0.3, 1.2]},
        {"text": " How", "timestamp": [1.5, 1.7]},
        {"text": " are", "timestamp": [1.7, 1.9]},
        {"text": " you?", "timestamp": [1.9, 2.4]},
    ],
}

DECODED: dict[str, Any] = {
    "seek": 0,
    "tokens": [50364, 1],
    "temperature": 0.0,
    "avg_logprob": -0.3,
    "compression_ratio": 1.2,
    "no_speech_prob": 0.1,
}

VERBOSE: dict[str, Any] = {
    "task": "transcribe",
    "language": "english",
    "duration": 4.0,
    "text": '"Hello," she said - twice. Bye!',
    "words": [
        {"word": "Hello", "start": 0.0, "end": 0.5},
        {"word": "she", "start": 0.5, "end": 0.8},
        {"word": "said", "start": 0.8, "end": 1.2},
        {"word": "twice", "start": 1.4, "end": 1.9},
        {"word": "Bye", "start": 3.0, "end": 3.4},
    ],
    "segments": [
        {"id": 0, "start": 0.0, "end": 2.0, "text": ' "Hello," she said - twice.', **DECODED},
        {"id": 1, "start": 2.9, "end": 4.0, "text": " Bye!", **DECODED},
    ],
    "usage": {"type": "duration", "seconds": 4},
}

DIARIZED: dict[str, Any] = {
    "task": "transcribe",
    "duration": 5.0,
    "text": "Hi. Hello.",
    "segments": [
        {
            "id": f"seg_{index}",
            "type": "transcript.text.segment",
            "speaker": speaker,
            "start": 2.0 * index,
            "end": 2.0 * index + 1,
            "text": text,
        }
        for index, (speaker, text) in enumerate([("agent", "Hi."), ("A", "Hello.")])
    ],
    "usage": {"type": "tokens", "input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}

FUNASR: list[dict[str, Any]] = [
    {
        "key": "rand_key",
        "text": "你好，OK。 Good day.",
        "timestamp": [[0, 200], [200, 400], [500, 900], [1000, 1300], [1300, 1600]],
        "sentence_info": [
            {
                "text": "你好，OK。",
                "start": 0,
                "end": 900,
                "timestamp": [[0, 200], [200, 400], [500, 900]],
                "spk": 0,
            },
            {
                "text": "Good day.",
                "start": 1000,
                "end": 1600,
                "timestamp": [[1000, 1300], [1300, 1600]],
                "spk": 1,
            },
        ],
    }
]

TIMESTAMPED: dict[str, Any] = {
    "text": " Well.",
    "segments": [
        {
            "id": 0,
            "start": 0.5,
            "end": 1.2,
            "text": " Well.",
            "confidence": 0.51,
            "words": [{"text": "Well.", "start": 0.5, "end": 1.2, "confidence": 0.51}],
        }
    ],
    "language": "en",
}

SOURCES: dict[str, Any] = {
    "openai-whisper": WHISPER,
    "whisperx": WHISPERX,
    "whisper.cpp": WHISPER_CPP,
    "whisper.cpp -ojf": WHISPER_CPP_FULL,
    "transformers": CHUNKS,
    "transformers words": WORD_CHUNKS,
    "openai-api-verbose-json": VERBOSE,
    "openai-api-diarized-json": DIARIZED,
    "funasr": FUNASR,
    "whisper-timestamped": TIMESTAMPED,
    "segments": WHISPER["segments"],
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_producer_is_known_by_the_shape_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / "anything.bin"
    path.write_text(json.dumps(SOURCES[name]), encoding="utf-8")
    assert read_transcript(path).producer == name.split()[0]


@pytest.mark.parametrize("name", SOURCES)
def test_reading_and_giving_back_loses_nothing(name: str) -> None:
    source = copy.deepcopy(SOURCES[name])
    transcript = read_transcript(source)
    assert source == SOURCES[name], "the source itself must not change"
    back = to_source_shape(label(transcript), transcript)
    json.dumps(back)
    assert unlabelled(back) == unlabelled(SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_given_back_is_read_again_as_the_same(name: str) -> None:
    transcript = read_transcript(SOURCES[name])
    again = read_transcript(to_source_shape(label(transcript), transcript))
    assert again.producer == transcript.producer
    assert unlabelled(again.data) == unlabelled(transcript.data)


@pytest.mark.parametrize("name", SOURCES)
def test_the_promises_of_the_shape_hold(name: str) -> None:
    transcript = read_transcript(SOURCES[name])
    for segment in transcript.segments:
        assert 0 <= segment["start"] <= segment["end"]
        assert "speaker" not in segment
        if segment.get("words"):
            assert "".join(word["word"] for word in segment["words"]) == segment["text"]
    assert all("speaker" not in word for word in transcript.words())


def test_whisper_is_read_as_it_is() -> None:
    transcript = read_transcript(WHISPER)
    assert transcript.data == WHISPER
    assert transcript.data is not WHISPER
    assert (transcript.language, transcript.end, transcript.has_words) == ("en", 3.0, True)


def test_whisperx_words_get_spaces_and_keep_missing_times() -> None:
    transcript = read_transcript(WHISPERX)
    assert texts(transcript) == [" It", " cost", " 42", " in", " 2014."]
    assert [("start" in word) for word in transcript.words()] == [True, True, False, True, False]
    first = next(transcript.words())
    assert (first["probability"], first["original_speaker"]) == (0.9, "SPEAKER_07")
    back = to_source_shape(label(transcript, "Ann"), transcript)
    assert back["word_segments"] == back["segments"][0]["words"]
    assert {word["speaker"] for word in back["word_segments"]} == {"Ann"}
    assert back["segments"][0]["original_speaker"] == "SPEAKER_07"


def test_whisperx_in_a_script_without_spaces() -> None:
    words = [{"word": character, "start": 0.1, "end": 0.2, "score": 1.0} for character in "今日は"]
    source = {"segments": [{"start": 0, "end": 1, "text": "今日は。", "words": words}]}
    assert texts(read_transcript(source)) == ["今", "日", "は。"]


def test_whisper_cpp_times_come_from_milliseconds_or_clock() -> None:
    transcript = read_transcript(WHISPER_CPP)
    assert [(s["start"], s["end"]) for s in transcript.segments] == [(0, 7.5), (7.5, 3661.04)]
    bare = copy.deepcopy(WHISPER_CPP)
    for entry in bare["transcription"]:
        del entry["offsets"]
    assert read_transcript(bare).segments[1]["end"] == pytest.approx(3661.04)
    assert transcript.segments[1]["speaker_turn_next"] is True
    assert transcript.language == "en"


def test_whisper_cpp_tokens_become_words() -> None:
    words = list(read_transcript(WHISPER_CPP_FULL).words())
    assert [word["word"] for word in words] == [" Unbelievable,", " yes."]
    assert [(word["start"], word["end"]) for word in words] == [(0.0, 0.8), (0.9, 1.6)]
    assert words[0]["probability"] == pytest.approx((0.4 + 0.6 + 0.8 + 0.6) / 4)
    assert [token["text"] for token in words[0]["tokens"]][:2] == ["[_BEG_]", " Un"]
    assert words[1]["tokens"][-1]["text"] == "[_TT_100]"


def split_tokens(text: str, cuts: list[int]) -> list[bytes]:
    raw = text.encode("utf-8")
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def cpp_file_with_cut_characters(text: str, pieces: list[bytes]) -> bytes:
    """Write JSON as whisper.cpp does: each token's raw bytes, whole characters or not."""
    tokens = [
        json.dumps({**cpp_token("@", 100 * i, 100 * i + 100)}).encode().replace(b"@", piece)
        for i, piece in enumerate(pieces)
    ]
    entry = json.dumps({**cpp_times(0, 1000), "text": text}, ensure_ascii=False).encode("utf-8")
    entry = entry[:-1] + b', "tokens": [' + b", ".join(tokens) + b"]}"
    return b'{"result": {"language": "zh"}, "transcription": [' + entry + b"]}"


@pytest.mark.parametrize(
    ("text", "cuts", "expected"),
    [
        (" 你好吗", [1, 3, 4, 7], [" 你", "好", "吗"]),  # cut inside characters
        (" naïve café", [4, 7, 12], [" naïve", " café"]),
        (" yes 😀.", [4, 6, 7], [" yes", " 😀."]),  # four bytes in three tokens
    ],
)
def test_whisper_cpp_tokens_that_cut_characters(
    text: str, cuts: list[int], expected: list[str]
) -> None:
    raw = cpp_file_with_cut_characters(text, split_tokens(text, cuts))
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    transcript = parse_transcript(raw)
    assert transcript.segments[0]["text"] == text
    assert "".join(texts(transcript)) == text
    assert texts(transcript) == expected
    assert transcript.warnings == ()
    written = to_source_shape(label(transcript), transcript)
    json.dumps(written, ensure_ascii=False).encode("utf-8")  # no lone surrogates remain


def test_whisper_cpp_tokens_after_another_program_replaced_their_bytes() -> None:
    raw = cpp_file_with_cut_characters(" 你好 a", split_tokens(" 你好 a", [1, 3, 6]))
    replaced = raw.decode("utf-8", "replace").encode("utf-8")
    assert "".join(texts(parse_transcript(replaced))) == " 你好 a"


def test_whisper_cpp_with_a_word_an_entry() -> None:
    pieces = [(" Hel", 0, 200), ("lo", 200, 400), (" my", 400, 600), (" friend.", 600, 900)]
    pieces += [(" Bye", 3000, 3300), (".", 3300, 3300)]
    entries = [{**cpp_times(start, end), "text": text} for text, start, end in pieces]
    source = {**WHISPER_CPP, "transcription": entries}
    transcript = read_transcript(source)
    assert texts(transcript) == [" Hello", " my", " friend.", " Bye."]
    assert [s["text"] for s in transcript.segments] == [" Hello my friend.", " Bye."]
    assert unlabelled(to_source_shape(label(transcript), transcript)) == source


def test_chunks_without_an_end_get_one() -> None:
    source = copy.deepcopy(CHUNKS)
    source["chunks"][0]["timestamp"][1] = None
    source["chunks"][1]["timestamp"][1] = None
    first, last = read_transcript(source).segments
    assert 0.3 <= first["end"] <= last["start"] == 1.5
    assert 1.5 < last["end"] < 4.0


def test_word_chunks_become_sentences_and_return_as_words() -> None:
    transcript = read_transcript(WORD_CHUNKS)
    assert [s["text"] for s in transcript.segments] == [" Good morning.", " How are you?"]
    back = to_source_shape(label(transcript), transcript)
    assert back["chunks"][1] == {
        "text": " morning.",
        "timestamp": [0.3, 1.2],
        "speaker": "SPEAKER_00",
    }


def test_chunks_as_a_bare_list_with_tuples() -> None:
    source = [{"text": "so it is", "timestamp": (0.0, 1.0)}]
    transcript = read_transcript(source)
    assert transcript.producer == "transformers"
    assert to_source_shape(label(transcript), transcript)[0]["timestamp"] == [0.0, 1.0]


def test_api_words_go_into_their_segments_with_their_punctuation() -> None:
    transcript = read_transcript(VERBOSE)
    assert [[w["word"] for w in s["words"]] for s in transcript.segments] == [
        [' "Hello,"', " she", " said", " - twice."],
        [" Bye!"],
    ]
    back = to_source_shape(label(transcript), transcript)
    assert [word["word"] for word in back["words"]] == ["Hello", "she", "said", "twice", "Bye"]
    assert all("words" not in segment for segment in back["segments"])


def test_api_words_that_differ_from_the_text_go_by_time() -> None:
    source = copy.deepcopy(VERBOSE)
    source["words"][4]["word"] = "Farewell"
    transcript = read_transcript(source)
    assert [len(s["words"]) for s in transcript.segments] == [4, 1]


def test_api_words_alone_become_segments() -> None:
    source = {key: value for key, value in VERBOSE.items() if key != "segments"}
    transcript = read_transcript(source)
    assert [s["text"] for s in transcript.segments] == ['"Hello," she said - twice.', " Bye!"]
    assert unlabelled(to_source_shape(label(transcript), transcript)) == source


def test_api_words_alone_keep_the_text_that_they_differ_from() -> None:
    words = [
        {"word": word, "start": start, "end": start + 0.4}
        for word, start in (("I", 1), ("have", 2), ("ten", 3), ("OK", 9), ("then", 9.5))
    ]
    source = {"text": "I have 10. OK, then?", "words": words}
    transcript = read_transcript(source)
    texts_of_segments = [segment["text"] for segment in transcript.segments]
    assert texts_of_segments == ["I have 10.", " OK, then?"]
    with pytest.raises(TranscriptError, match="has no times"):
        read_transcript({"text": "Hello there.", "words": []})


def test_speakers_of_other_tools_step_aside() -> None:
    transcript = read_transcript(DIARIZED)
    assert [s["original_speaker"] for s in transcript.segments] == ["agent", "A"]
    assert [s["id"] for s in transcript.segments] == ["seg_0", "seg_1"]
    back = to_source_shape(label(transcript, "Ann"), transcript)
    assert [(s["speaker"], s["original_speaker"]) for s in back["segments"]] == [
        ("Ann", "agent"),
        ("Ann", "A"),
    ]


def test_funasr_tokens_become_words_in_both_scripts() -> None:
    transcript = read_transcript(FUNASR)
    assert [[w["word"] for w in s["words"]] for s in transcript.segments] == [
        ["你", "好，", "OK。"],
        ["Good", " day."],
    ]
    assert transcript.segments[1]["start"] == 1.0
    assert [s["original_speaker"] for s in transcript.segments] == [0, 1]


def test_funasr_speakers_are_numbers() -> None:
    transcript = read_transcript(FUNASR)
    labelled = label(transcript, "Ann")
    labelled["segments"][1]["speaker"] = "Bob"
    back = to_source_shape(labelled, transcript)[0]["sentence_info"]
    assert [(s["spk"], s["speaker"]) for s in back] == [(0, "Ann"), (1, "Bob")]


def test_our_own_labelled_json_is_read_as_what_it_was_made_from() -> None:
    labelled = label(read_transcript(WHISPER))
    labelled["segments"][0]["unsure"] = labelled["segments"][0]["words"][0]["unsure"] = True
    labelled["diarization"] = {"turns": [], "speakers": []}
    transcript = read_transcript(labelled)
    assert transcript.producer == "autospeech-diarize"
    assert transcript.data == WHISPER


@pytest.mark.parametrize(
    "source",
    [
        {"text": "", "segments": [], "language": "en"},
        {"transcription": []},
        {"text": "", "chunks": []},
        {"segments": [], "word_segments": []},
        [],
    ],
)
def test_a_transcript_without_words_is_empty_but_valid(source: Any) -> None:
    transcript = read_transcript(source)
    assert (transcript.segments, transcript.has_words, transcript.end) == ([], False, 0.0)
    assert transcript.text == ""
    to_source_shape(label(transcript), transcript)


def test_segments_with_bad_times_are_mended() -> None:
    source = {
        "segments": [
            {"start": "0.5", "end": "0.2", "text": " a"},
            {"start": float("nan"), "end": None, "text": " b", "words": None},
            {"start": 3, "end": 4, "text": " c", "words": [{"word": " c", "start": None}]},
        ]
    }
    a, b, c = read_transcript(source).segments
    assert (a["start"], a["end"]) == (0.5, 0.5)
    assert 0.5 <= b["start"] <= b["end"] <= 3
    assert "start" not in c["words"][0]


# --- subtitles and tables -------------------------------------------------------------------------

SRT = """1
00:00:00,000 --> 00:00:01,500
[SPEAKER_01]: Hello <i>there</i>.

2
00:00:02,000 --> 00:00:03,250
- Two
lines
"""


def test_srt() -> None:
    transcript = parse_transcript(SRT.encode())
    assert transcript.producer == "srt"
    first, second = transcript.segments
    assert (first["start"], first["end"], first["text"]) == (0.0, 1.5, "Hello there.")
    assert first["original_speaker"] == "SPEAKER_01"
    assert (second["end"], second["text"]) == (3.25, "- Two lines")
    assert "words" not in first
    assert to_source_shape(label(transcript), transcript)["segments"][0]["speaker"] == "SPEAKER_00"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_srt_in_unicode_encodings(encoding: str) -> None:
    transcript = parse_transcript(SRT.replace("Two", "Äöü").encode(encoding))
    assert transcript.segments[1]["text"] == "- Äöü lines"
    assert transcript.warnings == ()


def test_srt_in_an_old_encoding_warns() -> None:
    transcript = parse_transcript(SRT.replace("Two", "Grüße").encode("latin-1"), "old.srt")
    assert transcript.segments[1]["text"] == "- Grüße lines"
    assert "old.srt is not UTF-8" in transcript.warnings[0]


def test_srt_with_a_broken_cue_names_its_line() -> None:
    broken = SRT + "\n3\n00:00:04,000 --> 00:00:0x\nlost\n\n4\n00:00:05,000 --> 00:00:06,000\nok\n"
    with pytest.raises(TranscriptError, match=r"x\.srt: line 11: '00:00:04,000 --> 00:00:0x'"):
        parse_transcript(broken.encode(), "x.srt")


@pytest.mark.parametrize("line", ["10:30:00 - 11:00:00", "1:2:3, 4:5:6", "2:1:1 / 3:1:1"])
def test_clocks_in_the_text_of_a_cue_are_text(line: str) -> None:
    source = f"1\n00:00:01,000 --> 00:00:04,000\nThe slot is\n{line}\nand we go on\n"
    (cue,) = parse_transcript(source.encode(), "x.srt").segments
    assert " ".join(cue["text"].split()) == f"The slot is {line} and we go on"


def test_vtt_with_everything_in_it() -> None:
    source = """\ufeffWEBVTT - a title
Kind: captions
Language: de

STYLE
::cue { color: red }

NOTE 00:00.000 --> 00:01.000
is only a comment

intro
00:00.500 --> 00:01.750 align:start position:10%
<v.loud Ann Lee>Tom &amp; Jerry <c.yellow>say</c></v>
&lt;hi&gt;

01:00:02.000 --> 01:00:03.000
plain
"""
    transcript = parse_transcript(source.encode())
    assert (transcript.producer, transcript.language) == ("vtt", "de")
    first, second = transcript.segments
    assert first["text"] == "Tom & Jerry say <hi>"
    assert (first["start"], first["end"]) == (0.5, 1.75)
    assert (first["original_speaker"], first["cue"]) == ("Ann Lee", "intro")
    assert first["settings"] == "align:start position:10%"
    assert (second["start"], second["text"]) == (3602.0, "plain")


def test_vtt_without_cues_is_empty() -> None:
    assert parse_transcript(b"WEBVTT\n").segments == []


def test_tsv_in_milliseconds() -> None:
    raw = b'start\tend\ttext\n0\t1500\tSaid "hi\n1500\t2000\t[[SPEAKER_00]]there\n'
    transcript = parse_transcript(raw)
    assert [(s["start"], s["end"], s["text"]) for s in transcript.segments] == [
        (0.0, 1.5, 'Said "hi'),
        (1.5, 2.0, "there"),
    ]
    assert transcript.segments[1]["original_speaker"] == "SPEAKER_00"
    assert parse_transcript(b"start\tend\ttext\n").segments == []
    with pytest.raises(TranscriptError, match="line 2"):
        parse_transcript(b"start\tend\ttext\nzero\tone\thi\n")


def test_csv_in_whole_seconds_is_refused() -> None:
    with pytest.raises(TranscriptError, match=r"14 milliseconds, too short .* decimal point"):
        parse_transcript(b"start,end,speaker,text\n0,4,x,Hello\n4,14,y,Good day to you\n")
    transcript = parse_transcript(b"start,end,text\n0,4000,Hello\n4000,4000,you\n")
    assert transcript.end == 4.0


def test_csv_with_a_time_in_brackets_inside_a_cell_is_csv() -> None:
    raw = b'start,end,text\n0.0,1.5,"Note\n[00:01.000] hi"\n2.0,3.0,yo\n'
    assert [one["text"] for one in parse_transcript(raw).segments] == ["Note\n[00:01.000] hi", "yo"]


def test_csv_with_a_field_that_never_ends_is_refused() -> None:
    raw = b'start,end,text\n0,4000,"' + b"a" * 140_000 + b"\n"
    with pytest.raises(TranscriptError, match=r"line 2 of the table .* quotation mark"):
        parse_transcript(raw)


def test_audacity_labels_in_seconds() -> None:
    transcript = parse_transcript(b"0.000000\t1.500000\tHello\n2\t2.5\tthere\n")
    assert (transcript.producer, transcript.segments[0]["end"]) == ("audacity", 1.5)


# --- what fits nowhere ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"just some text", "no times"),
        (b'{"a": 1}', "has: a"),
        (b"{}", "no keys"),
        (b'{"text": "hi"}', "verbose_json"),
        (b"[1, 2]", "list of other things"),
        (b'{"segments": [{"start": 0', "line 1, column"),
        (b'{"segments": "none"}', "has: segments"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "binary file"),
        (b"[" * 100000, "JSON"),
    ],
)
def test_what_fits_nowhere_is_named(raw: bytes, message: str) -> None:
    with pytest.raises(TranscriptError, match=message) as caught:
        parse_transcript(raw, "talk.json")
    assert str(caught.value).startswith("talk.json: ")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="no such"):
        read_transcript(tmp_path / "no.json")
    with pytest.raises(TranscriptError, match="folder"):
        read_transcript(tmp_path)
    with pytest.raises(TranscriptError, match="a int"):
        read_transcript(7)


def test_open_files_and_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(WHISPER).encode()
    assert read_transcript(io.BytesIO(raw)).data == WHISPER
    assert read_transcript(io.StringIO(raw.decode())).data == WHISPER
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert read_transcript("-").data == WHISPER
    monkeypatch.setattr("sys.stdin", None)  # closed
    with pytest.raises(TranscriptError, match="standard input: nothing is piped in"):
        read_transcript("-")


def test_json_in_an_old_encoding_warns() -> None:
    raw = '{"segments": [{"start": 0, "end": 1, "text": " Grüße"}]}'.encode("latin-1")
    transcript = parse_transcript(raw, "old.json")
    assert transcript.segments[0]["text"] == " Grüße"
    assert "old.json is not UTF-8" in transcript.warnings[0]


# --- what the producers' own code writes ----------------------------------------------------------


@pytest.mark.slow
def test_files_that_openai_whisper_writes(tmp_path: Path) -> None:
    utils = pytest.importorskip("whisper.utils", reason='pip install "autospeech-diarize[whisper]"')
    source = copy.deepcopy(WHISPER)
    for name in ("json", "srt", "vtt", "tsv"):
        utils.get_writer(name, str(tmp_path))(source, "talk.wav", {})
    assert read_transcript(tmp_path / "talk.json").data == WHISPER
    for name in ("srt", "vtt", "tsv"):
        transcript = read_transcript(tmp_path / f"talk.{name}")
        assert transcript.producer == name
        assert [s["text"] for s in transcript.segments] == ["Hello there.", "42 things?"]
        assert [s["end"] for s in transcript.segments] == [1.5, 3.0]


def test_openai_whisper_writes_subtitles_of_what_is_given_back(tmp_path: Path) -> None:
    utils = pytest.importorskip("whisper.utils", reason='pip install "autospeech-diarize[whisper]"')
    transcript = read_transcript(WHISPER)
    back = to_source_shape(label(transcript), transcript)
    options = {"max_line_width": 20, "max_line_count": 1, "highlight_words": False}
    utils.get_writer("srt", str(tmp_path))(back, "talk.wav", options)
    assert "Hello there." in (tmp_path / "talk.srt").read_text()


def test_files_that_webvtt_py_and_pysrt_write(tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt", reason="pip install webvtt-py")
    pysrt = pytest.importorskip("pysrt", reason="pip install pysrt")
    vtt = webvtt.WebVTT()
    vtt.captions.append(webvtt.Caption("00:00:01.000", "00:00:02.500", "<v Ann>Hello &amp; bye"))
    vtt.save(str(tmp_path / "a.vtt"))
    segment = read_transcript(tmp_path / "a.vtt").segments[0]
    assert (segment["start"], segment["end"], segment["text"]) == (1.0, 2.5, "Hello & bye")
    assert segment["original_speaker"] == "Ann"
    srt = pysrt.SubRipFile([pysrt.SubRipItem(1, "00:00:01,000", "00:00:02,500", "Grüße")])
    srt.save(str(tmp_path / "a.srt"), encoding="utf-8")
    assert read_transcript(tmp_path / "a.srt").segments[0]["text"] == "Grüße"


def test_files_that_stable_ts_writes(tmp_path: Path) -> None:
    stable_whisper = pytest.importorskip("stable_whisper", reason="pip install stable-ts")
    result = stable_whisper.WhisperResult(copy.deepcopy(WHISPER))
    result.save_as_json(str(tmp_path / "talk.json"))
    for transcript in (read_transcript(tmp_path / "talk.json"), read_transcript(result)):
        assert transcript.producer == "stable-ts"
        assert texts(transcript) == [" Hello", " there.", " 42", " things?"]
    back = to_source_shape(label(transcript), transcript)
    (tmp_path / "back.json").write_text(json.dumps(back))
    again = stable_whisper.WhisperResult(str(tmp_path / "back.json"))
    assert [word.word for word in again.all_words()] == texts(transcript)


def test_results_of_the_openai_client() -> None:
    audio = pytest.importorskip("openai.types.audio", reason="pip install openai")
    transcript = read_transcript(audio.TranscriptionVerbose.model_validate(VERBOSE))
    assert transcript.producer == "openai-api-verbose-json"
    assert texts(transcript)[0] == ' "Hello,"'
    back = to_source_shape(label(transcript), transcript)
    assert audio.TranscriptionVerbose.model_validate(back).words[0].word == "Hello"
    diarized = read_transcript(audio.TranscriptionDiarized.model_validate(DIARIZED))
    back = to_source_shape(label(diarized, "Ann"), diarized)
    assert audio.TranscriptionDiarized.model_validate(back).segments[0].speaker == "Ann"


# --- properties -----------------------------------------------------------------------------------

KEYS = st.text("abcxyz_", min_size=1, max_size=5).map(lambda key: f"own_{key}")
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)
EXTRAS = st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=2), max_size=3)


def sprinkle(value: Any, extras: list[dict[str, Any]], path: tuple[str, ...] = ()) -> Any:
    """Add unknown keys to the dictionaries that a reader goes through."""
    through = {"segments", "words", "chunks", "transcription", "sentence_info"}
    if isinstance(value, list):
        return [sprinkle(item, extras, path) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {k: sprinkle(v, extras, (*path, k)) if k in through else v for k, v in value.items()}
    return {**inner, **extras[len(path) % len(extras)]}


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(SOURCES)), extras=st.lists(EXTRAS, min_size=1, max_size=3))
def test_unknown_keys_survive_the_way_there_and_back(
    name: str, extras: list[dict[str, Any]]
) -> None:
    source = sprinkle(copy.deepcopy(SOURCES[name]), extras)
    if name == "whisperx":
        source["word_segments"] = [w for s in source["segments"] for w in s["words"]]
    transcript = read_transcript(copy.deepcopy(source))
    back = to_source_shape(label(transcript), transcript)
    assert unlabelled(back) == unlabelled(source)


WORDS = st.text("abcdeé ,.!?-'", min_size=1, max_size=6).filter(lambda word: word.strip())


@settings(max_examples=50, deadline=None)
@given(st.lists(WORDS, max_size=8))
def test_words_join_to_the_text_and_come_back_unchanged(words: list[str]) -> None:
    stripped = ["-".join(word.split()) for word in words]
    listed = [
        {"word": word, "start": i, "end": i + 1, "score": 0.5} for i, word in enumerate(stripped)
    ]
    source = {
        "segments": [{"start": 0, "end": 9, "text": " ".join(stripped), "words": listed}],
        "word_segments": listed,
    }
    transcript = read_transcript(source)
    assert "".join(texts(transcript)).split() == stripped
    back = to_source_shape(label(transcript), transcript)
    assert [word["word"] for word in back["word_segments"]] == stripped


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_no_bytes_end_in_a_traceback(raw: bytes) -> None:
    try:
        transcript = parse_transcript(raw)
    except TranscriptError:
        return
    assert all(s["start"] <= s["end"] for s in transcript.segments)


def damage(value: Any, seed: list[int], junk: Any) -> Any:
    """Replace one value somewhere inside by something else."""
    if seed and isinstance(value, (dict, list)) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[seed[0] % len(keys)]
        value[key] = damage(value[key], seed[1:], junk)
        return value
    return junk


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(SOURCES)),
    seed=st.lists(st.integers(0, 20), min_size=1, max_size=7),
    junk=VALUES | st.floats() | st.just({}) | st.lists(VALUES, max_size=2) | st.just([{}]),
)
def test_no_damage_to_a_file_ends_in_a_traceback(name: str, seed: list[int], junk: Any) -> None:
    damaged = damage(copy.deepcopy(SOURCES[name]), seed, junk)
    try:
        transcript = parse_transcript(json.dumps(damaged).encode())
    except TranscriptError:
        return
    assert all(0 <= s["start"] <= s["end"] for s in transcript.segments)
    assert all(isinstance(word["word"], str) for word in transcript.words())
    to_source_shape(label(transcript), transcript)


@pytest.mark.parametrize("text", [json.dumps(WHISPER), "1\n00:00:00,000 --> 00:00:01,000\nHi.\n"])
def test_a_text_is_no_path(text: str) -> None:
    with pytest.raises(TranscriptError, match="is the text of a transcript, not a path") as caught:
        read_transcript(text)
    assert len(str(caught.value)) < 160
    assert read_transcript(io.StringIO(text)).segments
