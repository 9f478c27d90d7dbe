"""The one-pager as HTML and as PDF: local fonts only, the same bytes every time."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import segno
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from review.report.content import Report
from review.report.cutting import Limits, cut, limit_steps

EPOCH = "946684800"  # 1 January 2000, UTC
_FIGURE = re.compile(
    r"(?<![\w:.,\-/])([€£$]?\d[\d,]*(?:\.\d+)?)(?=\s(?:[a-z%]|[A-Z]{3}\b)|\s*$)"
)


def strong_figures(text: str) -> SafeString:
    """The text, escaped, with its figures set bold."""
    escaped = str(conditional_escape(text))
    return mark_safe(_FIGURE.sub(r"<b>\1</b>", escaped))  # noqa: S308 - escaped above


def render_html(report: Report, limits: Limits | None = None) -> str:
    """The page as one HTML document that needs nothing from outside but the fonts."""
    page = cut(report, limits or limit_steps(report)[0])
    impact = [(line, strong_figures(line.text)) for line in page.impact]
    html = render_to_string(
        "review/report_print.html",
        {
            "page": page,
            "report": page.report,
            "impact": impact,
            "styles": mark_safe(_styles()),  # noqa: S308 - our own style sheet
            "qr": mark_safe(_qr(report.url)),  # noqa: S308 - drawn by segno
            "strip": mark_safe(report.strip),  # noqa: S308 - drawn by the timeline
        },
    )
    return str(html)


def _qr(url: str) -> str:
    """The QR code as SVG, with the title that readers of the tagged PDF hear."""
    out = BytesIO()
    segno.make(url, error="m", micro=False).save(
        out,
        kind="svg",
        border=0,
        xmldecl=False,
        svgns=True,
        title="QR code: opens this record",
        svgclass=None,
        lineclass=None,
        omitsize=True,
    )
    return out.getvalue().decode()


def _styles() -> str:
    path = Path(settings.BASE_DIR) / "static" / "css" / "report.css"
    return path.read_text(encoding="utf-8")


@cache
def font_files() -> dict[str, bytes]:
    """The fonts of the product by the address that `report.css` gives them. A font
    that is not there is left out: the system's own sans serif stands in."""
    vendor = Path(settings.BASE_DIR) / "static" / "vendor"
    found = {}
    for family in ("inter", "jetbrains-mono"):
        for part in ("latin", "latin-ext"):
            for path in sorted(
                vendor.glob(f"{family}-*/{family}-{part}-wght-normal.woff2")
            ):
                found[f"report-font:{family}-{part}"] = path.read_bytes()
    return found


def render_pdf(
    html: str | None = None,
    *,
    report: Report | None = None,
    record: bytes | None = None,
) -> bytes:
    """The page as PDF/A-3a that is also tagged for PDF/UA; the same input gives the
    same bytes. Give either the HTML of a page that fits, or the report, which is then
    cut until it fits. record: the canonical bytes, attached as `record.json`."""
    if html is None:
        assert report is not None
        return _fit(report, record)
    return _write(_Press().layout(html), html, None, record)


def _fit(report: Report, record: bytes | None) -> bytes:
    steps = limit_steps(report)
    made: dict[int, tuple[Any, str]] = {}
    press = _Press()

    def fits(at: int) -> bool:
        html = render_html(report, steps[at])
        made[at] = (press.layout(html), html)
        return len(made[at][0].pages) == 1

    low, high = 0, len(steps) - 1
    if fits(low):
        high = low
    while low < high:  # everything before `low` is too much; `high` is taken to fit
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    if low not in made:
        fits(low)
    document, html = made[low]
    if len(document.pages) != 1:
        raise ValueError(f"{report.key} does not fit on one page even at its shortest")
    return _write(document, html, report, record)


class _Press:
    """The layout engine with the fonts loaded once for all tries of one page."""

    def __init__(self) -> None:
        # Both tell every step they take, at a level that is on.
        for name in ("fontTools", "weasyprint"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.weasyprint = import_module("weasyprint")
        self.fonts = import_module("weasyprint.text.fonts").FontConfiguration()
        self.fetcher = _fetcher()
        self.faces = self.weasyprint.CSS(
            string=_font_faces(), font_config=self.fonts, url_fetcher=self.fetcher
        )

    def layout(self, html: str) -> Any:
        source = self.weasyprint.HTML(
            string=html, url_fetcher=self.fetcher, base_url="report:"
        )
        return source.render(
            font_config=self.fonts, stylesheets=[self.faces], **_options()
        )


FACES = {
    "report-font:inter-latin": "Report Sans",
    "report-font:inter-latin-ext": "Report Sans Ext",
    "report-font:jetbrains-mono-latin": "Report Mono",
    "report-font:jetbrains-mono-latin-ext": "Report Mono Ext",
}


def _font_faces() -> str:
    """The fonts that are there; without them the system's own stand in."""
    return "".join(
        f'@font-face {{ font-family: "{FACES[url]}"; font-weight: 100 900; '
        f'src: url("{url}") format("woff2"); }}'
        for url in font_files()
    )


def _options() -> dict[str, Any]:
    return {"pdf_variant": "pdf/a-3a", "pdf_tags": True, "presentational_hints": False}


def _fetcher() -> Any:
    """Fetches inline data and our own font files, and nothing else."""
    urls = import_module("weasyprint.urls")
    fonts = font_files()

    class ReportFetcher(urls.URLFetcher):  # type: ignore[misc, name-defined]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url in fonts:
                return urls.URLFetcherResponse(
                    url, BytesIO(fonts[url]), {"Content-Type": "font/woff2"}, "200 OK"
                )
            return super().fetch(url, headers)

    return ReportFetcher(allowed_protocols=["data"], allow_redirects=False)


def _write(
    document: Any,
    html: str,
    report: Report | None,
    record: bytes | None,
) -> bytes:
    weasyprint = import_module("weasyprint")
    moment = (
        report.as_of.astimezone(UTC) if report else datetime(2000, 1, 1, tzinfo=UTC)
    )
    if record is not None:
        document.metadata.attachments.append(
            weasyprint.Attachment(
                string=record,
                name="record.json",
                description="The recorded facts in canonical form; their SHA-256 is "
                "the content hash on the page",
                created=moment,
                modified=moment,
                relationship="Source",
            )
        )
    with _still_clock():
        return _bytes_of(document, html, record)


def _bytes_of(document: Any, html: str, record: bytes | None) -> bytes:
    identifier = hashlib.sha256(html.encode() + (record or b"")).hexdigest()[:32]
    pdf: bytes = document.write_pdf(
        finisher=_finish,
        **{**_options(), "pdf_identifier": identifier.encode()},
    )
    return pdf


@contextmanager
def _still_clock() -> Iterator[None]:
    """The font tools write the time into every subset, unless this variable says one;
    then the same page has the same bytes, whoever prints it and when."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("SOURCE_DATE_EPOCH", None)
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before


PDFUA = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>PDF/UA version</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""


def _finish(document: Any, pdf: Any) -> None:
    """Store the metadata readable (not compressed) and name PDF/UA beside PDF/A."""
    for item in pdf.objects:
        extra = getattr(item, "extra", None)
        if not extra or extra.get("Type") != "/Metadata":
            continue
        item.compress = False
        inner = PDFUA.split(b">", 1)[1]
        item.stream = [
            part.replace(b"</rdf:RDF>", inner + b"</rdf:RDF>")
            if isinstance(part, bytes)
            else part
            for part in item.stream
        ]
