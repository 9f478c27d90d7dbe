"""Three real post-mortems go through the product: in, checked, verified, one page.

The counts are data on purpose: a check that starts or stops speaking about a real case
has to be judged again in docs/real-cases.md, which is compared with them.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pikepdf
import pytest

from accounts.models import User
from incidents import activity
from incidents.management.commands.convert_case import convert
from incidents.models import Incident
from incidents.selectors import findings
from incidents.services.cases import import_case, read_case
from postmortem.lib.canonical import canonical_bytes
from postmortem.lib.findings import Finding, Level
from review.report import build_report, render_pdf
from tests.conftest import NOW

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests" / "cases").glob("*.yaml"))

# fmt: off
FOUND: dict[str, dict[str, int]] = {
    "gitlab_2017_primary_data_removed": {
        "AI002": 15, "AI003": 15, "AI004": 2, "AI008": 1, "AI009": 1, "AI010": 1,
        "AI011": 1, "AI014": 1, "AI019": 10, "AP001": 1, "AP101": 1, "CK006": 1,
        "CO001": 1, "CT004": 15, "DP001": 3, "DP002": 1, "DP003": 4, "DP004": 4,
        "EV001": 8, "EV007": 1, "EV008": 1, "EV010": 1, "FM002": 3, "FM003": 3,
        "FM005": 3, "HY001": 1, "HY002": 5, "KU001": 3, "KU003": 3, "RC002": 10,
        "RC004": 10, "RC011": 1, "RC013": 1, "RC014": 1, "RO001": 1, "RO002": 1,
        "RO003": 1, "RV001": 1, "RV002": 1, "SC001": 2, "SC007": 1, "SC008": 2,
        "SC009": 1, "SC012": 1, "SC014": 1, "SC018": 1, "TL001": 10, "TL002": 1,
        "TL004": 12, "TL005": 2, "TL007": 3, "TL008": 6, "TL009": 1, "TL011": 1,
        "TL016": 3, "TL020": 5,
    },
    "square_2023_discover_timeouts": {
        "AI002": 1, "AI003": 1, "AI004": 1, "AI008": 1, "AI009": 1, "AI010": 1,
        "AI011": 1, "AI014": 1, "AI019": 4, "AP101": 1, "CK006": 1, "CK007": 1,
        "CO001": 1, "CT004": 1, "DP001": 1, "DP002": 1, "DP003": 2, "DP004": 2,
        "DP006": 1, "EV001": 3, "EV007": 1, "EV010": 2, "FM002": 2, "FM003": 2,
        "FM005": 2, "HY002": 1, "KU004": 1, "RC002": 4, "RC004": 4, "RC011": 1,
        "RC013": 1, "RC014": 1, "RO001": 1, "RO002": 1, "RO003": 1, "RV001": 1,
        "RV002": 1, "SC001": 2, "SC007": 1, "SC008": 2, "SC009": 1, "SC012": 1,
        "SC014": 1, "SC018": 1, "TL001": 8, "TL002": 2, "TL003": 1, "TL004": 1,
        "TL005": 3, "TL007": 1, "TL008": 1, "TL011": 1, "TL019": 1,
    },
    "stripe_2019_election_rollback": {
        "AI002": 5, "AI003": 5, "AI008": 1, "AI009": 1, "AI010": 1, "AI011": 1,
        "AI014": 1, "AI019": 7, "AP001": 2, "AP101": 1, "CK006": 1, "CO001": 1,
        "CT004": 5, "DP002": 1, "EV001": 5, "EV007": 1, "EV008": 1, "EV010": 2,
        "FM002": 1, "FM003": 2, "FM005": 2, "HY001": 1, "HY002": 2, "KU004": 1,
        "RC002": 7, "RC004": 7, "RC011": 1, "RC013": 2, "RC014": 1, "RO001": 1,
        "RO002": 1, "RO003": 1, "RV001": 1, "RV002": 1, "SC001": 2, "SC008": 3,
        "SC009": 1, "SC012": 1, "SC014": 1, "SC018": 1, "TL001": 12, "TL002": 3,
        "TL003": 1, "TL004": 1, "TL005": 2, "TL007": 1, "TL008": 8, "TL009": 1,
        "TL010": 1, "TL011": 1, "TL013": 1, "TL018": 1,
    },
}
# fmt: on


@pytest.fixture
def bring_in(commander: User):
    """Convert a case, write it as a file would be, and import it."""

    def import_(path: Path) -> Incident:
        data = canonical_bytes(convert(path.read_text(encoding="utf-8")))
        return import_case(actor=commander, case=read_case(data))

    return import_


def judged() -> dict[str, dict[str, int]]:
    """The counts that docs/real-cases.md tells, by the file that it names."""
    text = (ROOT / "docs" / "real-cases.md").read_text(encoding="utf-8")
    found = {}
    for part in text.split("\n## ")[1:]:
        name = re.search(r"tests/cases/(\w+)\.yaml", part)
        assert name
        rows = re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \| (.+?) \| .+ \|$", part, re.M)
        assert {judgement for *_, judgement in rows} <= {
            "right",
            "arguable",
            "not applicable",
            "wrong",
        }
        found[name[1]] = {check_id: int(count) for check_id, count, _ in rows}
    return found


def text_of(pdf: bytes, folder: Path) -> str:
    """The words of a PDF, as a reader would copy them."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed")
    path = folder / "page.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        [program, "-layout", str(path), "-"], capture_output=True, check=True
    )
    return done.stdout.decode()


def of(found: list[Finding], check_id: str) -> list[str]:
    return [row.message for row in found if row.id == check_id]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
class TestRealCase:
    @pytest.mark.embedded
    def test_comes_in_whole_with_exactly_these_findings(
        self, bring_in, path: Path
    ) -> None:
        incident = bring_in(path)
        counted = Counter(row.id for row in findings(incident))
        assert dict(sorted(counted.items())) == FOUND[path.stem]
        assert activity.verify(Incident.objects.get(pk=incident.pk)) == []

    def test_gives_one_page_that_says_draft(
        self, bring_in, path: Path, tmp_path: Path
    ) -> None:
        """R-OP-01"""
        incident = bring_in(path)
        pdf = render_pdf(report=build_report(incident, as_of=NOW))
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert len(document.pages) == 1
        words = text_of(pdf, tmp_path)
        blocking = sum(row.is_blocking for row in findings(incident))
        assert f"Draft, {blocking} findings block" in words
        assert "claims rest on later summaries only" in words


def test_the_document_tells_the_same_counts() -> None:
    assert judged() == FOUND
    assert sorted(FOUND) == [path.stem for path in CASES]


class TestJudgement:
    """What a reviewer says first about each case, the linter says too."""

    def found(self, bring_in, start: str) -> list[Finding]:
        return findings(bring_in(next(p for p in CASES if p.stem.startswith(start))))

    def test_stripe_the_fix_opened_a_second_window(self, bring_in) -> None:
        """R-DOC-07, R-RV-07"""
        found = self.found(bring_in, "stripe")
        (relapse,) = of(found, "TL018")
        assert relapse.startswith(
            "“API severely degraded again; second window opens” comes 4 h 12 min after "
            "customers recovered in TL-7; the last thing done before it was TL-10"
        )
        assert of(found, "TL010") == [
            "Customers recovered in TL-7 before “Rollback or failover” in TL-10"
        ]
        assert of(found, "EV008") == [
            "The sources differ on the first window (16:35 or 16:36 to 17:02, 24 or 27 "
            "minutes)"
        ]

    def test_gitlab_the_removal_has_no_time(self, bring_in) -> None:
        """R-CK-01, R-TL-08"""
        found = self.found(bring_in, "gitlab")
        assert any("data directory removed" in words for words in of(found, "TL016"))
        gaps = [row for row in found if row.id == "TL004"]
        assert [row.message for row in gaps if row.level is Level.WARNING] == [
            "67 minutes with no evidence, 16:53 to 18:00"
        ]
        assert "8 h 21 min with no evidence, 08:07 to 16:28" in of(found, "TL004")

    def test_square_one_network_was_still_declined(self, bring_in) -> None:
        """R-RV-03, R-DP-06"""
        found = self.found(bring_in, "square")
        assert of(found, "TL019") == [
            "“Customers recovered” in TL-8 says “still declined”: a part had not "
            "recovered"
        ]
        assert of(found, "DP006") == [
            "Discover network was stable 2 h 45 min before the incident was"
        ]
        assert of(found, "CO001")[0].startswith("No update for 5 h 3 min, ")
