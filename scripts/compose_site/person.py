"""A person at the browser, over whichever web process answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from compose_site.containers import Container


class Browser:
    """One session, over whichever web process answers."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def ask(
        self, web: Container, path: str, data: Any = None, *, form: bool = False
    ) -> tuple[int, bytes]:
        url = web.put.replace("http://127.0.0.1:8000") + path
        headers = {
            # The name under which people reach it, as the proxy hands it on.
            "Host": "localhost:8000",
            "Origin": "http://localhost:8000",
            "X-CSRFToken": self.cookies.get("csrftoken", ""),
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()),
        }
        body = None
        if form:
            body = urllib.parse.urlencode(data).encode()
        elif data is not None:
            body = json.dumps(data).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        try:
            with urllib.request.build_opener(NoRedirect).open(
                request, timeout=30
            ) as page:
                return self._take(page)
        except urllib.error.HTTPError as error:
            return self._take(error)

    def _take(self, page: Any) -> tuple[int, bytes]:
        for line in page.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return page.status, page.read()

    def sign_in(self, web: Container, email: str, password: str) -> tuple[int, bytes]:
        self.ask(web, "/accounts/login/")
        form = {
            "login": email,
            "password": password,
            "csrfmiddlewaretoken": self.cookies["csrftoken"],
        }
        return self.ask(web, "/accounts/login/", form, form=True)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
