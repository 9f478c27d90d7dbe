"""Real Chromium on a live server. Tests here carry the mark `browser`.

`page` is signed out; `sign_in(page, user)` goes through the sign-in page. A console
error, a broken script or a refused resource fails the test that saw it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User

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
EXPECTED = ("status of 403", "status of 404", "status of 409", "status of 422")


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
def base(live_server: Any, django_db_serialized_rollback: None) -> str:
    """Address of the live server; the data of the migrations is there."""
    return str(live_server.url)


@pytest.fixture
def new_page(browser: Any, base: str) -> Iterator[Callable[..., Any]]:
    """A fresh browser context with one page; keywords are Playwright's
    (`viewport`, `java_script_enabled`, `color_scheme`)."""
    contexts: list[Any] = []
    faults: list[str] = []

    def hear(message: Any) -> None:
        if message.type == "error" and not any(e in message.text for e in EXPECTED):
            faults.append(message.text)

    def make(**options: Any) -> Any:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(base_url=base, reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, faults


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
