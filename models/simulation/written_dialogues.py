"""Written dialogues: words with times, turns, and what goes wrong with both.

They need no sound, so that each kind of difficulty can be had alone, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diarize.timeline import Segment, Turn, union
from diarize.transcript.tokenize import tokens
from models.simulation.dialogues import DialogueWord, TurnErrors, disturbed

_LETTER = 0.055  # seconds a letter of a spaced script takes
_CHARACTER = 0.17  # seconds a Chinese character, a kana or a Thai syllable takes
_TURN_PAUSE = 0.3  # seconds; a longer pause ends a turn

# A language's sentences and short answers.
TEXTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "We moved the old piano into the kitchen because the floor was wet.",
            "Nobody told me that the library closes at four on Fridays.",
            "If you turn left at the mill, you can see the river from there.",
            "My brother kept bees for a while, but the winters were too long.",
            "Have you heard anything from the people who rented the cottage?",
            "The second letter never came, so we had to ask them again.",
            "I would rather take the early bus than wait for the night train.",
            "She put the parcel on the table and left without a word.",
            "There is a small shop behind the station that sells lamps.",
            "What did the doctor say about your knee?",
            "It rained all week.",
            "We can paint the door on Monday and the fence when it is dry.",
            "The children built a boat out of two doors and a wardrobe.",
            "That would be too expensive for a club with thirty members.",
            "Did he really walk the whole way in those shoes?",
            "I found the keys in the pocket of a coat I never wear.",
            "They promised to send somebody, and then they sent a bill.",
            "Let us meet at the bakery and go there together.",
            "The lights went out twice while we were watching the film.",
            "Nothing on this list is more important than the roof.",
        ),
        ("Yes.", "No.", "Mhm.", "Right.", "Really?", "Of course.", "I see.", "Sure.", "Oh dear."),
    ),
    "zh": (
        (
            "我们昨天把旧钢琴搬到厨房里去了。",
            "你有没有听说图书馆星期五四点就关门？",
            "如果你在路口左转，就能看到那条河。",
            "第二封信一直没有来，所以我们又问了一次。",
            "我宁可坐早班车也不想等夜车。",
            "车站后面有一家卖灯的小店。",
            "医生怎么说你的膝盖？",
            "整个星期都在下雨。",
            "孩子们用两扇门做了一条船。",
            "他们答应派人来，结果只寄来了账单。",
        ),
        ("是的。", "对。", "嗯。", "好。", "真的吗？", "当然。"),
    ),
    "ja": (
        (
            "きのう古いピアノを台所に運びました。",
            "図書館は金曜日の四時に閉まります。",
            "橋を左に曲がると、川が見えます。",
            "二通目の手紙は来なかったので、また聞きました。",
            "夜行列車より早いバスのほうがいいです。",
            "駅の裏に小さな店があります。",
            "膝のことを医者は何と言いましたか？",
            "一週間ずっと雨でした。",
        ),
        ("はい。", "うん。", "そう。", "いいえ。", "本当？", "もちろん。"),
    ),
    "th": (
        (
            "เมื่อวานเราย้ายเปียโนเก่าไปไว้ในครัว",
            "ห้องสมุดปิดสี่โมงเย็นทุกวันศุกร์",
            "ถ้าเลี้ยวซ้ายตรงสะพานก็จะเห็นแม่น้ำ",
            "จดหมายฉบับที่สองยังไม่มาเลยต้องถามอีกครั้ง",
            "หลังสถานีมีร้านเล็กๆขายโคมไฟ",
            "หมอพูดเรื่องเข่าของคุณว่าอย่างไร",
            "ฝนตกทั้งสัปดาห์",
            "พวกเขาสัญญาว่าจะส่งคนมา",
        ),
        ("ใช่", "ค่ะ", "ไม่", "จริงหรือ", "ได้ครับ", "อืม"),
    ),
}
_MARKS = frozenset(".?!,。？！，、")


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What is hard about a written dialogue; all times in seconds.

    Parameters
    ----------
    language : str
        A key of ``TEXTS``.
    punctuation : bool
        False: no marks and no capitals.
    answers : float
        How often somebody else says a word or two inside a sentence.
    pause : float
        Silence on both sides of such an answer.
    handover : float
        Silence between two turns; negative where they overlap.
    word_jitter, turn_jitter : float
        Each edge of a word or turn moves by up to this much.
    stretched, missing : float
        How often a word takes the pause beside it, or has no time.
    words : bool
        False: only segments have times.
    replies : float
        How often somebody else says a word or two between two sentences of one person.
    islands : bool
        Whether the diarizer misses short turns and hears others where there are none, too.
    remarks : float
        How often somebody says a word or two under another's sentence, in a segment of its own.
    murmurs : float
        How often somebody murmurs under another's sentence what the transcript leaves out.
    lost_marks : float
        How often a mark at a sentence's end is not written.
    """

    language: str = "en"
    punctuation: bool = True
    answers: float = 0.0
    pause: float = 0.05
    handover: float = 0.25
    word_jitter: float = 0.05
    turn_jitter: float = 0.0
    stretched: float = 0.0
    missing: float = 0.0
    words: bool = True
    replies: float = 0.0
    islands: bool = False
    remarks: float = 0.0
    murmurs: float = 0.0
    lost_marks: float = 0.05


# The rows of the table of words with the wrong speaker.
WRITTEN: dict[str, Difficulty] = {
    "nothing wrong": Difficulty(),
    "answers inside sentences, no pause": Difficulty(answers=0.5, pause=0.0),
    "answers inside sentences, pause 0.05 s": Difficulty(answers=0.5, pause=0.05),
    "answers inside sentences, pause 0.15 s": Difficulty(answers=0.5, pause=0.15),
    "answers inside sentences, pause 0.3 s": Difficulty(answers=0.5, pause=0.3),
    "answers, pause 0.05 s, boundaries ±0.05 s": Difficulty(
        answers=0.5, pause=0.05, turn_jitter=0.05
    ),
    "answers, pause 0.2 s, boundaries ±0.2 s": Difficulty(answers=0.5, pause=0.2, turn_jitter=0.2),
    "no punctuation, pause 0.05 s": Difficulty(punctuation=False, answers=0.5, pause=0.05),
    "no punctuation, pause 0.2 s": Difficulty(punctuation=False, answers=0.5, pause=0.2),
    "no punctuation, pause 0.2 s, boundaries ±0.2 s": Difficulty(
        punctuation=False, answers=0.5, pause=0.2, turn_jitter=0.2
    ),
    "no punctuation, boundaries ±0.6 s": Difficulty(punctuation=False, turn_jitter=0.6),
    "punctuated, boundaries ±0.05 s": Difficulty(turn_jitter=0.05, handover=0.05),
    "punctuated, boundaries ±0.1 s": Difficulty(turn_jitter=0.1, handover=0.05),
    "punctuated, boundaries ±0.2 s": Difficulty(turn_jitter=0.2, handover=0.05),
    "punctuated, boundaries ±0.3 s": Difficulty(turn_jitter=0.3, handover=0.05),
    "punctuated, boundaries ±0.6 s": Difficulty(turn_jitter=0.6, handover=0.05),
    "short replies, boundaries ±0.3 s": Difficulty(replies=0.6, handover=0.15, turn_jitter=0.3),
    "short replies, boundaries ±0.6 s": Difficulty(replies=0.6, handover=0.15, turn_jitter=0.6),
    "turns overlap, boundaries ±0.1 s": Difficulty(handover=-0.1, turn_jitter=0.1),
    "turns missed and invented": Difficulty(replies=0.2, islands=True, turn_jitter=0.1),
    "turns missed and invented, no punctuation": Difficulty(
        punctuation=False, replies=0.2, islands=True, turn_jitter=0.1
    ),
    "murmurs that are not written": Difficulty(murmurs=0.5),
    "murmurs that are not written, no punctuation": Difficulty(punctuation=False, murmurs=0.5),
    "remarks in segments of their own under speech": Difficulty(remarks=0.5),
    "the same, no punctuation": Difficulty(remarks=0.5, punctuation=False),
    "Chinese, answers": Difficulty(language="zh", answers=0.3, pause=0.1),
    "Chinese, no punctuation, answers": Difficulty(
        language="zh", punctuation=False, answers=0.3, pause=0.1
    ),
    "Chinese, boundaries ±0.3 s": Difficulty(language="zh", turn_jitter=0.3, handover=0.05),
    "Japanese, no punctuation, answers": Difficulty(
        language="ja", punctuation=False, answers=0.3, pause=0.1
    ),
    "Thai, answers": Difficulty(language="th", punctuation=False, answers=0.3, pause=0.1),
    "stretched and missing times": Difficulty(stretched=0.5, missing=0.1, word_jitter=0.15),
    "the same, boundaries ±0.2 s": Difficulty(
        stretched=0.5, missing=0.1, word_jitter=0.15, turn_jitter=0.2, handover=0.05
    ),
    "segment times only": Difficulty(words=False),
    "segment times only, boundaries ±0.2 s": Difficulty(words=False, turn_jitter=0.2),
    "segment times only, answers": Difficulty(words=False, answers=0.3, pause=0.2),
    "segment times only, no punctuation": Difficulty(words=False, punctuation=False),
    "segment times only, remarks": Difficulty(words=False, remarks=0.5),
}


@dataclass(frozen=True)
class WrittenDialogue:
    """A transcript, the turns that a diarizer found, and who really says each of its words."""

    transcript: dict[str, Any]
    turns: tuple[Turn, ...]
    speakers: tuple[str, ...]


class _Writer:
    """Writes sentences one after the other; keeps words, turns and segments."""

    def __init__(self, difficulty: Difficulty, rng: np.random.Generator) -> None:
        self.difficulty, self.rng = difficulty, rng
        self.segments: list[list[DialogueWord]] = []
        self.murmurs: list[Turn] = []
        self.clock = 0.8

    def say(
        self, text: str, speaker: str, start: float, *, first: bool = True
    ) -> list[DialogueWord]:
        """Return a text's words from an instant on."""
        spaced = self.difficulty.language == "en"
        said: list[DialogueWord] = []
        for part in tokens(text):
            if not self.difficulty.punctuation:
                part = "".join(c for c in part if c not in _MARKS).lower()
            elif part[-1] in ".?!。？！" and self.rng.random() < self.difficulty.lost_marks:
                part = part[:-1]
            letters = sum(character.isalnum() for character in part)
            length = 0.08 + _LETTER * letters if spaced else _CHARACTER
            length *= float(np.exp(self.rng.normal(0.0, 0.2)))
            if spaced and not said:
                part = f" {part}"
            said.append(DialogueWord(part, start, start + length, speaker))
            start += length + float(self.rng.choice([0.0, 0.0, 0.02, 0.06]))
        return said

    def sentence(
        self, text: str, speaker: str, others: Sequence[str], answers: Sequence[str]
    ) -> None:
        """Say a sentence, perhaps with an answer inside it or a remark under it."""
        rng, difficulty = self.rng, self.difficulty
        said = self.say(text, speaker, self.clock)
        if len(said) >= 6 and rng.random() < difficulty.answers:
            place = int(rng.integers(3, len(said) - 2))
            answer = self.say(str(rng.choice(answers)), str(rng.choice(others)),
                              said[place - 1].end + difficulty.pause)  # fmt: skip
            shift = answer[-1].end + difficulty.pause - said[place].start
            rest = [
                DialogueWord(word.text, word.start + shift, word.end + shift, speaker)
                for word in said[place:]
            ]
            said = [*said[:place], *answer, *rest]
        self.segments.append(said)
        if len(said) >= 6 and rng.random() < difficulty.remarks:
            start = float(rng.uniform(said[1].start, said[-3].start))
            self.segments.append(self.say(str(rng.choice(answers)), str(rng.choice(others)), start))
        if len(said) >= 6 and rng.random() < difficulty.murmurs:
            start = float(rng.uniform(said[0].start, said[-2].start))
            length = float(rng.uniform(0.2, 0.6))
            self.murmurs.append(Turn(start, start + length, str(rng.choice(others))))
        self.clock = said[-1].end


def write_dialogue(
    difficulty: Difficulty, rng: np.random.Generator, *, seconds: float = 120.0
) -> WrittenDialogue:
    """Let two or three people talk, and disturb the transcript and the turns.

    Parameters
    ----------
    difficulty : Difficulty
    rng : numpy.random.Generator
    seconds : float
        Length to reach.
    """
    sentences, answers = TEXTS[difficulty.language]
    people = ["ANN", "BEN", "CLEO"][: int(rng.integers(2, 4))]
    writer = _Writer(difficulty, rng)
    current = people[0]
    while writer.clock < seconds:
        others = [name for name in people if name != current]
        for _ in range(int(rng.integers(1, 4))):
            writer.sentence(str(rng.choice(sentences)), current, others, answers)
            if rng.random() < difficulty.replies:
                writer.clock += difficulty.handover * float(rng.uniform(0.5, 1.5))
                reply = str(rng.choice(answers))
                writer.sentence(reply, str(rng.choice(others)), others, answers)
                writer.clock += difficulty.handover * float(rng.uniform(0.5, 1.5))
            else:
                writer.clock += float(rng.uniform(0.1, 0.6))
        writer.clock += difficulty.handover - 0.35 + float(rng.uniform(0.0, 0.3))
        current = str(rng.choice(others))
    return WrittenDialogue(*_transcript(writer, difficulty, rng))


def _transcript(
    writer: _Writer, difficulty: Difficulty, rng: np.random.Generator
) -> tuple[dict[str, Any], tuple[Turn, ...], tuple[str, ...]]:
    """Return the disturbed transcript, the disturbed turns and the words' speakers."""
    said: Sequence[Sequence[DialogueWord]] = writer.segments
    if not difficulty.remarks:
        said = _joined(said, rng)
    segments: list[dict[str, Any]] = []
    for part in said:
        words = _disturbed_words(part, difficulty, rng)
        segment: dict[str, Any] = {
            "id": len(segments),
            "start": round(max(0.0, words[0]["start"]), 3),
            "end": round(words[-1]["end"], 3),
            "text": "".join(word["word"] for word in words),
        }
        if difficulty.words:
            segment["words"] = words
            for word in words:
                if rng.random() < difficulty.missing:
                    del word["start"], word["end"]
        segments.append(segment)
    spoken = [word for part in said for word in part]
    turns = [
        Turn(part.start, part.end, name)
        for name in dict.fromkeys(word.speaker for word in spoken)
        for part in _runs(spoken, name)
    ] + writer.murmurs
    if difficulty.islands:
        turns = disturbed(turns, rng, TurnErrors(edge=0.0))
    moved = []
    for turn in sorted(turns):
        start, end = (
            edge + float(rng.uniform(-1, 1)) * difficulty.turn_jitter
            for edge in (turn.start, turn.end)
        )
        if end - start > 0.05:
            moved.append(Turn(round(max(0.0, start), 3), round(end, 3), turn.speaker))
    transcript = {"text": "", "segments": segments, "language": difficulty.language}
    return transcript, tuple(moved), tuple(word.speaker for word in spoken)


def _runs(spoken: Sequence[DialogueWord], name: str) -> list[Segment]:
    """Return one person's turns: words in a row, unless somebody else's come between."""
    ordered = sorted(spoken, key=lambda word: word.start)
    parts: list[list[Segment]] = [[]]
    for word in ordered:
        if word.speaker == name:
            parts[-1].append(Segment(word.start, word.end))
        elif parts[-1] and word.start >= parts[-1][-1].end - 0.01:
            parts.append([])
    return [run for part in parts for run in union(part, _TURN_PAUSE)]


def _joined(
    said: Sequence[Sequence[DialogueWord]], rng: np.random.Generator
) -> list[list[DialogueWord]]:
    """Join sentences to segments of one to three, whoever speaks."""
    joined: list[list[DialogueWord]] = []
    wanted = 0
    for part in said:
        if wanted == 0:
            joined.append([])
            wanted = int(rng.integers(1, 4))
        joined[-1] += part
        wanted -= 1
    return joined


def _disturbed_words(
    said: Sequence[DialogueWord], difficulty: Difficulty, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return a segment's words with errors in their times."""
    words: list[dict[str, Any]] = []
    for place, word in enumerate(said):
        start, end = (
            edge + float(rng.uniform(-1, 1)) * difficulty.word_jitter
            for edge in (word.start, word.end)
        )
        stretched = place + 1 < len(said) and rng.random() < difficulty.stretched
        if stretched and said[place + 1].start - word.end > 0.15:
            end = said[place + 1].start
        start = max(0.0, start, words[-1]["start"] if words else 0.0)
        words.append({"word": word.text, "start": round(start, 3),
                      "end": round(max(end, start + 0.02), 3), "probability": 0.9})  # fmt: skip
    return words
