"""A wider network that computes what a trained one does, to go on from.

``python -m models.autospeech.widen --init autospeech.onnx --channels 64 --bands 64 --out wide.pt``
repeats channels at random and divides what they feed among the copies (Chen et al., "Net2Net:
accelerating learning via knowledge transfer", ICLR 2016). The shares are uneven, so that the copies
learn different things. With other bands than before the function is only nearly the same.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from models.autospeech.export import read_weights
from models.autospeech.network import NODES, AutoSpeech, Cell, Separable

# A copy gets between so much and the rest of what its channel feeds, before they are made to sum
# up to one.
LEAST_SHARE = 0.3


@dataclass(frozen=True)
class Copies:
    """Which old channel each new one repeats, and its share of what that one feeds."""

    source: Tensor
    share: Tensor

    @classmethod
    def drawn(cls, old: int, new: int, generator: torch.Generator) -> Copies:
        """All old channels, and some once more."""
        more = torch.randint(old, (new - old,), generator=generator)
        source = torch.cat([torch.arange(old), more])
        part = LEAST_SHARE + (1.0 - LEAST_SHARE) * torch.rand(new, generator=generator)
        total = torch.zeros(old).index_add_(0, source, part)
        return cls(source, part / total[source])

    def repeated(self, times: int, old: int) -> Copies:
        """The same for maps of `times` nodes of `old` channels that lie one after the other."""
        source = torch.cat([self.source + node * old for node in range(times)])
        return Copies(source, self.share.repeat(times))


def convolution(new: nn.Conv2d, old: nn.Conv2d, out: Copies, into: Copies | None) -> None:
    """Fill a convolution; without `into`, each output has inputs of its own (or there is one)."""
    weight = old.weight[out.source]
    if into is not None:
        weight = weight[:, into.source] * into.share[:, None, None]
    new.weight.copy_(weight)


def normalisation(
    new: nn.BatchNorm1d | nn.BatchNorm2d, old: nn.BatchNorm1d | nn.BatchNorm2d, out: Copies
) -> None:
    """Fill a normalisation, statistics included."""
    for name, value in new.state_dict().items():
        if value.ndim:
            value.copy_(old.state_dict()[name][out.source])


def cell(new: Cell, old: Cell, into: tuple[Copies, Copies], out: Copies) -> None:
    """Fill a cell, all of whose inner maps have the same copies."""
    for mine, its, source in zip(new.entrance, old.entrance, into, strict=True):
        convolution(mine.conv, its.conv, out, source)
        normalisation(mine.norm, its.norm, out)
    for mine, its in zip(new.operations.modules(), old.operations.modules(), strict=True):
        if isinstance(mine, Separable):
            convolution(mine.depthwise, its.depthwise, out, None)
            convolution(mine.pointwise, its.pointwise, out, out)
            normalisation(mine.norm, its.norm, out)


@torch.no_grad()
def widened(network: AutoSpeech, channels: int, seed: int = 0) -> AutoSpeech:
    """The same function with `channels` instead of the network's own, which are fewer.

    For networks with a global mean that do not tell frequencies apart.
    """
    config = network.config
    if config.positions or config.pooling != "mean" or channels < config.channels:
        raise SystemExit(f"only wider, and not from {config}")
    wide = AutoSpeech(replace(config, channels=channels))
    generator = torch.Generator().manual_seed(seed)

    def drawn(factor: float) -> Copies:
        return Copies.drawn(int(factor * config.channels), int(factor * channels), generator)

    mine, its = wide.trunk, network.trunk
    first, before_last, last = drawn(0.5), drawn(1), drawn(1)
    convolution(mine.stem0[0], its.stem0[0], first, None)
    normalisation(mine.stem0[1], its.stem0[1], first)
    convolution(mine.stem0[3], its.stem0[3], before_last, first)
    normalisation(mine.stem0[4], its.stem0[4], before_last)
    convolution(mine.stem1[1], its.stem1[1], last, before_last)
    normalisation(mine.stem1[2], its.stem1[2], last)
    for new, old in zip(mine.cells, its.cells, strict=True):
        width = old.entrance[0].conv.out_channels
        inner = drawn(width // config.channels)
        cell(new, old, (before_last, last), inner)
        before_last, last = last, inner.repeated(NODES, width)
    normalisation(wide.norm, network.norm, last)
    wide.head.weight.copy_(network.head.weight[:, last.source] * last.share)
    wide.head.bias.copy_(network.head.bias)
    return wide.train(network.training)


def main() -> None:
    """Write a checkpoint to begin from."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--init", type=Path, required=True, help="checkpoint.pt or .onnx")
    parser.add_argument("--channels", type=int, required=True)
    parser.add_argument("--bands", type=int, help="as many as before if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    wide = widened(read_weights(args.init), args.channels, args.seed)
    shape = wide.config.to_dict() | ({"bands": args.bands} if args.bands else {})
    state = wide.state_dict()
    if args.bands:
        state["front.mel"] = AutoSpeech(replace(wide.config, bands=args.bands)).front.mel
    torch.save({"average": state, "shape": shape}, args.out)


if __name__ == "__main__":
    main()
