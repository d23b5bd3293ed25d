"""``diarize speakers confirm`` and ``reject``: what to make of a proposed name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.annotation import find_speaker
from diarize.cli.common import add_book_option, add_model_options, open_book, open_embedder, say
from diarize.cli.console import Console
from diarize.cli.options import add
from diarize.errors import AudioError, EnrollmentError, SpeakerBookError, UsageError
from diarize.result_file import read_result
from diarize.rewriting import rewrite
from diarize.text import counted

if TYPE_CHECKING:
    from diarize.embedding.base import Embedder
    from diarize.result import Result
    from diarize.speakers.book import SpeakerBook
    from diarize.speakers.enrollment import Enrollment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options, which both commands share."""
    parser.add_argument("result", metavar="RESULT.json", help="what `diarize … --json` wrote")
    parser.add_argument(
        "pairs", nargs="+", metavar="SPEAKER=NAME", help="label, its number or the name shown"
    )
    add(parser, "--audio FILE", "where the recording is now")
    add_book_option(parser)
    add_model_options(parser)


def confirm(args: argparse.Namespace) -> int:
    """Name speakers in the result, and give the people samples of it.

    The result is named where a sample is refused, too; the exit code is 1 then.
    """
    from diarize.relabel import relabel
    from diarize.speakers.fitness import check_person
    from diarize.speakers.records import BookModel
    from diarize.speakers.results import enroll_from_result

    path, messages = Path(args.result), Console()
    audio = _audio(args)
    found: list[tuple[str, Enrollment]] = []
    refused = 0
    with _opened(args) as (book, embedder):
        before, pairs = _request(path, args.pairs, book)
        named = _one_name_each(pairs)
        for label, name in named.items():
            try:
                sample = enroll_from_result(path, label, embedder, audio=audio)
                doubts = check_person(book, name, sample.samples, embedder.thresholds)
            except (AudioError, EnrollmentError) as error:
                messages.warn(f"no sample of {name} was added: {error}")
                refused += 1
                continue
            messages.warn(*doubts, *sample.warnings)
            found.append((name, sample))
        _write(relabel(before, rename=named), path, before, messages)
        for name, sample in found:
            added = book.add(name, sample.samples, BookModel.of(embedder))
            total = len(book.samples(name))
            say(f"{name}: {counted(added, 'new sample')} ({total} in all) in {book.path}")
    return 1 if refused else 0


def reject(args: argparse.Namespace) -> int:
    """Take a name off a speaker, and remember that this voice is not that person."""
    from diarize.relabel import withdraw
    from diarize.speakers.records import BookModel
    from diarize.speakers.results import rejected_voice

    path = Path(args.result)
    with _opened(args) as (book, embedder):
        before, pairs = _request(path, args.pairs, book)
        voices = [rejected_voice(path, label, embedder, _audio(args)) for label, _ in pairs]
        result = before
        for label, name in pairs:
            result = withdraw(result, label, name)
        _write(result, path, before, Console())
        for (label, name), voice in zip(pairs, voices, strict=True):
            book.reject(name, voice, BookModel.of(embedder))
            say(f"{label} is not {name}: remembered in {book.path}")
    return 0


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[SpeakerBook, Embedder]]:
    """Open the book, which has to be one that this model can add to."""
    with open_book(args) as book:
        book.require_writable()
        embedder = open_embedder(args)
        book.require(embedder)
        yield book, embedder


def _audio(args: argparse.Namespace) -> Path | None:
    # Sub-commands leave out what was not given.
    given = getattr(args, "audio", None)
    return Path(given) if given else None


def _request(
    path: Path, texts: list[str], book: SpeakerBook
) -> tuple[Result, list[tuple[str, str]]]:
    """Return the result and the (label, enrolled name) pairs that were asked for."""
    from diarize.speakers.records import person_name

    result = read_result(path)
    pairs = []
    for text in texts:
        key, equals, name = text.partition("=")
        if not equals or not key.strip() or not name.strip():
            raise UsageError(f"SPEAKER=NAME is needed, such as SPEAKER_01=Ann, not {text!r}")
        speaker = find_speaker(result.diarization, key.strip())
        if speaker is None:
            known = ", ".join(one.display for one in result.diarization.speakers) or "nobody"
            raise UsageError(f"{path}: there is no speaker {key.strip()}; it has {known}")
        if not book.enrolled(name.strip()):
            raise SpeakerBookError(
                f"{book.unknown(name.strip())}; to enroll somebody new: diarize enroll "
                f"{name.strip()!r} --from-result {str(path)!r} --speaker {speaker.label}"
            )
        pairs.append((speaker.label, person_name(name)))
    return result, pairs


def _one_name_each(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the names by label; refuse two names for one speaker."""
    named = dict(pairs)
    for label, name in pairs:
        if named[label] != name:
            raise UsageError(f"{label} cannot be both {name} and {named[label]}")
    return named


def _write(result: Result, path: Path, before: Result, messages: Console) -> None:
    """Write the result and its other outputs anew, as ``diarize relabel`` does."""
    written = rewrite(path, before, result, [], None)
    messages.warn(*written.messages)
    for file in written.files:
        say(f"wrote {file}")
