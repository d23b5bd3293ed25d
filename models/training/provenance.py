"""Where a model comes from: the commit of the code, and fingerprints of files and corpora."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path


def commit() -> str:
    """The commit of the code, with ``+`` where files differ from it; ``unknown`` without git."""
    folder = Path(__file__).parent
    try:
        found = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def manifest(corpus: Path, folders: Sequence[str]) -> str:
    """SHA-256 of the names and sizes of a corpus' files, folder by folder (those that exist)."""
    found = [fingerprint(corpus / name) for name in folders if (corpus / name).is_dir()]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and sizes of all files below a folder."""
    hashed = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                line = f"{file.relative_to(path).as_posix()} {file.stat().st_size}\n"
                hashed.update(line.encode())
        return hashed.hexdigest()
    with path.open("rb") as opened:
        while block := opened.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()
