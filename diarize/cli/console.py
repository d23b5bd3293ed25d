"""What the command line shows: progress, warnings and the summary, all on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diarize import text
from diarize.errors import DiarizeError
from diarize.files import encoded
from diarize.progress import STAGE_COSTS, OverallProgress, TimeLeft

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from diarize.annotation import Diarization

#: Seconds between two lines on how far a run is, where there is no terminal to draw a bar on.
LINE_INTERVAL = 30.0


def emit(content: str | bytes) -> None:
    """Write data to stdout as UTF-8 with bare newlines, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(encoded(content))
    sys.stdout.buffer.flush()


def display_name(source: str) -> str:
    """Return how a recording is called on the screen."""
    return "stdin" if source == "-" else Path(source).name


class Console:
    """Talks on stderr: a bar on a terminal, else a line now and then; only warnings when quiet."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    @contextmanager
    def progress(
        self, title: str, costs: Mapping[str, float] = STAGE_COSTS
    ) -> Iterator[OverallProgress]:
        """Show how far the block is, over all its parts; gives what they report to.

        Parameters
        ----------
        title : str
            What is worked on.
        costs : mapping of str to float
            The parts, and how long each takes.
        """
        if self.quiet:
            yield OverallProgress(None, costs)
        elif sys.stderr.isatty():
            with bar(title) as (_, show):
                yield OverallProgress(
                    lambda stage, done, total: show(f"{title}: {stage:<10}", done, total), costs
                )
        else:
            with _Lines(title) as lines:
                yield OverallProgress(lines.report, costs)

    def warn(self, *messages: str) -> None:
        """Say what the user should know, a line each; quiet does not silence it."""
        for message in messages:
            print(f"diarize: {message}", file=sys.stderr)

    def error(self, message: str) -> None:
        """Report a failure that does not stop the other recordings."""
        print(f"diarize: error: {message}", file=sys.stderr)

    def wrote(self, paths: Iterable[Path | str]) -> None:
        """Name files that were written, unless quiet."""
        for path in () if self.quiet else paths:
            self.warn(f"wrote {path}")

    def summary(
        self, diarization: Diarization, seconds: float, written: Sequence[Path], title: str = ""
    ) -> None:
        """Show the speakers with their talk time, what it cost, and what was written."""
        from rich.console import Console as RichConsole

        from diarize.annotation import likely_count, speaker_rows

        screen = RichConsole(stderr=True, highlight=False)
        if title:
            screen.print(f"\n{title}", markup=False, soft_wrap=True)
        headings = ["speaker", "speech", "share", "turns"]
        rows = speaker_rows(diarization)
        shown = text.table(headings, rows, right=[1, 2, 3]) if rows else "no speech found"
        screen.print(shown, markup=False, soft_wrap=True)
        if doubt := likely_count(diarization):
            found = text.counted(len(diarization.speakers), "speaker")
            screen.print(f"{found}{doubt}: if you know the number, add --num-speakers N")
        factor = seconds / diarization.duration if diarization.duration else 0.0
        screen.print(
            f"{text.clock(diarization.duration)} of audio in {seconds:.1f} s "
            f"(real-time factor {factor:.3f})"
        )
        for path in written:
            screen.print(f"wrote {path}", markup=False, soft_wrap=True)


@contextmanager
def bar(title: str) -> Iterator[tuple[RichConsole, Callable[[str, float, float | None], None]]]:
    """Draw one bar with percentage and time left; without a known length it only moves.

    Gives the screen, to print above the bar, and what sets the bar's title and length.
    """
    from rich import progress as bars
    from rich.console import Console as RichConsole

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    screen = RichConsole(stderr=True, highlight=False)
    with bars.Progress(*columns, console=screen, transient=True) as shown:
        task = shown.add_task(title, total=None)

        def show(title: str, done: float, total: float | None) -> None:
            shown.update(task, description=title, completed=done, total=total)

        yield screen, show


class _Lines:
    """Prints a line at intervals, also while a stage takes long to report anything."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._state: tuple[str, float, float | None] | None = None
        self._begin = time.monotonic()
        self._left = TimeLeft()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Lines:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._done.set()
        self._thread.join()

    def report(self, stage: str, done: float, total: float | None) -> None:
        """Take note of how far it is."""
        self._state = (stage, done, total)

    def _run(self) -> None:
        while not self._done.wait(LINE_INTERVAL):
            print(f"diarize: {self._title}: {self._line()}", file=sys.stderr, flush=True)

    def _line(self) -> str:
        if self._state is None:
            return f"at work for {text.clock(time.monotonic() - self._begin)}"
        stage, done, total = self._state
        if not total:
            return f"{stage}, at work for {text.clock(time.monotonic() - self._begin)}"
        seconds = self._left(done, total)
        left = "" if seconds is None else f", about {text.clock(seconds)} left"
        return f"{stage}, {done / total:.0%}{left}"


class Batch:
    """Several recordings, of which one that fails does not stop the others.

    Parameters
    ----------
    count : int
        How many there are; an error of a single one is raised as it is.
    raising : bool
        Raise every error.
    """

    def __init__(self, messages: Console, count: int, raising: bool) -> None:
        self.exit_code = 0
        self._messages = messages
        self._count = count
        self._raising = raising or count == 1
        self._begun: list[str] = []
        self._failed: set[str] = set()

    @contextmanager
    def recording(self, source: str, title: str = "") -> Iterator[str]:
        """Tell of an error in the block; gives what to call the recording: ``3 of 12: a/b.mp3``."""
        self._begun.append(source)
        if not title:
            title = display_name(source)
            if self._count > 1:
                title = f"{len(self._begun)} of {self._count}: {source}"
        try:
            yield title
        except BrokenPipeError:
            raise
        except Exception as error:
            if self._raising:
                raise
            self._failed.add(source)
            known = isinstance(error, DiarizeError)
            self.exit_code = error.exit_code if isinstance(error, DiarizeError) else 1
            kind = "" if known else f"{source}: unexpected {type(error).__name__}: "
            self._messages.error(f"{kind}{error}")

    def close(self) -> None:
        """Say how many went well."""
        if self._count > 1 and not self._messages.quiet:
            failed = len(self._failed)
            self._messages.warn(f"{self._count - failed} done, {failed} failed")
