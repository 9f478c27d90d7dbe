"""The worker: one at a time, followed by another when it is killed, whatever it had
done by then."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from incidents.models import Evidence, StoredFile
from tests.timeline.conftest import Tape
from tests.timeline.intake.logs import (
    CHAT,
    EXPORT,
    ask,
    file,
    files_aside,
    nothing_is_stored,
    work,
)
from timeline import tasks
from timeline.models import Candidate, Import, LogReading
from timeline.services.intake import candidates, worker

LONG = "".join(f"14:05 Anna: {number}\n" for number in range(1_200))


class Killed(BaseException):
    """What no worker catches."""


def lease_runs_out() -> None:
    LogReading.objects.update(lease_until=None)


def name_of(row: LogReading) -> str:
    return row.path.rpartition("/")[2]


class TestReadLong:
    def test_is_done_by_one_worker_at_a_time(self, tape: Tape) -> None:
        row = ask(tape, text=CHAT)

        assert worker._claim(row.pk) is not None
        assert worker.read_long(row.pk) is None
        assert worker.waiting_readings() == []

    @pytest.mark.parametrize(
        "moment", ["read_log", "keep_source", "_save", "make_candidates", "_finish"]
    )
    @pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
    def test_is_taken_up_wherever_a_worker_was_killed(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch, moment: str, is_done: bool
    ) -> None:
        row = ask(tape, text=CHAT, makes=True)
        real = getattr(worker, moment)
        calls = iter(range(99))

        def killed(*args: Any, **how: Any) -> Any:
            # The first save is that of the claim, which is a transaction of its own.
            if moment == "_save" and next(calls) == 0:
                return real(*args, **how)
            if is_done:
                real(*args, **how)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(worker, moment, killed)
            with pytest.raises(Killed):
                worker.read_long(row.pk)
        assert worker.read_long(row.pk) is None  # its lease is not over
        lease_runs_out()
        work(row)

        assert row.made is not None
        assert (row.state, row.made.added) == ("done", 3)
        assert Candidate.objects.count() == 3
        assert (Evidence.objects.count(), StoredFile.objects.count()) == (1, 1)
        assert Import.objects.count() == 1
        assert files_aside() == []

    @pytest.mark.parametrize(
        ("place", "step"), [(worker, "read_log"), (candidates, "_store")]
    )
    def test_goes_by_the_rights_that_are_left_when_the_lines_are_in(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch, place: Any, step: str
    ) -> None:
        row = ask(tape, text=CHAT, makes=True)
        real = getattr(place, step)

        def slow(*args: Any, **kwargs: Any) -> Any:
            found = real(*args, **kwargs)
            User.objects.filter(pk=row.asked_by.pk).update(is_active=False)
            return found

        monkeypatch.setattr(place, step, slow)
        worker.read_long(row.pk)

        row.refresh_from_db()
        assert row.state == LogReading.State.FAILED
        assert row.error == "There is no such incident."
        assert not Candidate.objects.exists()

    def test_gives_up_after_three_tries_and_keeps_nothing(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def burst(*_: Any, **__: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(worker, "read_log", burst)
        row = ask(tape, upload=file("ops.zip", EXPORT))
        for _ in range(3):
            assert files_aside() != []
            lease_runs_out()
            worker.read_long(row.pk)

        row.refresh_from_db()
        assert (row.state, row.attempts) == ("failed", 3)
        assert "in three tries" in row.error
        assert nothing_is_stored()

    def test_gives_up_what_kills_three_workers(self, tape: Tape) -> None:
        row = ask(tape, text=CHAT)
        for _ in range(3):
            assert worker._claim(row.pk) is not None
            lease_runs_out()

        assert worker.waiting_readings() == [row.pk]
        assert worker.read_long(row.pk) is None
        row.refresh_from_db()
        assert row.state == "failed"
        assert nothing_is_stored()


class TestProgress:
    def test_is_told_while_it_reads(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = ask(tape, text=LONG)
        told: list[tuple[int, int]] = []
        tell = worker._tell

        def and_look(*args: Any) -> None:
            tell(*args)
            row.refresh_from_db()
            told.append((row.lines_read, row.bytes_read))

        monkeypatch.setattr(worker, "_tell", and_look)
        work(row)

        assert [lines for lines, _ in told] == [500, 1_000, 1_200]
        assert told[-1] == (row.lines_read, row.bytes_read) == (1_200, len(LONG))

    def test_begins_anew_with_the_next_worker(self, tape: Tape) -> None:
        row = ask(tape, text=LONG)
        taken = worker._claim(row.pk)
        assert taken is not None
        worker._tell(taken, 500, 9_000)
        lease_runs_out()

        worker._claim(row.pk)

        row.refresh_from_db()
        assert (row.lines_read, row.bytes_read) == (0, 0)


class TestSweep:
    def test_starts_what_nobody_took(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = ask(tape, text=CHAT)
        kicked: list[dict[str, Any]] = []
        monkeypatch.setattr(
            tasks.jobs, "kick", lambda name, **how: kicked.append({"name": name, **how})
        )

        tasks.sweep_readings()
        assert kicked == [{"name": "timeline.tasks.read_log", "reading_id": row.pk}]

        tasks.read_log(reading_id=row.pk)
        row.refresh_from_db()
        assert row.state == "ready"

    def test_removes_what_was_set_aside_for_no_row(self, tape: Tape) -> None:
        """A request that is refused or killed after it had set a file aside."""
        for _ in range(3):
            ask(tape, text=CHAT)
        waits, new, old = LogReading.objects.order_by("pk")
        (new.delete(), old.delete())
        files = {path.name: path for path in files_aside()}
        now = timezone.now().timestamp()
        for row, hours in ((waits, 2), (new, 0.5), (old, 2)):
            os.utime(files[name_of(row)], (now - hours * 3_600,) * 2)

        assert worker.put_strays_away() == 1
        assert {path.name for path in files_aside()} == {
            name_of(row) for row in (waits, new)
        }
