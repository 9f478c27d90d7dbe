"""What a request costs, told in a header, and the floor that it is compared with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import engines

from timeline.models import Entry

HEADER = "X-Bench"
FLOOR = "/bench/floor/"
ROWS = 50
TEMPLATE = engines["django"].from_string(
    "<!doctype html><title>Floor</title><table>{% for row in rows %}<tr><td>"
    "{{ row.number }}<td>{{ row.occurred_at }}<td>{{ row.kind }}<td>"
    "{{ row.observed_signal }}<td>{{ row.action_taken }}</tr>{% endfor %}</table>"
)


def floor(request: HttpRequest) -> HttpResponse:
    """One indexed read and a table of its 50 rows: no session, no user, no middleware
    but the one that measures."""
    rows = Entry.objects.filter(incident=int(request.GET["incident"]))
    rows = rows.order_by("occurred_at", "position")[:ROWS]
    return HttpResponse(TEMPLATE.render({"rows": rows}))


def database_ns(pid: int) -> int:
    """CPU time of our database process so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


class Measure:
    """Queries, CPU time of this thread and of its database process, in one header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        count = 0

        def tell(execute: Any, *args: Any) -> Any:
            nonlocal count
            count += 1
            return execute(*args)

        connection.ensure_connection()
        backend = connection.connection.info.backend_pid
        database = database_ns(backend)
        cpu = time.thread_time_ns()
        with connection.execute_wrapper(tell):
            if request.path == FLOOR:
                response = floor(request)
            else:
                response = self.get_response(request)
        cpu = time.thread_time_ns() - cpu
        database = database_ns(backend) - database
        response[HEADER] = f"{count} {cpu} {database} {os.getpid()}"
        return response
