"""The PDF engine as one page of ours needs it: our fonts, our style sheet, the same
bytes every time. Imported by the worker that makes a page; web processes stay smaller.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any
from xml.etree import ElementTree

import pydyf
import weasyprint
from cssselect2 import ElementWrapper
from django.conf import settings
from weasyprint.document import Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from review.report.lettering import our_lettering
from review.report.measuring import FONTS

EPOCH = "946684800"  # 1 January 2000, UTC
OPTIONS = {"pdf_variant": "pdf/a-3a", "pdf_tags": True}


class Press:
    """The layout engine with our fonts and style sheet, loaded once in a process."""

    def __init__(self) -> None:
        with _environment("FONTCONFIG_FILE", str(FONTS / "fonts.conf")):
            self.fonts = FontConfiguration()
        # Both tell every step they take, at a level that is on.
        for name in ("fontTools", "weasyprint", "weasyprint.progress"):
            logging.getLogger(name).setLevel(logging.ERROR)
        path = Path(settings.BASE_DIR) / "static" / "css" / "report.css"
        self.sheet = weasyprint.CSS(string=path.read_text(encoding="utf-8"))
        self.styles: dict[tuple[Any, ...], Any] = {}

    def layout(self, html: str, pictures: Mapping[str, bytes]) -> Any:
        """The page laid out. pictures: by the address that the page gives them."""
        options = {**weasyprint.DEFAULT_OPTIONS, **OPTIONS, "stylesheets": [self.sheet]}
        page = _Page(html, _fetcher(pictures), self.styles)
        with our_lettering():
            return _with_room(
                lambda: _Document._render(page, self.fonts, None, None, options)
            )

    def write(
        self, document: Any, *, html: str, record: bytes | None, moment: datetime
    ) -> bytes:
        """The bytes of a page that was laid out, with its record attached."""
        if record is not None:
            document.metadata.attachments.append(
                weasyprint.Attachment(
                    string=record,
                    name="record.json",
                    description="The recorded facts in canonical form; their SHA-256 "
                    "is the content hash on the page",
                    created=moment.astimezone(UTC),
                    modified=moment.astimezone(UTC),
                    relationship="Source",
                )
            )
        identifier = hashlib.sha256(html.encode() + (record or b"")).hexdigest()[:32]
        # The font tools write the time into a subset unless this variable says one.
        with _environment("SOURCE_DATE_EPOCH", EPOCH), our_lettering():
            pdf: bytes = document.write_pdf(
                finisher=_finish, pdf_identifier=identifier.encode(), **OPTIONS
            )
        return pdf


@cache
def press() -> Press:
    return Press()


def _call(work: Callable[[], Any]) -> Any:
    return work()


# Python 3.11 and later keep the frames of calls in pieces of 16 kB. A call across the
# end of one asks the system for another and gives it back as it returns: where the ends
# fall within the layout, which calls deeply, that was an eighth of the time of a page.
# The frame of this function claims 125 kB, so its piece has room for all below it.
_with_room = FunctionType(_call.__code__.replace(co_stacksize=16_000), globals())


class _Page(weasyprint.HTML):  # type: ignore[misc]
    """Our page, read as the XML that it also is: C does that in a tenth of the time.
    It has no style but `report.css`: the engine's own sheet gives each element six
    more, for footnotes and list markers that we do not have."""

    def __init__(self, page: str, url_fetcher: Any, styles: dict[Any, Any]) -> None:
        self.base_url, self.media_type = "report:", "print"
        self.url_fetcher = url_fetcher
        self.etree_element = ElementTree.fromstring(page)  # noqa: S314 - ours
        self.wrapper_element = ElementWrapper.from_html_root(
            self.etree_element, content_language=None
        )
        self.styles = styles

    def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
        return []


class _Document(Document):  # type: ignore[misc]
    """A document whose elements have the styles that earlier pages worked out. A style
    follows from the rules that hold for an element and from the style above it, and
    from nothing that a page says. It took an eighth of the time."""

    @classmethod
    def _build_layout_context(cls, html: _Page, *rest: Any) -> Any:
        context = super()._build_layout_context(html, *rest)
        found = context.style_for._computed_styles
        shared: dict[int, Any] = {}  # by the style that this page came with
        for place, style in found.items():  # those above come first
            if id(style) not in shared:
                shared[id(style)] = cls._kept(style, shared, html.styles)
            found[place] = shared[id(style)]
        return context

    @staticmethod
    def _kept(style: Any, shared: dict[int, Any], styles: dict[Any, Any]) -> Any:
        above = shared.get(id(style.parent_style))
        rules = tuple(
            (name, value if name == "lang" else id(value))
            for name, (value, _) in style.cascaded.items()
        )
        kept = styles.setdefault((id(above), style.pseudo_type, rules), style)
        if kept is style:
            style.parent_style = above
            style.root_style = shared.get(id(style.root_style), style.root_style)
        return kept


def _fetcher(pictures: Mapping[str, bytes]) -> Any:
    """Fetches the pictures of the page, and nothing else."""

    class ReportFetcher(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url in pictures:
                kind = "image/png" if url == "report:qr" else "image/svg+xml"
                return URLFetcherResponse(
                    url, pictures[url], {"Content-Type": kind}, "200 OK"
                )
            return super().fetch(url, headers)

    return ReportFetcher(allowed_protocols=["data"], allow_redirects=False)


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
