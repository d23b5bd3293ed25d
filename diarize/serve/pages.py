"""What a browser sees: the start page, a recording's page, the interface described, the login."""

from __future__ import annotations

import hmac
from importlib.resources import files
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diarize.edits import to_json
from diarize.serve.guard import COOKIE, cookie_value
from diarize.serve.jobs import DONE
from diarize.serve.recordings import JobId
from diarize.serve.requests import Desk
from diarize.serve.storage import AUDIO, rendered
from diarize.writers.html import html_page, outline

_KINDS = {"css": "text/css", "js": "text/javascript"}
_STATIC = ("start.js", "start.css", "docs.js")
_MONTH = 30 * 24 * 3600  # seconds that a browser stays logged in


def router(desk: Desk) -> APIRouter:
    """Return the pages."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def start(request: Request) -> Response:
        return HTMLResponse(_asset("start.html"))

    @routes.get("/docs")
    def docs() -> Response:
        return HTMLResponse(_asset("docs.html"))

    @routes.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            return Response(status_code=404)
        return Response(_asset(name), media_type=_KINDS[name.rpartition(".")[2]])

    @routes.get("/login")
    def login(request: Request) -> Response:
        return HTMLResponse(_asset("login.html"))

    @routes.post("/login")
    async def enter(request: Request, to: str = "/") -> Response:
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        return _entered(desk, given.get("token", [""])[0], to)

    @routes.get("/jobs/{id}")
    def recording(id: JobId) -> Response:
        job = desk.store.get(id)
        if job is None or job.state != DONE or not job.listed:
            return RedirectResponse("/", 303)
        return HTMLResponse(_page(desk, id), headers={"content-security-policy": _FRAMES})

    return routes


# the page brings its own policy, which names its scripts by their digests
_FRAMES = "frame-ancestors 'none'"


def _page(desk: Desk, id: str) -> str:
    """Return a recording's page, which sends its corrections here."""
    storage = desk.storage
    result = storage.read_result(id)
    there = storage.result(id, AUDIO).is_file()
    drawn = storage.read_outline(id) if there else outline(result.diarization)
    server = {
        "url": f"/api/jobs/{id}",
        "edits": [to_json(edit) for edit in storage.read_edits(id)],
        "enrolls": desk.options.speakers is not None and there,
    }
    audio = f"/api/jobs/{id}/audio" if there else None
    sound = {**drawn, "audio": audio, "recording": id, "server": server}
    return html_page(result, str(rendered(result, "json")), sound)


def _entered(desk: Desk, token: str, to: str) -> Response:
    """Let a browser in that brings the token."""
    wanted = desk.options.token
    target = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
    if wanted is None:
        return RedirectResponse(target, 303)
    if not hmac.compare_digest(token.encode("utf-8", "replace"), wanted.encode()):
        return HTMLResponse(_asset("login.html").replace(" hidden>That", ">That"), 401)
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE, cookie_value(wanted), max_age=_MONTH, httponly=True, samesite="strict"
    )
    return response


def _asset(name: str) -> str:
    return files("diarize.serve").joinpath("pages").joinpath(name).read_text(encoding="utf-8")
