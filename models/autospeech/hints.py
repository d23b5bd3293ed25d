"""What the teacher hears moment by moment, for the windows of the pool.

``python -m models.autospeech.hints --weights campplus_cn_en_common.pt`` runs CAM++ over the shards
of ``cache/pool`` once more and keeps its last features before they are pooled over time. One vector
a window tells the network what to answer and not how to come to it; with a few hundred people's
windows it then learns the people. Features every 80 ms are many more and much more local things to
learn: after Romero et al., "FitNets: hints for thin deep nets" (ICLR 2015).

Files like the shards' go to ``cache/hints``; several processes may fill it, each with its `--part`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from models.autospeech import data, pool
from models.autospeech.teacher import campplus, centred_fbank, with_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# Samples a hint speaks for, and hints a window.
STEP = 1280
COUNT = pool.LENGTH // STEP
# Hints to one position in time of the student's last map, which covers 32 frames.
MERGED = 32 * 160 // STEP


class Unpooled(nn.Module):
    """CAM++ up to its pooling over time: (n, frames, 80) to (n, 512, frames / 2)."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.head = teacher.head
        self.body = nn.Sequential()
        for name, layer in teacher.xvector.named_children():
            if name == "stats":
                break
            self.body.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.body(self.head(x.permute(0, 2, 1)))
        return out


def listener(weights: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float16]]:
    """From windows (n, pool.LENGTH) int16 to their hints (n, COUNT, 512)."""
    run = with_runtime(Unpooled(campplus(weights)).eval(), {0: "n", 2: "t"})
    return lambda samples: by_step(run(centred_fbank(samples.astype(np.float32) / 32768.0)))


def by_step(features: NDArray[np.float32]) -> NDArray[np.float16]:
    """(n, d, about 4 * COUNT) features to their means (n, COUNT, d) over four in a row.

    The last ones, which the edge has no frames for, are the last that there are.
    """
    n, d, have = features.shape
    wanted = 4 * COUNT
    kept = np.minimum(np.arange(wanted), have - 1)
    means = features[:, :, kept].reshape(n, d, COUNT, 4).mean(axis=3)
    return np.ascontiguousarray(means.transpose(0, 2, 1)).astype(np.float16)


def beside(shard: Path) -> Path:
    """Where the hints of a shard of the pool are."""
    return shard.parent.parent / "hints" / f"{shard.stem}.npy"


def covered(length: int) -> int:
    """Hints that a window of so many samples takes, a whole number of the map's positions."""
    return length // (STEP * MERGED) * MERGED


def scale(shards: Sequence[Path], most: int = 8) -> tuple[Tensor, Tensor]:
    """Mean and deviation (d,) of each feature in the first shards, merged as the student has it."""
    rows = np.concatenate([merge(np.load(beside(shard))) for shard in shards[:most]])
    flat = torch.from_numpy(rows.reshape(-1, rows.shape[-1]))
    return flat.mean(dim=0), flat.std(dim=0) + 1e-4


def merge(hints: NDArray[np.float16]) -> NDArray[np.float32]:
    """(n, k * MERGED, d) to means (n, k, d)."""
    n, count, d = hints.shape
    return hints.astype(np.float32).reshape(n, count // MERGED, MERGED, d).mean(axis=2)


def fill(
    shards: Sequence[Path],
    hear: Callable[[NDArray[np.int16]], NDArray[np.float16]],
    batch: int = 16,
) -> None:
    """Write the hints of each shard; those already there stay."""
    for shard in shards:
        path = beside(shard)
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = pool.read(shard).samples
        rows = [hear(samples[i : i + batch]) for i in range(0, len(samples), batch)]
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as out:
            np.save(out, np.concatenate(rows))
        temporary.replace(path)


def main() -> None:
    """Hear the pool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the teacher's file")
    parser.add_argument("--cache", type=Path, default=data.CACHE)
    parser.add_argument("--part", default="0/1", help="such as 0/2: every second shard")
    args = parser.parse_args()
    torch.set_num_threads(1)
    mine, parts = (int(number) for number in args.part.split("/"))
    fill(pool.shards(args.cache / "pool")[mine::parts], listener(args.weights))


if __name__ == "__main__":
    main()
