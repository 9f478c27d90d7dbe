"""Previews: text as bounded text, pictures drawn anew and small. Nothing that somebody
uploaded is ever shown by the browser as it came."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING

from accounts.models import User
from incidents.models import Evidence, StoredFile
from incidents.services.custody import FileMissing, open_evidence_file
from incidents.services.files import PICTURES, SEALED_OFF, size_text
from postmortem.lib.errors import DomainError

if TYPE_CHECKING:
    from PIL import Image

TEXT_BYTES = 6_000
# A picture is decoded in the web process: what it may cost is known before.
PICTURE_BYTES = 25 * 1024 * 1024
PICTURE_PIXELS = 24_000_000
TOO_MANY_PIXELS = "The picture has too many pixels to be shown here; download it."
SIDES = {"preview": 1600, "thumbnail": 420}
PICTURE_HEADERS = {**SEALED_OFF, "Content-Type": "image/webp"}
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_ONE_AT_A_TIME = threading.Lock()
_TEXT_LIKE = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/xml",
        "application/javascript",
        "application/sql",
        "application/x-sh",
        "image/svg+xml",
    }
)
# Signs that a reader cannot see, or that turn the direction of what follows.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


class NoPreview(DomainError):
    """This picture is not drawn; the message says why. It can be downloaded."""

    code = "no_preview"
    status = 422


@dataclass(frozen=True)
class Preview:
    """What can be shown of a file: `kind` is text, picture, none or missing.

    words: why there is nothing to show, in a sentence.
    """

    kind: str
    text: str = ""
    is_cut: bool = False
    words: str = ""


def shows_picture(evidence: Evidence) -> bool:
    """Whether a picture of it can be tried; `draw_picture` has the last word."""
    return (
        evidence.has_file
        and evidence.media_type in PICTURES
        and (evidence.size or 0) <= PICTURE_BYTES
    )


def preview_evidence(
    evidence: Evidence, *, actor: User, stored: StoredFile | None = None
) -> Preview | None:
    """The beginning of a text as text; whether there is a picture; else why not.
    None for an artifact without a file. HTML and SVG are shown as the text they are."""
    if not evidence.has_file:
        return None
    media = evidence.media_type
    try:
        if media in PICTURES:
            return _preview_picture(evidence, actor=actor, stored=stored)
        if not media.startswith("text/") and media not in _TEXT_LIKE:
            name = "PDF files" if media == "application/pdf" else media or "This type"
            return Preview("none", words=f"{name}: no preview, download only.")
        opened = open_evidence_file(
            evidence, actor=actor, purpose="preview", stored=stored
        )
    except FileMissing as error:
        return Preview("missing", words=error.message)
    with opened.handle as handle:
        head = handle.read(TEXT_BYTES + 1)
    text = readable(head[:TEXT_BYTES])
    return Preview("text", text=text, is_cut=len(head) > TEXT_BYTES)


def _preview_picture(
    evidence: Evidence, *, actor: User, stored: StoredFile | None
) -> Preview:
    """Look at the head of the file only: the page says at once what is not drawn."""
    if not shows_picture(evidence):
        size = size_text(evidence.size or 0)
        return Preview("none", words=f"The picture has {size}: download only.")
    opened = open_evidence_file(evidence, actor=actor, purpose="preview", stored=stored)
    with opened.handle as handle:
        try:
            _open_picture(handle)
        except NoPreview as error:
            return Preview("none", words=error.message)
    return Preview("picture")


def readable(head: bytes) -> str:
    """Bytes as text for the eye: signs that nobody would see become `�`."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16" if wide else "utf-8", errors="replace")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("�", text)


def draw_picture(evidence: Evidence, *, actor: User, size: str) -> bytes:
    """The picture, decoded and drawn anew as WebP of at most `SIDES[size]` pixels a
    side, without its metadata. NoPreview: it is too large, or no picture after all."""
    if not shows_picture(evidence):
        raise NoPreview(f"{evidence.ref} has no picture that can be shown.")
    opened = open_evidence_file(evidence, actor=actor, purpose="preview")
    with opened.handle as handle, _ONE_AT_A_TIME:
        return redraw(handle, SIDES[size])


def redraw(handle: IO[bytes], side: int) -> bytes:
    """Decode one frame, turn it upright, make it small, write it as WebP."""
    from PIL import ImageFile, ImageOps

    picture = _open_picture(handle)
    # WeasyPrint, where it is loaded, lets Pillow fill what is missing with grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        picture.draft("RGB", (side, side))  # a JPEG is decoded small at once
        small = ImageOps.exif_transpose(picture)
        small.thumbnail((side, side))
        made = BytesIO()
        has_alpha = small.has_transparency_data
        small.convert("RGBA" if has_alpha else "RGB").save(made, "WEBP", quality=82)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise NoPreview("The picture is damaged; download it to look.") from error
    return made.getvalue()


def _open_picture(handle: IO[bytes]) -> Image.Image:
    """Read the head; refuse what would take too much memory to decode. Pillow is loaded
    by the first picture: most processes never show one."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(handle, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPreview(TOO_MANY_PIXELS) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise NoPreview("The file is no picture that can be shown.") from error
    width, height = picture.size
    if width * height > PICTURE_PIXELS:
        raise NoPreview(TOO_MANY_PIXELS)
    return picture
