"""Overdue closure tests, on real parts: PostgreSQL, Redis, a Celery worker that is
killed in between, and an SMTP sink that counts what arrives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from celery import Celery
from django.db import connection
from django.utils import timezone

from accounts.models import User
from actions.models import ActionItem
from incidents.models import Notification
from tests.factories import make_incident

ROOT = Path(__file__).resolve().parents[2]
BROKER = os.environ.get("TEST_BROKER_URL", "")
pytestmark = [
    pytest.mark.broker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not BROKER or connection.vendor != "postgresql",
        reason="needs the private PostgreSQL and Redis of `make test`",
    ),
]


class Inbox(Message):
    """What the sink received."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    handler = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = Controller(handler, hostname="127.0.0.1", port=port)
    sink.start()
    yield handler, port
    sink.stop()


def worker_environment(port: int) -> dict[str, str]:
    """The product's own settings on this test's database, broker and mail sink."""
    db = connection.settings_dict
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "postmortem.settings",
        "DATABASE_URL": (
            f"postgres://{db['USER']}:{db['PASSWORD']}@{db['HOST']}:{db['PORT']}/"
            f"{db['NAME']}"
        ),
        "BROKER_URL": BROKER,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(port),
    }


@pytest.fixture
def start_worker(
    inbox: tuple[Inbox, int],
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "postmortem.celery:app"]
        command += ["worker", "--pool=solo", "--loglevel=WARNING", "--without-gossip"]
        started.append(
            subprocess.Popen(command, cwd=ROOT, env=worker_environment(inbox[1]))
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def overdue_test(commander: User, responder: User) -> ActionItem:
    """An open action whose closure test was due two days ago."""
    from actions.services.items import add_action, open_action
    from actions.services.tests import add_closure_test

    incident = make_incident(actor=commander)
    due = timezone.now() - timedelta(days=2)
    action = add_action(
        incident_id=incident.pk,
        actor=commander,
        title="Ship the proxy with two pins",
        kind=ActionItem.Kind.REDUCE,
        timing=ActionItem.Timing.MANDATORY,
        owner=responder,
        due_at=timezone.now() + timedelta(days=9),
        proof_location="Test runner",
    )
    add_closure_test(
        incident_id=incident.pk,
        actor=commander,
        action=action,
        procedure="Rotate in staging",
        pass_condition="No refused handshake",
        environment="Staging",
        due_at=due,
    )
    return open_action(incident_id=incident.pk, actor=commander, number=action.number)


def test_a_reminder_arrives_once_although_the_worker_is_killed(
    commander: User,
    responder: User,
    inbox: tuple[Inbox, int],
    start_worker: Callable[[], subprocess.Popen[bytes]],
) -> None:
    """R-AI-07, R-AI-08: owners are reminded, once per step, whatever crashes."""
    overdue_test(commander, responder)
    sender = Celery(broker=BROKER)
    sender.conf.task_default_queue = "postmortem"
    box = inbox[0]

    # Two chasers at once, then the worker dies without notice.
    for _ in range(2):
        sender.send_task("actions.tasks.chase_deadlines")
    first = start_worker()
    assert wait_for(lambda: Notification.objects.exists())
    first.send_signal(signal.SIGKILL)
    first.wait(10)

    # A new worker, a sweep of what nobody took, and the chaser again.
    Notification.objects.filter(state="queued").update(lease_until=None)
    start_worker()
    sender.send_task("incidents.tasks.sweep_notifications")
    sender.send_task("actions.tasks.chase_deadlines")
    assert wait_for(lambda: bool(box.mails))
    sender.send_task("actions.tasks.chase_deadlines")
    sender.send_task("incidents.tasks.sweep_notifications")
    time.sleep(3)

    rows = Notification.objects.filter(recipient=responder)
    keys = list(rows.values_list("dedupe_key", flat=True))
    assert len(keys) == len(set(keys)) == 1
    sent = {mail["Message-ID"] for mail in box.mails}
    assert len(sent) == 1
    assert box.mails[0]["To"] == responder.email
    assert "ACT-1" in str(box.mails[0])
