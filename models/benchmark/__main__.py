"""``python -m models.benchmark COMMAND``: every measurement of this package, one command each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from diarize.cli import guarded
from diarize.cli.options import CommandParser, HelpFormatter

# Command: (module, one line). A module has add_arguments(parser) and run(args) -> int; it is
# imported only when its command is called.
COMMANDS: dict[str, tuple[str, str]] = {
    "systems": ("comparison", "accuracy, speed and memory beside other tools: RESULTS.md"),
    "stages": ("stages", "which stage of the pipeline errs: STAGES.md"),
    "ablation": ("ablation", "the main defaults beside their neighbors: ABLATION.md"),
    "lengths": ("lengths", "seconds and memory from 10 minutes to 12 hours: LENGTHS.md"),
    "speed": ("speed", "how many times faster than other tools: SPEED.md"),
    "words": ("words", "words with the wrong speaker, beside other ways: WORDS.md"),
    "named-meetings": ("named_meetings", "names in meetings with strangers: NAMES.md"),
    "identification": ("identification", "verification and identification of single voices"),
    "linking": ("linking", "one label for a voice in several recordings"),
    "archive": ("archive", "seconds and memory of linking 1 000 to 100 000 voices: LINKING.md"),
    "distance": ("distance", "the clustering distance that suits an embedding model"),
    "conversations": ("conversations", "only write the simulated conversations"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"diarize: {words[0]} is no command of the benchmark: {known}", file=sys.stderr)
        return 2
    module_name, summary = COMMANDS[words[0]]
    module = importlib.import_module(f"models.benchmark.{module_name}")
    parser = CommandParser(
        prog=f"python -m models.benchmark {words[0]}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    try:
        args = parser.parse_args(words[1:])
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    return guarded(module.run, args)


def overview() -> str:
    """Return the list of commands."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m models.benchmark COMMAND [--help]",
            "",
            *lines,
            "",
            "What is done is kept in the work folder: a command goes on where it was stopped.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
