"""``diarize relabel``: rename, join or swap the speakers of a finished result, without audio."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli import console
from diarize.cli.common import regions, seconds
from diarize.cli.options import add, add_output_options, add_table, formats_from, writer_options
from diarize.edits import NEW, Merge, Reassign, Split, Swap, read_edits
from diarize.errors import UsageError
from diarize.formats import WriterOptions
from diarize.outputs import named_file, plain_stem, write_files
from diarize.result_file import read_json, read_result
from diarize.rewriting import Written, rewrite

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.edits import Edit
    from diarize.result import Result

EPILOG = """\
examples:
  diarize relabel talk.json --rename SPEAKER_00=Ann --rename "SPEAKER_01=Dr. Bo"
  diarize relabel talk.json --merge SPEAKER_02,SPEAKER_03 --swap Ann,SPEAKER_01
  diarize relabel talk.json --turn 12.3-15.0=Ann --split SPEAKER_01@10:30=Bo
  diarize relabel talk.json --edits edits.json            what was corrected in the page
  diarize relabel talk.json -f vtt,md -o out/

The edits of --edits come first, then joining, swapping, renaming, splitting, and turns.

The JSON is brought up to date, and with it every output of the same name that is still as diarize
wrote it; files that were changed since are left alone and named. With -o DIR everything is written
there, and the files here stay as they are.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    parser.add_argument("result", metavar="RESULT.json", help="what `diarize … --json` wrote")
    add_table(
        parser,
        """
        --rename OLD=NEW[,…]  give a speaker a name; an existing one joins the two
        --merge A,B[,…]       these are one person: all become the first
        --swap A,B            these two were taken for each other
        --split A@TIME[=B]    what A says from this instant on is B's (default: a new speaker's)
        --turn START-END=WHO  who speaks in this stretch: a speaker, or somebody new (seconds or
          minutes:seconds)
        --edits FILE          a list of such edits, as the page saves it (edits.json)
        """,
        rename={"action": "append", "default": []},
        merge={"action": "append", "default": []},
        swap={"action": "append", "default": []},
        split={"action": "append", "default": []},
        turn={"action": "append", "default": []},
    )
    add_output_options(parser)
    add(parser, "-q --quiet", "do not list the files")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from diarize.relabel import apply_edits

    path = Path(args.result)
    data = read_json(path)
    before = read_result(path)
    result = apply_edits(before, _edits(args, before.diarization))
    messages = console.Console(quiet=args.quiet)
    own = isinstance(data, dict) and isinstance(data.get("diarization"), dict)
    written = _write(result, path, args, before if own else None)
    messages.warn(*written.messages)
    messages.wrote(written.files)
    return 0


def _edits(args: argparse.Namespace, talk: Diarization) -> list[Edit]:
    """Return what is to be done, in the order in which it is done."""
    from diarize.relabel import renames

    edits: list[Edit] = list(read_edits(args.edits)) if args.edits else []
    edits += [Merge(tuple(_names(text, "--merge"))) for text in args.merge]
    edits += [Swap(_pair(text)) for text in args.swap]
    edits += renames(_renames(args.rename), talk)
    edits += [_split(text) for text in args.split]
    edits += [edit for text in args.turn for edit in _turns(text)]
    return edits


def _split(text: str) -> Edit:
    left, equals, to = text.partition("=")
    speaker, _, instant = left.rpartition("@")
    try:
        at = seconds(instant)
    except ValueError:
        at = -1.0
    if at < 0 or not speaker.strip() or (equals and not to.strip()):
        raise UsageError(f"--split wants SPEAKER@TIME or SPEAKER@TIME=WHO, not {text!r}")
    return Split(speaker.strip(), at, to.strip() or NEW)


def _turns(text: str) -> list[Edit]:
    times, equals, to = text.partition("=")
    try:
        stretches = regions(times) if equals and to.strip() else []
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--turn {text}: {error}") from None
    if not stretches:
        raise UsageError(f"--turn wants START-END=WHO, such as 12.3-15.0=Ann, not {text!r}")
    return [Reassign(part.start, part.end, to.strip()) for part in stretches]


def _write(result: Result, path: Path, args: argparse.Namespace, before: Result | None) -> Written:
    """Write a result that was read from ``path``; before is None for another tool's file."""
    options = writer_options(args)
    file, formats = named_file(args.output_dir, formats_from(args))
    stale = f"left alone: {path} (it is not changed by -o {args.output_dir})"
    if args.output_dir == "-":
        if len(formats) > 1:
            raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
        console.emit(result.render((formats or ["json"])[0], options))
        return Written((), (stale,))
    folder = path.parent if args.output_dir is None else Path(args.output_dir)
    if before is not None and file is None and folder.resolve() == path.parent.resolve():
        chosen = None if options == WriterOptions() else options
        return rewrite(path, before, result, formats, chosen, overwrite=args.overwrite)
    messages: list[str] = [stale] if args.output_dir is not None else []
    written = write_files(
        result,
        formats if file else dict.fromkeys((*formats, "json")),
        folder,
        plain_stem(path),
        options,
        inputs=[path],
        overwrite=args.overwrite,
        file=file,
        on_message=messages.append,
    )
    return Written(tuple(written), tuple(messages))


def _names(text: str, option: str) -> list[str]:
    """Return the speakers of a comma-separated list of at least two."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if len(found) < 2:
        raise UsageError(f"{option} wants speakers separated by commas (A,B), not {text!r}")
    return found


def _pair(text: str) -> tuple[str, str]:
    found = _names(text, "--swap")
    if len(found) != 2:
        raise UsageError(f"--swap wants exactly two speakers (A,B), not {text!r}")
    return found[0], found[1]


def _renames(texts: list[str]) -> dict[str, str]:
    """Return OLD -> NEW; a comma separates pairs only where another OLD= follows it."""
    found = {}
    for text in texts:
        for part in re.split(r",(?=[^,=]+=)", text):
            old, equals, new = part.partition("=")
            if not equals or not old.strip() or not new.strip():
                raise UsageError(f"--rename wants OLD=NEW, not {part!r}")
            found[old.strip()] = new.strip()
    return found
