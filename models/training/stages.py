"""The stages of a recipe: each runs once, and again only when something that it depends on changed.

A finished stage leaves a stamp: the digest of its settings, its input files and the stages before
it. Stopping and starting again is the same command.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.training.checkpoints import write_whole
from models.training.provenance import fingerprint
from models.training.recipe import digest


@dataclass(frozen=True)
class Stage:
    """One step from the speech to the model.

    Attributes
    ----------
    name : str
    run : callable
        Does the work; called without arguments.
    outputs : sequence of Path
        Files that it writes. Where one is missing, the stage runs.
    settings : object
        The numbers of the recipe that it uses.
    inputs : sequence of Path
        Files and folders that it reads, besides the outputs of other stages.
    after : sequence of str
        Names of the stages whose outputs it reads.
    """

    name: str
    run: Callable[[], None]
    outputs: Sequence[Path]
    settings: Any = None
    inputs: Sequence[Path] = ()
    after: Sequence[str] = ()


def run_stages(stages: Sequence[Stage], stamps: Path, notify: Callable[[str], None]) -> list[str]:
    """Run the stages that are not done, in order.

    Parameters
    ----------
    stages : sequence of Stage
        Each after those that it names.
    stamps : Path
        Folder of the stamps.
    notify : callable
        Gets one line a stage.

    Returns
    -------
    list of str
        The names of the stages that ran.
    """
    keys: dict[str, str] = {}
    ran = []
    for stage in stages:
        keys[stage.name] = key = stage_key(stage, keys)
        stamp = stamps / f"{stage.name}.json"
        if _stamped(stamp) == key and all(path.exists() for path in stage.outputs):
            notify(f"{stage.name}: done before")
            continue
        notify(f"{stage.name}: ...")
        begun = time.monotonic()
        stage.run()
        if missing := [str(path) for path in stage.outputs if not path.exists()]:
            raise RuntimeError(f"stage {stage.name} did not write {', '.join(missing)}")
        seconds = round(time.monotonic() - begun, 1)
        write_stamp(stamp, {"key": key, "seconds": seconds})
        notify(f"{stage.name}: {seconds} s")
        ran.append(stage.name)
    return ran


def stage_key(stage: Stage, before: dict[str, str]) -> str:
    """What a stage's outputs depend on, as a digest; `before` are the keys of earlier stages."""
    files = [(str(path.name), fingerprint(path)) for path in stage.inputs]
    return digest(stage.name, stage.settings, files, [before[name] for name in stage.after])


def write_stamp(path: Path, entry: dict[str, Any]) -> None:
    """Write a stamp whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda part: part.write_text(json.dumps(entry), encoding="utf-8"))


def _stamped(path: Path) -> str | None:
    if not path.exists():
        return None
    key: str = json.loads(path.read_text(encoding="utf-8"))["key"]
    return key
