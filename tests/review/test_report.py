"""The one-pager: what it says, that it is one page, that its bytes repeat."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pikepdf
import pytest
import time_machine
from django.conf import settings

from incidents.models import Evidence
from incidents.services.unknowns import add_unknown
from review.report import (
    Report,
    build_report,
    clip,
    cut,
    limit_steps,
    render_html,
    render_pdf,
)
from review.report.content import ActionLine, IndexLine, Line, Ref
from review.report.rendering import _fetcher, font_files, strong_figures
from tests.conftest import NOW
from tests.review.conftest import Case

pytestmark = pytest.mark.django_db
BLOCKS = [
    "Impact",
    "Money bridge",
    "Indicators",
    "Recovery",
    "Causes",
    "Actions",
    "Approvals",
    "Open risks and known unknowns",
    "Evidence index",
]


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """What a reader can select, in the order of the page."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return done.stdout.decode()


def fonts_of(pdf: bytes) -> set[str]:
    document = opened(pdf)
    return {
        str(font.BaseFont).split("+")[-1]
        for font in document.pages[0].Resources.Font.values()
    }


def huge(report: Report) -> Report:
    """The same report with 40 actions, 60 artifacts and long statements everywhere."""
    refs = tuple(Ref(f"EV-{n}", f"https://pm.example/e/{n}") for n in range(1, 5))
    words = "The consumer rejected every event that carried the new field. " * 20
    line = Line("Customer", words, refs, 9)
    action = ActionLine(
        ref="ACT-1",
        title="Block ingest deploys when the contract test fails in staging " * 3,
        owner="Payments engineering lead of the second region",
        due="20 Mar",
        test="The deploy is blocked within two minutes and the owner is paged " * 2,
        state="plan",
        state_label="On plan",
    )
    return replace(
        report,
        title="A very long title of an incident that nobody shortened in time " * 2,
        summary=words,
        lanes="Checkout authorization, Payout batches, Webhooks, Refunds, Ledger, KYC",
        impact=(line, line, line, line, line, line),
        money=report.money * 30,
        trigger=(line, line),
        primary=(line, line, line),
        contributing=(line,) * 12,
        mandatory=tuple(replace(action, ref=f"ACT-{n}") for n in range(1, 21)),
        scheduled=tuple(
            replace(action, ref=f"ACT-{n}", is_mandatory=False) for n in range(21, 41)
        ),
        risks=(line,) * 25,
        index=tuple(
            IndexLine(
                Ref(f"EV-{n}", f"https://pm.example/e/{n}"), words, "sha 0a1b2c3d"
            )
            for n in range(1, 61)
        ),
        evidence_total=60,
    )


class TestBuildReport:
    def test_stamps_a_draft_with_the_findings_that_block(self, case: Case) -> None:
        report = build_report(case.incident, as_of=NOW)

        assert report.stamp == "Draft, 1 finding blocks"
        assert report.is_sealed is False

    def test_stamps_a_closed_record_with_its_seal(self, case: Case) -> None:
        seal = case.closed()
        report = build_report(case.incident, as_of=NOW)

        assert report.stamp == "Closed and sealed"
        assert report.stamp_lines[1] == "2 approvals, 0 findings block"
        assert report.sealed_hash == seal.content_hash
        assert [line.label for line in report.approvals] == [
            "Engineering manager",
            "Finance director",
        ]

    def test_puts_evidence_beside_each_key_claim(self, case: Case) -> None:
        """R-OP-02"""
        report = build_report(case.incident, as_of=NOW)

        claims = [
            *report.impact,
            *report.money,
            *report.trigger,
            *report.primary,
            *report.contributing,
            *report.mandatory,
        ]
        assert all(claim.refs for claim in claims)
        assert all(item.place for item in report.index)

    def test_names_the_four_indicators(self, case: Case) -> None:
        """R-OP-03"""
        found = build_report(case.incident, as_of=NOW).indicators

        assert [item.name for item in found] == [
            "Timeliness",
            "Accuracy",
            "Reliability",
            "Compliance",
        ]
        assert found[0].value == "9 min to detect"
        assert found[0].lines[0] == "Mitigated: 26 min"
        assert found[1].value == "1 of 1 figures actual"
        assert found[2].value == "1 of 1 tests passed"
        assert (found[3].value, found[3].is_recorded) == ("not recorded", False)

    def test_prints_not_recorded_and_never_zero(self, bare: Case) -> None:
        """R-OP-03, R-MT-01"""
        report = build_report(bare.incident, as_of=NOW)

        assert {item.value for item in report.indicators} == {"not recorded"}
        assert {line.text for line in report.impact} == {"not recorded"}
        assert report.recovery == (
            "customers not recorded",
            "ledger not recorded",
            "stabilized not recorded",
        )
        html = render_html(report)
        assert "No amount is recorded." in html

    def test_points_to_control_artifacts(self, case: Case) -> None:
        """R-OP-04"""
        contract = case.evidence("Event contract v4", Evidence.Kind.DATA_CONTRACT)
        report = build_report(case.incident, as_of=NOW)

        assert contract.ref in [ref.ref for ref in report.controls]

    def test_shows_open_unknowns_as_unknown(self, case: Case) -> None:
        """R-KU-03"""
        add_unknown(
            **case.ids,
            question="Did refunds double?",
            owner=case.cast["finance"],
            due_at=NOW + dt.timedelta(days=2),
        )
        risks = build_report(case.incident, as_of=NOW).risks

        assert ("Unknown", "Did refunds double? Finance director, 19 Mar") in [
            (line.label, line.text) for line in risks
        ]


class TestRenderHtml:
    def test_keeps_the_order_of_the_blocks(self, case: Case, bare: Case) -> None:
        """R-OP-01: the same blocks in the same order, whatever the incident."""
        for one in (case, bare):
            html = render_html(build_report(one.incident, as_of=NOW))
            places = [html.index(f">{block}<") for block in BLOCKS]
            assert places == sorted(places)

    def test_escapes_what_people_wrote(self, case: Case) -> None:
        report = replace(
            build_report(case.incident, as_of=NOW),
            title="<script>alert(1)</script>",
            summary="<link rel=attachment href=file:///etc/passwd>",
            impact=(Line("Customer", "<img src=x onerror=y> 5 orders"),),
        )
        html = render_html(report)

        assert "<script>" not in html
        assert "<link" not in html
        assert "<img" not in html
        assert "<b>5</b> orders" in html

    def test_says_what_it_left_out(self, case: Case) -> None:
        report = huge(build_report(case.incident, as_of=NOW))
        least = limit_steps(report)[-1]
        page = cut(report, least)

        assert page.more_scheduled == 20
        assert page.more_mandatory == 19
        assert page.more_index == 57
        assert "57 more in the record" in render_html(report, least)


class TestCutting:
    def test_gives_up_evidence_first_and_then_scheduled_actions(
        self, case: Case
    ) -> None:
        steps = limit_steps(huge(build_report(case.incident, as_of=NOW)))
        order = [
            name
            for before, after in pairwise(steps)
            for name in ("evidence", "scheduled", "mandatory")
            if getattr(before, name) != getattr(after, name)
        ]

        assert order[0] == "evidence"
        assert order.index("scheduled") < order.index("mandatory")

    def test_keeps_the_most_cited_artifacts(self, case: Case) -> None:
        report = build_report(case.incident, as_of=NOW)
        kept = cut(report, replace(limit_steps(report)[0], evidence=3)).index
        cited = sorted((item.cited for item in report.index), reverse=True)

        assert sorted((item.cited for item in kept), reverse=True) == cited[:3]

    @pytest.mark.parametrize(
        ("text", "limit", "expected"),
        [
            ("short", 10, "short"),
            ("several words here", 12, "several…"),
            ("one  two\nthree", 40, "one two three"),
            ("a" * 30, 10, "aaaaaaaaa…"),
        ],
    )
    def test_clips_behind_a_word(self, text: str, limit: int, expected: str) -> None:
        assert clip(text, limit) == expected
        assert len(clip(text, limit)) <= limit


class TestRenderPdf:
    @pytest.fixture
    def report(self, case: Case) -> Report:
        return build_report(case.incident, as_of=NOW)

    def test_is_one_tagged_a4_page_with_title_and_language(
        self, report: Report
    ) -> None:
        """R-OP-01"""
        pdf = opened(render_pdf(report=report, record=b"{}"))

        assert len(pdf.pages) == 1
        assert [round(float(x)) for x in pdf.pages[0].MediaBox] == [0, 0, 595, 842]
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "en-US"
        assert str(pdf.docinfo.Title).startswith(f"{report.key} one-pager")
        metadata = bytes(pdf.Root.Metadata.read_raw_bytes())
        assert b"pdfaid:part" in metadata
        assert b"pdfuaid:part" in metadata

    def test_can_be_selected_as_text(self, report: Report) -> None:
        text = text_of(render_pdf(report=report))

        for words in (
            "Draft, 1 finding blocks",
            "9 min to detect",
            "412,860.20",
            "Block ingest deploys when the contract test",
            "webhook-ingest 4.18.0 went live",
            "All times on one incident clock, UTC.",
        ):
            assert words in text, words

    def test_gives_the_same_bytes_at_any_time(self, report: Report) -> None:
        first = render_pdf(report=report, record=b"{}")
        with time_machine.travel(NOW + dt.timedelta(days=400), tick=True):
            second = render_pdf(report=report, record=b"{}")

        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()

    def test_gives_the_same_bytes_in_any_process(
        self, report: Report, tmp_path: Path
    ) -> None:
        page = tmp_path / "page.html"
        page.write_text(render_html(report, limit_steps(report)[0]))
        program = (
            "import sys, hashlib, django; django.setup();"
            "from review.report import render_pdf;"
            "html = open(sys.argv[1]).read();"
            "print(hashlib.sha256(render_pdf(html)).hexdigest())"
        )
        hashes = {
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program, str(page)],
                cwd=settings.BASE_DIR,
                env={
                    **os.environ,
                    "PYTHONHASHSEED": seed,
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                },
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }

        assert len(hashes) == 1

    def test_embeds_our_own_fonts_only(self, report: Report) -> None:
        names = fonts_of(render_pdf(report=report))

        assert names
        assert all(name.startswith(("Report-Sans", "Report-Mono")) for name in names)

    def test_carries_the_record_as_an_attachment(self, report: Report) -> None:
        pdf = opened(render_pdf(report=report, record=b'{"a":1}'))

        assert pdf.attachments["record.json"].get_file().read_bytes() == b'{"a":1}'
        assert str(pdf.Root.AF[0].AFRelationship) == "/Source"

    def test_stays_one_page_whatever_its_length(self, report: Report) -> None:
        """40 actions, 60 artifacts, long statements: one page that counts the rest."""
        pdf = render_pdf(report=huge(report))
        text = text_of(pdf)

        assert len(opened(pdf).pages) == 1
        assert text.count("more in the record") >= 5

    def test_never_sets_type_below_the_limits(self) -> None:
        """Body at least 7 pt, index at least 6.4 pt."""
        styles = Path(settings.BASE_DIR, "static/css/report.css").read_text()
        rules = re.findall(r"([^{}]+)\{([^}]*)\}", styles)
        for selector, body in rules:
            for size in re.findall(r"(?:font-size:|font: \d+) ?([\d.]+)pt", body):
                least = 6.4 if ".index" in selector else 7
                assert float(size) >= least, selector

    def test_fetches_nothing_but_its_fonts(self) -> None:
        fetch = _fetcher()

        for url in ("file:///etc/passwd", "https://example.com/x.css", "report:x"):
            with pytest.raises(ValueError, match="protocol"):
                fetch(url)
        assert len(font_files()) == 4


class TestStrongFigures:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("6,418 payers", "<b>6,418</b> payers"),
            ("from 13:43 to 15:34", "from 13:43 to 15:34"),
            ("412,860.20 EUR", "<b>412,860.20</b> EUR"),
            ("on 10 March", "on 10 March"),
            ("<b>", "&lt;b&gt;"),
        ],
    )
    def test_marks_counts_and_amounts_only(self, text: str, expected: str) -> None:
        assert strong_figures(text) == expected
