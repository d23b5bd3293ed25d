"""The options of the main job, and what they ask for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from diarize.cli.options import (
    TRANSCRIPT,
    add,
    add_input_options,
    add_offset_option,
    add_output_options,
    add_speaker_count_options,
    add_table,
    add_words_option,
    name_list,
    positive_float,
    positive_int,
)
from diarize.errors import UsageError

if TYPE_CHECKING:
    from diarize.labeler import Labeler, LabelOptions

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
    group = parser.add_argument_group("transcript")
    add(
        group,
        "--transcript FILE",
        f"{TRANSCRIPT} (default: one of AUDIO's name, beside it or in the output folder)",
    )
    add_transcript_options(group)
    add_output_options(parser.add_argument_group("output"))
    group = parser.add_argument_group("speakers")
    add_people_options(group)
    add(group, "--link", "give a stranger the same label in all the recordings of this call")
    group = parser.add_argument_group("analysis")
    add_analysis_options(group)
    add(group, "--threads N", "cores to use (default: all)", type=positive_int)
    group = parser.add_argument_group("messages")
    add(group, "-q --quiet", "no progress, no summary")
    add(group, "--debug", "show tracebacks of errors")


def add_people_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that say who may speak."""
    add_speaker_count_options(group)
    add_table(
        group,
        """
        --speakers BOOK       name the people enrolled in this book ('default': the one `diarize
          enroll` fills)
        --participants NAMES  who was invited, with commas: names of these enrolled people only, and
          at most one speaker more; a name with a comma in it stands in quotes: '"Lee, Ann",Ben'
        --identify-segments   match each turn on its own with the enrolled people, without
          clustering
        --keep-names          keep what `relabel` changed in an earlier result, where the same turns
          come out (default: yes)
        """,
        participants={"type": name_list},
        keep_names={"action": argparse.BooleanOptionalAction, "default": True},
    )


def add_analysis_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose models."""
    add_table(
        group,
        """
        --vad auto|neural|webrtc|PATH  what finds speech; PATH: a Silero or pyannote segmentation
          ONNX (default: auto, which is neural)
        --embedding-model NAME|PATH    another ONNX speaker model (default: the bundled AutoSpeech)
        --threshold D                  cosine distance at which voices are different people
          (default: the model's)
        """,
        vad={"default": "auto"},
        threshold={"type": positive_float},
    )


def commands_table() -> str:
    """Return the commands, each with what it does."""
    from diarize.cli import COMMANDS

    return "".join(f"  {name:<12}{summary}\n" for name, (_, summary) in COMMANDS.items())


def add_transcript_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that say where words come from."""
    add_offset_option(group)
    add_table(
        group,
        """
        --no-transcript              only say who speaks when; neither look for a transcript nor
          make one
        --engine --transcriber NAME  what transcribes: faster-whisper, openai-whisper or an
          installed plug-in (default: auto, the one that is installed; `diarize doctor` tells which
          are)
        --whisper-model NAME|PATH    model to transcribe with: a name that the engine knows, a
          folder, or a .pt file
        --language CODE              spoken language (default: detected)
        --task                       transcribe, or translate into English (default: transcribe)
        --initial-prompt TEXT        words to put Whisper on the right track
        --keep-nonspeech             keep segments that Whisper made up where nobody speaks
        """,
        engine={"default": "auto"},
        task={"choices": ("transcribe", "translate"), "default": "transcribe"},
    )
    add_words_option(group)


def check(args: argparse.Namespace) -> None:
    """Refuse requests that contradict themselves."""
    check_speakers(args)
    if args.transcript and len(args.audio) > 1:
        raise UsageError("--transcript goes with one recording; give the recordings one at a time")
    if args.audio.count("-") > 1:
        raise UsageError("- (stdin) can be read only once")


def check_speakers(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself of the options that say who may speak."""
    low, high = args.min_speakers or 1, args.max_speakers
    if high is not None and low > high:
        raise UsageError(f"--min-speakers {low} is more than --max-speakers {high}")
    if args.num_speakers and (args.min_speakers or args.max_speakers):
        raise UsageError("--num-speakers is exact: leave out --min-speakers and --max-speakers")
    if args.identify_segments and not args.speakers:
        raise UsageError("--identify-segments needs the enrolled people: add --speakers BOOK")


def open_labeler(args: argparse.Namespace, formats: list[str]) -> Labeler:
    """Load the models, and see to the recogniser, before any long work begins."""
    from diarize.labeler import Labeler
    from diarize.speakers.diarizer import Diarizer

    diarizer = Diarizer(threads=args.threads, **diarizer_options(args))
    return Labeler(diarizer, options=label_options(args, formats))


def diarizer_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line says to a :class:`diarize.Diarizer`."""
    return {
        "vad": args.vad,
        "embedder": args.embedding_model,
        "threshold": args.threshold,
        "speakers": args.speakers,
        "participants": args.participants,
        "identify_segments": args.identify_segments,
    }


def label_options(args: argparse.Namespace, formats: list[str]) -> LabelOptions:
    """Return how recordings are taken and labelled."""
    from diarize.labeler import LabelOptions
    from diarize.transcript.whisper import WhisperOptions

    return LabelOptions(
        channels=args.channels,
        channel_names=args.channel_names,
        audio_track=args.audio_track,
        transcripts="ignore" if args.no_transcript else "find" if formats == ["rttm"] else "make",
        engine=args.engine,
        whisper=WhisperOptions(
            model=args.whisper_model,
            language=args.language,
            task=args.task,
            initial_prompt=args.initial_prompt,
        ),
        offset=args.transcript_offset,
        keep_nonspeech=args.keep_nonspeech,
        words=args.words,
        keep_names=args.keep_names,
    )
