"""The one-pager as HTML and as PDF: local fonts only, the same bytes every time."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from functools import cache, lru_cache
from html import unescape
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pydyf
from django.conf import settings
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
from review.report.measuring import BOLD, FONTS, SANS, width

EPOCH = "946684800"  # 1 January 2000, UTC
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
        "report:strip": _begun(re.sub(r"<title.*?</title>", "", report.strip)).encode(),
        "report:qr": _qr(report.url),
    }


_ANCHORED = re.compile(
    r'<text (?P<look>[^>]*)x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" '
    r'text-anchor="(?P<anchor>middle|end)"(?: font-size="(?P<size>[\d.]+)")?>'
    r"(?P<words>[^<]*)"
)


def _begun(svg: str) -> str:
    """The picture with each text set from its beginning. To the engine, one that is set
    from its middle or its end is a picture within the picture. It sets letter by letter
    without kerning, as `width` counts."""
    usual = re.search(r'font-size="([\d.]+)"', svg)

    def begun(found: re.Match[str]) -> str:
        size = found["size"] or (usual[1] if usual else "16")
        font = BOLD if "font-weight" in found["look"] else SANS
        room = width(unescape(found["words"]), float(size), font)
        x = float(found["x"]) - room / (2 if found["anchor"] == "middle" else 1)
        return (
            f'<text {found["look"]}x="{x:.2f}" y="{found["y"]}" font-size="{size}">'
            f"{found['words']}"
        )

    return _ANCHORED.sub(begun, svg)


QR_DOTS = 4  # to a module and side: sharp where a viewer smooths pictures


@lru_cache(maxsize=256)  # a page is made again at each change of its incident
def _qr(url: str) -> bytes:
    """As dots: the engine reads a path of hundreds of commands one by one."""
    import segno

    out = BytesIO()
    code = segno.make(url, error="m", micro=False)
    code.save(out, kind="png", border=0, scale=QR_DOTS)
    return out.getvalue()


def render_pdf(report: Report, record: bytes | None = None) -> bytes:
    """The page as PDF/A-3a that is also tagged for PDF/UA, cut until it fits; the same
    input gives the same bytes. record: the canonical bytes, attached as `record.json`.
    Raises PageTooLong if even the shortest page is."""
    with _undisturbed():
        report = drawable(report)
        document, html = _fit(report)
        return _write(document, html, report, record)


def _fit(report: Report) -> tuple[Any, str]:
    """The first page that fits. What the text measures says where to begin, so that
    most pages are laid out once."""
    steps, press = limit_steps(report), _press()
    pictures = _pictures(report)
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


@contextmanager
def _undisturbed() -> Iterator[None]:
    """One page makes a hundred thousand objects that all die with it: looking through
    them for cycles again and again takes a quarter of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Press:
    """The layout engine with our fonts and style sheet, loaded once in a process."""

    def __init__(self) -> None:
        with _environment("FONTCONFIG_FILE", str(FONTS / "fonts.conf")):
            self.weasyprint = import_module("weasyprint")
            fonts = import_module("weasyprint.text.fonts")
            self.fonts = fonts.FontConfiguration()
        # Both tell every step they take, at a level that is on.
        for name in ("fontTools", "weasyprint", "weasyprint.progress"):
            logging.getLogger(name).setLevel(logging.ERROR)
        path = Path(settings.BASE_DIR) / "static" / "css" / "report.css"
        self.styles = self.weasyprint.CSS(string=path.read_text(encoding="utf-8"))
        self.source = _source(self.weasyprint)

    def layout(self, html: str, pictures: dict[str, bytes]) -> Any:
        return self.source(html, _fetcher(pictures)).render(
            font_config=self.fonts, stylesheets=[self.styles], **_options()
        )


def _source(weasyprint: Any) -> Any:
    """How the engine takes our page: as the XML that it also is, which C reads in a
    tenth of the time, and with no style but `report.css`. The engine's own sheet gives
    each element six styles more, for footnotes and list markers that we do not have."""
    selectors = import_module("cssselect2")

    class Source(weasyprint.HTML):  # type: ignore[misc]
        def __init__(self, page: str, url_fetcher: Any) -> None:
            self.base_url, self.media_type = "report:", "print"
            self.url_fetcher = url_fetcher
            self.etree_element = ElementTree.fromstring(page)  # noqa: S314 - ours
            self.wrapper_element = selectors.ElementWrapper.from_html_root(
                self.etree_element, content_language=None
            )

        def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
            return []

    return Source


@cache
def _press() -> _Press:
    return _Press()


def _options() -> dict[str, Any]:
    return {"pdf_variant": "pdf/a-3a", "pdf_tags": True, "presentational_hints": False}


def _fetcher(pictures: dict[str, bytes]) -> Any:
    """Fetches the pictures of the page, and nothing else."""
    urls = import_module("weasyprint.urls")

    class ReportFetcher(urls.URLFetcher):  # type: ignore[misc, name-defined]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url in pictures:
                kind = "image/png" if url == "report:qr" else "image/svg+xml"
                return urls.URLFetcherResponse(
                    url, pictures[url], {"Content-Type": kind}, "200 OK"
                )
            return super().fetch(url, headers)

    return ReportFetcher(allowed_protocols=["data"], allow_redirects=False)


def _write(document: Any, html: str, report: Report, record: bytes | None) -> bytes:
    if record is not None:
        moment = report.as_of.astimezone(UTC)
        document.metadata.attachments.append(
            _press().weasyprint.Attachment(
                string=record,
                name="record.json",
                description="The recorded facts in canonical form; their SHA-256 is "
                "the content hash on the page",
                created=moment,
                modified=moment,
                relationship="Source",
            )
        )
    identifier = hashlib.sha256(html.encode() + (record or b"")).hexdigest()[:32]
    # The font tools write the time into a subset unless this variable says one.
    with _environment("SOURCE_DATE_EPOCH", EPOCH):
        pdf: bytes = document.write_pdf(
            finisher=_finish,
            **{**_options(), "pdf_identifier": identifier.encode()},
        )
    return pdf


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable of the environment, which is the only way to tell these libraries."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


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
    # The first object is a blank that stands for all that is free.
    pdf.objects[1:] = map(_Written, pdf.objects[1:])


class _Written(pydyf.Object):  # type: ignore[misc]
    """An object of the PDF as its bytes. The writer asks for those of each object
    twice, the second time for a hash in the trailer, and packs every stream both times,
    at a level that takes twice as long as the usual one to save a hundredth."""

    data = b""
    compressible = True

    def __init__(self, item: Any) -> None:
        super().__init__()
        self.number, self.compressible = item.number, item.compressible
        if isinstance(item, pydyf.Stream) and item.compress:
            plain = b"\n".join(map(pydyf._to_bytes, item.stream))
            item.stream, item.compress = [zlib.compress(plain)], False
            item.extra = {**item.extra, "Filter": "/FlateDecode"}
        self.data = item.data
