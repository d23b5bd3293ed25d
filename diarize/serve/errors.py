"""Errors as OpenAI's interface spells them, whoever raises them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from diarize.errors import DiarizeError
from diarize.serve.forms import BadForm
from diarize.serve.guard import TooLarge, answer_and_linger, error_body

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

log = logging.getLogger(__name__)


class EarlyAnswer:
    """An answer to a request whose body may not have been read to its end."""

    def __init__(self, status: int, content: dict[str, Any]) -> None:
        self._status, self._content = status, content

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, and read on for a while, however much comes."""

        async def patient() -> Any:
            try:
                return await receive()
            except TooLarge:
                return {"type": "http.request", "more_body": True}

        await answer_and_linger(patient, send, self._status, self._content)


def add_handlers(app: FastAPI) -> None:
    """Make every error of an application an answer of one shape."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    async def of_form(request: Request, error: Exception) -> Any:
        assert isinstance(error, BadForm)
        content = error_body(str(error), param=error.param)
        return EarlyAnswer(error.status, content)

    async def too_large(request: Request, error: Exception) -> Any:
        return EarlyAnswer(413, error_body(str(error), "too_large"))

    async def of_request(request: Request, error: Exception) -> Any:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or None
        return JSONResponse(error_body(f"{place or 'request'}: {first['msg']}", param=place), 400)

    async def of_package(request: Request, error: Exception) -> Any:
        return JSONResponse(error_body(str(error)), 400)

    async def of_http(request: Request, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        body = error_body(str(error.detail))
        if error.status_code >= 500:
            body["error"]["type"] = "server_error"
        return JSONResponse(body, error.status_code, error.headers)

    async def of_us(request: Request, error: Exception) -> Any:
        log.exception("%s %s failed", request.method, request.url.path)
        body = error_body(f"unexpected {type(error).__name__}")
        body["error"]["type"] = "server_error"
        return JSONResponse(body, 500)

    app.add_exception_handler(BadForm, of_form)
    app.add_exception_handler(TooLarge, too_large)
    app.add_exception_handler(RequestValidationError, of_request)
    app.add_exception_handler(DiarizeError, of_package)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_us)
