"""Real Chromium. Tests here carry the mark `browser`.

On Django's live server: `page` is signed out; `sign_in(page, user)` goes through the
sign-in page. On the real embedded stack with its demonstration: `person("ic")` is a
browser of one demo account. A console error, a policy violation, a broken script or a
failed request fails the test that saw it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started

from accounts.models import User
from postmortem.embedded import web_answers
from tests.browser.person import PASSWORD as DEMO_PASSWORD
from tests.browser.person import Person, Watch

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
PASSWORD = "correct horse"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# What a test provokes on purpose: refused forms and pages answer so.
EXPECTED = {403, 404, 409, 422}
STACK_SECONDS = 600  # twenty on a machine that does nothing else


@pytest.fixture(scope="session", autouse=True)
def _allow_database_beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, which Django takes for async."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium: install it or set CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def base(live_server: Any, django_db_serialized_rollback: None) -> Iterator[str]:
    """Address of the live server; the data of the migrations is there. It ends when the
    server has answered: what a closed page still asked for would hold rows of the
    tables that are emptied next."""
    at_work: set[int] = set()

    def begin(**_: Any) -> None:
        at_work.add(threading.get_ident())

    def end(**_: Any) -> None:
        at_work.discard(threading.get_ident())

    request_started.connect(begin)
    request_finished.connect(end)
    yield str(live_server.url)
    until = time.monotonic() + 10
    while at_work and time.monotonic() < until:
        time.sleep(0.02)
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture
def new_page(browser: Any, base: str) -> Iterator[Callable[..., Any]]:
    """A fresh browser context with one page; keywords are Playwright's
    (`viewport`, `java_script_enabled`, `color_scheme`)."""
    contexts: list[Any] = []
    watch = Watch(expected=EXPECTED)

    def make(**options: Any) -> Any:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(base_url=base, reduced_motion="reduce", **options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        watch.follow(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert not watch.faults, watch.faults


@pytest.fixture
def page(new_page: Callable[..., Any]) -> Any:
    """A desktop page, signed out."""
    return new_page()


@pytest.fixture
def phone(new_page: Callable[..., Any]) -> Any:
    """A page of 390 by 844 with touch, signed out."""
    return new_page(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )


@pytest.fixture
def plain_page(new_page: Callable[..., Any]) -> Any:
    """A page without JavaScript, signed out."""
    return new_page(java_script_enabled=False)


@pytest.fixture
def sign_in() -> Callable[[Any, User], Any]:
    """Through the sign-in page, as a person does."""

    def do(page: Any, user: User) -> Any:
        page.goto("/accounts/login/")
        page.fill("#id_login", str(user.email))
        page.fill("#id_password", PASSWORD)
        page.click(".pm-form button[type=submit]")
        page.wait_for_selector(".pm-usermenu")
        return page

    return do


@pytest.fixture
def overflow() -> Callable[[Any], int]:
    """By how many pixels a page is wider than its window."""

    def measure(page: Any) -> int:
        return int(
            page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        )

    return measure


# --- the real stack -------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `manage.py up --demo` with a data folder of its own: Valkey, worker,
    beat, gunicorn and SQLite, as `make run` starts them; one for each test process.
    While a test is written, STACK_URL names one that runs already."""
    if running := os.environ.get("STACK_URL"):
        yield running
        return
    folder = tmp_path_factory.mktemp("stack")
    # The settings of this test run are not those of a newcomer.
    dropped = {
        *("DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE", "DATABASE_URL"),
        *("BROKER_URL", "DEBUG", "ALLOWED_HOSTS", "BASE_URL", "SECRET_KEY", "SEAL_KEY"),
    }
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env["DATA_DIR"] = str(folder / "data")
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo", f"--port={port}"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + STACK_SECONDS
        while f"Postmortem is ready: {url}" not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the stack did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        assert web_answers(port, url)
        yield url
        assert process.poll() is None, log.read_text()[-3000:]
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def person(browser: Any, stack: str) -> Iterator[Callable[..., Person]]:
    """`person("ic")`: that demo account, signed in, in a browser context of its own.
    Keywords are Playwright's; a status of 400 and above has to be announced by
    `with somebody.refused(409):`."""
    people: list[Person] = []

    def make(handle: str = "", **options: Any) -> Person:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(
            base_url=stack, reduced_motion="reduce", accept_downloads=True, **options
        )
        context.set_default_timeout(20_000)
        somebody = Person(context)
        people.append(somebody)
        if handle:
            somebody.sign_in(f"{handle}@demo.example", DEMO_PASSWORD)
        return somebody

    yield make
    for somebody in people:
        somebody.context.close()
    faults = [fault for somebody in people for fault in somebody.watch.faults]
    assert not faults, faults
