"""The one-pager of a case under pressure, from the record to the page."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from actions.models import ActionItem
from incidents.models import Evidence, KnownUnknown
from rca.models import Cause
from review.models import ReportBuild
from review.report import build_report, render_pdf
from review.services import reports
from tests.conftest import NOW
from tests.review.conftest import Case, bare, case, cast, scribe  # noqa: F401
from tests.review.printed import TEXTS, opened, words_of
from timeline.models import Entry

pytestmark = pytest.mark.django_db
SCRIPTS = list(TEXTS.values())


def words(number: int) -> str:
    return f"{number} {SCRIPTS[number % len(SCRIPTS)]}".strip()


@pytest.fixture
def full(bare: Case) -> Case:  # noqa: F811
    """60 pieces of evidence, 300 entries, 30 causes, 40 actions, 25 unknowns, in eight
    scripts. Written past the services: only their number matters here."""
    incident, user = bare.incident, bare.actor
    own = {"incident": incident, "recorded_by": user}
    Evidence.objects.bulk_create(
        Evidence(
            **own,
            number=n,
            kind="log_query",
            title=words(n)[:200],
            url="https://e.example",
        )
        for n in range(1, 61)
    )
    Entry.objects.bulk_create(
        Entry(
            **own,
            number=n,
            kind=Entry.Kind.SIGNAL,
            observed_signal=words(n),
            occurred_at=NOW - dt.timedelta(hours=400 - n),
        )
        for n in range(1, 301)
    )
    Cause.objects.bulk_create(
        Cause(**own, number=n, label=list(Cause.Label)[n % 3], statement=words(n))
        for n in range(1, 31)
    )
    ActionItem.objects.bulk_create(
        ActionItem(
            **own,
            number=n,
            title=words(n)[:200],
            kind=ActionItem.Kind.REDUCE,
            timing=list(ActionItem.Timing)[n % 2],
            owner=user,
        )
        for n in range(1, 41)
    )
    KnownUnknown.objects.bulk_create(
        KnownUnknown(**own, number=n, question=words(n)) for n in range(1, 26)
    )
    return bare


class TestUnderPressure:
    def test_is_one_page_that_tells_what_it_left_out(self, full: Case) -> None:
        """R-OP-01, R-OP-05: what is not on the page is counted, with where it is; the
        page leads to analysis and response, it replaces neither."""
        report = build_report(full.incident, as_of=NOW)
        pdf = render_pdf(report)
        told = words_of(pdf)
        key = full.incident.key

        assert len(opened(pdf).pages) == 1
        assert report.stamp in told
        for line in report.approvals:
            assert line.label in told
        for place in ("actions", "causes", "evidence", "review"):
            assert re.search(rf"\d+ more in the record, {key}/{place}\b", told), place
        sheet = opened(pdf)
        links = [
            str(note.A.URI)
            for note in sheet.pages[0].get("/Annots", [])
            if "/A" in note and "/URI" in note.A
        ]
        home = f"/incidents/{key}/"
        assert all(home in link for link in links)
        led_to = {link.split(home)[1].split("/")[0] for link in links}
        assert {"causes", "actions", "review", "evidence"} <= led_to
        printed = len(set(re.findall(r"\bACT-\d+", told)))
        left = sum(
            int(number)
            for number in re.findall(rf"(\d+) more in the record, {key}/actions", told)
        )
        assert printed + left == 40

    def test_is_made_by_the_worker_with_the_same_bytes(self, full: Case) -> None:
        build = reports.request_report(**full.ids)
        reports.render_build(build.pk)
        build.refresh_from_db()
        first = build.sha256
        ReportBuild.objects.update(state=ReportBuild.State.QUEUED, attempts=0)
        reports.render_build(build.pk)
        build.refresh_from_db()

        assert build.state == ReportBuild.State.READY, build.error
        assert build.sha256 == first
