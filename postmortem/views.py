"""Pages that belong to no app: the health checks; the context of the sign-in page."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import kombu
import psycopg
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.urls import reverse

from accounts.decorators import public
from postmortem import demo

# Beat asks for a sweep every 30 s; three may be missed while a long task runs.
WORKER_SEEN_WITHIN = 120
# Seconds after which a database that was away is asked again.
DATABASE_WAIT = 5
# Seconds after which a full disk may have room: somebody has to make it.
DISK_WAIT = 60

logger = logging.getLogger(__name__)


def demo_accounts(request: HttpRequest) -> dict[str, object]:
    """Context of the sign-in page while the demonstration runs."""
    if settings.DEMO and request.path == reverse("account_login"):
        return {"demo_accounts": demo.accounts(), "demo_password": demo.PASSWORD}
    return {}


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """200 'ok' while this process answers; it asks nobody else, so that a database
    which is away does not get every web process killed."""
    return HttpResponse("ok", content_type="text/plain")


@public
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether pages can be served: 200, or 503 while database or storage fail.

    Broker and worker are told of and do not count: without them everything that a
    person writes is kept, and mails and documents come later.
    """
    parts = {
        "database": _state(_database),
        "storage": _state(_storage),
        "broker": _state(_broker),
        "worker": _state(_worker),
    }
    can_serve = parts["database"] == parts["storage"] == "ok"
    can_all = set(parts.values()) == {"ok"}
    status = "ready" if can_all else "degraded" if can_serve else "unready"
    return JsonResponse({"status": status, **parts}, status=200 if can_serve else 503)


def _state(ask: Callable[[], str]) -> str:
    """What a part says of itself, never why: strangers read this."""
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever it is, this part does not work
        return "away"


def _database() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "waits for migrations" if waiting else "ok"


def _storage() -> str:
    """Evidence is written here; a full or read-only disk shows."""
    folder = Path(default_storage.path(""))
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".readyz-{os.getpid()}"
    try:
        probe.write_bytes(b"ok")
    finally:
        probe.unlink(missing_ok=True)
    return "ok"


def _broker() -> str:
    with kombu.Connection(
        settings.CELERY_BROKER_URL,
        transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
    ) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        assert broker.default_channel  # opening one asks the server
    return "ok"


def _worker() -> str:
    seen = cache.get("worker_seen")
    if seen is None:
        return "not seen"
    # Also when it was seen in the future, by a clock that was set back since.
    is_lately = abs(time.time() - seen) < WORKER_SEEN_WITHIN
    return "ok" if is_lately else "not seen lately"


@public
def server_error(request: HttpRequest) -> HttpResponse:
    """The page of a crash. Its number stands in the log beside the traceback, so that
    whoever runs this finds the one that a person tells them of.

    A database that is away is 503, a full disk 507, and no crash: scripts, and those of
    our own pages, wait and send the same again.
    """
    number = str(getattr(request, "request_id", "") or uuid.uuid4().hex)[:12]
    if not request.path.startswith("/api/"):
        logger.error(
            "error %s: %s %s", number, request.method, request.path, exc_info=True
        )
    status, wait = _state_of(sys.exc_info()[1])
    words = get_template(f"{status}.html").render(
        {"number": number, "request": request}
    )
    page = HttpResponse(words, status=status)
    if wait:
        page["Retry-After"] = str(wait)
    return page


def _state_of(error: BaseException | None) -> tuple[int, int]:
    """The status that an error is answered with, and the seconds to wait, if any."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return 507, DISK_WAIT
    if not isinstance(error, OperationalError | InterfaceError):
        return 500, 0
    cause = error.__cause__
    if isinstance(cause, psycopg.errors.DiskFull):
        return 507, DISK_WAIT
    if isinstance(cause, sqlite3.Error):
        code = cause.sqlite_errorcode
        if code == sqlite3.SQLITE_FULL:
            return 507, DISK_WAIT
        if code == sqlite3.SQLITE_ERROR:  # a table or a column that is not there
            return 500, 0
    return 503, DATABASE_WAIT
