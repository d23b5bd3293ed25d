"""``diarize serve``: a page in the browser, and OpenAI's interface, on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from diarize.cli.common import say
from diarize.cli.options import add_table, name_list, positive_float, positive_int, whole_number

EPILOG = """\
examples:
  diarize serve                                 then open http://127.0.0.1:8808/
  diarize serve --speakers default              known people get their names; enroll from the page
  DIARIZE_TOKEN=... diarize serve --host 0.0.0.0
                                                for other machines, which need the token

With OpenAI's client: OpenAI(base_url="http://127.0.0.1:8808/v1", api_key=TOKEN or "none").
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.epilog = EPILOG
    add_table(
        parser,
        """
        --host ADDRESS             where to listen (default: this machine alone)
        --port N                   0: any that is free (default: 8808)
        --token TOKEN              what requests have to bring (default: $DIARIZE_TOKEN); needed
          with --host
        --host-name A,B            names by which browsers call this server, beside localhost and
          numbers
        -o --output-dir DIR        where results and the queue are kept (default: in your data
          folder)
        --max-upload MIB           largest upload (default: 1024)
        --workers N                recordings worked on at once (default: 1)
        --threads N                cores for each (default: all)
        --speakers BOOK            name the people enrolled in this book, and enroll from the page
          ('default': the one `diarize enroll` fills)
        --engine NAME              what transcribes, as for diarize (default: auto)
        --whisper-model NAME|PATH  model to transcribe with
        --language CODE            spoken language (default: detected)
        """,
        host={"default": "127.0.0.1"},
        port={"type": whole_number, "default": 8808},
        token={"default": os.environ.get("DIARIZE_TOKEN")},
        host_name={"type": name_list, "default": []},
        max_upload={"type": positive_float, "default": 1024.0},
        workers={"type": positive_int, "default": 1},
        threads={"type": positive_int},
        engine={"default": "auto"},
    )


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    from diarize.serve.app import serve
    from diarize.serve.options import ServeOptions
    from diarize.transcript.engines import Engine, get_engine
    from diarize.transcript.whisper import WhisperOptions

    whisper = WhisperOptions(model=args.whisper_model, language=args.language)
    engine = get_engine(args.engine, whisper)
    if isinstance(engine, Engine):
        engine.check()
    options = ServeOptions(
        folder=_folder(args.output_dir),
        host=args.host,
        port=args.port,
        token=args.token or None,
        host_names=tuple(args.host_name),
        most_bytes=round(args.max_upload * (1 << 20)),
        workers=args.workers,
        speakers=_book(args.speakers),
        engine=args.engine,
        whisper=whisper,
        threads=args.threads,
    )

    def ready(address: str) -> None:
        say(f"results are kept in {options.folder}")
        if isinstance(engine, Engine) and not engine.is_installed():
            say('no recogniser: pip install "autospeech-diarize[faster-whisper]" for words')
        say(f"open {address}" + ("login (with the token)" if options.token else ""))

    serve(options, ready)
    return 0


def _folder(chosen: str | None) -> Path:
    if chosen is not None:
        return Path(chosen).absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("diarize", appauthor=False)) / "serve"


def _book(chosen: str | None) -> str | None:
    """Return the book that was asked for, made where there is none yet; it has to fit the model."""
    if chosen is None:
        return None
    from diarize.embedding.embedder import OnnxEmbedder
    from diarize.speakers.book import SpeakerBook, book_path

    path = book_path(chosen)
    with SpeakerBook(path, create=True) as book:
        book.require_writable()
        book.require(OnnxEmbedder())
    return str(path)
