"""``diarize doctor``: what is installed here, what is missing, and what would get in the way."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from diarize.cli.options import add
from diarize.errors import DiarizeError, ModelError
from diarize.files import existing_folder
from diarize.onnx import bundled, files, registry
from diarize.version import __version__

DISTRIBUTION = "autospeech-diarize"
CORE = (
    "numpy",
    "scipy",
    "onnxruntime",
    "webrtcvad-wheels",
    "av",
    "soxr",
    "pysrt",
    "pysubs2",
    "rich",
    "platformdirs",
)
# What an extra brings: module, extra, what it is for.
OPTIONAL = (
    ("faster_whisper", "faster-whisper", "transcribe with faster-whisper"),
    ("whisper", "whisper", "transcribe with openai-whisper"),
    ("docx", "docx", "minutes for Word (-f docx)"),
    ("pyarrow", "parquet", "rows for data frames (-f parquet)"),
    ("fastapi", "serve", "diarize serve"),
    ("matplotlib", "plot", "plots"),
    ("pyannote.metrics", "eval", "cross-check of the error rates"),
    ("meeteval", "eval", "word errors by speaker (cpWER)"),
    ("dask", "cluster", "many recordings on many machines"),
    ("torch", "train", "training models; never needed to diarize"),
)
ENCODINGS = ("mp3", "aac", "flac", "opus", "vorbis", "alac", "wmav2", "pcm_s16le", "pcm_mulaw")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``state`` is ``ok``, ``missing`` (an extra) or ``problem``."""

    topic: str
    name: str
    state: str
    detail: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Exit code 1 where something that the main job needs is wrong."
    add(parser, "--json", "print JSON")


def run(args: argparse.Namespace) -> int:
    """Look and print; returns 1 where a problem was found."""
    findings = list(examine())
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    return 1 if any(finding.state == "problem" for finding in findings) else 0


def examine() -> Iterator[Finding]:
    """Yield everything that is worth knowing about this installation."""
    yield from _versions()
    yield from _clashes()
    yield from _decoders()
    yield from _detector()
    yield from _runtime()
    yield from _models()
    yield from _engines()
    yield from _extras()
    yield from _places()


def _versions() -> Iterator[Finding]:
    where = Path(__file__).resolve().parent.parent
    yield Finding("version", "diarize", "ok", f"{__version__} in {where}")
    yield Finding(
        "version", "Python", "ok", f"{platform.python_version()}, {platform.platform(terse=True)}"
    )
    for name in CORE:
        try:
            yield Finding("version", name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding("version", name, "problem", f"not installed; pip install {name}")


def _clashes() -> Iterator[Finding]:
    """Other distributions that install a package or a command called ``diarize``."""
    others = [name for name in owners("diarize") if _normal(name) != DISTRIBUTION]
    for name in others:
        yield Finding(
            "clash",
            name,
            "problem",
            "installs a package or a command called diarize as well, and the last one wins: "
            f"pip uninstall {name}; pip install --force-reinstall --no-deps {DISTRIBUTION}",
        )
    if not others:
        yield Finding("clash", "other packages called diarize", "ok", "none")
    if any(_normal(name) == "webrtcvad" for name in owners("webrtcvad")):
        yield Finding("clash", "webrtcvad", "ok", "beside webrtcvad-wheels; diarize minds neither")


def owners(name: str) -> list[str]:
    """Return the distributions that install a package, or a command, of that name."""
    found = set(metadata.packages_distributions().get(name, ()))
    for distribution in metadata.distributions():
        commands = distribution.entry_points.select(group="console_scripts")
        if any(command.name == name for command in commands):
            found.add(distribution.metadata["Name"])
    return sorted(filter(None, found))


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _decoders() -> Iterator[Finding]:
    try:
        import av
    except ImportError as error:
        yield Finding("audio", "decoder", "problem", f"PyAV does not load ({error})")
        return
    missing = [name for name in ENCODINGS if name not in av.codecs_available]
    version = ".".join(map(str, av.library_versions.get("libavcodec", ())))
    detail = f"PyAV with libavcodec {version}"
    if missing:
        yield Finding("audio", "decoder", "missing", f"{detail}; it lacks {', '.join(missing)}")
    else:
        yield Finding("audio", "decoder", "ok", f"{detail}: {', '.join(ENCODINGS)} and more")


def _detector() -> Iterator[Finding]:
    from diarize.segmentation.webrtc import WebRtcVad

    try:
        WebRtcVad()
        yield Finding("audio", "speech detector", "ok", "WebRTC's classifier loads")
    except DiarizeError as error:
        yield Finding("audio", "speech detector", "problem", str(error))


def _runtime() -> Iterator[Finding]:
    from diarize.onnx.session import available_processors, runtime

    try:
        providers = ", ".join(runtime().get_available_providers())
        yield Finding(
            "runtime", "onnxruntime providers", "ok", f"{providers} (the CPU one is used)"
        )
    except ImportError as error:
        yield Finding("runtime", "onnxruntime", "problem", f"does not load ({error})")

    yield Finding(
        "runtime", "cores", "ok", f"{available_processors()} of {os.cpu_count()} for this process"
    )


def _models() -> Iterator[Finding]:
    for name in bundled.BUNDLED:
        try:
            path = bundled.bundled(name)
            digest = files.sha256_of(path)[:12]
            yield Finding("model", name, "ok", f"{path} (SHA-256 {digest}…)")
        except ModelError as error:
            state = "problem" if name == "autospeech" else "missing"
            yield Finding("model", name, state, str(error))
    for model in registry.REGISTRY.values():
        if model.path.is_file():
            problem = files.verify(model)
            yield Finding(
                "model", model.name, "problem" if problem else "ok", problem or str(model.path)
            )


def _engines() -> Iterator[Finding]:
    """What can transcribe here, and with which models."""
    from diarize import plugins
    from diarize.transcript.engines import ENGINES

    for name, engine in ENGINES.items():
        if engine.is_installed():
            none = (
                "none, and DIARIZE_OFFLINE forbids to fetch one"
                if files.offline()
                else "none yet; one is fetched when needed"
            )
            models = ", ".join(engine.models_here()) or none
            yield Finding("engine", name, "ok", f"models on this machine: {models}")
        else:
            hint = f'not installed: pip install "{DISTRIBUTION}[{engine.extra}]"'
            yield Finding("engine", name, "missing", hint)
    for name in plugins.names("transcribers"):
        yield Finding("engine", name, "ok", "of a plug-in")


def _extras() -> Iterator[Finding]:
    for module, extra, purpose in OPTIONAL:
        if _present(module):
            yield Finding("optional", module, "ok", purpose)
        else:
            package = f'"{DISTRIBUTION}[{extra}]"' if extra else module.replace("_", "-")
            yield Finding("optional", module, "missing", f"{purpose}: pip install {package}")


def _present(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _places() -> Iterator[Finding]:
    from diarize.speakers.book import default_path

    download = (
        "downloads are forbidden (DIARIZE_OFFLINE)" if files.offline() else "downloads are allowed"
    )
    for name, path, detail in (
        ("fetched models", registry.cache_folder(), download),
        ("speaker book", default_path(), "" if default_path().is_file() else "nobody enrolled yet"),
    ):
        writable = os.access(existing_folder(path), os.W_OK)
        state = "ok" if writable else "problem"
        remark = detail if writable else "its folder cannot be written to; check its permissions"
        yield Finding("place", name, state, f"{path}" + (f" ({remark})" if remark else ""))


def _print(findings: list[Finding]) -> None:
    marks = {"ok": "ok     ", "missing": "-      ", "problem": "PROBLEM"}
    width = max(len(finding.name) for finding in findings)
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            print(f"{topic}:")
        print(f"  {marks[finding.state]}  {finding.name:<{width}}  {finding.detail}")
    problems = sum(finding.state == "problem" for finding in findings)
    verdict = (
        f"{problems} problem(s), see above" if problems else "all that diarizing needs is here"
    )
    print(f"\n{verdict}")
