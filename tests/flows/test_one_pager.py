"""The one-pager of a case under pressure, from the record to the page."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from actions.models import ActionItem
from incidents.models import Evidence, ImpactFigure, ImpactStatement, KnownUnknown
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
# Of each block as the PDF's text has it: where it starts and ends, what every row of it
# has once, and the page of the record where the others are.
BLOCKS = {
    "impact": ("Impact ", "Money bridge", "Customer|Operational|Business", ""),
    "money": ("Money bridge", "0 impact, 1 alert", r"€\d", ""),
    "causes": ("Causes trigger", "Actions ID", r"\bprovisional\b", "/causes"),
    "actions": ("Actions ID", "Evidence index", r"\bACT-\d+", "/actions"),
    "risks": ("Open risks", "EV-1 ", r"\b(?:Unknown|Gap) ", "/review"),
    "evidence": ("EV-1 ", "Payment incident", r"\bEV-\d+", "/evidence"),
}


def words(number: int) -> str:
    return f"{number} {SCRIPTS[number % len(SCRIPTS)]}".strip()


@pytest.fixture
def full(bare: Case) -> Case:  # noqa: F811
    """60 pieces of evidence, 300 entries, 12 statements of impact, 10 amounts, 30
    causes, 40 actions, 25 unknowns, in eight scripts. Written past the services: only
    their number matters here."""
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
    impacts = ImpactStatement.objects.bulk_create(
        ImpactStatement(
            **own,
            number=n,
            kind=list(ImpactStatement.Kind)[n % 3],
            statement=words(n),
        )
        for n in range(1, 13)
    )
    ImpactFigure.objects.bulk_create(
        ImpactFigure(
            **own,
            number=n,
            impact=impacts[0],
            measure=ImpactFigure.Measure.OTHER,
            label=words(n)[:120],
            amount=n,
            currency="EUR",
        )
        for n in range(1, 11)
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

    def test_counts_every_row_that_it_left_out(self, full: Case) -> None:
        """R-OP-01: in every block, rows on the page and rows that it says are left out
        are the rows of the record."""
        report = build_report(full.incident, as_of=NOW)
        told = words_of(render_pdf(report))

        found = {}
        for block, (start, end, row, place) in BLOCKS.items():
            text = told[told.index(start) : told.index(end)]
            left = re.findall(
                rf"(\d+) more(?: in the record)?, {full.incident.key}{place}(?!\S)",
                text,
            )
            assert left, block
            printed = len(re.findall(row, text))
            found[block] = printed + sum(map(int, left))
        gaps = [line for line in report.risks if line.label == "Gap"]
        assert found == {
            "impact": 12,
            "money": 10,
            "causes": 30,
            "actions": 40,
            "risks": 25 + len(gaps),
            "evidence": 60,
        }

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
