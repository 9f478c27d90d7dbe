"""The shared cache on a real server, and without one."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import CacheHandler
from django.test import Client, override_settings

from accounts.models import User
from postmortem.embedded import find_kv_server, kv_answers
from postmortem.lib.cache import SharedCache, cache_settings

ROOT = Path(__file__).resolve().parents[2]
IN_ANOTHER_PROCESS = """
import sys, django
from django.conf import settings
from postmortem.lib.cache import cache_settings
settings.configure(CACHES={"default": cache_settings(sys.argv[1])})
from django.core.cache import cache
print(cache.incr("attempts"))
"""


@pytest.fixture
def clock() -> None:
    """The real clock: time-outs of a server do not stand still."""


@pytest.fixture(autouse=True)
def _rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedCache, "_asked_again_at", 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A key-value server of our own; yields its URL and its process."""
    folder = Path(shutil.os.path.realpath(tmp_path))
    address = folder / "kv.sock"
    command = [find_kv_server(), "--port", "0", "--unixsocket", str(address)]
    process = subprocess.Popen(
        [*command, "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    end = time.monotonic() + 20
    while not kv_answers(address):
        assert time.monotonic() < end
        time.sleep(0.05)
    yield f"redis+socket://{address}", process
    process.terminate()
    process.wait(10)


def cache_at(url: str) -> SharedCache:
    cache = CacheHandler({"default": cache_settings(url)})["default"]
    assert isinstance(cache, SharedCache)
    return cache


class TestSharedCache:
    def test_is_shared_with_other_processes(self, server):
        url, _ = server
        mine = cache_at(url)
        mine.set("attempts", 4)
        other = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, url],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert other.stdout.strip() == "5", other.stderr
        assert mine.get("attempts") == 5

    def test_counts_in_its_own_memory_while_the_server_is_away(self, server, caplog):
        url, process = server
        cache = cache_at(url)
        assert cache.add("lock", True)
        process.kill()
        process.wait()
        with caplog.at_level(logging.WARNING):
            assert cache.add("lock-2", True)
            assert not cache.add("lock-2", True)
            cache.set("attempts", 1)
            assert cache.incr("attempts") == 2
            assert cache.get_many(["attempts"]) == {"attempts": 2}
        assert len(caplog.records) == 1

    def test_does_not_empty_the_queue(self, server):
        with pytest.raises(RuntimeError, match="queue"):
            cache_at(server[0]).clear()

    def test_gives_up_on_a_server_that_says_nothing(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            cache = cache_at(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            start = time.monotonic()
            for number in range(20):
                cache.set(f"key-{number}", number)
            assert cache.get("key-19") == 19
            assert time.monotonic() - start < 5


class TestSettings:
    def test_of_a_broker_in_memory_is_memory(self):
        backend = cache_settings("memory://localhost/")["BACKEND"]
        assert backend == "django.core.cache.backends.locmem.LocMemCache"

    def test_of_an_address_with_password_keep_it(self):
        found = cache_settings("redis://:secret@redis:6379/3")
        assert found["LOCATION"] == "redis://:secret@redis:6379/3"


@pytest.mark.django_db
class TestSignIn:
    def attempts(self, client: Client, number: int) -> list[int]:
        return [
            client.post(
                "/accounts/login/", {"login": "ic@pay.example", "password": "wrong"}
            ).status_code
            for _ in range(number)
        ]

    def test_is_limited_over_all_processes(self, server, commander: User):
        """Two handlers of the cache stand for two processes."""
        answers = []
        for _ in range(2):
            with override_settings(CACHES={"default": cache_settings(server[0])}):
                answers += self.attempts(Client(), 4)
        assert answers[:5] == [200] * 5
        with override_settings(CACHES={"default": cache_settings(server[0])}):
            page = Client().post(
                "/accounts/login/",
                {"login": "ic@pay.example", "password": "correct horse"},
            )
        assert page.status_code != 302

    def test_works_and_is_limited_while_the_server_is_away(self, commander: User):
        nowhere = cache_settings("redis+socket:///nowhere/kv.sock")
        with override_settings(CACHES={"default": nowhere}):
            right = {"login": "ic@pay.example", "password": "correct horse"}
            assert Client().post("/accounts/login/", right).status_code == 302
            self.attempts(Client(), 6)
            assert Client().post("/accounts/login/", right).status_code != 302
