"""What services and other recognisers answer is read: every word, its time, its speaker."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.errors import TranscriptError
from diarize.transcript.readers import parse_transcript, read_transcript, to_source_shape
from diarize.transcript.schema import Transcript

# Words as (text, start, end, speaker); punctuation stands at the words' ends.
Words = list[tuple[str, float, float, str]]

TALK: Words = [
    ("Good", 0.0, 0.4, "1"),
    ("morning,", 0.4, 0.9, "1"),
    ("Ann.", 1.0, 1.5, "1"),
    ("Is", 2.0, 2.2, "2"),
    ("it?", 2.2, 2.5, "2"),
]


def halves(word: str) -> tuple[str, str]:
    """Return a word without its punctuation, and the punctuation."""
    bare = word.rstrip(".,?!")
    return bare, word[len(bare) :]


def text_of(words: Words) -> str:
    return " ".join(word for word, *_ in words)


def runs(words: Words) -> list[Words]:
    """Return the words by turns."""
    turns: list[Words] = []
    for word in words:
        if not turns or turns[-1][0][3] != word[3]:
            turns.append([])
        turns[-1].append(word)
    return turns


def aws(words: Words) -> Any:
    items: list[Any] = []
    for word, start, end, speaker in words:
        bare, mark = halves(word)
        best = [{"confidence": "0.9", "content": bare}]
        times = {"start_time": f"{start:.3f}", "end_time": f"{end:.3f}"}
        items.append(
            {"type": "pronunciation", "alternatives": best, **times, "speaker_label": speaker}
        )
        if mark:
            best = [{"confidence": "0.0", "content": mark}]
            items.append({"type": "punctuation", "alternatives": best, "speaker_label": speaker})
    transcripts = [{"transcript": text_of(words)}]
    results = {"transcripts": transcripts, "items": items, "language_code": "en-US"}
    return {"jobName": "talk", "accountId": "1", "status": "COMPLETED", "results": results}


def aws_older(words: Words) -> Any:
    source = aws(words)
    segments = []
    for item in source["results"]["items"]:
        speaker = item.pop("speaker_label")
        if "start_time" in item:
            times = {"start_time": item["start_time"], "end_time": item["end_time"]}
            part = {**times, "speaker_label": speaker}
            segments.append({**part, "items": [part]})
    source["results"]["speaker_labels"] = {"speakers": 2, "segments": segments}
    return source


def google(words: Words) -> Any:
    results = []
    for turn in runs(words):
        listed = []
        for word, start, end, speaker in turn:
            times = {"startOffset": f"{start}s", "endOffset": f"{end}s"}
            if start == 0:
                del times["startOffset"]
            listed.append({"word": word, **times, "speakerLabel": speaker, "confidence": 0.9})
        best = {"transcript": text_of(turn), "confidence": 0.9, "words": listed}
        results.append({"alternatives": [best], "languageCode": "en-us"})
    return {"results": results, "metadata": {"totalBilledDuration": "3s"}}


def google_batch(words: Words) -> Any:
    return {"results": {"gs://talk.wav": {"inlineResult": {"transcript": google(words)}}}}


def google_v1(words: Words) -> Any:
    """v1 lists all words once more at the end, with the speakers."""
    rows = [
        {"word": w, "start_time": f"{a}s", "end_time": f"{b}s", "speaker_tag": int(s)}
        for w, a, b, s in words
    ]
    bare = [{k: v for k, v in row.items() if k != "speaker_tag"} for row in rows]
    first = {"alternatives": [{"transcript": text_of(words), "words": bare}]}
    return {"results": [first, {"alternatives": [{"transcript": "", "words": rows}]}]}


def azure(words: Words) -> Any:
    phrases = []
    for turn in runs(words):
        listed = [
            {"displayText": w, "offsetInTicks": a * 1e7, "durationInTicks": round((b - a) * 1e7)}
            for w, a, b, _ in turn
        ]
        best = {"confidence": 0.9, "lexical": "x", "display": text_of(turn), "displayWords": listed}
        start, end = turn[0][1], turn[-1][2]
        times = {"offset": f"PT{start}S", "duration": f"PT{end - start:.3f}S"}
        about = {"recognitionStatus": "Success", "channel": 0, "speaker": int(turn[0][3])}
        phrases.append({**about, **times, "nBest": [best]})
    return {"source": "talk.wav", "combinedRecognizedPhrases": [], "recognizedPhrases": phrases}


def azure_fast(words: Words) -> Any:
    def times(start: float, end: float) -> dict[str, int]:
        first = round(start * 1000)
        return {"offsetMilliseconds": first, "durationMilliseconds": round(end * 1000) - first}

    phrases = [
        {
            "speaker": int(turn[0][3]),
            **times(turn[0][1], turn[-1][2]),
            "text": text_of(turn),
            "words": [{"text": w, **times(a, b)} for w, a, b, _ in turn],
            "locale": "en-US",
        }
        for turn in runs(words)
    ]
    return {"durationMilliseconds": 3000, "combinedPhrases": [], "phrases": phrases}


def deepgram(words: Words) -> Any:
    listed = [
        {
            "word": halves(w)[0].lower(),
            "punctuated_word": w,
            "start": a,
            "end": b,
            "confidence": 0.9,
            "speaker": int(s),
        }
        for w, a, b, s in words
    ]
    best = {"transcript": text_of(words), "confidence": 0.9, "words": listed}
    return {"metadata": {"duration": 3.0}, "results": {"channels": [{"alternatives": [best]}]}}


def assemblyai(words: Words) -> Any:
    def row(word: tuple[str, float, float, str]) -> dict[str, Any]:
        text, start, end, speaker = word
        times = {"start": round(start * 1000), "end": round(end * 1000)}
        return {"text": text, **times, "confidence": 0.9, "speaker": speaker}

    utterances = [
        {"speaker": turn[0][3], "text": text_of(turn), "words": [row(word) for word in turn]}
        for turn in runs(words)
    ]
    about = {"id": "1", "status": "completed", "audio_duration": 3, "language_code": "en"}
    return {
        **about,
        "text": text_of(words),
        "words": list(map(row, words)),
        "utterances": utterances,
    }


def speechmatics(words: Words) -> Any:
    results: list[Any] = []
    for word, start, end, speaker in words:
        bare, mark = halves(word)
        best = [{"content": bare, "confidence": 0.9, "language": "en", "speaker": speaker}]
        results.append({"type": "word", "start_time": start, "end_time": end, "alternatives": best})
        if mark:
            best = [{"content": mark, "confidence": 1.0, "speaker": speaker}]
            times = {"start_time": end, "end_time": end, "attaches_to": "previous"}
            results.append({"type": "punctuation", **times, "alternatives": best})
    return {"format": "2.9", "metadata": {"type": "transcription"}, "results": results}


def rev(words: Words) -> Any:
    monologues = []
    for turn in runs(words):
        elements: list[Any] = []
        for word, start, end, _ in turn:
            bare, mark = halves(word)
            about = {"type": "text", "value": bare, "confidence": 0.9}
            elements.append({**about, "ts": start, "end_ts": end})
            elements.append({"type": "punct", "value": f"{mark} "})
        monologues.append({"speaker": int(turn[0][3]), "elements": elements})
    return {"monologues": monologues}


def vosk(words: Words) -> Any:
    return [
        {
            "result": [{"conf": 1.0, "start": a, "end": b, "word": w} for w, a, b, _ in turn],
            "text": text_of(turn),
        }
        for turn in runs(words)
    ]


def nemo(words: Words) -> Any:
    rows = [
        {"word": w, "start": a, "end": b, "start_offset": 0, "end_offset": 1}
        for w, a, b, _ in words
    ]
    return {"text": text_of(words), "timestamp": {"word": rows, "segment": [], "char": []}}


def nemo_manifest(words: Words) -> Any:
    rows = nemo(words)["timestamp"]["word"]
    about = {"audio_filepath": "talk.wav", "duration": 3.0}
    return {**about, "pred_text": text_of(words), "timestamp_word": rows}


def parakeet_mlx(words: Words) -> Any:
    def tokens(turn: Words) -> list[dict[str, Any]]:
        rows = []
        for word, start, end, _ in turn:
            middle = round((start + end) / 2, 4)
            rows.append({"text": f" {word[:1]}", "start": start, "end": middle, "duration": 0.1})
            rows.append({"text": word[1:], "start": middle, "end": end, "duration": 0.1})
        return rows

    sentences = [
        {"text": " " + text_of(t), "start": t[0][1], "end": t[-1][2], "tokens": tokens(t)}
        for t in runs(words)
    ]
    return {"text": text_of(words), "sentences": sentences}


def onnx_asr(words: Words) -> Any:
    tokens = [f" {word}" for word, *_ in words]
    return {"text": text_of(words), "timestamps": [a for _, a, _, _ in words], "tokens": tokens}


def vibe(words: Words) -> Any:
    segments = [
        {"start": round(t[0][1] * 100), "stop": round(t[-1][2] * 100), "text": " " + text_of(t)}
        for t in runs(words)
    ]
    return {"processing_time_sec": 1, "segments": segments}


def youtube(words: Words) -> Any:
    return [
        {"text": text_of(t), "start": t[0][1], "duration": round(t[-1][2] - t[0][1], 3)}
        for t in runs(words)
    ]


def podcast(words: Words) -> Any:
    segments = [
        {"speaker": t[0][3], "startTime": t[0][1], "endTime": t[-1][2], "body": text_of(t)}
        for t in runs(words)
    ]
    return {"version": "1.0.0", "segments": segments}


def whisperkit(words: Words) -> Any:
    segments = [
        {
            "id": n,
            "start": t[0][1],
            "end": t[-1][2],
            "text": " " + text_of(t),
            "avgLogprob": -0.2,
            "noSpeechProb": 0.01,
            "compressionRatio": 1.1,
            "words": [
                {"word": f" {w}", "start": a, "end": b, "probability": 0.9} for w, a, b, _ in t
            ],
        }
        for n, t in enumerate(runs(words))
    ]
    return {"text": text_of(words), "language": "en", "segments": segments, "timings": {}}


PRODUCERS: dict[str, tuple[str, Callable[[Words], Any]]] = {
    "aws": ("aws-transcribe", aws),
    "aws older": ("aws-transcribe", aws_older),
    "google v2": ("google-speech", google),
    "google v2 batch": ("google-speech", google_batch),
    "google v1": ("google-speech", google_v1),
    "azure batch": ("azure-speech", azure),
    "azure fast": ("azure-speech", azure_fast),
    "deepgram": ("deepgram", deepgram),
    "assemblyai": ("assemblyai", assemblyai),
    "speechmatics": ("speechmatics", speechmatics),
    "rev": ("rev-ai", rev),
    "vosk": ("vosk", vosk),
    "nemo": ("nemo", nemo),
    "nemo manifest": ("nemo", nemo_manifest),
    "parakeet-mlx": ("parakeet-mlx", parakeet_mlx),
    "onnx-asr": ("onnx-asr", onnx_asr),
    "vibe": ("vibe", vibe),
    "youtube": ("youtube-transcript-api", youtube),
    "podcast": ("podcast-namespace", podcast),
    "whisperkit": ("whisperkit", whisperkit),
}
WITHOUT_WORDS = {"vibe", "youtube", "podcast"}
WITHOUT_SPEAKERS = {"vosk", "nemo", "nemo manifest", "parakeet-mlx", "onnx-asr", "vibe", "youtube"}
WITHOUT_SPEAKERS |= {"whisperkit"}


def spoken(transcript: Transcript) -> list[str]:
    return " ".join(segment["text"] for segment in transcript.segments).split()


@pytest.mark.parametrize("name", PRODUCERS)
def test_words_times_and_speakers(name: str) -> None:
    producer, write = PRODUCERS[name]
    transcript = parse_transcript(json.dumps(write(TALK)).encode(), "talk.json")
    assert (transcript.producer, transcript.warnings) == (producer, ())
    assert spoken(transcript) == text_of(TALK).split()
    last = transcript.segments[-1]
    assert last["start"] == pytest.approx(2.0)
    if name not in WITHOUT_WORDS:
        assert [w["word"].strip() for w in transcript.words()] == [w for w, *_ in TALK]
        starts = [word["start"] for word in transcript.words()]
        assert starts == pytest.approx([start for _, start, _, _ in TALK])
        for segment in transcript.segments:
            assert "".join(w["word"] for w in segment["words"]).strip() == segment["text"].strip()
        if name != "onnx-asr":  # which tells when tokens begin, not when they end
            ends = [word["end"] for word in transcript.words()]
            assert ends == pytest.approx([end for _, _, end, _ in TALK])
    if name not in WITHOUT_SPEAKERS:
        assert [str(s["original_speaker"]) for s in transcript.segments] == ["1", "2"]
    assert not any("speaker" in item for item in (*transcript.segments, *transcript.words()))


@pytest.mark.parametrize("name", PRODUCERS)
def test_a_labelled_transcript_can_be_given_back(name: str) -> None:
    transcript = read_transcript(PRODUCERS[name][1](TALK))
    labelled = {**transcript.data, "segments": [dict(s) for s in transcript.segments]}
    for item in (*labelled["segments"], *transcript.words()):
        item["speaker"] = "Ann"
    back = to_source_shape(labelled, transcript)
    assert [segment["speaker"] for segment in back["segments"]] == ["Ann", "Ann"]
    assert spoken(read_transcript(back)) == text_of(TALK).split()


BARE = st.text("abcäßжש5'", min_size=1, max_size=7)
TOKEN = st.builds("".join, st.tuples(BARE, st.sampled_from(["", "", ",", ".", "?"])))


@st.composite
def talks(draw: st.DrawFn) -> Words:
    words: Words = []
    clock = 0
    for text in draw(st.lists(TOKEN, min_size=1, max_size=12)):
        start = clock + draw(st.integers(0, 200))
        clock = start + draw(st.integers(1, 80))
        words.append((text, start / 100, clock / 100, draw(st.sampled_from("12"))))
    return words


@pytest.mark.parametrize("name", PRODUCERS)
@settings(max_examples=40, deadline=None)
@given(words=talks())
def test_text_in_is_text_out(name: str, words: Words) -> None:
    transcript = parse_transcript(json.dumps(PRODUCERS[name][1](words)).encode())
    assert spoken(transcript) == text_of(words).split()
    if name != "onnx-asr":
        assert transcript.end == pytest.approx(words[-1][2])


@pytest.mark.parametrize(
    "source",
    [
        {"results": {"channels": [{"alternatives": [{"transcript": "hello", "words": []}]}]}},
        {"results": {"transcripts": [{"transcript": "hello"}], "items": []}},
        {"text": "hello", "words": [], "audio_duration": 3},
    ],
)
def test_a_text_without_times_is_refused(source: Any) -> None:
    with pytest.raises(TranscriptError, match="no times"):
        read_transcript(source)


# --- what is peculiar to one ----------------------------------------------------------------------


def test_aws_channels_are_put_in_order_of_time() -> None:
    source = aws(TALK)
    items = source["results"]["items"]
    parts = [[i for i in items if i["speaker_label"] == name] for name in "12"]
    for item in items:
        del item["speaker_label"]
    channels = [{"channel_label": f"ch_{n}", "items": part} for n, part in enumerate(parts)]
    source["results"]["channel_labels"] = {"channels": channels, "number_of_channels": 2}
    segments = parse_transcript(json.dumps(source).encode()).segments
    assert [(s["original_speaker"], s["text"].strip()) for s in segments] == [
        ("ch_0", "Good morning, Ann."),
        ("ch_1", "Is it?"),
    ]


def test_google_without_word_times_goes_by_the_ends_of_results() -> None:
    result = {"alternatives": [{"transcript": "Good morning."}], "resultEndOffset": "2.5s"}
    later = {"alternatives": [{"transcript": " Yes."}], "resultEndOffset": "4s"}
    segments = read_transcript({"results": [result, later]}).segments
    assert [(s["start"], s["end"]) for s in segments] == [(0.0, 2.5), (2.5, 4.0)]
    with pytest.raises(TranscriptError, match="enableWordTimeOffsets"):
        read_transcript({"results": [{"alternatives": [{"transcript": "Good morning."}]}]})


def test_google_v1_lists_words_again_after_a_result_without_any() -> None:
    words = [
        {"word": "hi", "startTime": "0s", "endTime": "1s"},
        {"word": "there", "startTime": "1s", "endTime": "2s"},
    ]
    tagged = [{**word, "speakerTag": 1} for word in words]
    results = [
        {"alternatives": [{"transcript": "hi there", "words": words}]},
        {"alternatives": [{"transcript": " ok"}], "resultEndTime": "3s"},
        {"alternatives": [{"words": tagged}]},
    ]
    (segment,) = read_transcript({"results": results}).segments
    assert (segment["text"], segment["original_speaker"]) == ("hi there ok", 1)


def test_vosk_prints_one_object_after_the_other() -> None:
    raw = "\n".join(json.dumps(item, indent=2) for item in [*vosk(TALK), {"text": ""}])
    assert spoken(parse_transcript(raw.encode())) == text_of(TALK).split()
    with pytest.raises(TranscriptError, match="SetWords"):
        parse_transcript(json.dumps([*vosk(TALK), {"text": "no times"}]).encode())


def test_onnx_asr_with_a_detector_counts_from_each_segments_start() -> None:
    parts = [{**onnx_asr(TALK[:3]), "start": 10.0, "end": 12.0}]
    parts.append(
        {"start": 20.0, "end": 21.0, "text": "你好", "tokens": ["你", "好"], "timestamps": [0, 0.3]}
    )
    transcript = read_transcript([SimpleNamespace(**part) for part in parts])
    assert spoken(transcript) == ["Good", "morning,", "Ann.", "你好"]
    assert [word["start"] for word in transcript.words()] == [10.0, 10.4, 11.0, 20.0, 20.3]
    assert read_transcript(SimpleNamespace(**part) for part in parts).data == transcript.data
    (one,) = read_transcript(SimpleNamespace(**onnx_asr(TALK[:3]))).segments
    assert one["text"].split() == ["Good", "morning,", "Ann."]


def test_hypotheses_of_nemo_and_results_of_parakeet_mlx_as_objects() -> None:
    hypothesis = SimpleNamespace(y_sequence=[1, 2], score=-1.0, **nemo(TALK))
    assert spoken(read_transcript([hypothesis])) == text_of(TALK).split()
    sentences = [SimpleNamespace(**sentence) for sentence in parakeet_mlx(TALK)["sentences"]]
    assert spoken(read_transcript(SimpleNamespace(sentences=sentences))) == text_of(TALK).split()


def test_vibe_with_fractions_counts_seconds() -> None:
    segments = [{"start": 1.5, "stop": 3.0, "text": " a"}, {"start": 4, "stop": 5, "text": " b"}]
    found = read_transcript({"segments": segments}).segments
    assert [(s["start"], s["end"]) for s in found] == [(1.5, 3.0), (4.0, 5.0)]


def test_vibe_with_clocks_counts_seconds() -> None:
    segments = [
        {"start": "00:01", "stop": "2s", "text": " a"},
        {"start": 200, "stop": "00:03", "text": " b"},
    ]
    found = read_transcript({"segments": segments}).segments
    assert [(s["start"], s["end"]) for s in found] == [(1.0, 2.0), (2.0, 3.0)]


def test_youtube_captions_end_where_the_next_begin() -> None:
    source = [
        {"text": "a", "start": 0.0, "duration": 5.0},
        {"text": "b", "start": 2.0, "duration": 3.0},
    ]
    assert [(s["start"], s["end"]) for s in read_transcript(source).segments] == [(0, 2), (2, 5)]


def test_podcast_words_become_phrases() -> None:
    segments = [{"speaker": s, "startTime": a, "endTime": b, "body": w} for w, a, b, s in TALK]
    transcript = read_transcript({"version": "1.0.0", "segments": segments})
    assert [s["text"] for s in transcript.segments] == [" Good morning, Ann.", " Is it?"]
    assert [s["original_speaker"] for s in transcript.segments] == ["1", "2"]


def test_whisperkit_figures_serve_under_whispers_names() -> None:
    transcript = read_transcript(whisperkit(TALK))
    assert transcript.segments[0]["no_speech_prob"] == 0.01
    back = to_source_shape(transcript.data, transcript)
    assert back["segments"][0]["noSpeechProb"] == 0.01
