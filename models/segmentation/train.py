"""The segmentation from speech to file, by a recipe.

``python -m models.segmentation.train --speech DIR --teacher FILE --work DIR`` decodes the speech,
lets the embedding's teachers hear it, simulates conversations, trains, exports and calibrates, as
``recipe.toml`` says, and leaves ``segmentation.onnx`` in the work folder. Each stage leaves a stamp
there: stopping and starting again is the same command.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from diarize.segmentation.segmenters import NeuralSegmenter, load_segmentation
from diarize.settings import SegmentationSettings
from models.autospeech import data as speech_data
from models.autospeech import targets
from models.segmentation import export, talks, tune
from models.segmentation.data import Conversations
from models.segmentation.evaluate import simulated
from models.segmentation.feeding import Batch, batches, to_message
from models.segmentation.network import SegmentationNet
from models.segmentation.objective import Segmentation
from models.segmentation.recipe import Recipe
from models.segmentation.weights import read_onnx
from models.training.provenance import commit, fingerprint, manifest
from models.training.recipe import digest, read_recipe
from models.training.stages import Stage, run_stages
from models.training.trainer import Habits, Trainer

RECIPE = Path(__file__).parent / "recipe.toml"
# First seeds of the conversations that thresholds are chosen on, and that they are scored on.
CHOSEN_ON, SCORED_ON = 1000, 2000
# Windows that the statistics of an exported file's normalizations are taken from.
STATISTICS = 64
# What the material stage leaves in the cache.
MATERIAL = ("shared_rooms.npz", "noises.npz", "train_speech.npz")


@dataclass(frozen=True)
class Job:
    """A recipe with everything that it is applied to; see ``models.autospeech.train.Job``."""

    recipe: Recipe
    speech: Path
    teacher: Path
    work: Path
    habits: Habits
    workers: int = 1
    start: Path | None = None
    notify: Callable[[str], None] = print

    @property
    def cache(self) -> Path:
        """Decoded speech, vectors, rooms, noises and finished conversations."""
        return self.work / "cache"

    @property
    def started_from(self) -> str:
        """SHA-256 of the file whose weights the run began with; empty for random ones."""
        return fingerprint(self.start) if self.start else ""

    @property
    def model(self) -> Path:
        """The finished file."""
        return self.work / "segmentation.onnx"

    def source(self) -> Conversations:
        """Where training windows come from."""
        settings, material = self.recipe.batches, self.recipe.material
        return Conversations(
            self.cache,
            self.speech / "noise",
            seconds=settings.seconds,
            seed=settings.seed,
            rooms=material.rooms,
        )


def stages(job: Job) -> list[Stage]:
    """The stages of a job, in order."""
    recipe, work, cache = job.recipe, job.work, job.cache
    corpus = [
        job.speech / name
        for name in ("clips.csv", "train", speech_data.MORE)
        if (job.speech / name).exists()
    ]
    noise, material = job.speech / "noise", recipe.material
    checkpoint, exported = work / "run" / "checkpoint.pt", work / "exported.onnx"
    options = work / "options.json"
    settings = (recipe.network, recipe.batches, recipe.losses, recipe.optimization)
    return [
        Stage("decode", lambda: decode(job), [cache / "train.json"], inputs=corpus),
        Stage(
            "teachers", lambda: hear(job), [cache / "vectors.npz"], recipe.teachers,
            [job.teacher], ["decode"],
        ),
        Stage(
            "material", lambda: prepare(job), [cache / name for name in MATERIAL],
            (material.rooms, material.seed), [noise], ["decode"],
        ),
        Stage(
            "conversations", lambda: converse(job), [cache / "talks" / "samples.npy"],
            material.conversations, [*corpus, noise],
        ),
        Stage(
            "train", lambda: train(job), [checkpoint], settings, [job.start] if job.start else [],
            after=["teachers", "material", "conversations"],
        ),
        Stage("export", lambda: write(job, checkpoint, exported), [exported], after=["train"]),
        Stage(
            "calibrate", lambda: choose(job, exported, options), [options], recipe.calibration,
            [job.speech / "clips.csv", job.speech / "dev"], ["export"],
        ),
        Stage(
            "finish", lambda: finish(job, exported, options), [job.model], digest(recipe),
            corpus, ["export", "calibrate"],
        ),
    ]  # fmt: skip


def decode(job: Job) -> None:
    """Decode the people to train on."""
    speech_data.prepare(job.speech, "train", job.cache)


def hear(job: Job) -> None:
    """Let the embedding's teachers hear clean windows of everybody."""
    targets.hear_apart(job.teacher, job.cache, job.recipe.teachers.windows)


def prepare(job: Job) -> None:
    """Simulate rooms, decode noises and find where speech is."""
    for name in MATERIAL:
        (job.cache / name).unlink(missing_ok=True)
    source = Conversations(
        job.cache,
        job.speech / "noise",
        seed=job.recipe.material.seed,
        rooms=job.recipe.material.rooms,
    )
    source.prepare()


def converse(job: Job) -> None:
    """Simulate whole conversations, from which a part of the windows is cut."""
    talks.make(job.speech, job.cache / "talks", job.recipe.material.conversations)


def train(job: Job) -> None:
    """Train to the last step, from the newest checkpoint on if there is one."""
    recipe = job.recipe
    people = speech_data.load(job.cache, "train").voices
    voices = torch.from_numpy(targets.load(job.cache / "vectors.npz", people).means)
    torch.manual_seed(recipe.batches.seed)
    network = SegmentationNet(replace(recipe.network, voice=voices.shape[1]))
    source = job.source()
    source.prepare()
    if job.start:
        take_weights(network, job.start, source)
    steps = recipe.optimization.steps
    trainer: Trainer[Batch] = Trainer(
        network,
        Segmentation(network, recipe.losses, recipe.batches, steps, voices),
        recipe.optimization,
        job.work / "run",
        habits=job.habits,
        facts={
            "shape": asdict(network.shape),
            "key": digest(
                recipe.batches, recipe.losses, recipe.material, str(job.speech), job.started_from
            ),
        },
    )
    if trainer.resume():
        job.notify(f"train: going on from step {trainer.step}")
    trainer.fit(batches(source, recipe.batches, trainer.step, steps, job.workers))


def take_weights(network: SegmentationNet, start: Path, source: Conversations) -> None:
    """Begin with an exported file's weights; what only training needs stays as it is."""
    windows = to_message([source.window(index) for index in range(STATISTICS)])
    state = read_onnx(start, torch.from_numpy(windows.mels).float())
    shapes = {
        name: value.shape
        for name, value in network.state_dict().items()
        if not name.startswith(("alike", "voice"))
    }
    if shapes != {name: value.shape for name, value in state.items()}:
        raise SystemExit(f"{start}: its network is not of the recipe's shape")
    network.load_state_dict(state, strict=False)


def write(job: Job, checkpoint: Path, exported: Path) -> None:
    """Export the run's average, with thresholds that are not chosen yet."""
    options = SegmentationSettings(hop=job.recipe.calibration.hop)
    export.export(export.averaged(checkpoint), options, exported)


def choose(job: Job, exported: Path, options: Path) -> None:
    """Choose thresholds on some conversations, and score them on others."""
    settings = job.recipe.calibration
    segmenter = load_segmentation(exported, threads=1)
    if not isinstance(segmenter, NeuralSegmenter):
        raise TypeError(f"{exported}: not a model with overlaps")
    conversations = job.work / f"conversations-{manifest(job.speech, ('dev',))[:8]}"
    chosen_on, scored_on = (
        tune.hear(
            segmenter,
            simulated(
                job.speech,
                conversations,
                range(first, first + settings.conversations),
                settings.minutes,
                settings.people,
            ),
            settings.hop,
        )
        for first in (CHOSEN_ON, SCORED_ON)
    )
    chosen = tune.tune(chosen_on, segmenter.settings, settings.precision)
    precision, f1 = tune.overlap_scores(scored_on, chosen)
    scores = {
        "speech_error": round(tune.speech_error(scored_on, chosen), 4),
        "overlap_precision": round(precision, 4),
        "overlap_f1": round(f1, 4),
    }
    job.notify(f"thresholds: {asdict(chosen)}\nscores: {scores}")
    found = {"options": asdict(chosen), "scores": scores}
    options.write_text(json.dumps(found), encoding="utf-8")


def finish(job: Job, exported: Path, options: Path) -> None:
    """Write the finished file: thresholds, scores and provenance in its metadata."""
    found = json.loads(options.read_text(encoding="utf-8"))
    settings = job.recipe.calibration
    facts = {
        "version": job.recipe.export.version,
        "note": f"thresholds: {settings.conversations} simulated conversations of dev people",
        "scores": json.dumps(found["scores"]),
        "recipe": digest(job.recipe),
        "commit": commit(),
        "corpus": manifest(job.speech, ("train", speech_data.MORE)),
        "teacher": fingerprint(job.teacher),
    }
    if job.start:
        facts["start"] = job.started_from
    export.stamp(exported, job.model, SegmentationSettings(**found["options"]), facts)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--teacher", type=Path, required=True, help="the weights' file of CAM++")
    parser.add_argument("--work", type=Path, required=True, help="gets everything that is made")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--start", type=Path, help="an exported .onnx to go on from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw windows")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="between checkpoints")
    parser.add_argument("--pause", type=Path, help="training waits while this file exists")
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    return args


def main(argv: list[str] | None = None) -> None:
    """Make the model."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    job = Job(
        read_recipe(args.recipe, Recipe),
        Path(args.speech),
        args.teacher,
        args.work,
        Habits(save=args.save_minutes, pause=args.pause),
        args.workers,
        args.start,
    )
    run_stages(stages(job), args.work / "stamps", job.notify)
    print(f"{job.model}: {job.model.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
