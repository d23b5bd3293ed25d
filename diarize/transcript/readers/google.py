"""Google Cloud Speech-to-Text, v2 and v1, from a batch or a single call.

Source: Cloud Speech-to-Text reference, v2 ``SpeechRecognitionResult`` and ``WordInfo``
(``startOffset``, ``endOffset``, ``speakerLabel``), v1 ``WordInfo`` (``startTime``, ``endTime``,
``speakerTag``): https://cloud.google.com/speech-to-text/v2/docs/reference/rest/v2/WordInfo
"""

from __future__ import annotations

from typing import Any

from diarize.errors import TranscriptError
from diarize.transcript.readers.common import (
    Data,
    Format,
    dicts,
    get,
    has_items,
    make_segment,
    time_of,
    without,
)
from diarize.transcript.readers.words import interleaved, phrases, spoken


def _unwrap(source: Any) -> Any:
    """An answer of a batch call holds one of a single call for each file."""
    files = get(source, "results") if isinstance(get(source, "results"), dict) else None
    if files and len(files) == 1:
        inner = next(iter(files.values()))
        return get(inner, "inlineResult", "transcript") or get(inner, "transcript") or inner
    return get(source, "response") if isinstance(get(source, "response"), dict) else source


def _camel(value: Any) -> Any:
    """Return keys as the JSON API writes them; the client libraries may keep underscores."""
    if isinstance(value, dict):
        return {
            key.split("_")[0] + "".join(part.title() for part in key.split("_")[1:]): _camel(item)
            for key, item in value.items()
        }
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _matches(source: Any) -> bool:
    answer = _unwrap(source)
    return (
        has_items(answer, "results")
        and any(isinstance(result.get("alternatives"), list) for result in answer["results"])
        and all("transcript" in best or "words" in best for best in _bests(answer["results"]))
    )


def _bests(results: list[Data]) -> list[Data]:
    return [best for result in results if (best := get(result, "alternatives", 0))]


def _read(source: Data) -> Data:
    answer = _camel(_unwrap(source))
    results = dicts(answer["results"])
    results = _tagged(results) or results
    tracks: dict[object, list[Data]] = {}
    before = 0.0
    for index, result in enumerate(results):
        best = get(result, "alternatives", 0)
        if not isinstance(best, dict):
            continue
        end = time_of(result.get("resultEndOffset", result.get("resultEndTime")))
        words = [_word(word, result.get("channelTag")) for word in dicts(best.get("words"))]
        text = str(best.get("transcript") or "")
        track = tracks.setdefault(result.get("channelTag"), [])
        if words:
            track += phrases(words, text)
        elif text.strip():
            if end is None:
                raise TranscriptError(
                    f"result {index + 1} ({text.strip()!r:.40}) has no times: recognise it anew "
                    "with enableWordTimeOffsets"
                )
            track.append(make_segment({}, index, start=before, end=end, text=text))
        before = before if end is None else end
    language = next((r["languageCode"] for r in results if r.get("languageCode")), None)
    return interleaved(without(answer, "results"), tracks.values(), language=language)


def _tagged(results: list[Data]) -> list[Data]:
    """Return the last result of v1 with diarization, which lists all words again, with tags."""
    words = dicts(get(results[-1], "alternatives", 0, "words"))
    earlier = [word for best in _bests(results[:-1]) for word in dicts(best.get("words"))]
    again = len(words) >= len(earlier) > 0 and all("speakerTag" in word for word in words)
    if not again or any("speakerTag" in word for word in earlier):
        return []
    text = "".join(str(best.get("transcript") or "") for best in _bests(results[:-1]))
    return [{**results[-1], "alternatives": [{"words": words, "transcript": text}]}]


def _word(word: Data, channel: object) -> Data:
    start = word.get("startOffset", word.get("startTime"))
    end = word.get("endOffset", word.get("endTime"))
    if start is None and end is not None:
        start = 0.0  # the JSON of protocol buffers leaves zeros out
    speaker = word.get("speakerLabel") or word.get("speakerTag") or channel
    return spoken(word.get("word"), start, end, word.get("confidence"), speaker)


FORMAT = Format(
    "google-speech", "Google Speech-to-Text ({results: [{alternatives}]})", _matches, _read
)
