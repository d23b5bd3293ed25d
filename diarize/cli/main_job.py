"""The main job: recordings in, speaker-labelled transcripts out."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli import console
from diarize.cli.options import (
    add,
    add_input_options,
    add_offset_option,
    add_output_options,
    add_speaker_count_options,
    add_words_option,
    formats_from,
    positive_float,
    positive_int,
    writer_options,
)

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.audio.waveform import Waveform
    from diarize.outputs import Output
    from diarize.pipeline.diarizer import Diarizer
    from diarize.progress import OverallProgress
    from diarize.result import Result
    from diarize.transcript.schema import Transcript
    from diarize.transcript.sources import Outcome
    from diarize.transcript.whisper import Transcriber

EPILOG = """\
examples:
  diarize podcast.mp3 --srt                     podcast.json (Whisper's) is found and labelled,
                                                or Whisper runs if it is installed
  diarize call.m4a --transcript call.vtt -f srt,json -o out/
  diarize talk.wav --num-speakers 2 --rttm -o -
  diarize enroll Ann ann.wav; diarize meeting.mp3 --speakers default --srt

diarize COMMAND --help tells more of each command:
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of the main job."""
    from diarize.version import __version__

    parser.description = "Say who speaks when, and put the speakers onto a transcript."
    parser.epilog = EPILOG + commands_table()
    parser.add_argument(
        "audio", nargs="+", metavar="AUDIO", help="recordings, folders, or - for stdin"
    )
    parser.add_argument("-V", "--version", action="version", version=f"diarize {__version__}")
    add_input_options(parser.add_argument_group("input"))
    _add_transcript_options(parser.add_argument_group("transcript"))
    add_output_options(parser.add_argument_group("output"))
    group = parser.add_argument_group("speakers")
    add_speaker_count_options(group)
    add(
        group,
        "--speakers",
        metavar="BOOK",
        help="name the people enrolled in this book ('default': the one `diarize enroll` fills)",
    )
    add(
        group,
        "--participants",
        type=lambda text: text.split(","),
        metavar="NAMES",
        help="who was invited, with commas: names of these enrolled people only, and at most one "
        "speaker more",
    )
    add(
        group,
        "--identify-segments",
        action="store_true",
        help="match each turn on its own with the enrolled people, without clustering",
    )
    group.add_argument(
        "--keep-names",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep what `relabel` changed in an earlier result, where the same turns come out "
        "(default: yes)",
    )
    add(
        group,
        "--link",
        action="store_true",
        help="give a stranger the same label in all the recordings of this call",
    )
    group = parser.add_argument_group("analysis")
    add(
        group,
        "--vad",
        default="auto",
        metavar="auto|neural|webrtc|PATH",
        help="what finds speech; PATH: a Silero or pyannote segmentation ONNX (default: auto)",
    )
    add(
        group,
        "--embedding-model",
        metavar="NAME|PATH",
        help="another ONNX speaker model (default: the bundled AutoSpeech)",
    )
    add(
        group,
        "--threshold",
        type=positive_float,
        metavar="D",
        help="cosine distance at which voices are different people (default: the model's)",
    )
    add(group, "--threads", type=positive_int, metavar="N", help="cores to use (default: all)")
    group = parser.add_argument_group("talk")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    group.add_argument("--debug", action="store_true", help="show tracebacks of errors")


def commands_table() -> str:
    """Return the commands, each with what it does."""
    from diarize.cli import COMMANDS

    return "".join(f"  {name:<12}{summary}\n" for name, (_, summary) in COMMANDS.items())


def _add_transcript_options(group: argparse._ArgumentGroup) -> None:
    add(
        group,
        "--transcript",
        metavar="FILE",
        help="Whisper JSON of any flavour, SRT, VTT or TSV (default: AUDIO's stem + .json)",
    )
    add_offset_option(group)
    add(
        group,
        "--no-transcript",
        action="store_true",
        help="only say who speaks when; neither look for a transcript nor make one",
    )
    add(
        group,
        "--engine",
        "--transcriber",
        default="auto",
        metavar="NAME",
        help="what transcribes: faster-whisper, openai-whisper or an installed plug-in (default: "
        "auto, the one that is installed; `diarize doctor` tells which are)",
    )
    add(
        group,
        "--whisper-model",
        metavar="NAME|PATH",
        help="model to transcribe with: a name that the engine knows, a folder, or a .pt file",
    )
    add(group, "--language", metavar="CODE", help="spoken language (default: detected)")
    add(group, "--task", choices=("transcribe", "translate"), default="transcribe")
    add(group, "--initial-prompt", metavar="TEXT", help="words to put Whisper on the right track")
    add(
        group,
        "--keep-nonspeech",
        action="store_true",
        help="keep segments that Whisper made up where nobody speaks",
    )
    add_words_option(group)


@dataclass(frozen=True)
class _Analysis:
    """One recording, diarized but not yet written."""

    source: str
    title: str
    place: Output
    waveform: Waveform
    diarization: Diarization
    seconds: float


@dataclass(frozen=True)
class _Words:
    """Where words come from, and what they are written to; the same for all recordings."""

    formats: list[str]
    given: Transcript | None
    transcriber: Transcriber


def run(args: argparse.Namespace) -> int:
    """Run the main job on every recording; one that fails does not stop the others."""
    talk = console.Console(quiet=args.quiet)
    args.audio = _recordings(args.audio, talk)
    _check(args)
    formats, places = _places(args)
    words = _words(args, formats)
    diarizer = _diarizer(args)
    batch = console.Batch(talk, len(places), raising=args.debug)
    analyses: list[_Analysis] = []
    for source, place in places.items():
        with batch.recording(source) as title:
            with talk.progress(title, _costs(args, words, source, place)) as progress:
                analysis = _analyse(source, title, place, diarizer, args, talk, progress)
                if args.link:
                    analyses.append(analysis)
                    continue
                found = _transcript(analysis, words, args, progress)
            _finish(analysis, found, words, args, talk)
    for analysis in _linked(analyses, diarizer):
        with batch.recording(analysis.source, analysis.title):
            with talk.progress(analysis.title, {"transcribe": 1.0}) as progress:
                found = _transcript(analysis, words, args, progress)
            _finish(analysis, found, words, args, talk)
    batch.close()
    return batch.exit_code


def _costs(args: argparse.Namespace, words: _Words, source: str, place: Output) -> dict[str, float]:
    """Return the parts of the work on a recording, and what each is likely to cost."""
    from diarize.progress import STAGE_COSTS, TRANSCRIBING_COST
    from diarize.transcript.sources import will_transcribe

    audio = None if source == "-" else Path(source)
    transcribed = (
        not args.no_transcript
        and words.given is None
        and words.formats != ["rttm"]
        and will_transcribe(words.transcriber, audio, place.folder, place.stem)
    )
    return {
        "load": STAGE_COSTS["audio"],
        "diarize": sum(STAGE_COSTS.values()) - STAGE_COSTS["audio"],
        "transcribe": TRANSCRIBING_COST if transcribed else 0.0,
    }


def _recordings(sources: Sequence[str], talk: console.Console) -> list[str]:
    """Put the recordings of a folder in its place."""
    from diarize.audio.folders import recordings_in

    found: list[str] = []
    for source in sources:
        if source != "-" and os.path.isdir(source):  # noqa: PTH112 - False where it may not look
            folder = recordings_in(source)
            talk.warn(str(folder))
            found += map(str, folder.recordings)
        else:
            found.append(source)
    return found


def _check(args: argparse.Namespace) -> None:
    """Refuse requests that contradict themselves."""
    from diarize.errors import UsageError

    low, high = args.min_speakers or 1, args.max_speakers
    if high is not None and low > high:
        raise UsageError(f"--min-speakers {low} is more than --max-speakers {high}")
    if args.num_speakers and (args.min_speakers or args.max_speakers):
        raise UsageError("--num-speakers is exact: leave out --min-speakers and --max-speakers")
    if args.transcript and len(args.audio) > 1:
        raise UsageError("--transcript goes with one recording; give the recordings one at a time")
    if args.audio.count("-") > 1:
        raise UsageError("- (stdin) can be read only once")
    if args.identify_segments and not args.speakers:
        raise UsageError("--identify-segments needs the enrolled people: add --speakers BOOK")


def _places(args: argparse.Namespace) -> tuple[list[str], dict[str, Output]]:
    """Return the formats asked for (maybe none), and where each recording's results go."""
    from diarize.errors import UsageError
    from diarize.outputs import Output, check_outputs, named_file, plan_outputs

    file, formats = named_file(args.output_dir, formats_from(args, default=()))
    sources = list(dict.fromkeys(args.audio))
    if args.output_dir == "-":
        if len(sources) > 1 and formats not in ([], ["rttm"]):
            raise UsageError("-o - takes one recording, or several with --rttm")
        if len(formats) > 1:
            raise UsageError(f"-o - takes one format, not {', '.join(formats)}")
        return formats, {source: Output(None, Path(source).stem) for source in sources}
    folder = None if file or args.output_dir is None else Path(args.output_dir)
    places = plan_outputs(sources, folder, file)
    check_outputs(places, formats or ["srt", "json", "rttm"], args.overwrite)
    return formats, dict(zip(sources, places, strict=True))


def _diarizer(args: argparse.Namespace) -> Diarizer:
    """Load the models."""
    from diarize.pipeline.diarizer import Diarizer

    return Diarizer(
        vad=args.vad,
        embedder=args.embedding_model,
        threshold=args.threshold,
        threads=args.threads,
        speakers=args.speakers,
        participants=args.participants,
        identify_segments=args.identify_segments,
    )


def _analyse(
    source: str,
    title: str,
    place: Output,
    diarizer: Diarizer,
    args: argparse.Namespace,
    talk: console.Console,
    progress: OverallProgress,
) -> _Analysis:
    from diarize.audio.loading import load

    begin = time.perf_counter()
    split = args.channel_names is not None and args.channels == "mix"
    waveform = load(
        source,
        channels="split" if split else args.channels,
        audio_track=args.audio_track,
        on_progress=progress.part("load"),
    )
    diarization = diarizer(
        waveform,
        num_speakers=args.num_speakers,
        min_speakers=args.min_speakers,
        max_speakers=args.max_speakers,
        channel_names=args.channel_names,
        on_progress=progress.part("diarize"),
    )
    for warning in dict.fromkeys((*waveform.warnings, *diarization.warnings)):
        talk.warn(warning)
    return _Analysis(source, title, place, waveform, diarization, time.perf_counter() - begin)


def _linked(analyses: Sequence[_Analysis], diarizer: Diarizer) -> list[_Analysis]:
    """Give voices that several recordings share one label in all of them."""
    if not analyses:
        return []
    from diarize.speakers.linking import link

    linked = link([analysis.diarization for analysis in analyses], diarizer.embedder)
    return [
        replace(analysis, diarization=diarization)
        for analysis, diarization in zip(analyses, linked, strict=True)
    ]


def _finish(
    analysis: _Analysis,
    found: Outcome,
    words: _Words,
    args: argparse.Namespace,
    talk: console.Console,
) -> None:
    """Label the transcript, and write what was asked for."""
    _require_words(analysis, found, words, args)
    for message in found.messages:
        talk.warn(message)
    result = _with_names_kept(analysis, args, talk)
    labelled = None
    if found.transcript is not None:
        from diarize.settings import WordSettings
        from diarize.transcript.assign import label_transcript
        from diarize.transcript.word_times import energy_of

        labelled = label_transcript(
            found.transcript,
            result.diarization,
            options=WordSettings(trust_words=args.words == "trust"),
            energy=energy_of(analysis.waveform),
        )
    audio = None if analysis.source == "-" else analysis.source
    result = replace(result, transcript=labelled, audio=audio, source=found.transcript)
    chosen = words.formats or (["srt", "json"] if labelled is not None else ["rttm", "json"])
    if args.output_dir == "-":
        chosen = words.formats or ["json"]
    written = _write(result, chosen, analysis, args, found.inputs, talk)
    if not args.quiet:
        title = analysis.title if len(args.audio) > 1 else ""
        talk.summary(result.diarization, analysis.seconds, written, title)


def _require_words(
    analysis: _Analysis, found: Outcome, words: _Words, args: argparse.Namespace
) -> None:
    """Refuse to write subtitles and the like of nothing but turns, unless that was asked for."""
    from diarize.errors import TranscriptError
    from diarize.formats import WORD_FORMATS

    empty = [name for name in words.formats if name in WORD_FORMATS]
    if found.transcript is None and empty and analysis.diarization and not args.no_transcript:
        why = found.messages[-1] if found.messages else "there is no transcript"
        raise TranscriptError(
            f"{console.display_name(analysis.source)}: no words for {', '.join(empty)}: {why}; "
            "--no-transcript writes who speaks when alone"
        )


def _with_names_kept(
    analysis: _Analysis, args: argparse.Namespace, talk: console.Console
) -> Result:
    """Carry over what `relabel` changed in an earlier result of the recording."""
    from diarize.relabel import earlier_result, keep_relabelling
    from diarize.result import Result

    earlier = earlier_result(analysis.place, analysis.source) if args.keep_names else None
    if earlier is None:
        return Result(analysis.diarization)
    path, before = earlier
    result, lost = keep_relabelling(analysis.diarization, before)
    if result.relabelling is not None:
        names = ", ".join(result.relabelling.names.values()) or "the speakers joined or swapped"
        talk.warn(f"kept from {path}: {names} (--no-keep-names starts anew)")
    if lost:
        talk.warn(
            f"not kept from {path}, since the turns are others now: {', '.join(lost)}; give the "
            "names again with: diarize relabel"
        )
    return result


def _words(args: argparse.Namespace, formats: list[str]) -> _Words:
    """Read the transcript that was given, and see to the model, before any long work begins."""
    from diarize.transcript.engines import Engine, get_engine
    from diarize.transcript.readers import read_transcript
    from diarize.transcript.whisper import WhisperOptions

    given = None
    if args.transcript is not None and not args.no_transcript:
        given = read_transcript(args.transcript)
    options = WhisperOptions(
        model=args.whisper_model,
        language=args.language,
        task=args.task,
        initial_prompt=args.initial_prompt,
    )
    engine = get_engine(args.engine, options)
    if given is None and isinstance(engine, Engine):
        engine.check()
    return _Words(formats, given, engine)


def _transcript(
    analysis: _Analysis, words: _Words, args: argparse.Namespace, progress: OverallProgress
) -> Outcome:
    """Find the transcript of a recording, or make one if what is asked for holds words."""
    from diarize.transcript.sources import Outcome, find_or_make_transcript

    if args.no_transcript:
        return Outcome(None)
    return find_or_make_transcript(
        analysis.waveform,
        audio=None if analysis.source == "-" else Path(analysis.source),
        transcript=words.given,
        directory=analysis.place.folder,
        stem=analysis.place.stem,
        speech=analysis.diarization.speech,
        transcriber=words.transcriber,
        make=words.formats != ["rttm"],
        keep_nonspeech=args.keep_nonspeech,
        trust_words=args.words == "trust",
        offset=args.transcript_offset,
        on_progress=progress.part("transcribe"),
    )


def _write(
    result: Result,
    formats: Sequence[str],
    analysis: _Analysis,
    args: argparse.Namespace,
    transcripts: Sequence[Path],
    talk: console.Console,
) -> list[Path]:
    from diarize.outputs import write_files

    options = writer_options(args)
    place = analysis.place
    if place.folder is None:
        for name in formats:
            console.emit(result.render(name, options))
        return []
    recordings = [Path(source) for source in args.audio if source != "-"]
    return write_files(
        result,
        formats,
        place.folder,
        place.stem,
        options,
        inputs=[*recordings, *(() if args.overwrite else transcripts)],
        overwrite=args.overwrite,
        file=place.file,
        on_message=talk.warn,
    )
