"""The one-pager as HTML and as PDF: local fonts only, the same bytes every time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from review.report.content import Report
from review.report.cutting import (
    Limits,
    Page,
    cut,
    drawable,
    filled,
    guess,
    limit_steps,
)

if TYPE_CHECKING:
    from review.report.press import Press

_FIGURE = re.compile(
    r"(?<![\w:.,\-/])([€£$]?\d[\d,]*(?:\.\d+)?)(?=\s(?:[a-z%]|[A-Z]{3}\b)|\s*$)"
)


def strong_figures(text: str) -> SafeString:
    """The text, escaped, with its figures set bold."""
    escaped = str(conditional_escape(text))
    return mark_safe(_FIGURE.sub(r"<b>\1</b>", escaped))  # noqa: S308 - escaped above


class PageTooLong(Exception):
    """What must never be cut is more than a page."""


def render_html(report: Report, limits: Limits | None = None) -> str:
    """The page as one HTML document; its pictures and style are handed over with it."""
    report = drawable(report)
    return _html(cut(report, limits or limit_steps(report)[0]))


def _html(page: Page) -> str:
    html = render_to_string(
        "review/report_print.html",
        {
            "page": page,
            "report": page.report,
            "impact": [(line, strong_figures(line.text)) for line in page.impact],
            "strip": _words_of(page.report.strip),
        },
    )
    return _TEXT.sub(_directed, str(html))


# The text that an element of the page begins with.
_TEXT = re.compile(r"<(h1|p|td)((?: class=\"[^\"]*\")?)>([^<]+)")


def _directed(found: re.Match[str]) -> str:
    """A text whose first letter is written from right to left runs that way, so that
    its full stops and its ellipsis stand at its end."""
    name, css, text = found.groups()
    letters = (unicodedata.bidirectional(character) for character in text)
    first = next((kind for kind in letters if kind in {"L", "R", "AL"}), "L")
    if first == "L":
        return found.group()
    return f'<{name}{css} dir="rtl">{text}'


LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" '
    'height="24" rx="6" fill="#161d27"/><path d="M4 8.5h4.2l3.4 7.4 3.6-8.2h4.8" '
    'fill="none" stroke="#fff" stroke-width="2"/></svg>'
)


def _words_of(svg: str) -> str:
    """The title of a picture, which readers of the tagged PDF hear."""
    found = re.search(r"<title[^>]*>(.*?)</title>", svg, re.DOTALL)
    return unescape(found.group(1)) if found else "Recovery"


def _pictures(report: Report) -> dict[str, bytes]:
    """The pictures of one page by the address that its HTML gives them."""
    return {
        "report:logo": LOGO.encode(),
        "report:strip": re.sub(r"<title.*?</title>", "", report.strip).encode(),
        "report:qr": _qr(report.url),
    }


QR_DOTS = 4  # to a module and side: sharp where a viewer smooths pictures


@lru_cache(maxsize=256)  # a page is made again at each change of its incident
def _qr(url: str) -> bytes:
    """As dots: the engine reads a path of hundreds of commands one by one. In shades of
    grey: it makes colors of plain black and white, and packs them twice."""
    import segno
    from PIL import Image

    dots, grey = BytesIO(), BytesIO()
    segno.make(url, error="m", micro=False).save(
        dots, kind="png", border=0, scale=QR_DOTS
    )
    Image.open(dots).convert("L").save(grey, format="PNG")
    return grey.getvalue()


def render_pdf(report: Report, record: bytes | None = None) -> bytes:
    """The page as PDF/A-3a that is also tagged for PDF/UA, cut until it fits; the same
    input gives the same bytes. record: the canonical bytes, attached as `record.json`.
    Raises PageTooLong if even the shortest page is."""
    # Only the worker that makes a page needs the engine; web processes stay smaller.
    from review.report.press import press

    report = drawable(report)
    document, html = _fit(report, press())
    return press().write(document, html=html, record=record, moment=report.as_of)


def _fit(report: Report, press: Press) -> tuple[Any, str]:
    """The first page that fits. What the text measures says where to begin, so that
    most pages are laid out once."""
    steps, pictures = limit_steps(report), _pictures(report)
    for limits in _with_spare_room(report, steps, guess(report, steps)):
        html = _html(cut(report, limits))
        document = press.layout(html, pictures)
        if len(document.pages) == 1:
            return document, html
    raise PageTooLong(
        f"{report.key} does not fit on one page even at its shortest. Shorten the "
        "names of its approvals and waivers, then make it again."
    )


def _with_spare_room(
    report: Report, steps: list[Limits], start: int
) -> Iterator[Limits]:
    """The steps from the first that should fit, with its spare room put to use."""
    first = filled(report, steps[start], steps[0])
    if first != steps[start]:
        yield first
    yield from steps[start:]
