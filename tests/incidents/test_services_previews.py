"""Previews: nothing that was uploaded is shown as it came."""

import io
import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from incidents.services import previews
from incidents.services.previews import (
    NoPreview,
    draw_picture,
    preview_evidence,
    readable,
)
from tests.factories import make_evidence

HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def picture(kind="PNG", size=(40, 30), **options):
    made = io.BytesIO()
    Image.new("RGB", size, "white").save(made, kind, **options)
    return made.getvalue()


def bomb(width=20_000, height=20_000):
    """A small PNG whose head announces 400 million pixels."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def shown(incident, responder):
    """The artifact of an upload."""

    def run(name, content):
        return make_evidence(
            incident, actor=responder, upload=SimpleUploadedFile(name, content)
        )

    return run


class TestPreviewEvidence:
    @pytest.mark.parametrize(
        ("name", "content"), [("page.html", HTML), ("drawing.svg", SVG)]
    )
    def test_shows_html_and_svg_as_the_text_they_are(
        self, shown, viewer, name, content
    ):
        found = preview_evidence(shown(name, content), actor=viewer)
        assert (found.kind, found.text) == ("text", content.decode())

    def test_cuts_a_long_text(self, shown, viewer):
        found = preview_evidence(shown("a.log", b"line\n" * 10_000), actor=viewer)
        assert (len(found.text), found.is_cut) == (previews.TEXT_BYTES, True)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.pdf", b"%PDF-1.7\n", "PDF files: no preview, download only."),
            ("bomb.png", bomb(), "too many pixels"),
            ("large.png", bomb(6_000, 5_000), "too many pixels"),
            ("broken.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "no picture"),
        ],
    )
    def test_says_why_there_is_none(self, shown, viewer, name, content, words):
        found = preview_evidence(shown(name, content), actor=viewer)
        assert found.kind == "none"
        assert words in found.words

    def test_is_none_without_a_file(self, incident, responder, viewer):
        row = make_evidence(incident, actor=responder)
        assert preview_evidence(row, actor=viewer) is None

    def test_does_not_read_a_picture_of_too_many_bytes(self, shown, viewer):
        row = shown("a.png", picture())
        row.size = previews.PICTURE_BYTES + 1
        assert "25.0 MB: download only" in preview_evidence(row, actor=viewer).words


class TestReadable:
    @pytest.mark.parametrize(
        ("head", "text"),
        [
            (b"a\r\nb\rc", "a\nb\nc"),
            ("grün".encode(), "grün"),
            ("grün".encode("utf-16"), "grün"),
            (b"\x1b[31mred", "�[31mred"),
            ("pay\u202etxt.exe\u2066".encode(), "pay�txt.exe�"),
            (b"cut \xe2\x82", "cut �"),
        ],
    )
    def test_marks_what_nobody_would_see(self, head, text):
        assert readable(head) == text


class TestDrawPicture:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
    def test_draws_it_anew_and_small(self, shown, viewer, kind):
        row = shown(f"shot.{kind.lower()}", picture(kind, (2400, 800)))
        drawn = Image.open(
            io.BytesIO(draw_picture(row, actor=viewer, size="thumbnail"))
        )
        assert (drawn.format, drawn.size) == ("WEBP", (420, 140))

    def test_leaves_what_was_hidden_in_the_file_behind(self, shown, viewer):
        """A polyglot: a picture with a script after its end and in its comment."""
        hostile = picture("JPEG", comment=b"<script>alert(1)</script>") + HTML
        drawn = draw_picture(shown("shot.jpg", hostile), actor=viewer, size="preview")
        assert b"script" not in drawn

    def test_leaves_the_place_where_it_was_taken_behind(self, shown, viewer):
        exif = Image.Exif()
        exif[0x0112] = 6  # turned
        exif[0x010E] = "desk of the treasurer"
        row = shown("shot.jpg", picture("JPEG", (40, 20), exif=exif))
        drawn = draw_picture(row, actor=viewer, size="preview")
        assert b"treasurer" not in drawn
        assert Image.open(io.BytesIO(drawn)).size == (20, 40)

    @pytest.mark.parametrize("content", [bomb(), b"\x89PNG\r\n\x1a\n" + b"\0" * 60])
    def test_refuses_a_bomb_and_a_damaged_one(self, shown, viewer, content):
        with pytest.raises(NoPreview):
            draw_picture(shown("a.png", content), actor=viewer, size="preview")

    def test_refuses_one_that_ends_too_early(self, shown, viewer):
        whole = picture("PNG", (400, 400))
        with pytest.raises(NoPreview):
            draw_picture(
                shown("a.png", whole[: len(whole) // 2]), actor=viewer, size="preview"
            )

    def test_refuses_what_is_no_picture(self, shown, viewer):
        with pytest.raises(NoPreview):
            draw_picture(shown("a.svg", SVG), actor=viewer, size="preview")


class TestPictureThatIsHtml:
    @pytest.mark.parametrize("name", ["shot.png", "shot.jpg", "shot.gif", "shot.webp"])
    def test_is_refused_in_a_sentence(self, shown, name):
        with pytest.raises(ValidationError) as caught:
            shown(name, HTML)
        assert "but its content is a web page (HTML)." in caught.value.messages[0]
