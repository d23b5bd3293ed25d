"""What the package hands out in the end: who spoke when, and what was said, together."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from diarize import display
from diarize.annotation import Diarization, Speaker, diarization_line, picture
from diarize.edits import Edit
from diarize.errors import UsageError
from diarize.files import is_url, relative_path
from diarize.formats import TEXT_FORMATS, WriterOptions, get_writer, names
from diarize.outputs import named_file, write_files
from diarize.text import ROWS, counted, first_rows, instant, one_line
from diarize.timeline import Segment, Turn
from diarize.transcript.schema import Transcript, join_texts

log = logging.getLogger(__name__)

Content = TypeVar("Content", str, bytes)

_PARAGRAPH_SECONDS = 45.0  # from this length on a pause begins a new paragraph (by taste)
_PARAGRAPH_PAUSE = 1.5  # seconds


@dataclass(frozen=True)
class Utterance:
    """Something said by one speaker (None: by nobody known), times in seconds."""

    start: float
    end: float
    speaker: str | None
    text: str
    words: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Relabelling:
    """What a person changed in a result.

    ``labels`` has the label of each voice as it was found, and the one that it has now; ``names``
    the names given, by today's labels; ``edits`` everything that was done, in order, or None where
    a file of an earlier version does not tell.
    """

    labels: Mapping[str, str]
    names: Mapping[str, str]
    edits: tuple[Edit, ...] | None = ()


def _rendering(name: str, kind: type[Content]) -> Callable[..., Content]:
    """Return a method that gives a result in a format, as text or bytes."""

    def method(self: Result, options: WriterOptions | None = None) -> Content:
        return cast(Content, self.render(name, options))

    method.__doc__ = f"Return a whole {name} file as {kind.__name__}; see :meth:`Result.render`."
    return method


@dataclass(frozen=True, repr=False)
class Result:
    """A diarized recording, with its labelled transcript where there is one.

    It writes itself: ``result.write("talk.srt")``, ``result.to_srt()``, and so on for each format.

    Parameters
    ----------
    diarization : Diarization
    transcript : dict or None
        As :func:`diarize.transcript.assign.label_transcript` returns it.
    audio : str or None
        The recording's path; a JSON file holds it as seen from its own folder.
    source : Transcript or None
        What ``transcript`` was labelled from, for giving it back in its producer's own shape.
    relabelling : Relabelling or None
        What a person changed since the recording was diarized.
    inputs : tuple of str
        Transcripts of the user's that it was made from; it is written over them only with
        ``overwrite``.
    messages : tuple of str
        What the user should know of its words and names, beside ``diarization.warnings``.
    """

    diarization: Diarization
    transcript: dict[str, Any] | None = None
    audio: str | None = None
    source: Transcript | None = None
    relabelling: Relabelling | None = None
    inputs: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether anything was said, as far as the transcript tells."""
        return self.transcript is not None and any(part.text for part in self.utterances)

    def __repr__(self) -> str:
        return f"<Result {self._line()}>"

    def _line(self) -> str:
        line = diarization_line(self.diarization)
        if self.transcript is None:
            return f"{line}, without a transcript"
        words = sum(len(part.text.split()) for part in self.utterances)
        return f"{line}, with {counted(words, 'word')}"

    def __str__(self) -> str:
        if self.transcript is None:
            return str(self.diarization)
        rows = [
            [instant(part.start), part.speaker or "-", part.text] for part in self.utterances[:ROWS]
        ]
        headings = ["start", "speaker", "text"]
        listed = first_rows(headings, rows, len(self.utterances), "utterance")
        return f"{self._line()}\n\n{listed}"

    def _repr_html_(self) -> str:
        """Show it in a notebook: who speaks when, and the first words."""
        drawing = picture(self.diarization)
        if self.transcript is None:
            return drawing
        rows = "".join(
            f"<tr><td>{instant(part.start)}</td><td>{display.escaped(part.speaker or '-')}</td>"
            f'<td style="text-align:left">{display.escaped(part.text)}</td></tr>'
            for part in self.utterances[:ROWS]
        )
        more = len(self.utterances) - ROWS
        note = f"<p>… and {counted(more, 'more utterance')}</p>" if more > 0 else ""
        return f"<div>{drawing}<table>{rows}</table>{note}</div>"

    @cached_property
    def utterances(self) -> tuple[Utterance, ...]:
        """The transcript's segments with text; without a transcript the turns, with none."""
        if self.transcript is None:
            show = self.diarization.display
            return tuple(
                Utterance(turn.start, turn.end, show(turn.speaker), "")
                for turn in self.diarization.turns
            )
        found = []
        for segment in self.transcript.get("segments") or ():
            text = one_line(str(segment.get("text") or ""))
            start, end = float(segment.get("start") or 0.0), float(segment.get("end") or 0.0)
            if text:
                words = tuple(segment.get("words") or ())
                speaker = segment.get("speaker")
                found.append(Utterance(start, max(start, end), speaker, text, words))
        return tuple(found)

    def paragraphs(self) -> list[Utterance]:
        """Return the utterances joined to one a turn; very long turns break at pauses."""
        joined: list[Utterance] = []
        for part in self.utterances:
            last = joined[-1] if joined else None
            if (
                last is not None
                and last.speaker == part.speaker
                and not (
                    last.end - last.start > _PARAGRAPH_SECONDS
                    and part.start - last.end > _PARAGRAPH_PAUSE
                )
            ):
                text = join_texts([{"text": last.text}, {"text": part.text}])
                joined[-1] = replace(last, end=max(last.end, part.end), text=text, words=())
            else:
                joined.append(part)
        return joined

    def speakers_shown(self) -> list[str | None]:
        """Return the speakers' names in order of appearance; None comes last, if it occurs."""
        show = self.diarization.display
        names: list[str | None] = [show(label) for label in self.diarization.labels]
        names += [part.speaker for part in self.utterances if part.speaker is not None]
        nobody = any(part.speaker is None for part in self.utterances)
        return [*dict.fromkeys(names), *([None] if nobody else [])]

    def render(
        self, name: str, options: WriterOptions | None = None, *, folder: Path | None = None
    ) -> str | bytes:
        """Return the whole file in a format.

        Parameters
        ----------
        name : str
            A format: ``"srt"``, ``"json"``, a plug-in's; see :data:`diarize.formats.FORMATS`.
        options : WriterOptions, optional
        folder : Path, optional
            Where the file is to lie: the recording is named as seen from there, else by its whole
            path.

        Raises
        ------
        UsageError
            If no such format is known.
        MissingExtraError
            If a package that the format needs is not installed.
        """
        options = options or WriterOptions()
        shown = with_unsure_marked(self) if options.mark_unsure and name in TEXT_FORMATS else self
        if self.audio is not None and not is_url(self.audio):
            absolute = Path(self.audio).absolute().as_posix()
            audio = absolute if folder is None else relative_path(self.audio, folder)
            shown = replace(shown, audio=audio)
            options = replace(options, folder=folder)
        return get_writer(name).render(shown, options)

    def write(
        self,
        *targets: str | os.PathLike[str],
        folder: str | os.PathLike[str] | None = None,
        options: WriterOptions | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write files: each whole or not at all, and never over a recording.

        Parameters
        ----------
        *targets : str or path
            Formats (``"srt"``), whose files are called after the recording; and files
            (``"out/talk.srt"``), whose names tell the format. ``srt`` and ``json`` where none is
            given, ``rttm`` and ``json`` without a transcript.
        folder : path, optional
            Where files go that are given by format; beside the recording where not given, or in
            the current folder if there is none.
        options : WriterOptions, optional
        overwrite : bool
            Replace also files that diarize did not write, or that were changed since, and the
            transcript that was read. Else a file given by its format is called
            ``talk.diarized.srt`` then.

        Returns
        -------
        list of Path

        Raises
        ------
        OutputError
            If a file cannot be written, or one given by its name must not be replaced.
        UsageError
            If a name fits no format.

        Examples
        --------
        >>> result.write("talk.srt", "talk.docx")                            # doctest: +SKIP
        >>> result.write("srt", "json", folder="out")                        # doctest: +SKIP
        """
        given = targets or (("srt" if self.transcript is not None else "rttm"), "json")
        formats = [str(one) for one in given if str(one) in names()]
        written = self._write(formats, folder, None, options, overwrite)
        for target in (str(one) for one in given if str(one) not in names()):
            file, format_ = named_file(target, ())
            if file is None:
                raise UsageError(
                    f"{target!r} is neither a format nor a file: end it in .srt, .json and the "
                    "like, or give formats and folder="
                )
            written += self._write(format_, file.parent, file, options, overwrite)
        return written

    def _write(
        self,
        formats: Sequence[str],
        folder: str | os.PathLike[str] | None,
        file: Path | None,
        options: WriterOptions | None,
        overwrite: bool,
    ) -> list[Path]:
        own = None if self.audio is None else Path(self.audio)
        return write_files(
            self,
            formats,
            (own.parent if own else Path()) if folder is None else folder,
            own.stem if own else self.diarization.uri,
            options,
            inputs=self.protected(overwrite),
            overwrite=overwrite,
            file=file,
            on_message=log.warning,
        )

    def protected(self, overwrite: bool = False) -> list[str]:
        """Return the files that it is not written over."""
        return [*([self.audio] if self.audio else []), *(() if overwrite else self.inputs)]

    to_srt = _rendering("srt", str)
    to_vtt = _rendering("vtt", str)
    to_json = _rendering("json", str)
    to_txt = _rendering("txt", str)
    to_tsv = _rendering("tsv", str)
    to_csv = _rendering("csv", str)
    to_md = _rendering("md", str)
    to_rttm = _rendering("rttm", str)
    to_audacity = _rendering("audacity", str)
    to_textgrid = _rendering("textgrid", str)
    to_eaf = _rendering("eaf", str)
    to_seglst = _rendering("seglst", str)
    to_podcast = _rendering("podcast", str)
    to_diarized_json = _rendering("diarized-json", str)
    to_ctm = _rendering("ctm", str)
    to_stm = _rendering("stm", str)
    to_ttml = _rendering("ttml", str)
    to_ass = _rendering("ass", str)
    to_docx = _rendering("docx", bytes)
    to_parquet = _rendering("parquet", bytes)
    to_html = _rendering("html", str)


def with_unsure_marked(result: Result) -> Result:
    """Return the result with a ``?`` behind names where turns do not sound like the person.

    A segment of the transcript is marked where unsure turns of its speaker cover most of it.

    Examples
    --------
    >>> speakers = [Speaker("a", "Ann")]
    >>> talk = Diarization([Turn(0, 1, "a"), Turn(1, 2, "a", unsure=True)], 2, speakers=speakers)
    >>> [part.speaker for part in with_unsure_marked(Result(talk)).utterances]
    ['Ann', 'Ann?']
    """
    talk = result.diarization
    unsure = [turn for turn in talk if turn.unsure]
    if result.transcript is not None:
        segments = [
            _marked(segment, unsure, talk) for segment in result.transcript.get("segments") or ()
        ]
        return replace(result, transcript={**result.transcript, "segments": segments})
    labels = {turn.speaker: f"{turn.speaker}?" for turn in unsure}
    turns = [
        replace(turn, speaker=labels[turn.speaker]) if turn.unsure else turn for turn in talk.turns
    ]
    marked = (Speaker(new, f"{talk.display(old)}?") for old, new in labels.items())
    present = {turn.speaker for turn in turns}
    speakers = [one for one in (*talk.speakers, *marked) if one.label in present]
    return replace(result, diarization=replace(talk, turns=turns, speakers=speakers))


def _marked(segment: dict[str, Any], unsure: Sequence[Turn], talk: Diarization) -> dict[str, Any]:
    """Return a segment of the transcript, marked if it is unsure who says it."""
    speaker = segment.get("speaker")
    span = Segment(float(segment.get("start") or 0.0), float(segment.get("end") or 0.0))
    doubted = sum(
        turn.segment.overlap(span) for turn in unsure if talk.display(turn.speaker) == speaker
    )
    if speaker is None or doubted <= 0.5 * span.duration:
        return segment
    marked = {**segment, "speaker": f"{speaker}?"}
    if segment.get("words"):
        marked["words"] = [
            {**word, "speaker": f"{speaker}?"} if word.get("speaker") == speaker else word
            for word in segment["words"]
        ]
    return marked
