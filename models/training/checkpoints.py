"""Files written whole or not at all, and checkpoints among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    write(part)
    part.replace(path)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint."""
    write_whole(path, lambda part: torch.save(state, part))


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted."""
    stored: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return stored
