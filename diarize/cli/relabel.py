"""``diarize relabel``: rename, join or swap the speakers of a finished result, without audio."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.cli.options import add, add_output_options, formats_from

if TYPE_CHECKING:
    from diarize.result import Result
    from diarize.writers import WriterOptions

EPILOG = """\
examples:
  diarize relabel talk.json --rename SPEAKER_00=Ann --rename "SPEAKER_01=Dr. Bo"
  diarize relabel talk.json --merge SPEAKER_02,SPEAKER_03 --swap Ann,SPEAKER_01
  diarize relabel talk.json -f vtt,md -o out/

The JSON is written anew, and with it every output of the same name that is still as diarize wrote
it; -f says otherwise.
"""

_OWN_SUFFIX = ".diarized"  # of a JSON file that stands beside Whisper's own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("result", metavar="RESULT.json", help="what `diarize … --json` wrote")
    add(
        parser,
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW[,…]",
        help="give a speaker a name; an existing one joins the two",
    )
    add(
        parser,
        "--merge",
        action="append",
        default=[],
        metavar="A,B[,…]",
        help="these are one person: all become the first",
    )
    add(
        parser,
        "--swap",
        action="append",
        default=[],
        metavar="A,B",
        help="these two were taken for each other",
    )
    add_output_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not list the files")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.cli import console
    from diarize.result import from_json
    from diarize.transcript.relabel import relabel

    path = Path(args.result)
    data = read_json(path)
    before = from_json(data, str(path))
    result = relabel(
        before,
        merge=[_names(text, "--merge") for text in args.merge],
        swap=[_pair(text) for text in args.swap],
        rename=_renames(args.rename),
    )
    own = isinstance(data, dict) and isinstance(data.get("diarization"), dict)
    written = write(result, path, args, before=before if own else None)
    if not args.quiet:
        talk = console.Console()
        for file in written:
            talk.warn(f"wrote {file}")
    return 0


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    TranscriptError
        If it is not there or holds no JSON.
    """
    import json

    from diarize.errors import TranscriptError

    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TranscriptError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise TranscriptError(
            f"{path} is not JSON ({error}): give the file that `diarize … --json` wrote"
        ) from None


def write(
    result: Result, path: Path, args: argparse.Namespace, *, before: Result | None
) -> list[Path]:
    """Write the outputs of a result that was read from ``path``; return their paths.

    Parameters
    ----------
    before : Result or None
        What ``path`` held, if it is a file of ours, which may be written anew.
    """
    from diarize.cli import console
    from diarize.errors import OutputError, UsageError
    from diarize.writers import get_writer, options_from, write_texts

    options = options_from(args)
    stem = path.stem.removesuffix(_OWN_SUFFIX)
    folder = Path(args.output_dir) if args.output_dir not in (None, "-") else path.parent
    if args.output_dir == "-":
        formats = formats_from(args, default=["json"])
        if len(formats) != 1:
            raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
        console.emit(get_writer(formats[0]).render(result, options))
        return []
    texts = {}
    for name in formats_from(args, default=["json", *_unchanged(before, folder, stem, options)]):
        writer = get_writer(name)
        file = folder / f"{stem}.{writer.extension}"
        if name == "json":
            file = folder / (path.name if before is not None else f"{stem}{_OWN_SUFFIX}.json")
        elif file.resolve() == path.resolve():
            raise OutputError(f"{file} is the input and is not overwritten: choose another -o DIR")
        texts[file] = writer.render(result, options)
    write_texts(texts)
    return list(texts)


def _unchanged(before: Result | None, folder: Path, stem: str, options: WriterOptions) -> list[str]:
    """Return the formats whose files are exactly what the result before gives."""
    from diarize.writers import get_writer, names

    if before is None:
        return []
    found = []
    for name in names():
        writer = get_writer(name)
        file = folder / f"{stem}.{writer.extension}"
        if name != "json" and file.is_file():
            ours = writer.render(before, options).encode("utf-8", errors="replace")
            if file.read_bytes() == ours:
                found.append(name)
    return found


def _names(text: str, option: str) -> list[str]:
    """Return the speakers of a comma-separated list of at least two."""
    from diarize.errors import UsageError

    found = [name.strip() for name in text.split(",") if name.strip()]
    if len(found) < 2:
        raise UsageError(f"{option} wants speakers separated by commas (A,B), not {text!r}")
    return found


def _pair(text: str) -> tuple[str, str]:
    from diarize.errors import UsageError

    found = _names(text, "--swap")
    if len(found) != 2:
        raise UsageError(f"--swap wants exactly two speakers (A,B), not {text!r}")
    return found[0], found[1]


def _renames(texts: list[str]) -> dict[str, str]:
    """Return OLD -> NEW; a comma separates pairs only where another OLD= follows it."""
    import re

    from diarize.errors import UsageError

    renames = {}
    for text in texts:
        for part in re.split(r",(?=[^,=]+=)", text):
            old, equals, new = part.partition("=")
            if not equals or not old.strip() or not new.strip():
                raise UsageError(f"--rename wants OLD=NEW, not {part!r}")
            renames[old.strip()] = new.strip()
    return renames
