"""The outbox: once, leased, swept."""

import datetime as dt
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from incidents import tasks
from incidents.models import Incident, Notification
from incidents.services import notifications
from tests.conftest import NOW


@pytest.fixture
def write(responder, incident):
    def run(**fields):
        fields.setdefault("dedupe_key", "duty:1")
        fields.setdefault("recipient", responder)
        return notifications.notify(
            kind="duty",
            subject="INC-1: you are scribe",
            body="Please write.",
            url=incident.get_absolute_url(),
            incident=incident,
            **fields,
        )

    return run


class TestNotify:
    def test_writes_a_key_once(self, write):
        assert write().pk == write().pk
        assert Notification.objects.count() == 1

    def test_starts_the_task_on_commit(
        self, write, monkeypatch, django_capture_on_commit_callbacks
    ):
        started = []
        monkeypatch.setattr(
            notifications.jobs.current_app,
            "send_task",
            lambda name, kwargs: started.append((name, kwargs)),
        )
        with django_capture_on_commit_callbacks(execute=True):
            row = write()
            write()

        assert started == [
            ("incidents.tasks.deliver_notification", {"notification_id": row.pk})
        ]

    def test_is_read_in_the_product_by_who_switched_mail_off(self, write, responder):
        responder.notify_by_email = False
        responder.save()
        assert write().state == "skipped"

    def test_tells_nobody_of_an_incident_they_may_not_see(self, write, incident):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        incident.is_restricted = True

        assert write().pk is None
        assert not Notification.objects.exists()


class TestDeliver:
    def test_run_twice_sends_once(self, write, settings):
        settings.BASE_URL = "https://pm.pay.example"
        row = write()

        tasks.deliver_notification(notification_id=row.pk)
        tasks.deliver_notification(notification_id=row.pk)

        row.refresh_from_db()
        assert (row.state, row.sent_at, row.attempts) == ("sent", NOW, 1)
        assert [m.to for m in mail.outbox] == [["resp@pay.example"]]
        assert "https://pm.pay.example/incidents/INC-1/" in mail.outbox[0].body

    def test_sends_nothing_of_an_incident_that_was_restricted_since(
        self, write, incident
    ):
        """Decision 12"""
        row = write()
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        assert not notifications.deliver_notification(row.pk)
        row.refresh_from_db()
        assert (row.state, mail.outbox) == ("skipped", [])

    def test_leaves_a_row_that_another_worker_holds(self, write):
        row = write()
        Notification.objects.filter(pk=row.pk).update(
            lease_until=NOW + dt.timedelta(minutes=1)
        )
        assert not notifications.deliver_notification(row.pk)
        assert mail.outbox == []

    def test_tries_again_later_when_the_server_is_away(self, write, monkeypatch, clock):
        row = write()
        with monkeypatch.context() as patch:
            patch.setattr(
                EmailMessage,
                "send",
                lambda self: (_ for _ in ()).throw(SMTPServerDisconnected("gone")),
            )
            assert not notifications.deliver_notification(row.pk)
        row.refresh_from_db()
        assert (row.state, row.error) == ("queued", "SMTPServerDisconnected: gone")

        assert notifications.sweep_notifications() == 0
        clock.shift(dt.timedelta(minutes=3))
        assert notifications.sweep_notifications() == 1

    def test_gives_up_after_eight_attempts(self, write, monkeypatch, clock):
        row = write()

        def fail(self):
            raise OSError("no route")

        monkeypatch.setattr(EmailMessage, "send", fail)
        for _ in range(9):
            notifications.deliver_notification(row.pk)
            clock.shift(dt.timedelta(days=1))

        row.refresh_from_db()
        assert (row.state, row.attempts) == ("failed", 8)

    def test_a_repeat_carries_the_same_message_id(self, write):
        """A worker killed after sending: the sweep sends again, readers fold it."""
        row = write()
        notifications.deliver_notification(row.pk)
        Notification.objects.filter(pk=row.pk).update(state="queued")
        notifications.deliver_notification(row.pk)

        ids = {m.extra_headers["Message-ID"] for m in mail.outbox}
        assert (len(mail.outbox), len(ids)) == (2, 1)


class TestSweep:
    def test_takes_what_nobody_took_once(self, write):
        write()
        write(dedupe_key="duty:2")

        tasks.sweep_notifications()
        tasks.sweep_notifications()

        assert len(mail.outbox) == 2


class TestMarkRead:
    def test_marks_only_ones_own(self, write, responder, commander):
        mine = write()
        other = write(dedupe_key="duty:2", recipient=commander)

        assert notifications.mark_notifications_read(actor=responder) == 1

        mine.refresh_from_db()
        other.refresh_from_db()
        assert (mine.read_at, other.read_at) == (NOW, None)
