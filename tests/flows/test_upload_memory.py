"""A 200 MB upload does not grow the memory of the process that takes it."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).parents[2]
MB = 1024 * 1024
SIZE = 200 * MB
GROWTH = 100 * MB
PASSWORD = secrets.token_urlsafe(12)
PREPARE = """
from accounts.models import User
from django.contrib.auth.models import Group
from incidents.services.lifecycle import declare_incident
user = User.objects.create_user("ic@pay.example", {password!r}, name="Ida Clark")
user.groups.add(Group.objects.get(name="commander"))
declare_incident(actor=user, title="Stalled", severity="SEV2", lanes=["checkout"])
"""
LOOK = """
from incidents.models import Evidence
row = Evidence.objects.get()
print(row.size, row.sha256, row.filename)
"""


def rss(pid: int, name: str = "VmRSS") -> int:
    """Resident memory of a process in bytes; VmHWM is the highest it ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(number) for number in text.split()]


class Server:
    """One web process on its own data, as gunicorn runs it."""

    def __init__(self, folder: Path) -> None:
        self.env = {
            **{k: v for k, v in os.environ.items() if k not in {"DATABASE_URL"}},
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "postmortem.settings",
            "BROKER_URL": "memory://localhost/",
            "LOG_LEVEL": "WARNING",
        }
        self.manage("migrate", "-v0")
        self.manage("shell", "-v0", "-c", PREPARE.format(password=PASSWORD))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "postmortem.wsgi"),
                *("--bind", f"127.0.0.1:{self.port}", "--workers", "1"),
                *("--threads", "2", "--timeout", "300"),
            ],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def worker(self) -> int:
        return children(self.process.pid)[0]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Person:
    """A browser's part of HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, url: str, body: object = None, **headers: str
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            connection.request(
                method,
                url,
                body,  # type: ignore[arg-type]
                {name.replace("_", "-"): value for name, value in headers.items()},
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for line in answer.msg.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, text

    def sign_in(self) -> None:
        self.ask("GET", "/accounts/login/")
        status, _ = self.ask(
            "POST",
            "/accounts/login/",
            urlencode(
                {
                    "login": "ic@pay.example",
                    "password": PASSWORD,
                    "csrfmiddlewaretoken": self.cookies["csrftoken"],
                }
            ),
            Content_Type="application/x-www-form-urlencoded",
        )
        assert status == 302


def form(token: str) -> tuple[str, int, Iterator[bytes]]:
    """A multipart body with a text file of SIZE bytes, made while it is sent."""
    boundary = "pm" + secrets.token_hex(8)
    fields = {
        "csrfmiddlewaretoken": token,
        "title": "Ledger export",
        "kind": "reconciliation",
        "side": "finance",
        "is_original": "on",
    }
    part = f"--{boundary}\r\nContent-Disposition: form-data; "
    head = (
        "".join(
            f'{part}name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        )
        + f'{part}name="upload"; filename="ledger.csv"\r\n'
        + "Content-Type: text/csv\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n".encode()
    line = b"2026-03-10T14:05:00Z,pay_7c2,authorized,EUR,12.00,no next state\n"
    chunk = line * (MB // len(line))

    def parts() -> Iterator[bytes]:
        yield head.encode()
        left = SIZE
        while left:
            yield chunk[: min(left, len(chunk))]
            left -= min(left, len(chunk))
        yield tail

    return boundary, len(head.encode()) + SIZE + len(tail), parts()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            Person(made.port).ask("GET", "/accounts/login/")
            break
        except OSError:
            time.sleep(0.2)
    yield made
    made.stop()


@pytest.mark.broker
def test_200_mb_grow_the_web_process_by_less_than_100_mb(server: Server) -> None:
    """R-EV-07"""
    person = Person(server.port)
    person.sign_in()
    person.ask("GET", "/incidents/INC-1/evidence/add/")
    before = rss(server.worker)
    boundary, length, body = form(person.cookies["csrftoken"])

    start = time.monotonic()
    status, _ = person.ask(
        "POST",
        "/incidents/INC-1/evidence/add/",
        body,
        Content_Type=f"multipart/form-data; boundary={boundary}",
        Content_Length=str(length),
    )
    seconds = time.monotonic() - start

    highest = rss(server.worker, "VmHWM")
    growth = (highest - before) / MB
    print(f"200 MB in {seconds:.1f} s, {growth:.0f} MB more at the highest")  # noqa: T201
    assert status == 302
    assert growth * MB < GROWTH
    size, sha256, name = server.manage("shell", "-v0", "-c", LOOK).split()[-3:]
    assert (int(size), len(sha256), name) == (SIZE, 64, "ledger.csv")
