"""OpenAI's vocabulary: what its clients ask for, answered in its shapes.

Source: OpenAI API reference, "Audio": https://platform.openai.com/docs/api-reference/audio. The
route ``/v1/audio/diarization`` is not OpenAI's own; other servers of its interface have it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from diarize.result import Result
from diarize.serve import shapes
from diarize.serve.forms import BadForm
from diarize.serve.guard import error_body
from diarize.serve.jobs import FAILED
from diarize.serve.requests import Desk, Order, ordered, place, require_recogniser, settled
from diarize.serve.schemas import DIARIZATION, ERRORS, TRANSCRIPTION

MODELS = ("diarize", "gpt-4o-transcribe-diarize", "whisper-1")


def router(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)

    @routes.get("/models", summary="Names that requests may give as their model")
    def models() -> JSONResponse:
        return JSONResponse({"object": "list", "data": [_model(name) for name in MODELS]})

    @routes.get("/models/{name}", summary="One of these names")
    def model(name: str) -> JSONResponse:
        if name not in MODELS:
            return JSONResponse(error_body(f"there is no model {name!r}", "model_not_found"), 404)
        return JSONResponse(_model(name))

    @routes.post("/audio/transcriptions", summary="Who says what", openapi_extra=TRANSCRIPTION)
    async def transcriptions(request: Request) -> Response:
        require_recogniser(desk)
        async with _ordered(request, desk) as order:
            form = order.choice("response_format", tuple(shapes.TRANSCRIPTIONS), "json")
            stream = order.flag("stream", False)
            wanted = {"words": True, "needs_words": True}
            result = await _made(order, desk, "transcription", wanted, request)
        return _streamed(result) if stream else shapes.TRANSCRIPTIONS[form](result)

    @routes.post("/audio/diarization", summary="Who speaks when", openapi_extra=DIARIZATION)
    async def diarization(request: Request) -> Response:
        async with _ordered(request, desk) as order:
            form = order.choice("response_format", tuple(shapes.DIARIZATIONS), "json")
            result = await _made(order, desk, "diarization", {"words": False}, request)
        return shapes.DIARIZATIONS[form](result)

    return routes


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "diarize"}


@asynccontextmanager
async def _ordered(request: Request, desk: Desk) -> AsyncIterator[Order]:
    async with ordered(request, desk) as order:
        if "transcript" in order.form.names:
            raise BadForm("transcript: no file is expected here", param="transcript")
        yield order


async def _made(
    order: Order, desk: Desk, kind: str, more: dict[str, Any], request: Request
) -> Result:
    """Return the result of a form's job, of which nothing stays."""
    job = await run_in_threadpool(lambda: place(order, desk, kind, more, listed=False))
    try:
        job = await settled(job, desk, request)
        if job.state == FAILED:
            error = job.error or {}
            status = 500 if error.get("code") == "server" else 400
            raise HTTPException(status, error.get("message"))
        return await run_in_threadpool(desk.storage.read_result, job.id)
    finally:
        desk.store.delete(job.id)
        desk.storage.drop(job.id)


def _streamed(result: Result) -> Response:
    """Return a transcription as events; it is done before the first is sent."""

    async def events() -> AsyncIterator[str]:
        for event in shapes.events(result):
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
