"""The embedding from speech to file, by a recipe.

``python -m models.autospeech.train --speech DIR --teacher FILE --work DIR`` decodes the speech,
lets the teachers hear it, trains, exports, evaluates and calibrates, as ``recipe.toml`` says, and
leaves ``autospeech.onnx`` in the work folder. Each stage leaves a stamp there: stopping and
starting again is the same command.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from models.autospeech import data, evaluate, export, targets, weights
from models.autospeech.augmentation import Augmenter, room_bank
from models.autospeech.batches import Batch, Batches
from models.autospeech.calibrate import calibrate
from models.autospeech.losses import Distillation, MarginSoftmax
from models.autospeech.network import AutoSpeech, FrontEnd
from models.autospeech.recipe import Recipe
from models.autospeech.teachers import Teachers
from models.simulation import acoustics
from models.training.provenance import commit, fingerprint, manifest
from models.training.recipe import digest, read_recipe
from models.training.stages import Stage, run_stages
from models.training.trainer import Habits, Trainer

RECIPE = Path(__file__).parent / "recipe.toml"


@dataclass(frozen=True)
class Job:
    """A recipe with everything that it is applied to.

    Attributes
    ----------
    recipe : Recipe
    speech : Path
        The corpus; see ``data.py``.
    teacher : Path
        The weights of CAM++.
    work : Path
        Gets everything that is made.
    start : Path, optional
        Weights to begin from, where the recipe names some.
    habits : Habits
    notify : callable
        Gets lines about what is done.
    """

    recipe: Recipe
    speech: Path
    teacher: Path
    work: Path
    start: Path | None
    habits: Habits
    notify: Callable[[str], None] = print

    @property
    def cache(self) -> Path:
        """Decoded speech, rooms and the teachers' vectors."""
        return self.work / "cache"

    @property
    def begun(self) -> Path:
        """The weights that training begins from, as it takes them."""
        return self.work / "start.npz"

    @property
    def model(self) -> Path:
        """The finished file."""
        return self.work / "autospeech.onnx"


def stages(job: Job) -> list[Stage]:
    """The stages of a job, in order."""
    recipe, work, cache = job.recipe, job.work, job.cache
    corpus = [
        job.speech / name
        for name in ("clips.csv", "train", data.MORE)
        if (job.speech / name).exists()
    ]
    held_out = [job.speech / "clips.csv", job.speech / "dev"]
    trained = work / "run" / "checkpoint.pt"
    exported, trained_weights = work / "exported.onnx", work / "autospeech.npz"
    scores, thresholds = work / "scores.json", work / "thresholds.json"
    given = [job.start] if job.start else []
    settings = (recipe.network, recipe.start, recipe.batches, recipe.losses, recipe.optimization)
    return [
        Stage("decode", lambda: decode(job, "train"), [cache / "train.json"], inputs=corpus),
        Stage("decode-dev", lambda: decode(job, "dev"), [cache / "dev.json"], inputs=held_out),
        Stage("rooms", lambda: rooms(job), [cache / "rooms.npz"], recipe.batches.rooms),
        Stage(
            "teachers", lambda: hear(job), [cache / "vectors.npz"], recipe.teachers,
            [job.teacher], ["decode"],
        ),
        Stage(
            "start", lambda: start(job), [job.begun], (recipe.network, recipe.start),
            [job.speech / "noise", *given], ["decode", "rooms", "teachers"],
        ),
        Stage(
            "train", lambda: train(job), [trained], settings,
            [job.teacher, job.speech / "noise"], ["decode", "rooms", "teachers", "start"],
        ),
        Stage(
            "export", lambda: write(job, trained, exported, trained_weights),
            [exported, trained_weights],
            recipe.export, after=["train"],
        ),
        Stage(
            "evaluate", lambda: score(job, exported, scores), [scores],
            after=["decode-dev", "export"],
        ),
        Stage(
            "calibrate", lambda: choose(job, exported, thresholds), [thresholds],
            recipe.calibration, after=["decode-dev", "export"],
        ),
        Stage(
            "finish", lambda: finish(job, exported, scores, thresholds), [job.model],
            digest(recipe), corpus, ["export", "evaluate", "calibrate"],
        ),
    ]  # fmt: skip


def decode(job: Job, part: str) -> None:
    """Decode one part of the corpus."""
    data.prepare(job.speech, part, job.cache)


def rooms(job: Job) -> None:
    """Simulate the rooms that windows are put into."""
    (job.cache / "rooms.npz").unlink(missing_ok=True)
    room_bank(job.cache / "rooms.npz", job.recipe.batches.rooms)


def hear(job: Job) -> None:
    """Let the teachers hear clean windows of everybody."""
    targets.hear_apart(job.teacher, job.cache, job.recipe.teachers.windows)


def start(job: Job) -> None:
    """Write the weights that training begins from: random ones, or those of the recipe's file."""
    recipe = job.recipe
    torch.manual_seed(recipe.batches.seed)
    if job.start is None:
        network = AutoSpeech(recipe.network)
    elif job.start.suffix == ".onnx":
        network = weights.read_onnx(job.start, examples(batches(job)))
    else:
        network = export.read_weights(job.start)
    if network.config != recipe.network:
        raise SystemExit(f"{job.start}: a network of {network.config}, not of {recipe.network}")
    export.write_weights(network, job.begun)


def examples(found: Batches) -> Tensor:
    """Return features (n, 1, frames, bands) of the last batches, which are degraded in full."""
    steps = range(found.steps)[-8:]
    return torch.cat(
        [found.features(found.windows(step)[0])[:, :, : found.settings.frames] for step in steps]
    )


def batches(job: Job) -> Batches:
    """Return the batches of a job's training."""
    speech = data.load(job.cache, "train")
    augmenter = Augmenter(
        room_bank(job.cache / "rooms.npz"), acoustics.load_noises(job.speech / "noise")
    )
    return Batches(
        speech,
        targets.load(job.cache / "vectors.npz", speech.voices),
        augmenter,
        FrontEnd(job.recipe.network.bands),
        job.recipe.batches,
        Teachers(job.teacher),
        job.recipe.optimization.steps,
    )


def train(job: Job) -> None:
    """Train from the start to the last step, or on from the newest checkpoint."""
    recipe, run = job.recipe, job.work / "run"
    torch.manual_seed(recipe.batches.seed)
    network, found = export.read_weights(job.begun), batches(job)
    margin = MarginSoftmax(torch.from_numpy(found.targets.means))
    settings = recipe.optimization
    # What decides the outcome besides the length of the run.
    decisive = (recipe.network, recipe.start, recipe.batches, recipe.losses)
    trainer: Trainer[Batch] = Trainer(
        network,
        Distillation(network, margin, recipe.losses),
        settings,
        run,
        extra=margin,
        habits=job.habits,
        facts={"shape": asdict(recipe.network), "key": digest(decisive, str(job.speech))},
    )
    if trainer.resume():
        job.notify(f"train: going on from step {trainer.step}")
    loader = DataLoader(
        found,
        batch_size=None,
        sampler=range(trainer.step, settings.steps),
        num_workers=1,
        prefetch_factor=3,
    )
    trainer.fit(loader)


def write(job: Job, trained: Path, exported: Path, weights: Path) -> None:
    """Export the run's average, with its share of the weights that it began from."""
    settings, network = job.recipe.export, export.read_weights(trained)
    if settings.start_share:
        if job.start is None:
            raise SystemExit("export.start_share needs weights that training began from")
        network = export.mean_network(network, export.read_weights(job.begun), settings.start_share)
    export.write_onnx(network, exported, export.describe(network, settings.version))
    if settings.half:
        export.halve(exported)
    export.write_weights(network, weights)
    job.notify(f"export: differs from PyTorch by {export.check(network, exported):.1e}")


def score(job: Job, exported: Path, scores: Path) -> None:
    """Equal-error rates on people that nothing was trained on."""
    people = data.load(job.cache, "dev")
    report = evaluate.evaluate({"autospeech": evaluate.onnx_embedder(exported)}, people)
    job.notify(evaluate.markdown(report))
    scores.write_text(json.dumps(report), encoding="utf-8")


def choose(job: Job, exported: Path, thresholds: Path) -> None:
    """Thresholds, on the same people."""
    people = data.load(job.cache, "dev")
    kept = job.work / f"conversations-{manifest(job.speech, ('dev',))[:8]}"
    found = calibrate(exported, people, job.speech, kept, job.recipe.calibration, job.notify)
    thresholds.write_text(json.dumps(found), encoding="utf-8")


def finish(job: Job, exported: Path, scores: Path, thresholds: Path) -> None:
    """Write the finished file: thresholds, scores and provenance in its metadata."""
    rates = json.loads(scores.read_text(encoding="utf-8"))["eer"]
    eer = {seconds: round(row["autospeech"]["pooled"], 2) for seconds, row in rates.items()}
    found: dict[str, str] = json.loads(thresholds.read_text(encoding="utf-8"))
    part = job.model.with_suffix(".part")
    shutil.copy(exported, part)
    export.stamp(
        part,
        {
            **found,
            "diarize.recipe": digest(job.recipe),
            "diarize.commit": commit(),
            "diarize.corpus": manifest(job.speech, ("train", data.MORE)),
            "diarize.teacher": fingerprint(job.teacher),
            "diarize.eer": json.dumps(eer),
        },
    )
    part.replace(job.model)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, default=os.environ.get("DIARIZE_SPEECH_DIR"))
    parser.add_argument("--teacher", type=Path, required=True, help="the weights' file of CAM++")
    parser.add_argument("--work", type=Path, required=True, help="gets everything that is made")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--start", type=Path, help="the weights that the recipe begins from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-minutes", type=float, default=5.0, help="between checkpoints")
    parser.add_argument("--pause", type=Path, help="training waits while this file exists")
    args = parser.parse_args(argv)
    if args.speech is None:
        parser.error("give --speech DIR or set DIARIZE_SPEECH_DIR")
    return args


def starting_point(recipe: Recipe, beside: Path, given: Path | None) -> Path | None:
    """The weights that a recipe begins from, if it names some.

    Raises
    ------
    SystemExit
        The file is missing, or another one than the recipe's.
    """
    if not recipe.start.file:
        return None
    path = given or beside / recipe.start.file
    if not path.exists():
        raise SystemExit(f"{path}: missing; the recipe begins from it (--start FILE)")
    if fingerprint(path) != recipe.start.sha256:
        raise SystemExit(f"{path}: not the weights that the recipe begins from (other SHA-256)")
    return path


def main(argv: list[str] | None = None) -> None:
    """Make the model."""
    args = parse(argv)
    torch.set_num_threads(args.threads)
    recipe = read_recipe(args.recipe, Recipe)
    job = Job(
        recipe,
        Path(args.speech),
        args.teacher,
        args.work,
        starting_point(recipe, args.recipe.parent, args.start),
        Habits(save=args.save_minutes, pause=args.pause),
    )
    run_stages(stages(job), args.work / "stamps", job.notify)
    print(f"{job.model}: {job.model.stat().st_size / 1e6:.1f} MB")
    for key, value in sorted(export.read_metadata(job.model).items()):
        print(f"  {key} = {value}")


if __name__ == "__main__":
    main()
