"""The one shape in which every transcript is handled: openai-whisper's result.

A reader turns whatever a producer wrote into a :class:`Transcript`, whose ``data`` is a plain
dictionary of this shape. Keys that the shape does not name stay where they were.

What readers promise about ``data``:

* ``segments`` is a list; every segment has ``id``, finite ``start`` and ``end`` in seconds with
  ``0 <= start <= end``, and ``text``.
* ``words`` may be missing or empty. Where it is there, every word has ``word``, written with its
  leading space as Whisper does, so that joining the words gives the segment's text. ``start`` and
  ``end`` are missing where the producer knew none.
* Nothing has a ``speaker``: what another tool called a speaker waits in ``original_speaker``.
* What a word was made of stays with it, so that it can be given back: whisper.cpp's sub-word
  ``tokens``, its ``pieces`` where it lists a word an entry, and ``source_word`` where a producer
  wrote the word without its punctuation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from diarize.text import ROWS, clock, counted, first_rows, instant


@dataclass(frozen=True, slots=True)
class WordTime:
    """A word's time in seconds; ``estimated`` where the transcript did not say it, or wrongly."""

    start: float
    end: float
    estimated: bool = False


@dataclass(frozen=True, repr=False)
class Transcript:
    """A transcript that has been read, and what is needed to give it back in its own shape.

    Parameters
    ----------
    data : dict
        The transcript in openai-whisper's shape (see the module's text for what is promised).
    producer : str
        The tool whose shape was recognised: ``openai-whisper``, ``whisper.cpp``, ``srt``, …
    source : object
        What the producer wrote, decoded but otherwise as it was.
    path : str or None
        The file it came from.
    warnings : tuple of str
        What the user should know, such as a guessed character encoding.

    Examples
    --------
    >>> segment = {"id": 0, "start": 0.0, "end": 1.0, "text": " Hi.",
    ...            "words": [{"word": " Hi.", "start": 0.2, "end": 0.6}]}
    >>> transcript = Transcript({"text": " Hi.", "segments": [segment]})
    >>> transcript.has_words, transcript.end, [word["word"] for word in transcript.words()]
    (True, 1.0, [' Hi.'])
    """

    data: dict[str, Any]
    producer: str = "openai-whisper"
    source: object = None
    path: str | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Transcript {self._line()}>"

    def _line(self) -> str:
        words = sum(len(str(part.get("text") or "").split()) for part in self.segments)
        language = f", language {self.language}" if self.language else ""
        return (
            f"{self.producer}, {counted(len(self.segments), 'segment')}, "
            f"{counted(words, 'word')} in {clock(self.end)}{language}"
        )

    def __str__(self) -> str:
        rows = [
            [instant(float(part["start"])), str(part.get("text") or "")]
            for part in self.segments[:ROWS]
        ]
        listed = first_rows(["start", "text"], rows, len(self.segments), "segment")
        return f"{self._line()}\n\n{listed}"

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments, in the producer's order."""
        segments: list[dict[str, Any]] = self.data["segments"]
        return segments

    @property
    def language(self) -> str | None:
        """The language's code, if the producer gave it."""
        language: str | None = self.data.get("language")
        return language

    @property
    def text(self) -> str:
        """The complete text."""
        text = self.data.get("text")
        return text if isinstance(text, str) else join_texts(self.segments)

    @property
    def has_words(self) -> bool:
        """True where any segment holds words."""
        return any(segment.get("words") for segment in self.segments)

    @property
    def end(self) -> float:
        """Where the last segment ends, in seconds (0 for an empty transcript)."""
        return max((float(segment["end"]) for segment in self.segments), default=0.0)

    def words(self) -> Iterator[dict[str, Any]]:
        """Iterate over the words of all segments."""
        for segment in self.data.get("segments") or ():
            yield from segment.get("words") or ()


def join_texts(segments: list[dict[str, Any]]) -> str:
    """Join the segments' texts into one, with a space where neither side brings one.

    Examples
    --------
    >>> join_texts([{"text": "Hello."}, {"text": "Who is there?"}])
    'Hello. Who is there?'
    >>> join_texts([{"text": " Hello."}, {"text": " Who?"}])
    ' Hello. Who?'
    >>> join_texts([{"text": "你好。"}, {"text": "谢谢。"}])
    '你好。谢谢。'
    """
    joined = ""
    for segment in segments:
        text = str(segment.get("text") or "")
        edges = joined[-1:] + text[:1]
        if len(edges) == 2 and not any(edge.isspace() or is_unspaced(edge) for edge in edges):
            joined += " "
        joined += text
    return joined


def is_unspaced(character: str) -> bool:
    """Return whether a character belongs to a script written without spaces between words.

    Examples
    --------
    >>> is_unspaced("語"), is_unspaced("。"), is_unspaced("ก"), is_unspaced("e"), is_unspaced("한")
    (True, True, True, False, False)
    """
    code = ord(character)
    return any(first <= code <= last for first, last in _UNSPACED)


# Thai to Burmese, Khmer, CJK punctuation and kana, ideographs, full-width forms; not Hangul.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3000, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)
