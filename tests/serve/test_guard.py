"""Who may ask: names of the host, other sites' pages, the token; and how much may be sent."""

from __future__ import annotations

import asyncio
import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from diarize.cli import main
from diarize.errors import UsageError
from diarize.serve import errors, guard
from diarize.serve.options import ServeOptions
from tests.conftest import ROOT
from tests.serve.running import Server

TOKEN = "open-sesame-7"
HUGE = 2 << 30


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a token, that takes a mebibyte."""
    words = ("--host", "0.0.0.0", "--host-name", "talk.example", "--max-upload", "1")
    with Server(tmp_path_factory.mktemp("closed"), *words, DIARIZE_TOKEN=TOKEN) as running:
        yield running


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org"])
def test_other_machines_need_a_token(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(UsageError, match="token"):
        ServeOptions(folder=tmp_path, host=host)
    assert main(["serve", "--host", host, "-o", str(tmp_path / "x"), "--token", ""]) == 2
    assert "token" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("port", [70000, 65536, -1])
def test_a_port_that_there_is_not(port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--port {port}: a number from 0 to 65535"):
        ServeOptions(folder=tmp_path, port=port)


def test_without_the_extra() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None; from diarize.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "autospeech-diarize[serve]" in done.stderr


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:80", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("localhost:1", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:9999", 200),
        ("[::1]:5", 200),
    ],
)
def test_names_of_the_host(server: Server, host: str, status: int) -> None:
    answer = server.http.get("api/jobs", headers={"host": host})
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "HERE", "sec-fetch-site": "same-origin"}, 202),
        ({}, 202),
    ],
)
def test_pages_of_other_sites(
    server: Server, beep: Path, headers: dict[str, str], status: int
) -> None:
    here = server.url.rstrip("/")
    headers = {key: here if value == "HERE" else value for key, value in headers.items()}
    with beep.open("rb") as file:
        answer = server.http.post("api/jobs", files={"file": file}, headers=headers)
    assert answer.status_code == status
    if status == 202:
        server.http.delete(f"api/jobs/{answer.json()['id']}")
    # a link from elsewhere may lead here, a picture or a script may not
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert server.http.get("", headers=link).status_code == 200
    assert server.http.get("api/jobs", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_answers_say_what_browsers_may_do_with_them(server: Server) -> None:
    headers = server.http.get("").headers
    assert "access-control-allow-origin" not in headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    for path in ("", "docs", "static/start.js", "static/start.css", "openapi.json"):
        text = server.http.get(path).text
        assert "https://" not in text, path  # nothing is loaded from elsewhere


def test_the_token(closed: Server) -> None:
    with httpx.Client(base_url=closed.url) as browser:
        for path in ("api/jobs", "v1/models", "openapi.json", "docs", "jobs/" + "0" * 32):
            assert browser.get(path).status_code == 401, path
            wrong = {"authorization": "Bearer wrong"}
            assert browser.get(path, headers=wrong).status_code == 401, path
        right = {"authorization": f"Bearer {TOKEN}"}
        assert browser.get("v1/models", headers=right).status_code == 200
        asked = browser.get("", headers={"accept": "text/html"})
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?to=/")
        assert browser.post("login", data={"token": "wrong"}).status_code == 401
        assert browser.get("api/jobs").status_code == 401
        for to in ("//evil.example", "https://evil.example", "/\\evil.example"):
            sent = browser.post("login", params={"to": to}, data={"token": TOKEN})
            assert (sent.status_code, sent.headers["location"]) == (303, "/")
        assert TOKEN not in browser.cookies["diarize_token"]
        assert browser.get("api/jobs").status_code == 200
        mine = f"diarize_token={browser.cookies['diarize_token']}"
        for others in ('prefs={"x":1}', "a b=c", "=", "diarize_token=wrong"):
            cookie = {"cookie": f"{others}; {mine}"}
            assert httpx.get(f"{closed.url}api/jobs", headers=cookie).status_code == 200, others
        assert browser.get("api/jobs", headers={"host": "talk.example"}).status_code in (200, 401)
        assert browser.get("api/jobs", headers={"host": "talk.evil"}).status_code == 421


def test_two_gigabytes_are_refused_by_their_length(closed: Server) -> None:
    address = httpx.URL(closed.url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=60)
    connection.putrequest("POST", "/api/jobs")
    for key, value in {
        "Authorization": f"Bearer {TOKEN}",
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(HUGE),
    }.items():
        connection.putheader(key, value)
    connection.endheaders()
    connection.send(b"\0" * 65536)  # and never the rest
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"at most 1 MiB" in answer.read()
    connection.close()


def test_what_is_no_upload_has_to_be_short(server: Server) -> None:
    path = f"api/jobs/{'0' * 32}/edits"
    answer = server.http.put(path, content=b" " * (9 << 20))
    assert answer.status_code == 413


def test_two_gigabytes_are_refused_while_they_stream(closed: Server) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    block = b"\0" * (1 << 20)
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield head
        for _ in range(HUGE // len(block)):
            sent += len(block)
            yield block
        yield b"\r\n--x--\r\n"

    headers = {
        "authorization": f"Bearer {TOKEN}",
        "content-type": "multipart/form-data; boundary=x",
    }
    answer = closed.http.post("api/jobs", content=body(), headers=headers)
    assert answer.status_code == 413
    assert "at most 1 MiB" in answer.json()["error"]["message"]
    assert list((closed.folder / "uploads").iterdir()) == []
    right = {"authorization": f"Bearer {TOKEN}"}
    assert closed.http.get("api/jobs", headers=right).json() == {"jobs": []}


def test_who_goes_after_too_much_is_waited_for_no_longer() -> None:
    calls = 0

    async def receive() -> dict[str, object]:
        nonlocal calls
        calls += 1
        assert calls < 10, "asked again and again"
        if calls == 1:
            return {"type": "http.request", "body": b"12345", "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: object) -> None: ...

    async def refused() -> None:
        counted = guard._counted(receive, 3)
        with pytest.raises(guard.TooLarge):
            await counted()
        await errors.EarlyAnswer(413, {})({}, counted, send)

    asyncio.run(refused())


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
        b"Content-Type: multipart/form-data\r\n\r\nabc",
        b"POST /v1/audio/diarization HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_broken_requests_get_an_answer(server: Server, raw: bytes) -> None:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port), timeout=30) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        status = connection.recv(4096).split(b" ", 2)[1]
    assert status[:1] == b"4", status
    assert server.http.get("api/jobs").status_code == 200
