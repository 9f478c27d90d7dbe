"""One person at a browser, who finds everything by the words that stand on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

PASSWORD = "demo-postmortem"
STATUS = re.compile(r"responded with a status of (\d{3})")


class Watch:
    """Collects what must not happen in a browser: console errors (a violated policy is
    one), script errors, failed requests and unexpected statuses."""

    def __init__(self, expected: set[int] | None = None) -> None:
        self.expected = set(expected or ())
        self.faults: list[str] = []
        self.refusals: list[int] = []

    def follow(self, context: Any) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _console(self, message: Any) -> None:
        # A status is judged with its response, whose address it does not say.
        if message.type == "error" and not STATUS.search(message.text):
            self.faults.append(f"console: {message.text}")

    def _failed(self, request: Any) -> None:
        # Leaving a page, and a download, end a request that was under way.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.refusals.append(response.status)
            if response.status not in self.expected:
                method = response.request.method
                self.faults.append(f"{response.status}: {method} {response.url}")


class Form:
    """A form by its labels: in the drawer, or on a page of its own."""

    def __init__(self, page: Any, scope: Any) -> None:
        self.page = page
        self.scope = scope

    def fill(self, **values: Any) -> Form:
        """Keywords are labels with underscores; see `set` for the kinds of value."""
        for label, value in values.items():
            self.set(label.replace("_", " "), value)
        return self

    def set(self, label: str, value: Any) -> Form:
        """Write, choose, tick or upload, whatever the field with this label takes.

        A list ticks every choice whose text contains one of its items.
        """
        group = self.scope.get_by_role("group", name=label, exact=True)
        if isinstance(value, list):
            for text in value:
                group.get_by_role("checkbox", name=re.compile(re.escape(text))).check()
            return self
        if isinstance(value, bool):
            self.scope.get_by_role("checkbox", name=label, exact=True).set_checked(
                value
            )
            return self
        if group.count():
            group.get_by_role("radio", name=re.compile(re.escape(value))).check()
            return self
        field = self.scope.get_by_label(
            re.compile(rf"^\s*{re.escape(label)}\s*\*?\s*$", re.IGNORECASE)
        )
        if isinstance(value, Path):
            field.set_input_files(value)
        elif field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label=self._option(field, value))
        else:
            field.fill(value)
        return self

    @staticmethod
    def _option(field: Any, words: str) -> str:
        texts = [text.strip() for text in field.locator("option").all_inner_texts()]
        if words in texts:
            return words
        found = [text for text in texts if words in text]
        assert len(found) == 1, f"{words!r} among {texts}"
        return str(found[0])

    def values(self) -> dict[str, str]:
        """Label and content of every text field."""
        found = {}
        for field in self.scope.get_by_role("textbox").all():
            name = field.evaluate("f => f.labels[0]?.firstChild?.textContent || ''")
            found[name.strip()] = field.input_value()
        return found

    def send(self, button: str) -> None:
        self.scope.get_by_role("button", name=button, exact=True).click()

    def text(self) -> str:
        return str(self.scope.inner_text())


class Person:
    """A browser context with one tab in front; `tab()` opens another."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.watch = Watch()
        self.watch.follow(context)
        self.page = context.new_page()

    # --- going about ---

    def sign_in(self, email: str, password: str) -> None:
        self.page.goto("/")
        form = self.form().fill(Email=email, Password=password)
        form.send("Sign in")
        self.page.get_by_role("heading", level=1).wait_for()
        self.page.wait_for_url(lambda url: "/accounts/" not in url)

    def goto(self, address: str) -> None:
        self.page.goto(address)

    def tab(self, name: str) -> None:
        """A tab of the incident; its figure belongs to its name."""
        tabs = self.page.get_by_role("navigation", name="Incident", exact=True)
        tabs.get_by_role("link", name=re.compile(rf"^{re.escape(name)}\b")).click()
        self.page.wait_for_load_state()

    def second_tab(self) -> Person:
        """Another tab of the same browser: the same session, its own page."""
        other = Person.__new__(Person)
        other.context, other.watch = self.context, self.watch
        other.page = self.context.new_page()
        other.page.goto(self.page.url)
        return other

    # --- reading ---

    def row(self, ref: str) -> Any:
        """The row of the record with this ref, such as TL-4."""
        return self.page.locator(f"[id='{ref}']")

    def section(self, name: str) -> Any:
        """A card by its heading."""
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return self.page.locator("section, details").filter(has=heading).last

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    # --- writing ---

    def open(self, name: str, within: Any = None) -> Form:
        """Follow a link or button that opens a form in the drawer."""
        scope = within or self.page.get_by_role("main")
        link = scope.get_by_role("link", name=re.compile(rf"^\s*(?:{name})\b"))
        link.first.click()
        drawer = self.page.get_by_role("dialog")
        drawer.get_by_role("heading", level=2).wait_for()
        return Form(self.page, drawer)

    def menu(self, summary: str, name: str) -> Form:
        """Open a menu by its button and a form by its entry."""
        self.page.locator("summary").and_(
            self.page.get_by_label(summary, exact=True)
        ).click()
        return self.open(name)

    def form(self) -> Form:
        """The form of a page of its own (no drawer)."""
        return Form(self.page, self.page.get_by_role("main"))

    def saved(self, form: Form, button: str, words: str = "") -> None:
        """Send a form and wait until the page behind it has moved on."""
        try:
            with self.page.expect_navigation():
                form.send(button)
        except PlaywrightTimeout:
            pytest.fail(f"{button!r} did not go through:\n{form.text()}")
        if words:
            self.page.get_by_role("status").filter(has_text=words).first.wait_for()

    @contextmanager
    def refused(self, status: int) -> Iterator[None]:
        """What happens inside has to be answered with this status."""
        seen = len(self.watch.refusals)
        self.watch.expected = {status}
        yield
        self.watch.expected = set()
        assert status in self.watch.refusals[seen:], self.watch.refusals[seen:]
