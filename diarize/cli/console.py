"""What the command line shows: progress, warnings and the summary, all on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diarize import display

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.arrays import Progress


def emit(text: str) -> None:
    """Write data to stdout as UTF-8 with bare newlines, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


def display_name(source: str) -> str:
    """Return how a recording is called on the screen."""
    return "stdin" if source == "-" else Path(source).name


def clock(seconds: float) -> str:
    """Return a duration as people write it, to the nearest second.

    Examples
    --------
    >>> clock(75.4)
    '1:15'
    >>> clock(3725)
    '1:02:05'
    """
    return display.clock(round(seconds))


class Console:
    """Talks on stderr: bars only on a terminal, nothing but warnings when quiet."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress | None]:
        """Show a bar for each stage while the block runs; gives the callback to report to."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from rich import progress as bars
        from rich.console import Console as RichConsole

        columns = (
            bars.TextColumn("{task.description:<24}"),
            bars.BarColumn(),
            bars.TaskProgressColumn(),
            bars.TimeElapsedColumn(),
        )
        with bars.Progress(*columns, console=RichConsole(stderr=True), transient=True) as shown:
            tasks: dict[str, bars.TaskID] = {}

            def report(stage: str, done: int, total: int | None) -> None:
                if stage not in tasks:
                    tasks[stage] = shown.add_task(f"{title}: {stage}", total=total)
                shown.update(tasks[stage], completed=done, total=total)

            yield report

    def warn(self, message: str) -> None:
        """Say something that the user should know; quiet does not silence it."""
        print(f"diarize: {message}", file=sys.stderr)

    def error(self, message: str) -> None:
        """Report a failure that does not stop the other recordings."""
        print(f"diarize: error: {message}", file=sys.stderr)

    def summary(self, diarization: Diarization, seconds: float, written: Sequence[Path]) -> None:
        """Show the speakers with their talk time, what it cost, and what was written."""
        from rich.console import Console as RichConsole

        screen = RichConsole(stderr=True, highlight=False)
        headings = ["speaker", "talks", "share", "turns"]
        rows = display.speaker_rows(diarization)
        shown = display.table(headings, rows, right=[1, 2, 3]) if rows else "no speech found"
        screen.print(shown, markup=False, soft_wrap=True)
        factor = seconds / diarization.duration if diarization.duration else 0.0
        screen.print(
            f"{clock(diarization.duration)} of audio in {seconds:.1f} s "
            f"(real-time factor {factor:.3f})"
        )
        for path in written:
            screen.print(f"wrote {path}", markup=False, soft_wrap=True)
