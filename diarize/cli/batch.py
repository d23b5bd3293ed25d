"""``diarize batch``: folders, manifests and archives, on this machine or on a cluster."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli import console
from diarize.cli.main_options import (
    add_analysis_options,
    add_people_options,
    add_transcript_options,
    check_speakers,
    diarizer_options,
    label_options,
)
from diarize.cli.options import (
    add,
    add_input_options,
    add_output_options,
    add_table,
    formats_from,
    number_from,
    positive_int,
    speaker_counts,
    whole_number,
    writer_options,
)
from diarize.errors import UsageError
from diarize.progress import TimeLeft
from diarize.text import clock, counted

if TYPE_CHECKING:
    from diarize.batch.job import Job, Outcome
    from diarize.batch.run import OnOutcome, Pace
    from diarize.batch.summary import Summary

# What successful recordings had to say, alike or not, is shown up to so many lines.
MOST_MESSAGES = 10
EPILOG = """\
examples:
  diarize batch interviews/ -o out --jobs 4
  diarize batch calls.csv -o out -f srt,json --speakers default
  diarize batch "s3://calls/2026/*.wav" -o s3://results/2026 --scheduler tcp://10.0.0.5:8786

A manifest is CSV or TSV with a line of column names, or JSON lines (.jsonl): audio, and where known
transcript, language, speakers (a number, 2-4, or names: Ann;Bo). Run the same command again to go
on after a stop: only what is missing or has changed is done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="recordings, folders, patterns, or manifests"
    )
    add_table(
        parser.add_argument_group("batch"),
        """
        --jobs N             recordings at a time (default: one a core, as memory allows)
        --timeout S          stop a worker that takes longer than S seconds for a recording; 0:
                             never (default: 10 minutes and 20 times its length)
        --retries N          try a recording again whose worker died (default: once)
        --force              do again what is done
        --link               give a voice the same label in all recordings of the output folder;
                             their voice prints are stored there
        --tables             write turns, words and speakers of all recordings as Parquet
        --scheduler ADDRESS  a Dask scheduler whose workers do the work: tcp://10.0.0.5:8786
        """,
        jobs={"type": positive_int},
        timeout={"type": seconds_or_none},
        retries={"type": whole_number, "default": 1},
    )
    add_input_options(parser.add_argument_group("input"))
    add_transcript_options(parser.add_argument_group("transcript"))
    place = "DIR|URL  folder to write to; needed"
    add_output_options(parser.add_argument_group("output"), place=place)
    add_people_options(parser.add_argument_group("speakers"))
    add_analysis_options(parser.add_argument_group("analysis"))
    group = parser.add_argument_group("messages")
    add(group, "-q --quiet", "no progress, no summary")


def seconds_or_none(text: str) -> float:
    """Read seconds, 0 included, from the command line."""
    return number_from(text, "not a number of seconds", lambda it: 0.0 <= it < inf)


def run(args: argparse.Namespace) -> int:
    """Run the batch; 1 where a recording failed."""
    from diarize.batch.run import run_batch

    if args.output_dir in (None, "-"):
        raise UsageError("a batch needs a folder or URL for its results: add -o DIR")
    check_speakers(args)
    talk = console.Console(quiet=args.quiet)
    job = _job(args)
    said: dict[str, list[str]] = {}
    with _progress(talk) as progress:

        def on_outcome(outcome: Outcome | None, done: Summary, pace: Pace) -> None:
            if outcome is not None and outcome.state == "done":
                for message in outcome.messages:
                    said.setdefault(message, []).append(outcome.audio)
            progress(outcome, done, pace)

        summary = run_batch(
            args.inputs,
            job,
            jobs=args.jobs,
            scheduler=args.scheduler,
            timeout=args.timeout,
            retries=args.retries,
            on_outcome=on_outcome,
            on_message=talk.warn,
        )
    for message, audios in islice(said.items(), MOST_MESSAGES):
        about = audios[0] if len(audios) == 1 else f"{len(audios)} recordings, such as {audios[0]}"
        talk.warn(f"{about}: {message}")
    if len(said) > MOST_MESSAGES:
        more = counted(len(said) - MOST_MESSAGES, "more message")
        talk.warn(f"{more} in the .batch.json files")
    if not args.quiet:
        print(summary.table(), file=sys.stderr)
    if summary.failures:
        talk.warn(f"{len(summary.failures)} failed: {args.output_dir.rstrip('/')}/failures.jsonl")
    return 1 if summary.failures else 0


def _job(args: argparse.Namespace) -> Job:
    from diarize.batch.job import Job

    formats = formats_from(args)
    for option in ("embedding_model", "vad", "whisper_model"):
        path = getattr(args, option)
        # a worker may have another current folder
        if path not in (None, "auto", "neural", "webrtc") and Path(path).exists():
            setattr(args, option, str(Path(path).absolute()))
    return Job(
        args.output_dir,
        diarizer=diarizer_options(args),
        bounds=speaker_counts(args),
        label=label_options(args, formats),
        formats=tuple(formats),
        writer=writer_options(args),
        overwrite=args.overwrite,
        force=args.force,
        voices=args.link,
        tables=args.tables,
    )


@contextmanager
def _progress(talk: console.Console) -> Iterator[OnOutcome]:
    """Show how far the batch is over all recordings, and tell of failures as they come."""
    if not talk.quiet and sys.stderr.isatty():
        with console.bar("looking for what is done") as (screen, show):

            def draw(outcome: Outcome | None, summary: Summary, pace: Pace) -> None:
                if outcome is not None and outcome.state == "failed":
                    screen.print(f"diarize: error: {outcome.error}", markup=False, soft_wrap=True)
                show(state_line(summary), pace.done, pace.total or None)

            yield draw
        return
    left = TimeLeft(late=inf)  # recordings end in bunches
    last = time.monotonic()

    def print_line(outcome: Outcome | None, summary: Summary, pace: Pace) -> None:
        nonlocal left, last
        if outcome is not None and outcome.state == "failed":
            talk.error(outcome.error)
        now = time.monotonic()
        if outcome is None:  # work begins
            left = TimeLeft(late=inf)
        seconds = left(pace.done, pace.total)
        if talk.quiet or now - last < console.LINE_INTERVAL:
            return
        last = now
        line = state_line(summary)
        if seconds is not None:
            line += f"; {pace.done / pace.total:.0%}, about {clock(seconds)} left"
        talk.warn(line)

    yield print_line


def state_line(summary: Summary) -> str:
    """Return how far a batch is: ``37 of 200 done, 2 failed, 210 times real time``."""
    line = f"{summary.done + summary.skipped} of {summary.recordings} done"
    if summary.failures:
        line += f", {len(summary.failures)} failed"
    factor = summary.real_time_factor
    return line if not factor else f"{line}, {1 / factor:.0f} times real time"
