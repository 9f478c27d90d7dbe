"""The file of the one-pager: the same bytes everywhere, its fonts, words and tags."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import pickle
import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import segno
import time_machine
from django.conf import settings
from PIL import Image

from review.report import lettering, render_pdf
from review.report.measuring import BOLD, FONTS, SANS, width
from review.report.press import _fetcher, press
from review.report.rendering import QR_DOTS, _qr
from tests.conftest import NOW
from tests.review.printed import (
    TEXTS,
    fonts_of,
    made,
    opened,
    places_of,
    printed,
    words_of,
)


class TestBytes:
    """The same record gives the same bytes: any process, time, zone and machine."""

    def test_are_the_same_at_any_time(self) -> None:
        with time_machine.travel(NOW + dt.timedelta(days=400), tick=True):
            again = render_pdf(made(7), b'{"a":1}')

        assert hashlib.sha256(again).digest() == hashlib.sha256(printed(7)).digest()

    def test_are_the_same_after_other_pages(self) -> None:
        """What a process keeps, fonts and style sheet, knows nothing of a page."""
        draft = made(9, TEXTS["emoji"])
        reports = [draft, made(40, TEXTS["arabic"]), replace(draft, is_sealed=True)]
        press.cache_clear()
        forwards = [render_pdf(report) for report in reports]
        press.cache_clear()
        backwards = [render_pdf(report) for report in reversed(reports)]

        assert forwards == backwards[::-1]
        kept = len(press().styles)
        assert [render_pdf(report) for report in reports] == forwards
        assert len(press().styles) == kept

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_are_those_that_the_engine_writes_by_itself(
        self, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        """Letters as the engine sets and draws them; only labels of the strip are set
        another way."""
        report = replace(made(9, text), strip="")
        ours = render_pdf(report)
        monkeypatch.setattr("review.report.press.our_lettering", nullcontext)

        assert render_pdf(report) == ours

    def test_are_those_of_the_engine_for_raised_letters(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left: list[str] = []

        def noted(stream: Any, box: Any, *rest: Any) -> Any:
            left.append(box.text)
            return by_the_engine(stream, box, *rest)

        by_the_engine = lettering._draw_by_the_engine
        monkeypatch.setattr(lettering, "_draw_by_the_engine", noted)
        render_pdf(made(9, TEXTS["arabic"] + " \u0628\u0651\u064e"))
        assert any("\u0651" in text for text in left)

        left.clear()
        render_pdf(made(9, TEXTS["plain"]))
        assert not left

    def test_are_the_same_in_any_process(self, tmp_path: Path) -> None:
        """Hash seeds, time zones, languages, and a machine with fonts of its own."""
        texts = [TEXTS["emoji"], TEXTS["arabic"], "".join(TEXTS.values())]
        page = tmp_path / "reports"
        page.write_bytes(pickle.dumps([made(9, text) for text in texts]))
        fonts = tmp_path / "fonts.conf"
        fonts.write_text("<fontconfig></fontconfig>")
        program = (
            "import sys, hashlib, pickle, django; django.setup();"
            "from review.report import render_pdf;"
            "reports = pickle.load(open(sys.argv[1], 'rb'));"
            "print([hashlib.sha256(render_pdf(r, b'{}')).hexdigest() for r in reports])"
        )
        hashes = {
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program, str(page)],
                cwd=settings.BASE_DIR,
                env={
                    **os.environ,
                    **more,
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                },
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for more in (
                {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8"},
                {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LANG": "C"}
                | {"FONTCONFIG_FILE": str(fonts), "HOME": str(tmp_path)},
            )
        }

        assert len(hashes) == 1

    def test_embed_our_own_fonts_only(self) -> None:
        for text in ("".join(TEXTS.values()), TEXTS["plain"]):
            names = fonts_of(printed(5, text))
            assert names
            assert all(name.startswith("Report-") for name in names)

    def test_carry_the_licence_of_every_font(self) -> None:
        told = (FONTS / "README.md").read_text(encoding="utf-8")

        for path in FONTS.glob("*.ttf"):
            assert path.name in told
        assert (FONTS / "OFL.txt").exists()
        assert (FONTS / "Apache-2.0.txt").exists()


class TestPdf:
    def test_is_tagged_with_title_and_language(self) -> None:
        pdf = opened(printed(7))

        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "en-US"
        assert str(pdf.docinfo.Title).startswith("INC-2041 one-pager")
        metadata = bytes(pdf.Root.Metadata.read_raw_bytes())
        assert b"pdfaid:part" in metadata
        assert b"pdfuaid:part>1<" in metadata
        assert b"2026-03-17T10:20:00" in metadata

    def test_puts_all_content_in_the_tag_tree(self) -> None:
        """Every piece of text and every picture belongs to a structure element; what
        does not is marked as decoration."""
        pdf = opened(printed(7))
        depth, stray = 0, []
        for item in pikepdf.parse_content_stream(pdf.pages[0]):
            operator = str(item.operator)
            if operator in {"BDC", "BMC"}:
                depth += 1
            elif operator == "EMC":
                depth -= 1
            elif operator in {"Tj", "TJ", "Do"} and not depth:
                stray.append(operator)

        assert stray == []

    def test_tags_tables_as_tables_of_rows(self) -> None:
        """The engine names rows that stand in no group a table in a table."""
        pdf = opened(printed(7))
        tags = {
            item.objgen: str(item.S)
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and "/S" in item and "/P" in item
        }
        parents = {
            tags.get(item.P.objgen)
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/TR"
        }

        assert parents == {"/TBody"}
        assert list(tags.values()).count("/Table") == 7

    def test_gives_every_picture_a_text(self) -> None:
        figures = []

        def walk(node: Any) -> None:
            if isinstance(node, pikepdf.Array):
                for child in node:
                    walk(child)
            elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
                if node.S == "/Figure":
                    figures.append(str(node.get("/Alt", "")))
                walk(node.get("/K", pikepdf.Array()))

        pdf = opened(printed(7))
        walk(pdf.Root.StructTreeRoot.K)
        assert sorted(figures) == [
            "Postmortem",
            "QR code: opens this record",
            "Recovery. Declared 14:04.",
        ]

    def test_can_be_selected_as_text(self) -> None:
        words = words_of(printed(2))

        for part in (
            "Draft, 9 findings block",
            "9 min to detect",
            "412,860.20",
            "All times on one incident clock, UTC.",
        ):
            assert part in words, part

    def test_keeps_the_whole_foot_where_the_zone_has_a_long_name(self) -> None:
        zone = "America/Argentina/ComodRivadavia"
        words = words_of(render_pdf(replace(made(7), zone=zone)))

        assert f"sha256 {made(7).hash_groups}" in words
        assert f"All times on one incident clock, {zone}." in words
        assert "Page 1 of 1" in words

    def test_carries_the_record_as_an_attachment(self) -> None:
        pdf = opened(printed(7))

        assert pdf.attachments["record.json"].get_file().read_bytes() == b'{"a":1}'
        assert str(pdf.Root.AF[0].AFRelationship) == "/Source"

    def test_draws_a_code_that_opens_the_record(self) -> None:
        """The dark modules of the picture are those of the address's QR code."""
        report = made(7)
        picture = Image.open(BytesIO(_qr(report.url))).convert("1")
        wanted = segno.make(report.url, error="m", micro=False).matrix
        side = len(wanted)
        drawn = [
            [not picture.getpixel((x * QR_DOTS, y * QR_DOTS)) for x in range(side)]
            for y in range(side)
        ]

        assert picture.size == (side * QR_DOTS, side * QR_DOTS)
        assert drawn == [[bool(module) for module in row] for row in wanted]

    def test_sets_the_words_of_the_strip_about_their_place(self) -> None:
        """Begun there, centered there or ended there; escaped ones and none at all."""
        words = "".join(
            f'<text x="500" y="{y}" text-anchor="{anchor}" {look}>{word}</text>'
            for y, anchor, look, word in (
                (30, "start", "", "Begun"),
                (60, "middle", "", "Centered"),
                (90, "end", 'font-weight="600"', "Ended"),
                (120, "end", "", "5&lt;6"),
                (130, "end", "", ""),
            )
        )
        strip = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 144" '
            f'font-size="12" font-family="Inter">{words}</svg>'
        )
        drawn = places_of(render_pdf(replace(made(1), strip=strip)))
        begun, centered, ended = drawn["Begun"], drawn["Centered"], drawn["Ended"]
        place = begun[0]
        scale = (begun[1] - begun[0]) / width("Begun", 12, SANS)

        assert sum(centered) / 2 == pytest.approx(place, abs=0.2)
        assert ended[1] == pytest.approx(place, abs=0.2)
        assert drawn["5<6"][1] == pytest.approx(place, abs=0.2)
        assert ended[1] - ended[0] == pytest.approx(
            width("Ended", 12, BOLD) * scale, abs=0.2
        )

    def test_draws_the_code_with_hard_edges(self) -> None:
        pdf = opened(printed(7))
        images = [
            item
            for item in pdf.objects
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image"
        ]

        assert [bool(image.Interpolate) for image in images] == [False]

    def test_never_sets_type_below_the_limits(self) -> None:
        """Body at least 7 pt, index and refs at least 6.4 pt."""
        styles = Path(settings.BASE_DIR, "static/css/report.css").read_text()
        sizes = re.findall(r"([^{}]+)\{[^}]*?font(?:-size)?:[^;}]*?([\d.]+)pt", styles)
        assert len(sizes) > 10
        for selector, size in sizes:
            least = 6.4 if ".index" in selector or ".ev" in selector else 7
            assert float(size) >= least, selector

    def test_fetches_nothing_but_its_pictures(self) -> None:
        fetch = _fetcher({"report:qr": b"<svg/>"})

        assert fetch("report:qr").read() == b"<svg/>"
        for url in ("file:///etc/passwd", "https://example.com/x.css", "report:x"):
            with pytest.raises(ValueError, match="protocol"):
                fetch(url)
