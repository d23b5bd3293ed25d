"""The exceptions that users may see; each message names the input, what is wrong and what to do."""

from __future__ import annotations


class DiarizeError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class UsageError(DiarizeError):
    """The request itself is off: a bad option, or options that contradict each other."""

    exit_code = 2


class AudioError(DiarizeError):
    """A recording cannot be read."""


class ModelError(DiarizeError):
    """A model file is missing, damaged, or not of a kind that can be run here."""


class TranscriptError(DiarizeError):
    """A transcript cannot be read, or lacks what an output format needs."""


class SpeakerBookError(DiarizeError):
    """The book of enrolled speakers cannot be opened, or belongs to another model."""


class EnrollmentError(DiarizeError):
    """A recording is not fit to enroll or compare a speaker by."""


class OutputError(DiarizeError):
    """A result cannot be written where it was asked for."""


class MissingExtraError(DiarizeError):
    """An optional package is needed; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(package, extra, purpose)  # what a pickle makes the error of again

    def __str__(self) -> str:
        package, extra, purpose = self.args
        return (
            f"{purpose} needs {package}, which is not installed. "
            f'Install it with: pip install "autospeech-diarize[{extra}]"'
        )
