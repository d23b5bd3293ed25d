"""What every request has to pass: who asks, from where, and how much is sent."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

import anyio

from diarize.serve.options import ServeOptions

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "diarize_token"
OPEN_PATHS = ("/login", "/static/")  # what is there before anybody has said the token
FORM_PATHS = ("/v1/audio/transcriptions", "/v1/audio/diarization", "/api/jobs")
FORM_EXTRA = 48 << 20  # bytes that a form may hold beside its recording
MOST_JSON = 8 << 20  # bytes of any other request
_LINGER = 20.0  # seconds in which a refused upload may go on, unread, so that its sender hears why
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # without a referrer a form's Origin would be null
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class TooLarge(Exception):
    """More was sent than is taken."""


class Guard:
    """Lets through only requests by this server's own pages and by holders of its token.

    A page of somebody else's that is open in the same browser may send requests here, and may even
    call its own name by this machine's address (DNS rebinding). So the Host header has to be a
    number or a name known here, and the Origin header, where there is one, has to fit it.
    """

    def __init__(self, app: Any, options: ServeOptions) -> None:
        self._app = app
        self._token = options.token
        self._most = options.most_bytes
        names = {"localhost", socket.gethostname(), options.host, *options.host_names}
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        most = self._most + FORM_EXTRA if scope["path"] in FORM_PATHS else MOST_JSON
        refusal = self._refusal(scope, headers, most)
        if refusal is not None:
            await _refuse(receive, send, *refusal)
            return
        await self._app(scope, _counted(receive, most), _with_headers(send))

    def _refusal(
        self, scope: Scope, headers: dict[str, str], most: int
    ) -> tuple[int, str, str, str | None] | None:
        """Return status, message, code and perhaps where to go instead."""
        host = headers.get("host", "")
        if not self._knows(host):
            return (
                421,
                f"this server does not go by the name {host[:100]!r}: call it by its number, or "
                "start it with --host-name NAME",
                "unknown_host",
                None,
            )
        if not _is_own(headers, host, scope["method"]):
            return 403, "this request comes from another site's page", "foreign_origin", None
        path: str = scope["path"]
        if not path.startswith(OPEN_PATHS) and not self._is_allowed(headers):
            asks = "text/html" in headers.get("accept", "") and scope["method"] == "GET"
            to = f"/login?to={quote(path)}" if asks else None
            return 401, "the token is missing or wrong: send it as the API key", "token", to
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "Content-Length is no number", "content_length", None
        if int(length) > most:
            return 413, too_large(min(most, self._most)), "too_large", None
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.rstrip(".") in self._names
        return True

    def _is_allowed(self, headers: dict[str, str]) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self._token):
            return True
        wanted = cookie_value(self._token)
        # Python's own parser drops all after a cookie of another application that it finds odd
        pairs = (pair.partition("=") for pair in headers.get("cookie", "").split(";"))
        return any(name.strip() == COOKIE and _same(one.strip(), wanted) for name, _, one in pairs)


def cookie_value(token: str) -> str:
    """Return what a browser keeps instead of the token."""
    return hashlib.sha256(f"diarize serve: {token}".encode()).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def too_large(most: int) -> str:
    """Say how much is taken."""
    return f"the upload is too large: at most {most >> 20} MiB are taken (--max-upload)"


def _is_own(headers: dict[str, str], host: str, method: str) -> bool:
    """Return whether a request comes from a page of this server, or from no page at all."""
    origin = headers.get("origin")
    try:
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return False
    except ValueError:  # http://[
        return False
    site = headers.get("sec-fetch-site", "none")
    # a link elsewhere may lead here; nothing else may be asked for from there
    is_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return site in ("none", "same-origin") or is_link


def _counted(receive: Receive, most: int) -> Receive:
    """Return what receives a body, and raises where it gets too long."""
    count = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal count
        message = await receive()
        if message["type"] != "http.request":  # somebody who has gone is no upload
            return message
        count += len(message.get("body", b""))
        if count > most:
            raise TooLarge(too_large(most))
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            there = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(
                    (key.encode(), value.encode())
                    for key, value in _HEADERS.items()
                    if key.encode() not in there
                ),
            ]
        await send(message)

    return sending


async def _refuse(
    receive: Receive, send: Send, status: int, message: str, code: str, to: str | None
) -> None:
    if to is not None:
        headers = [(b"location", to.encode()), (b"content-length", b"0")]
        await _with_headers(send)(
            {"type": "http.response.start", "status": 303, "headers": headers}
        )
        await send({"type": "http.response.body", "body": b""})
        return
    await answer_and_linger(receive, send, status, error_body(message, code))


def error_body(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI's interface spells it."""
    return {
        "error": {
            "message": message.encode("utf-8", "replace").decode(),  # half a surrogate is no text
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
    }


async def answer_and_linger(
    receive: Receive, send: Send, status: int, content: dict[str, Any]
) -> None:
    """Answer before a body has been read, and read on for a while.

    Closing at once would reset the connection, and whoever is still sending would lose the answer.
    """
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *((b"www-authenticate", b"Bearer") for _ in range(status == 401)),
    ]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with anyio.move_on_after(_LINGER):
        while (message := await receive())["type"] == "http.request":
            if not message.get("more_body"):
                break
    await send({"type": "http.response.body", "body": b""})
