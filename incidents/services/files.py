"""The bytes of evidence: stored under their SHA-256, never replaced; and opened again
without letting a browser run them."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import puremagic
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from postmortem.lib import sensitive
from postmortem.lib.errors import field_error
from postmortem.lib.uploads import ReceivedFile, is_text, receive

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
HARMLESS = frozenset({"text/plain", "application/pdf"})
UNKNOWN = "application/octet-stream"
# Headers of every answer made from what somebody uploaded.
SEALED_OFF = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

# Types that are told by their first bytes: a file that has the bytes must have the
# name, and the other way round.
_SIGNED = {
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "image/bmp": "BMP image",
    "image/tiff": "TIFF image",
    "application/pdf": "PDF document",
    "application/zip": "ZIP archive",
    "application/gzip": "gzip archive",
    "application/x-bzip2": "bzip2 archive",
    "application/x-xz": "xz archive",
    "application/x-7z-compressed": "7z archive",
    "application/x-dosexec": "Windows program",
    "application/x-elf": "Linux program",
    "application/vnd.sqlite3": "SQLite database",
    "application/x-ole": "Office document (old format)",
}
# Names whose bytes are those of another type.
_SAME_BYTES = {
    "application/x-ole": (".doc", ".xls", ".ppt", ".msg", ".msi"),
    "application/zip": (
        [
            ".zip",
            ".docx",
            ".xlsx",
            ".pptx",
            ".odt",
            ".ods",
            ".odp",
            ".jar",
            ".war",
            ".apk",
            ".epub",
            ".key",
            ".numbers",
            ".pages",
            ".xlsm",
            ".xlsb",
            ".docm",
            ".pptm",
            ".vsdx",
            ".whl",
            ".kmz",
        ]
    ),
    "application/gzip": (".gz", ".tgz"),
    "application/x-dosexec": (".exe", ".dll", ".sys"),
    "application/x-elf": (".so", ".elf", ".bin", ".o"),
    "application/vnd.sqlite3": (".sqlite", ".sqlite3", ".db"),
}
# What `puremagic` and `mimetypes` call these types.
_ALIASES = {
    "image/x-ms-bmp": "image/bmp",
    "image/jpg": "image/jpeg",
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "application/vnd.microsoft.portable-executable": "application/x-dosexec",
    "application/x-msdownload": "application/x-dosexec",
    "application/x-sqlite3": "application/vnd.sqlite3",
}
_MAGIC = (
    (b"MZ", "application/x-dosexec"),
    (b"\x7fELF", "application/x-elf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"%PDF-", "application/pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_TEXT_NAMES = {
    ".log": "text/plain",
    ".out": "text/plain",
    ".conf": "text/plain",
    ".ini": "text/plain",
    ".sql": "text/plain",
    ".diff": "text/plain",
    ".patch": "text/plain",
    ".yaml": "text/plain",
    ".yml": "text/plain",
    ".toml": "text/plain",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown",
    ".har": "application/json",
    ".eml": "message/rfc822",
}
_TEXT_TYPES = ("text/", "message/")
_NEVER_TEXT = ("image/", "audio/", "video/", "font/")
_TEXT_LIKE = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/xml",
        "application/javascript",
        "application/x-sh",
        "application/x-python-code",
        "application/sql",
        "image/svg+xml",
        "application/x-csh",
        "application/x-tex",
    }
)
# An export whose session had ended is the page that asks to sign in.
_DATA = frozenset(
    {
        "text/csv",
        "text/tab-separated-values",
        "application/json",
        "application/x-ndjson",
    }
)
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|script|iframe)\b", re.I
)
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class KeptFile:
    """Bytes that lie in the store: their hash, size in bytes, and what they are."""

    sha256: str
    size: int
    filename: str
    media_type: str
    path: str


@dataclass(frozen=True)
class EvidenceFile:
    """A stored file opened for download. The caller streams `handle` and closes it."""

    handle: IO[bytes]
    filename: str
    media_type: str
    size: int
    headers: dict[str, str]


def keep_file(upload: File[Any], *, field: str = "upload") -> KeptFile:
    """Give a file its place in the store; refused input leaves nothing behind.

    Refused: an empty file, one above EVIDENCE_MAX_BYTES, one whose name lies about its
    type, and text in which card numbers or secrets stand (decision 20). What a request
    sent was hashed and looked through as it came in, so that this takes no time.
    """
    if not isinstance(upload, ReceivedFile):
        with receive(upload) as received:
            return keep_file(received, field=field)
    filename = safe_filename(upload.name or "")
    for hit in sensitive.find(filename):
        raise field_error(
            field, sensitive.words(hit, " in the name of the file"), hit.code
        )
    size = upload.size or 0
    _refuse_size(size, filename, field)
    media_type = settle_type(filename, upload.head, field=field)
    if upload.hit:
        hit, line = upload.hit
        said = sensitive.words(hit, f" in line {line} of “{filename}”")
        raise field_error(field, f"{said} Attach a masked copy.", hit.code)
    path = f"{upload.sha256[:2]}/{upload.sha256[2:4]}/{upload.sha256}"
    upload.keep(path)
    return KeptFile(upload.sha256, size, filename, media_type, path)


def _refuse_size(size: int, filename: str, field: str) -> None:
    if size == 0:
        raise field_error(
            field,
            f"“{filename}” is empty (0 bytes), so it proves nothing. Check the export "
            "and upload it again.",
            "empty_file",
        )
    if size > settings.EVIDENCE_MAX_BYTES:
        raise field_error(
            field,
            f"“{filename}” has {size_text(size)}; at most "
            f"{size_text(settings.EVIDENCE_MAX_BYTES)} are stored. Upload the part "
            "that matters, or add a durable link.",
            "too_large",
        )


def safe_filename(name: str) -> str:
    """The last part of a name without control, direction or path signs; at most 200
    characters, the extension kept."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = _HIDDEN.sub("", name)
    name = "".join(c for c in name if unicodedata.category(c) != "Cc")
    name = re.sub(r'[<>:"|?*;]', "_", name).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if dot and len(name) > 200:
        extension = extension[:20]
        name = f"{stem[: 199 - len(extension)]}.{extension}"
    return name[:200] or "file"


def sniff(head: bytes) -> str:
    """The type that the first bytes tell: a signed type, text/plain, or unknown."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic) and (magic != b"MZ" or not is_text(head)):
            return media_type
    if is_text(head):
        return "text/plain"
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    for match in matches:
        media_type = str(_ALIASES.get(match.mime_type, match.mime_type))
        if media_type in _SIGNED:
            return media_type
    return UNKNOWN


def named_type(filename: str) -> str:
    """The type that the extension claims; '' without one or with an unknown one."""
    suffix = Path(filename).suffix.lower()
    if suffix in _TEXT_NAMES:
        return _TEXT_NAMES[suffix]
    for media_type, suffixes in _SAME_BYTES.items():
        if suffix in suffixes:
            return media_type
    guessed, encoding = mimetypes.guess_type(filename, strict=False)
    if encoding:
        return f"application/{encoding if encoding == 'gzip' else 'x-' + encoding}"
    return _ALIASES.get(guessed or "", guessed or "")


def settle_type(filename: str, head: bytes, *, field: str = "upload") -> str:
    """The media type of a file; a name that lies about it is refused with both."""
    by_name, by_bytes = named_type(filename), sniff(head)
    if not by_name:
        return by_bytes
    if not _is_honest(by_name, by_bytes, head):
        raise field_error(
            field,
            f"“{filename}” is named like {_words(by_name)}, but its content is "
            f"{'a web page (HTML)' if _HTML.match(head) else _words(by_bytes)}. Export "
            "it again or give it its true extension.",
            "type_mismatch",
        )
    if by_bytes == UNKNOWN and (by_name.startswith("text/") or by_name in _TEXT_LIKE):
        return UNKNOWN
    return _office_type(filename) or by_name


def _is_honest(by_name: str, by_bytes: str, head: bytes) -> bool:
    """Whether content of this type may go by that name."""
    if by_bytes == "text/plain":
        if by_name in _DATA and _HTML.match(head):
            return False
        return (
            by_name.startswith(_TEXT_TYPES)
            or by_name in _TEXT_LIKE
            or not (by_name in _SIGNED or by_name.startswith(_NEVER_TEXT))
        )
    if by_bytes == UNKNOWN:
        # Text in an old encoding has no signature; a signed type without its signature
        # is not what it says.
        return by_name not in _SIGNED
    return by_name == by_bytes or (
        by_name not in _SIGNED
        and not by_name.startswith(("text/", "image/"))
        and by_name not in _TEXT_LIKE
    )


def _office_type(filename: str) -> str:
    guessed, encoding = mimetypes.guess_type(filename, strict=False)
    return guessed if guessed and not encoding and "officedocument" in guessed else ""


def _words(media_type: str) -> str:
    known = _SIGNED.get(media_type)
    if known:
        return f"a {known} ({media_type})" if known[0] not in "AEIOU" else f"an {known}"
    if media_type == "text/plain":
        return "plain text (text/plain)"
    return "not recognizable" if media_type == UNKNOWN else media_type


def open_kept(*, path: str, filename: str, media_type: str, size: int) -> EvidenceFile:
    """Open stored bytes as a download that no browser runs: always an attachment, in
    a sandbox, under a type that nothing is guessed from."""
    harmless = media_type in PICTURES or media_type in HARMLESS
    plain_name = re.sub(r"[^A-Za-z0-9._-]", "_", filename) or "file"
    return EvidenceFile(
        handle=default_storage.open(path, "rb"),
        filename=filename,
        media_type=media_type,
        size=size,
        headers={
            **SEALED_OFF,
            "Content-Type": media_type if harmless else UNKNOWN,
            "Content-Length": str(size),
            "Content-Disposition": (
                f'attachment; filename="{plain_name}"; '
                f"filename*=UTF-8''{quote(filename, safe='')}"
            ),
        },
    )


def size_text(size: int) -> str:
    """`214 KB`, `1.2 MB`."""
    if size < 1024:
        return f"{size} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.0f} KB"
    return f"{size / (1024 * 1024):.1f} MB"
