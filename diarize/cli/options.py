"""Options that several commands share, each in both spellings (``--a-b``, ``--a_b``)."""

from __future__ import annotations

import argparse
import csv
import difflib
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any, NoReturn

from diarize.errors import UsageError
from diarize.formats import FORMATS, WriterOptions, names, writable


def add(parser: argparse._ActionsContainer, spec: str, help: str, **options: Any) -> None:
    """Add an option as help shows it: ``-o --output-dir DIR|FILE``; without a value, a switch."""
    words = spec.split()
    flags = [word for word in words if word.startswith("-")]
    if options.get("action") is not argparse.BooleanOptionalAction:
        flags += [f"--{flag[2:].replace('-', '_')}" for flag in flags if "-" in flag[2:]]
    if not words[-1].startswith("-"):
        options["metavar"] = words[-1]
    elif not options.keys() & {"action", "choices", "default", "metavar", "type"}:
        options["action"] = "store_true"
    parser.add_argument(*flags, help=help, **options)


def add_table(parser: argparse._ActionsContainer, table: str, **more: dict[str, Any]) -> None:
    """Add options written as help shows them: one a line, two spaces before what it does.

    Longer texts go on below, indented. ``more`` is what :mod:`argparse` wants to know beyond that,
    by the option's name: ``threads={"type": positive_int}``.
    """
    for entry in re.split(r"\n(?=-)", textwrap.dedent(table).strip()):
        spec, _, text = entry.partition("  ")
        name = re.findall(r"--(\S+)", spec)[0].replace("-", "_")
        add(parser, spec, " ".join(text.split()), **more.pop(name, {}))
    assert not more, more


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the option that was meant."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2 and one line."""
        unknown = message.partition("unrecognized arguments: ")[2].split()
        flags = [flag for flag in self._option_string_actions if "_" not in flag]
        for word in unknown:
            close = difflib.get_close_matches(word.partition("=")[0].replace("_", "-"), flags, n=1)
            if word.startswith("-") and close:
                message += f"; did you mean {close[0]}?"
                break
        print(f"diarize: {message} ({self.prog} --help shows what there is)", file=sys.stderr)
        raise SystemExit(2)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help that shows only the dashed spelling of an option."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = [flag for flag in action.option_strings if "_" not in flag]
        hidden = action.option_strings
        action.option_strings = shown
        try:
            return super()._format_action_invocation(action)
        finally:
            action.option_strings = hidden


TRANSCRIPT = "the words with their times: JSON of Whisper or a service, subtitles, a table"
_PLACE = """\
DIR|FILE  folder to write to (default: beside the input), a file such as
          talk.srt, or - for stdout"""


def add_output_options(
    parser: argparse._ActionsContainer,
    *,
    singles: Sequence[str] = tuple(FORMATS),
    place: str = _PLACE,
) -> None:
    """Add the options that choose output formats, folder and layout of subtitles."""
    for name in singles:
        parser.add_argument(
            f"--{name}", dest="formats", action="append_const", const=name, help=argparse.SUPPRESS
        )
    add(
        parser,
        "-f --output-format FORMATS",
        f"comma-separated: {', '.join(FORMATS)}, or all that can be written here; --srt, --json, … "
        "do the same singly",
    )
    add_table(
        parser,
        f"""
        -o --output-dir {place}
        --overwrite               replace also files that diarize did not write, or that were
          changed since, and the transcript that it read
        --speaker-prefix          when a subtitle begins with the speaker's name (default: always)
        --max-line-width N        characters in a subtitle line
        --max-line-count N        lines in a subtitle
        --max-cue-seconds S       seconds a subtitle stays
        --broadcast               subtitles as broadcasters want them: two lines of 42, 17
          characters a second, 7 s at most, two speakers in one with dashes
        --json-shape              JSON as Whisper's with all we know, or as the transcript's own
          tool writes it
        --embed-audio             put the recording into the HTML page, which then needs no other
          file
        --mark-unsure             put a ? behind a name in text formats where a turn does not sound
          like the person
        --exclusive               one speaker at a time in RTTM too, where voices overlap
        """,
        speaker_prefix={"choices": ("always", "on-change", "never"), "default": "always"},
        max_line_width={"type": positive_int},
        max_line_count={"type": positive_int},
        max_cue_seconds={"type": positive_float},
        json_shape={"choices": ("whisper", "source"), "default": "whisper"},
    )


def formats_from(args: argparse.Namespace) -> list[str]:
    """Return the formats that were asked for, maybe none, without repeats, in the order given.

    Raises
    ------
    UsageError
        When a format is not known.
    """
    known = names()
    asked = list(args.formats or [])
    for word in (args.output_format or "").replace(" ", "").split(","):
        if word == "all":
            asked += writable()
        elif word:
            asked.append(word.lower())
    for name in asked:
        if name not in known:
            raise UsageError(
                f"output format {name!r} is not known; choose from {', '.join(known)}, all"
            )
    return list(dict.fromkeys(asked))


def writer_options(args: argparse.Namespace) -> WriterOptions:
    """Return what the output options say."""
    options = WriterOptions()
    if args.broadcast:
        from diarize.writers.cues import BROADCAST

        options = BROADCAST
    given = {
        "max_line_width": args.max_line_width,
        "max_line_count": args.max_line_count,
        "max_cue_seconds": args.max_cue_seconds,
    }
    return replace(
        options,
        **{name: value for name, value in given.items() if value is not None},
        speaker_prefix=args.speaker_prefix,
        exclusive=args.exclusive,
        mark_unsure=args.mark_unsure,
        json_shape=args.json_shape,
        embed_audio=args.embed_audio,
    )


def add_words_option(group: argparse._ActionsContainer) -> None:
    """Let the user say whether words count as evidence of speech."""
    add_table(
        group,
        """
        --words  words where no speech was found: the likeliest speaker, marked unsure, or none
          (default: trust)
        """,
        words={"choices": ("trust", "ignore"), "default": "trust"},
    )


def add_speaker_count_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that bound the number of speakers."""
    add_table(
        parser,
        """
        --num-speakers N  number of speakers (fewer where no more can be heard)
        --min-speakers N  at least this many
        --max-speakers N  at most this many
        """,
        num_speakers={"type": positive_int},
        min_speakers={"type": positive_int},
        max_speakers={"type": positive_int},
    )


def speaker_counts(args: argparse.Namespace) -> dict[str, Any]:
    """Return what was said of the number of speakers, as a diarizer's keywords."""
    return {name: getattr(args, name) for name in ("num_speakers", "min_speakers", "max_speakers")}


def add_input_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that choose what of a recording is taken."""
    add_table(
        parser,
        """
        --channels mix|split|N  all channels as one; each channel one speaker (calls); or channel N,
          from 0
        --channel-names A,B     split the channels, and say who speaks on each: Agent,Customer
        --audio-track N         which audio track of a video, from 0 (default: the one that FFmpeg
          takes)
        """,
        channels={"type": channel_choice, "default": "mix"},
        channel_names={"type": name_list},
        audio_track={"type": whole_number},
    )


def channel_choice(text: str) -> str | int:
    """Read ``mix``, ``split`` or a channel's number from the command line."""
    if text in ("mix", "split"):
        return text
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not mix, split, or a number from 0")
    return int(text)


def name_list(text: str) -> list[str]:
    """Read names with commas between them from the command line; quotes keep a comma in a name.

    Examples
    --------
    >>> name_list('"Lee, Ann", Ben')
    ['Lee, Ann', 'Ben']
    """
    row = next(csv.reader([" ".join(text.split())], skipinitialspace=True), [""])
    return [name.strip() for name in row]


def whole_number(text: str) -> int:
    """Read a whole number from 0 from the command line."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def add_offset_option(parser: argparse._ActionsContainer) -> None:
    """Add the option that puts a transcript on the recording's clock."""
    add_table(
        parser,
        """
        --transcript-offset SECONDS|auto  add this to the times of the transcript, which may count
          from another instant (a player's clock, a cut intro); auto: found by laying words over
          speech
        """,
        transcript_offset={"type": offset},
    )


def offset(text: str) -> float | str:
    """Read seconds, or ``auto``, from the command line."""
    if text.strip().lower() == "auto":
        return "auto"
    return number_from(text, "neither seconds (such as -1.5) nor auto", lambda it: abs(it) < inf)


def positive_int(text: str) -> int:
    """Read a whole number of at least 1 from the command line."""
    number = int(text) if text.lstrip("+-").isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def positive_float(text: str) -> float:
    """Read a number above 0 from the command line."""
    return number_from(text, "not a number above 0", lambda it: 0.0 < it < inf)


def number_from(text: str, complaint: str, fits: Callable[[float], bool]) -> float:
    """Read a number from the command line; where it does not fit, say what the text is."""
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not fits(number):
        raise argparse.ArgumentTypeError(f"{text!r} is {complaint}")
    return number
