"""The PDF engine with our fonts and our style sheet, for one kind of page.

Imported only where a page is made. It goes past the entry of the engine for anybody,
`HTML(…).render()`, which reads the page as HTML, under the style sheet of a browser,
and works out the style of every place anew for every page.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cssselect2 import ElementWrapper
from django.conf import settings
from weasyprint import CSS, DEFAULT_OPTIONS, Attachment
from weasyprint.css import StyleFor
from weasyprint.css.counters import CounterStyle
from weasyprint.css.targets import TargetCollector
from weasyprint.document import Document
from weasyprint.images import get_image_from_uri
from weasyprint.layout import LayoutContext
from weasyprint.text.fonts import FontConfiguration

__all__ = ["OPTIONS", "Attachment", "Press"]

OPTIONS = {**DEFAULT_OPTIONS, "pdf_variant": "pdf/a-3a", "pdf_tags": True}


class Press:
    """What is the same for every page, loaded once in a process."""

    def __init__(self) -> None:
        self.fonts = FontConfiguration()
        # Both tell every step they take, at a level that is on.
        for name in ("fontTools", "weasyprint", "weasyprint.progress"):
            logging.getLogger(name).setLevel(logging.ERROR)
        path = Path(settings.BASE_DIR) / "static" / "css" / "report.css"
        self.sheet = CSS(string=path.read_text(encoding="utf-8"))
        self.styles: dict[Any, Any] = {}

    def layout(self, page: str, url_fetcher: Any) -> Any:
        source = Source(self, page, url_fetcher)
        return Sheet._render(source, self.fonts, CounterStyle(), {}, {**OPTIONS})


class Source:
    """A page as the engine takes it. Ours is XML too, which C reads."""

    def __init__(self, press: Press, page: str, url_fetcher: Any) -> None:
        self.press = press
        self.base_url = "report:"
        self.url_fetcher = url_fetcher
        self.etree_element = ElementTree.fromstring(page)  # noqa: S314 - our own
        self.wrapper_element = ElementWrapper.from_html_root(
            self.etree_element, content_language=None
        )


class Sheet(Document):  # type: ignore[misc]
    @classmethod
    def _build_layout_context(
        cls, source: Source, fonts: Any, counters: Any, profiles: Any, options: Any
    ) -> Any:
        targets = TargetCollector()
        images = partial(
            get_image_from_uri,
            cache={},
            url_fetcher=source.url_fetcher,
            options=options,
        )
        styles = Styles(source, targets)
        return LayoutContext(styles, images, fonts, counters, targets)


class Styles(StyleFor):  # type: ignore[misc]
    """The style of each element: from `report.css` alone, worked out once in a process.
    A style is what the rules that match make of the style of the parent. It knows
    nothing of the words in it, and there are as many as the template has kinds of
    places, because no element brings a style of its own."""

    def __init__(self, source: Source, targets: Any) -> None:
        press = source.press
        self.kept = press.styles
        super().__init__(
            source, [(press.sheet, "author", None)], False, press.fonts, targets
        )

    def set_computed_styles(
        self, element: Any, parent: Any, pseudo_type: Any = None, **more: Any
    ) -> None:
        if not isinstance(element, ElementTree.Element):  # the page itself
            super().set_computed_styles(
                element, parent, pseudo_type=pseudo_type, **more
            )
            return
        computed = self.get_computed_styles()
        rules = self.get_cascaded_styles().get((element, pseudo_type), {})
        key = (
            None if parent is None else id(computed[parent, None]),
            pseudo_type,
            element.get("lang"),
            # A style holds on to the values that it was made of.
            *((name, id(rule[0])) for name, rule in rules.items() if name != "lang"),
        )
        if key not in self.kept:
            super().set_computed_styles(
                element, parent, pseudo_type=pseudo_type, **more
            )
            self.kept[key] = computed[element, pseudo_type]
        computed[element, pseudo_type] = self.kept[key]
