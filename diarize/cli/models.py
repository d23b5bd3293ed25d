"""``diarize models``: which models there are, fetch some, check what was fetched."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from diarize.cli.options import add
from diarize.errors import ModelError
from diarize.onnx import bundled, files, registry
from diarize.text import table

if TYPE_CHECKING:
    from diarize.onnx.registry import RemoteModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Fetched models lie in $DIARIZE_MODELS, or in your cache folder. DIARIZE_OFFLINE=1 forbids "
        "downloads.\nUse one with: diarize meeting.mp3 --embedding-model NAME"
    )
    actions = parser.add_subparsers(dest="action", metavar="list|fetch|verify")
    listing = actions.add_parser("list", help="show bundled and fetchable models (default)")
    add(listing, "--json", "print JSON")
    fetching = actions.add_parser("fetch", help="download models by name")
    fetching.add_argument("names", nargs="+", metavar="NAME")
    add(fetching, "-y --yes", "take files that no checksum is known of")
    add(fetching, "-q --quiet", "no progress")
    verifying = actions.add_parser("verify", help="compare fetched files with their checksums")
    verifying.add_argument("names", nargs="*", metavar="NAME", help="default: all that are here")
    for action in (listing, fetching, verifying):
        add(action, "--debug", "show tracebacks of errors")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    if args.action == "fetch":
        return _fetch(args)
    if args.action == "verify":
        return _verify(args)
    return _list(getattr(args, "json", False))


def _list(as_json: bool) -> int:
    rows = [_bundled_row(name) for name in bundled.BUNDLED]
    rows += [_remote_row(model) for model in registry.REGISTRY.values()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    keys = ("name", "kind", "MB", "vector", "state", "licence")
    print(table(keys, [[row[key].split(" (")[0] for key in keys] for row in rows]))
    print(f"\nFetched models are kept in {registry.cache_folder()}")
    return 0


def _bundled_row(name: str) -> dict[str, str]:
    try:
        path = bundled.bundled(name)
        state, size = "bundled", f"{path.stat().st_size / 1e6:.1f}"
    except ModelError:
        state, size, path = "missing", "-", None
    kind = "embedding" if name == "autospeech" else name
    return {
        "name": name,
        "kind": kind,
        "MB": size,
        "vector": "-",
        "state": state,
        "licence": "see the model's card",
        "path": str(path or ""),
    }


def _remote_row(model: RemoteModel) -> dict[str, str]:
    state = "fetched" if model.path.is_file() else "not here"
    if model.sha256 is None:
        state += ", unpinned"
    return {
        "name": model.name,
        "kind": model.kind,
        "MB": f"{model.size / 1e6:.1f}",
        "vector": str(model.dimension or "-"),
        "state": state,
        "licence": model.licence,
        "path": str(model.path),
        "url": model.url,
        "sha256": model.sha256 or "unpinned",
        "source": model.source,
    }


def _fetch(args: argparse.Namespace) -> int:
    from diarize.cli.console import Console

    for name in args.names:
        registry.registered(name)  # an unknown name stops before anything is downloaded
    console = Console(quiet=args.quiet)
    for name in args.names:
        with console.progress(name) as report:
            path = files.fetch(name, accept_unpinned=args.yes, on_progress=report)
        print(path)
        model = registry.REGISTRY[name]
        if not args.quiet:
            print(f"{name}: {model.source}; licence: {model.licence}", file=sys.stderr)
    return 0


def _verify(args: argparse.Namespace) -> int:
    chosen = [registry.registered(name) for name in args.names]
    chosen = chosen or [model for model in registry.REGISTRY.values() if model.path.is_file()]
    failed = 0
    for model in chosen:
        problem = files.verify(model)
        failed += problem is not None
        pinned = "" if model.sha256 else " (unpinned: unchanged since it was fetched, if noted)"
        print(problem or f"{model.name}: right{pinned}")
    if not chosen:
        print("no models have been fetched; the bundled ones came with the package")
    return 1 if failed else 0
