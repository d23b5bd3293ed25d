"""The command line: ``diarize AUDIO…`` for the main job, ``diarize COMMAND …`` for the rest.

This is the only place in the package that prints. Data goes to stdout, messages to stderr; the exit
code is 0 when it went well (also when nobody speaks), 1 when it failed, 2 when the request was off.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from diarize.cli.options import CommandParser, HelpFormatter, add
from diarize.errors import DiarizeError

# Sub-commands: name -> (module, one line for --help). A module has add_arguments(parser) and
# run(args) -> int; it is imported only when its command is called.
COMMANDS: dict[str, tuple[str, str]] = {
    "batch": ("diarize.cli.batch", "many recordings: folders, manifests, on a cluster too"),
    "relabel": ("diarize.cli.relabel", "rename, merge or swap the speakers of a finished result"),
    "samples": ("diarize.cli.samples", "write each speaker's voice as sound files"),
    "plot": ("diarize.cli.plot", "draw a finished result: timeline and map of voices"),
    "merge": ("diarize.cli.merge", "put the speakers of an RTTM file onto a transcript"),
    "enroll": ("diarize.cli.enroll", "enroll a person, so that recordings bear the name"),
    "speakers": (
        "diarize.cli.speakers",
        "list, rename, merge, export or re-enroll enrolled people",
    ),
    "rename": ("diarize.cli.rename", "give an enrolled person another name"),
    "forget": ("diarize.cli.forget", "delete an enrolled person for good"),
    "identify": ("diarize.cli.identify", "say which enrolled person a recording is of"),
    "verify": ("diarize.cli.verify", "say whether two recordings are of one person"),
    "calibrate": ("diarize.cli.calibrate", "find the decision threshold that fits your people"),
    "eval": ("diarize.cli.evaluate", "score a diarization against a reference"),
    "models": ("diarize.cli.models", "list, fetch or verify embedding models"),
    "serve": (
        "diarize.cli.serve",
        "a page in the browser, and OpenAI's interface, on this machine",
    ),
    "doctor": ("diarize.cli.doctor", "show what is installed and what is missing"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the programme's name; ``sys.argv[1:]`` where not given.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] == "help":  # as `git help COMMAND`; a recording of that name: ./help
        words = [*words[1:2], "--help"]
    name = words[0] if words and words[0] in COMMANDS else None
    if name is None and words and (complaint := _misspelt(words[0])):
        print(f"diarize: {complaint}", file=sys.stderr)
        return 2
    parser, module = _parser(name)
    try:
        args = parser.parse_args(words[1:] if name else words)
    except SystemExit as exit_:  # argparse leaves by itself after --help and on usage errors
        return exit_.code if isinstance(exit_.code, int) else 2
    return guarded(importlib.import_module(module).run, args)


def _misspelt(word: str) -> str | None:
    """Return a question, if a word is hardly a recording but nearly a command."""
    import difflib
    from pathlib import Path

    path = Path(word)
    if word.startswith("-") or path.suffix or path.name != word or path.exists():
        return None
    close = difflib.get_close_matches(word.lower(), [*COMMANDS, "help"], n=1)
    if not close:
        return None
    return f"{word} is neither a recording nor a command: did you mean `diarize {close[0]}`?"


def _parser(name: str | None) -> tuple[argparse.ArgumentParser, str]:
    """Return the parser of a command (None: the main job) and the module that runs it."""
    module, summary = COMMANDS[name] if name else ("diarize.cli.main_job", "")
    parser = CommandParser(
        prog=f"diarize {name}" if name else "diarize",
        description=summary[:1].upper() + summary[1:] + "." if summary else None,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    importlib.import_module(module).add_arguments(parser)
    if not any("--debug" in action.option_strings for action in parser._actions):
        add(parser, "--debug", "show tracebacks of errors")
    return parser, module


def guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; turn every error into one line on stderr and an exit code."""
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except DiarizeError as error:
        if args.debug:
            raise
        print(f"diarize: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("diarize: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if args.debug:
            raise
        kind = type(error).__name__
        print(f"diarize: unexpected {kind}: {error} (--debug shows where)", file=sys.stderr)
        return 1
