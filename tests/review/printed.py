"""One-pagers of a made-up report, small and large, and what can be read off them."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from html import unescape
from io import BytesIO

import pikepdf

from review.report import Report, render_pdf
from review.report.content import (
    ActionLine,
    Amount,
    ApprovalLine,
    IndexLine,
    Indicator,
    Line,
    Ref,
)
from tests.conftest import NOW

HASH = "a41c93f02d7e5b18c6048fa219d37e650b42e8c16f9a3d7024be91f75c087e0b"
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
STRIP = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 104" '
    'font-family="Report Sans" font-size="9.5"><title>Recovery. Declared 14:04.</title>'
    '<rect x="10" y="40" width="600" height="18" fill="#dde3fb"/>'
    '<text x="20" y="98">14:00</text></svg>'
)
TEXTS = {
    "plain": "The consumer rejected every event that carried the new field, so orders "
    "stayed authorized and were not confirmed until the rollback at 15:34. ",
    "unbroken": "Zahlungsdienstleisterschnittstellenversionskonflikt" * 5 + " ",
    "arabic": "توقفت معالجة الطلبات بعد التفويض لأن المستهلك رفض كل حدث جديد (v4). ",
    "hebrew": "הצרכן דחה כל אירוע עם השדה החדש, ולכן הזמנות לא אושרו (v4). ",
    "chinese": "消费者拒绝了每个带有新字段的事件，因此订单在回滚之前一直未被确认。",
    "japanese": "コンシューマーが新しいフィールドのイベントを拒否しました。",
    "emoji": "🚨 Orders stuck 👩🏽‍💻 rolled back 🇩🇪 ✅ paged 🔥 again ",
    "unknown": "தமிழ் பணம் செலுத்துதல் failed, ꦗꦮ too, 𠮷 alone. ",
}


def ref(number: int, is_original: bool = True) -> Ref:
    return Ref(f"EV-{number}", f"https://pm.example/e/{number}", is_original)


def made(size: int, text: str = TEXTS["plain"]) -> Report:
    """A report that grows with `size`: at 40 it has 40 actions, 60 artifacts and a
    dozen of everything else, each with a text of several lines."""
    refs = (ref(1), ref(2, False), ref(12))[: min(size, 3)]
    words = (text * 20)[: size * 30]
    third = -(-size // 3)

    def lines(number: int, label: str = "", short: str = "") -> tuple[Line, ...]:
        return tuple(
            Line(
                label, f"{n} {words}", refs, size, bool(n % 2), short and f"{short}-{n}"
            )
            for n in range(number)
        )

    def actions(start: int, stop: int) -> tuple[ActionLine, ...]:
        return tuple(
            ActionLine(
                f"ACT-{n}",
                f"{n} {words}",
                text,
                "20 Mar",
                words,
                "plan",
                "On plan",
                refs[:1],
            )
            for n in range(start, stop)
        )

    return Report(
        key="INC-2041",
        title=f"{text * 3} stalled",
        severity="SEV2",
        status="In review",
        is_sealed=False,
        stamp="Draft, 9 findings block",
        stamp_lines=("17 Mar 2026, 10:20 UTC", "In review, not sealed"),
        clock="10 Mar 2026, 13:43 to 19:20 (5 h 37 min)",
        zone="UTC",
        commander=text,
        lanes=text * 2,
        summary=words,
        impact=lines(third, "Customer") or (Line("Customer", "not recorded"),),
        money=tuple(
            Amount(f"{n} {text}", "€412,860.20", refs[:1], bool(n % 2))
            for n in range(size)
        ),
        currency="EUR",
        indicators=tuple(
            Indicator(
                name, "9 min to detect", ("Mitigated: 26 min", "On cadence"), refs[:1]
            )
            for name in ("Timeliness", "Accuracy", "Reliability", "Compliance")
        ),
        recovery=(
            Line("", "customers 1 h 51 min", refs[:1]),
            Line("", "ledger 5 h 37 min", refs[1:2]),
        ),
        strip=STRIP if size else "",
        trigger=lines(third),
        primary=lines(third),
        contributing=lines(third),
        mandatory=actions(0, size // 2),
        scheduled=actions(size // 2, size),
        approvals=(
            ApprovalLine("Finance director", "not yet", False),
            ApprovalLine(
                "Engineering manager", "10 Mar 2026, 15:58 UTC, approved", True
            ),
        ),
        risks=lines(third, "Unknown") + lines(third, "Gap", "CK003 SC"),
        controls=(),
        index=tuple(
            IndexLine(ref(n, bool(n % 3)), f"{n} {text}", "sha 0a1b2c3d", 60 - n)
            for n in range(size * 3 // 2)
        ),
        evidence_total=size * 3 // 2,
        content_hash=HASH,
        sealed_hash="",
        url="https://pm.example/incidents/INC-2041/review/",
        as_of=NOW,
        flags=("AP001", "CK006 (2 times)", "RC004"),
        where={
            name: Ref(
                f"INC-2041/{name}", f"https://pm.example/incidents/INC-2041/{name}/"
            )
            for name in ("case", "causes", "actions", "risks", "evidence")
        },
    )


@cache
def printed(size: int, text: str = TEXTS["plain"]) -> bytes:
    return render_pdf(made(size, text), b'{"a":1}')


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """What a reader can select, in the order of the page."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return done.stdout.decode()


def words_of(pdf: bytes) -> str:
    """The same in one line, as `pdftotext` reads it without columns."""
    done = subprocess.run(
        ["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return " ".join(done.stdout.decode().split())


def places_of(pdf: bytes) -> dict[str, tuple[float, float]]:
    """Where each word begins and ends across the page, in points."""
    done = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=True
    )
    found = re.findall(
        r'<word xMin="([\d.]+)" .*? xMax="([\d.]+)" .*?>(.*?)</word>',
        done.stdout.decode(),
    )
    return {unescape(word): (float(left), float(right)) for left, right, word in found}


def fonts_of(pdf: bytes) -> set[str]:
    document = opened(pdf)
    return {
        str(font.BaseFont).split("+")[-1]
        for font in document.pages[0].Resources.Font.values()
    }
