"""A process that is killed in the middle of a deed, on PostgreSQL: at its statements,
before its commit and after it. What it leaves is wholly before or wholly after, and the
same request sent again is answered as if nothing had happened."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from mmap import mmap
from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from accounts.models import Role, User
from incidents import activity
from incidents.models import Evidence, Incident, StoredFile
from incidents.selectors import stored_findings
from incidents.services import redaction
from incidents.services.cases import export_case
from review.models import ClosureApproval, Seal
from review.selectors import verify_seal
from review.services.reports import waiting_builds
from tests.concurrency.test_close_race import real_server  # noqa: F401
from tests.conftest import person
from tests.factories import make_evidence
from tests.review.conftest import Case, bare, case, cast, scribe  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

API = "/api/v1/incidents/"
DONE, REFUSED, BROKEN = 0, 1, 2
# At how many of the statements of a deed it is killed.
SOME = pytest.param(3, id="some")
ALL = pytest.param(None, id="all", marks=pytest.mark.faults)
places = pytest.mark.parametrize("tried", [SOME, ALL])


class Reaper:
    """Kills its own process at the `last` place where it passes by, and counts them
    where the parent can read it."""

    def __init__(self, last: int, passed: mmap) -> None:
        self.last = last
        self.passed = passed

    def pass_by(self) -> None:
        count = int.from_bytes(self.passed[:4]) + 1
        self.passed[:4] = count.to_bytes(4)
        if count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Pass by before each statement, and before and after the one commit."""
        commit = connection._commit

        def statement(execute: Any, *told: Any) -> Any:
            self.pass_by()
            return execute(*told)

        def commit_between() -> None:
            if self.last == 0:  # the parent asks only how many places there are
                os.kill(os.getpid(), signal.SIGKILL)
            self.pass_by()
            commit()
            self.pass_by()

        with (
            connection.execute_wrapper(statement),
            patch.object(connection, "_commit", commit_between),
            # Whether a broker is there or not, all that a task does stands in rows.
            patch("postmortem.lib.jobs.current_app.send_task"),
        ):
            yield


class Deed:
    """One POST under one Idempotency-Key, sent from processes of its own."""

    def __init__(
        self, user: User, path: str, body: Callable[[], dict[str, Any]]
    ) -> None:
        self.client = Client()
        self.client.force_login(user)
        self.path = path
        self.body = body
        self.how: dict[str, Any] = {"content_type": "application/json"}

    def send(self) -> Any:
        return self.client.post(
            self.path, self.body(), headers={"Idempotency-Key": "the-same"}, **self.how
        )

    def die_at(self, place: int) -> tuple[int | None, int]:
        """Do it in a process that is killed at this place: what came of it, None if it
        was killed, and how many places it passed."""
        passed = mmap(-1, 4)
        connection.close()  # else both would speak over one socket
        child = os.fork()
        if child == 0:
            code = BROKEN
            try:
                with Reaper(place, passed).at_work():
                    code = DONE if self.send().status_code < 300 else REFUSED
            except Exception:  # noqa: BLE001
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        outcome = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return outcome, int.from_bytes(passed[:4])


class Upload(Deed):
    """The same with a file."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.how = {}


def everything() -> dict[str, list[Any]]:
    """All rows of all tables."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
    }


def kill(deed: Deed, tried: int | None) -> Any:
    """Kill the deed at its statements, just before its commit and just after it; the
    answer to the last try. tried: at how many statements; None: at all."""
    before = everything()
    killed, statements = deed.die_at(0)
    assert (killed, everything()) == (None, before)
    step = max(1, statements // tried) if tried else 1
    for place in [*range(1, statements + 1, step), statements + 1]:
        assert deed.die_at(place) == (None, place)
        assert everything() == before, f"half of it is left by a kill at {place}"

    assert deed.die_at(statements + 2) == (None, statements + 2)
    after = everything()
    assert after != before
    answer = deed.send()
    assert everything() == after, "something was left to do by a kill after the commit"
    assert answer["Idempotency-Replayed"] == "true"
    return answer


@places
class TestAKill:
    def test_of_closing_leaves_it_in_review_or_closed(
        self,
        case: Case,  # noqa: F811
        tried: int | None,
    ) -> None:
        case.approve("reviewer")
        case.approve("finance")
        key = case.incident.key
        deed = Deed(case.cast["reviewer"], f"{API}{key}/review/close/", dict)

        answer = kill(deed, tried)

        assert answer.status_code == 200
        incident, seal = case.reload(), Seal.objects.get()
        assert incident.status == Incident.Status.CLOSED
        assert verify_seal(seal).is_ok
        assert answer.json()["content_hash"] == seal.content_hash
        assert activity.verify(incident) == []
        assert stored_findings(incident).is_current
        assert len(waiting_builds()) == 1  # which the sweep takes

    def test_of_an_approval_leaves_it_out_or_in_the_chain(
        self,
        case: Case,  # noqa: F811
        tried: int | None,
    ) -> None:
        case.approve("reviewer")
        body = {"content_hash": case.hash, "comment": "Seen with the ledger."}
        path = f"{API}{case.incident.key}/review/approve/"

        answer = kill(Deed(case.cast["finance"], path, lambda: body), tried)

        assert answer.json()["is_complete"]
        assert ClosureApproval.objects.count() == 2
        assert activity.verify(case.reload()) == []

    def test_of_an_import_leaves_nothing_or_the_whole_case(
        self,
        case: Case,  # noqa: F811
        tried: int | None,
    ) -> None:
        file = export_case(case.reload())
        file["record"]["incident"]["uuid"] = "5d2c9d0e-6b1f-4c53-9a55-3f4de2f4a001"

        answer = kill(Deed(case.actor, "/api/v1/cases/", lambda: file), tried)

        assert answer.status_code == 201
        made = Incident.objects.get(number=answer.json()["key"].removeprefix("INC-"))
        assert activity.verify(made) == []
        assert len(export_case(made)["record"]["entries"]) == 8

    def test_of_an_upload_leaves_no_row_without_its_bytes(
        self, incident: Incident, commander: User, tried: int | None
    ) -> None:
        def body() -> dict[str, Any]:
            file = SimpleUploadedFile("ledger.log", b"one line of the ledger\n")
            return {"kind": "metric", "title": "Ledger", "upload": file}

        answer = kill(Upload(commander, f"{API}INC-1/evidence/", body), tried)

        assert answer.status_code == 201
        assert default_storage.exists(StoredFile.objects.get().path)
        assert Evidence.objects.count() == 1
        assert activity.verify(Incident.objects.get()) == []

    def test_of_a_redaction_leaves_its_bytes_to_the_sweep(
        self, incident: Incident, commander: User, tried: int | None
    ) -> None:
        upload = ContentFile(b"what nobody may keep\n", name="export.log")
        row = make_evidence(incident, actor=commander, upload=upload)
        redaction.ask_redaction(
            incident_id=incident.pk,
            actor=person("dpo", "Dora Poe", "Privacy", Role.COMPLIANCE),
            number=row.number,
            reason="It names a customer.",
        )
        path = f"{API}INC-1/evidence/{row.number}/redact/confirm/"

        answer = kill(Deed(commander, path, dict), tried)

        assert answer.status_code == 200
        stored = StoredFile.objects.get()
        assert stored.removed_at
        assert default_storage.exists(stored.path)
        redaction.sweep_removed()
        assert not default_storage.exists(stored.path)
        assert activity.verify(Incident.objects.get()) == []
