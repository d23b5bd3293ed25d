"""Who spoke when, with speech given: ``python -m models.autospeech.conversations --speech DIR``.

What a model's vectors are worth for telling people apart in a conversation, and nothing else: the
regions of speech come from the reference, and windows, clustering and resegmentation are the same
for all models. The number of speakers is known (told to the clustering) or unknown (found by it).
Each model has a clustering distance of its own, chosen on other conversations by one rule,
:func:`diarize.evaluation.tuning.best`.

All conversations are simulated from people of the part ``dev`` and kept in the folder ``--work``,
so that another run costs only the embedding. Prints Markdown, or JSON with ``--json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from diarize import audio
from diarize.annotation import Turn, union
from diarize.arrays import unit
from diarize.embedding import Thresholds
from diarize.evaluation import tuning
from diarize.evaluation.benchmark import Recording, simulated
from diarize.evaluation.metrics import FULL, DiarizationError, diarization_error
from diarize.evaluation.scenes import SimulationOptions
from diarize.evaluation.scoring import score, total
from diarize.pipeline import Diarizer
from models.autospeech import data, evaluate, export

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from diarize.annotation import Segment
    from diarize.audio import Waveform
    from diarize.evaluation.scoring import Score

FIRST_SEED = 5000
CONVERSATIONS = 20
MINUTES = (3.0, 4.0)
BATCH = 32


class Windows:
    """A model behind the pipeline's protocol of an embedder.

    Every window is brought to the same number of samples by repeating it, so that all models hear
    the same.
    """

    checksum = ""
    dimension = 0
    thresholds = Thresholds(0.5, 0.5, note="not calibrated")

    def __init__(self, name: str, embed: evaluate.Embed, window: float, hop: float) -> None:
        self.name, self.window, self.hop = name, window, hop
        self._embed = embed

    def embed(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """(len(segments), dimension) unit vectors."""
        size = round(self.window * evaluate.RATE)
        vectors = []
        for first in range(0, len(segments), BATCH):
            batch = segments[first : first + BATCH]
            pieces = (
                waveform.block(round(s.start * evaluate.RATE), round(s.end * evaluate.RATE))
                for s in batch
            )
            vectors.append(self._embed(np.stack([np.resize(piece, size) for piece in pieces])))
            if on_progress:
                on_progress(first + len(batch), len(segments))
        return unit(np.concatenate(vectors))


class Oracle:
    """A detector that knows: the speech of the reference, without who, overlaps or changes."""

    def __init__(self, items: Sequence[Recording]) -> None:
        self._turns = {str(item.audio): item.turns for item in items}

    def __call__(self, waveform: Waveform) -> list[Segment]:
        """Where anybody talks in a recording that was opened by its path."""
        return list(union(turn.segment for turn in self._turns[waveform.path]))


def conversations(speech: Path, work: Path, count: int = CONVERSATIONS) -> list[Recording]:
    """Two to eight dev people in turn; other seeds than wherever anything is chosen."""
    options = SimulationOptions(minutes=MINUTES)
    return simulated(speech, work, count=count, first_seed=FIRST_SEED, options=options)


def measure(
    name: str,
    embed: evaluate.Embed,
    tune_on: Sequence[Recording],
    test_on: Sequence[Recording],
    window: float = export.WINDOW,
    hop: float = export.HOP,
    distance: float | None = None,
) -> dict[str, Any]:
    """A model's scores with the number of speakers known and unknown, and its distance.

    The distance is chosen on `tune_on` where it is not given.
    """
    embedder = Windows(name, embed, window, hop)
    diarizer = Diarizer(vad=Oracle([*tune_on, *test_on]), embedder=embedder)
    if distance is None:
        distance = tuning.best(tuning.curve(diarizer, tuning.listen(diarizer, tune_on)))
    known, unknown = [], []
    for item, heard in tuning.listen(diarizer, test_on):
        for scores, count in ((known, item.speakers), (unknown, None)):
            found = diarizer.decide(heard, threshold=distance, num_speakers=count)
            scores.append(score(item.turns, found.diarization.turns))
    return {
        "distance": distance,
        "known": as_dict(known),
        "unknown": as_dict(unknown),
    }


def as_dict(scores: Sequence[Score]) -> dict[str, Any]:
    """The sum as plain numbers, and DER Full of each conversation."""
    each = [one.errors[FULL.name].rate for one in scores]
    return total(scores).as_dict() | {"each": each}


def bound(items: Sequence[Recording]) -> float:
    """DER Full of the best that can be done here: one voice at a time, always the right one."""
    error = DiarizationError()
    for item in items:
        alone: list[Turn] = []
        end = 0.0
        for turn in sorted(item.turns):
            if turn.end > end:
                alone.append(Turn(max(turn.start, end), turn.end, turn.speaker))
                end = turn.end
        error += diarization_error(item.turns, alone, collar=FULL.collar)
    return error.rate


def markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    lines = [
        f"DER % with speech from the reference, {report['conversations']} simulated conversations "
        f"of two to eight `dev` people, {report['minutes']:.0f} minutes together (seeds "
        f"{FIRST_SEED} and up), Full / Forgiving. Each model's distance was chosen on "
        f"{tuning.CONVERSATIONS} others (seeds {tuning.FIRST_SEED} and up): the middle of those "
        "with the least sum of both. One voice at a time, always the right one, would have "
        f"{100 * report['bound']:.1f} % Full: that much is missed overlap.",
        "",
        "| model | distance | number known | number unknown | count off by | count right |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, row in report["models"].items():
        cells = [
            " / ".join(f"{100 * row[kind][p]['der']:.1f}" for p in ("full", "forgiving"))
            for kind in ("known", "unknown")
        ]
        lines.append(
            f"| {name} | {row['distance']:.2f} | {cells[0]} | {cells[1]} "
            f"| {row['unknown']['speaker_count_error']:.2f} "
            f"| {100 * row['unknown']['speaker_count_exact']:.0f} % |"
        )
    return "\n".join(lines)


def run(models: dict[str, evaluate.Embed], speech: Path, work: Path) -> dict[str, Any]:
    """Measure every model on the same conversations."""
    tune_on = tuning.conversations(speech, work / "tuning")
    test_on = conversations(speech, work / "oracle")
    rows = {}
    for name, embed in models.items():
        print(name, file=sys.stderr, flush=True)
        rows[name] = measure(name, embed, tune_on, test_on)
    seconds = sum(audio.load(item.audio).duration for item in test_on)
    return {
        "conversations": len(test_on),
        "minutes": seconds / 60,
        "bound": bound(test_on),
        "models": rows,
    }


def main() -> None:
    """Compare models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    evaluate.add_model_arguments(parser)
    parser.add_argument(
        "--work", type=Path, default=data.CACHE, help="keeps the simulated conversations"
    )
    args = parser.parse_args()
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        models = evaluate.open_models(args, Path(folder))
        report = run(models, Path(args.speech), args.work)
    print(json.dumps(report, indent=1) if args.json else markdown(report))


if __name__ == "__main__":
    main()
