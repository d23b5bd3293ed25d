"""Make the example meeting: ``meeting.mp3`` and what belongs to it.

The four voices are synthetic: they come from Flite, a free speech synthesiser, whose voices awb,
rms, slt and kal16 were built from recordings of four different people. The script puts their
sentences into one small simulated room with some noise, lets people interrupt each other, encodes
the result as MP3, and writes

* ``meeting.json``: a transcript in openai-whisper's shape, its word times found by a forced aligner
  (pocketsphinx) on each sentence alone;
* ``meeting.rttm``: who really spoke when;
* ``meeting.expected.srt``: the subtitles with every word's true speaker.

Run from the project's root, with flite on the PATH and pocketsphinx and pyroomacoustics installed::

    apt-get install flite
    pip install pocketsphinx pyroomacoustics "autospeech-diarize[test]"
    python examples/make_meeting.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from diarize.annotation import Diarization
from diarize.formats import WriterOptions, get_writer
from diarize.result import Result
from diarize.timeline import Turn
from models.simulation import acoustics

HERE = Path(__file__).resolve().parent
RATE = 16000
SEED = 20

# (voice, sentence, seconds from the end of the sentence before; below zero interrupts)
SCRIPT: list[tuple[str, str, float]] = [
    ("slt", "Good morning everybody. Thank you for coming in on such a wet day.", 0.8),
    (
        "slt",
        "We have three things to settle before lunch, the garden, the fair, and the leaking roof.",
        0.5,
    ),
    (
        "rms",
        "Could we begin with the roof? The bucket in the hall was full again this morning.",
        0.4,
    ),
    (
        "awb",
        "I looked at it on Friday. Two slates have slipped, and the gutter is full of leaves.",
        0.5,
    ),
    ("rms", "So it is not the whole roof. That is a relief.", 0.3),
    ("kal16", "How much will it cost us? There is not a lot of money left in the account.", 0.6),
    ("awb", "The builder wants four hundred pounds, and he can start on Tuesday.", 0.4),
    ("kal16", "We have nine hundred left until the end of the year. I would say yes.", 0.4),
    ("slt", "Does anybody object? No? Then please ask the builder to come on Tuesday.", 0.5),
    ("awb", "I will call him this afternoon, and I will be there to let him in.", -0.3),
    ("slt", "Wonderful. Now, the summer fair. Last year we sold all the cakes before noon.", 0.6),
    (
        "rms",
        "People asked for more music. My sister plays in a band, and they would play for nothing.",
        0.5,
    ),
    ("kal16", "For nothing sounds good to me.", -0.4),
    ("slt", "We would still have to feed them. Can somebody ask the bakery about bread?", 0.5),
    ("rms", "I can do that. The baker lives next door to us, and he owes me a favour.", 0.4),
    ("awb", "What about the tent? It was torn last time, and nobody has mended it since.", 0.7),
    (
        "kal16",
        "The school has a large tent. They would lend it to us if we bring it back dry.",
        0.4,
    ),
    ("awb", "Dry? In this country?", 0.2),
    ("slt", "Let us ask the school first, and look for a second tent in case they refuse.", 0.6),
    ("kal16", "I will write to the head teacher tonight, and I will copy all of you.", 0.4),
    ("slt", "Thank you. That leaves the garden. We had eleven new members since March.", 0.6),
    ("rms", "Eleven is a lot. Do we have enough beds for all of them?", 0.3),
    (
        "awb",
        "Not really. We could split the long bed by the fence, and clear a corner behind the shed.",
        0.5,
    ),
    (
        "kal16",
        "Behind the shed there is very little sun, nothing will grow there except moss.",
        -0.4,
    ),
    ("awb", "Then we move the compost there, and we use the sunny corner for beans.", 0.4),
    ("rms", "That makes sense. The compost does not need any light at all.", 0.4),
    ("slt", "Good. Shall we meet there on Saturday at ten, and bring spades?", 0.5),
    ("kal16", "Saturday is fine with me.", 0.3),
    ("rms", "I am away on Saturday, but I can come on Sunday and carry things.", 0.5),
    ("awb", "I have two spades, and a wheelbarrow with one good wheel.", 0.4),
    (
        "slt",
        "One wheel is all it needs. Thank you all very much, and mind the bucket on your way out.",
        0.5,
    ),
]


@dataclass(frozen=True)
class Word:
    """A word with its time in the recording and the voice that says it."""

    text: str
    start: float
    end: float
    voice: str


def synthesise(voice: str, sentence: str, folder: Path) -> np.ndarray:
    """Return a sentence in one of Flite's voices, (n,) float32 at 16 kHz, edges trimmed."""
    path = folder / "sentence.wav"
    subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(path)], check=True)
    with wave.open(str(path)) as file:
        if file.getframerate() != RATE:
            raise SystemExit(
                f"flite's voice {voice} speaks at {file.getframerate()} Hz, not {RATE}"
            )
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / np.float32(32768)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[max(0, loud[0] - 160) : loud[-1] + 800].astype(np.float32)


def align(samples: np.ndarray, sentence: str, voice: str) -> list[Word]:
    """Return the words of a sentence with their times inside ``samples``."""
    from pocketsphinx import Decoder

    shown = sentence.split()
    spoken = [re.sub(r"[^a-z']", "", word.lower()) for word in shown]
    decoder = Decoder(samprate=RATE, bestpath=False, loglevel="FATAL")
    unknown = [word for word in spoken if not decoder.lookup_word(word)]
    if unknown:
        raise SystemExit(f"the aligner's dictionary lacks {unknown}: choose other words")
    decoder.set_align_text(" ".join(spoken))
    decoder.start_utt()
    decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    found = [
        (re.sub(r"\(\d+\)$", "", seg.word), seg.start_frame / 100, (seg.end_frame + 1) / 100)
        for seg in decoder.seg()
        if not seg.word.startswith(("<", "[", "("))
    ]
    if [word for word, _, _ in found] != spoken:
        raise SystemExit(f"alignment of {sentence!r} failed: {found}")
    return [
        Word(text, start, end, voice) for text, (_, start, end) in zip(shown, found, strict=True)
    ]


def perform(folder: Path) -> tuple[np.ndarray, list[Turn], list[Word]]:
    """Return the recording (n,) float32 with its turns and words."""
    voices = sorted({voice for voice, _, _ in SCRIPT})
    rng = np.random.default_rng(SEED)
    rooms = dict(zip(voices, acoustics.shared_room(rng, len(voices)), strict=True))
    gains = dict(zip(voices, (0.9, 0.75, 1.0, 0.85), strict=True))
    placed: list[tuple[int, np.ndarray]] = []
    turns: list[Turn] = []
    words: list[Word] = []
    clock = 0.0
    for voice, sentence, pause in SCRIPT:
        dry = synthesise(voice, sentence, folder)
        start = clock + pause
        words += [
            replace(word, start=start + word.start, end=start + word.end)
            for word in align(dry, sentence, voice)
        ]
        first, last = words[-len(sentence.split())], words[-1]
        turns.append(Turn(first.start, last.end, voice))
        level = np.sqrt(np.mean(dry**2))
        wet = acoustics.apply_rir(dry * np.float32(0.08 * gains[voice] / level), rooms[voice])
        placed.append((round(start * RATE), wet))
        clock = start + len(dry) / RATE
    recording = np.zeros(round((clock + 1.2) * RATE), np.float32)
    for begin, wet in placed:
        end = min(recording.size, begin + wet.size)
        recording[begin:end] += wet[: end - begin]
    hum = acoustics.coloured_noise(rng, recording.size, exponent=1.0)
    recording = acoustics.add_noise(recording, hum, snr_db=25.0)
    return recording / np.float32(1.1 * np.abs(recording).max()), turns, words


def whisper_shape(words: list[Word]) -> dict[str, object]:
    """Return the words as openai-whisper would write them: segments know nothing of speakers."""
    segments: list[dict[str, object]] = []
    run: list[Word] = []
    ordered = sorted(words, key=lambda word: word.start)
    for index, word in enumerate(ordered):
        run.append(word)
        last = index + 1 == len(ordered)
        done = word.text[-1] in ".?!" and run[-1].end - run[0].start > 3.0
        if not (last or done):
            continue
        entries = [
            {
                "word": " " + item.text,
                "start": round(item.start, 2),
                "end": round(item.end, 2),
                "probability": 0.99,
            }
            for item in run
        ]
        segments.append(
            {
                "id": len(segments),
                "seek": int(run[0].start // 30) * 3000,
                "start": entries[0]["start"],
                "end": max(item.end for item in run) and round(max(item.end for item in run), 2),
                "text": "".join(str(entry["word"]) for entry in entries),
                "tokens": [],
                "temperature": 0.0,
                "avg_logprob": -0.1,
                "compression_ratio": 1.5,
                "no_speech_prob": 0.01,
                "words": entries,
            }
        )
        run = []
    return {
        "text": "".join(str(segment["text"]) for segment in segments),
        "segments": segments,
        "language": "en",
    }


def truly_labelled(transcript: dict[str, object], words: list[Word], names: dict[str, str]) -> dict:
    """Return the transcript cut at every true change of speaker, each word with its speaker."""
    voices = iter(sorted(words, key=lambda word: word.start))
    segments: list[dict] = []
    for segment in transcript["segments"]:  # type: ignore[attr-defined]
        pieces: list[dict] = []
        for word in segment["words"]:
            speaker = names[next(voices).voice]
            if not pieces or pieces[-1]["speaker"] != speaker:
                pieces.append({**segment, "words": [], "speaker": speaker})
            pieces[-1]["words"].append({**word, "speaker": speaker})
        for piece in pieces:
            piece["start"] = piece["words"][0]["start"]
            piece["end"] = piece["words"][-1]["end"]
            piece["text"] = "".join(word["word"] for word in piece["words"])
            piece["id"] = len(segments)
            segments.append(piece)
    return {**transcript, "segments": segments}


def encode_mp3(samples: np.ndarray, path: Path) -> None:
    """Write (n,) float32 samples at 16 kHz as a 48 kbit/s MP3."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=RATE)
        stream.bit_rate = 48000
        stream.layout = "mono"
        pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main() -> int:
    """Write the four files of the example beside this script."""
    if shutil.which("flite") is None:
        raise SystemExit("flite is not installed: apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        recording, turns, words = perform(Path(folder))
    encode_mp3(recording, HERE / "meeting.mp3")
    transcript = whisper_shape(words)
    (HERE / "meeting.json").write_text(json.dumps(transcript, indent=1) + "\n", encoding="utf-8")
    order = list(dict.fromkeys(turn.speaker for turn in sorted(turns)))
    names = {voice: f"SPEAKER_{index:02d}" for index, voice in enumerate(order)}
    duration = recording.size / RATE
    truth = Diarization(
        [replace(turn, speaker=names[turn.speaker]) for turn in turns], duration, uri="meeting"
    )
    (HERE / "meeting.rttm").write_text(truth.to_rttm(), encoding="utf-8")
    result = Result(truth, truly_labelled(transcript, words, names), "meeting.mp3")
    srt = get_writer("srt").render(result, WriterOptions())
    (HERE / "meeting.expected.srt").write_text(srt, encoding="utf-8")
    print(f"{duration:.1f} s, {len(turns)} turns, {len(words)} words, voices {', '.join(order)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
