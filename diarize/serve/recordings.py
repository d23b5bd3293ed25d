"""The page's own routes: upload, list, result, corrections, enrollment, and progress as events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from diarize.edits import edits_from_json, to_json
from diarize.errors import UsageError
from diarize.formats import FORMATS, get_writer, writable
from diarize.serve.jobs import DELETED, DONE, Job
from diarize.serve.requests import Desk, ordered, place, settled
from diarize.serve.schemas import ERRORS, RECORDING
from diarize.serve.storage import AUDIO, rendered

JobId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
_PAUSE = 0.3  # seconds between two looks for news
_ALIVE = 15.0  # seconds of silence after which a line shows that the connection stands
_KINDS = {"srt": "text/plain", "vtt": "text/vtt", "json": "application/json", "html": "text/plain"}


def shown(job: Job) -> dict[str, Any]:
    """Return what the list shows of a job."""
    names = ("id", "name", "created", "state", "progress", "error", "summary")
    return {name: getattr(job, name) for name in names}


def router(desk: Desk) -> APIRouter:
    """Return the routes under ``/api``."""
    routes = APIRouter(prefix="/api/jobs", tags=["Recordings"], responses=ERRORS)
    _add_list(routes, desk)
    _add_results(routes, desk)
    _add_changes(routes, desk)
    return routes


def _existing(desk: Desk, id: str, *, done: bool = True) -> Job:
    job = desk.store.get(id)
    if job is None or job.kind == "enrollment" or not job.listed:
        raise HTTPException(404, "there is no such recording")
    if done and job.state != DONE:
        raise HTTPException(409, f"the recording is not done: it is {job.state}")
    return job


def _add_list(routes: APIRouter, desk: Desk) -> None:
    """Add the routes to all recordings, and to one whatever its state."""

    @routes.post("", status_code=202, summary="Upload a recording", openapi_extra=RECORDING)
    async def upload(request: Request) -> JSONResponse:
        async with ordered(request, desk) as order:
            more = {"words": order.flag("words", True) and desk.can_transcribe()}
            job = await run_in_threadpool(
                lambda: place(order, desk, "recording", more, listed=True)
            )
        return JSONResponse(shown(job), 202)

    @routes.get("", summary="The recordings, the newest first")
    def listed(
        limit: Annotated[int, Query(ge=1, le=500)] = 100, before: str | None = None
    ) -> JSONResponse:
        return JSONResponse({"jobs": [shown(job) for job in desk.store.listed(limit, before)]})

    @routes.get("/events", summary="All that changes, as server-sent events")
    async def events(request: Request) -> StreamingResponse:
        return StreamingResponse(
            _events(request, desk),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    @routes.get("/{id}", summary="One recording")
    def one(id: JobId) -> JSONResponse:
        return JSONResponse(shown(_existing(desk, id, done=False)))

    @routes.delete("/{id}", status_code=204, summary="Delete a recording and all that is of it")
    def delete(id: JobId) -> Response:
        _existing(desk, id, done=False)
        desk.store.delete(id)
        desk.storage.drop(id)
        return Response(status_code=204)


def _add_results(routes: APIRouter, desk: Desk) -> None:
    """Add the routes to what came of a recording."""

    @routes.get("/{id}/result/{format}", summary="The result as corrected, in a format")
    def result(id: JobId, format: str) -> Response:
        job = _existing(desk, id)
        if format not in FORMATS or format not in writable():
            raise HTTPException(404, f"there is no format {format[:40]!r}: {', '.join(writable())}")
        content = rendered(desk.storage.corrected(id), format)
        name = f"{Path(job.name).stem}.{get_writer(format).extension}"
        kind = _KINDS.get(format, "text/plain" if isinstance(content, str) else None)
        return Response(
            content,
            media_type=kind or "application/octet-stream",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"},
        )

    @routes.get("/{id}/audio", summary="The recording, as the page plays it")
    def audio(id: JobId) -> FileResponse:
        _existing(desk, id)
        path = desk.storage.result(id, AUDIO)
        if not path.is_file():
            raise HTTPException(404, "no sound was kept of this recording")
        return FileResponse(path, media_type="audio/ogg")


def _add_changes(routes: APIRouter, desk: Desk) -> None:
    """Add the routes by which a result is corrected, and people are learnt from it."""

    @routes.get("/{id}/edits", summary="The corrections made")
    def edits(id: JobId) -> JSONResponse:
        _existing(desk, id)
        return JSONResponse({"edits": [to_json(edit) for edit in desk.storage.read_edits(id)]})

    @routes.put("/{id}/edits", summary="Keep corrections in place of those before")
    def keep_edits(id: JobId, content: Annotated[Any, Body()]) -> JSONResponse:
        _existing(desk, id)
        desk.storage.write_edits(id, edits_from_json(content))
        return edits(id)

    @routes.post("/{id}/enroll", summary="Enroll a speaker, so that later recordings have the name")
    async def enroll(
        id: JobId,
        speaker: Annotated[str, Body(min_length=1, max_length=200)],
        name: Annotated[str, Body(min_length=1, max_length=200)],
    ) -> JSONResponse:
        job: Job = await run_in_threadpool(_existing, desk, id)
        if desk.options.speakers is None:
            raise UsageError(
                "the server was started without a book of people: diarize serve --speakers default"
            )
        request = {"of": id, "speaker": speaker, "name": name}
        task = await run_in_threadpool(desk.store.add, "enrollment", job.name, request)
        try:
            task = await settled(task, desk)
        finally:
            await run_in_threadpool(desk.store.delete, task.id)
        if task.error:
            raise HTTPException(400, task.error["message"])
        return JSONResponse(dict(task.summary))


async def _events(request: Request, desk: Desk) -> AsyncIterator[str]:
    """Yield the list, and then each job that changes."""
    revision = await run_in_threadpool(lambda: desk.store.revision)
    jobs = await run_in_threadpool(desk.store.listed, 500)
    yield _event("jobs", [shown(job) for job in jobs])
    silence = 0.0
    while not (desk.closing.is_set() or await request.is_disconnected()):
        changed: Sequence[Job] = await run_in_threadpool(desk.store.changed, revision)
        for job in changed:
            revision = job.revision
            if job.listed and job.kind != "enrollment":
                gone = job.state == DELETED
                yield _event("deleted", job.id) if gone else _event("job", shown(job))
        silence = 0.0 if changed else silence + _PAUSE
        if silence > _ALIVE:
            silence = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_PAUSE)


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
