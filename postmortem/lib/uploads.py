"""Files as they come in: streamed to disk and hashed, then looked through for those who
may do what they ask, all before a transaction is opened. Whoever keeps one only gives
it its place in the store."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Self

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    TemporaryFileUploadHandler,
)
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property

from postmortem.lib import sensitive

HEAD = 64 * 1024
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_NOT_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
# Drawn or packed: no digit of it can be read. A name that lies about it is refused.
_CLOSED = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftyp|%PDF-|PK\x03\x04|\x1f\x8b|BZh"
    rb"|\xfd7zXZ|7z\xbc\xaf",
    re.DOTALL,
)


def is_text(head: bytes) -> bool:
    """Whether the first bytes are text: UTF-8 (or with a byte order mark UTF-16)."""
    if head.startswith(_WIDE):
        return True
    if _NOT_TEXT.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two at the end of the piece is no fault.
        return len(head) == HEAD and error.start > HEAD - 4
    return True


class ReceivedFile(TemporaryUploadedFile):
    """A file that has come in whole: sha256, size in bytes, and `head`, its first
    bytes."""

    sha256 = ""
    head = b""

    def __init__(self, name: str | None, *told: Any) -> None:
        # By itself, so that no odd ending of `name` gets into a path.
        self._disk: IO[bytes] = NamedTemporaryFile(  # noqa: SIM115
            suffix=".upload", dir=settings.FILE_UPLOAD_TEMP_DIR
        )
        UploadedFile.__init__(self, self._disk, name, *told)
        self._found = hashlib.sha256()

    def take(self, chunk: bytes) -> None:
        """The next bytes."""
        self._disk.write(chunk)
        self._found.update(chunk)
        if len(self.head) < HEAD:
            self.head += chunk[: HEAD - len(self.head)]

    def finish(self) -> Self:
        """All bytes are there: on the disk, and known by their hash."""
        self._disk.flush()
        os.fsync(self._disk.fileno())
        self.size = self._disk.tell()
        self.sha256 = self._found.hexdigest()
        self.seek(0)
        return self

    def keep(self, path: str) -> None:
        """Give it its place in the store under a name that its bytes decide: whole or
        not at all, whatever fails on the way, and in the place of one that was cut."""
        final = Path(default_storage.path(path))
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = Path(self.temporary_file_path())
        part.chmod(0o440)
        part.replace(final)

    @cached_property
    def hit(self) -> tuple[sensitive.Hit, int] | None:
        """The first card number or live secret in it, with its line: a long look.

        Whatever it is, its digits can be read as UTF-8, since NULs (as of wide text
        without a mark) are not looked at; wide text is read as such too.
        """
        if _CLOSED.match(self.head) and not is_text(self.head):
            return None
        wide = self.head.startswith(_WIDE)
        for encoding in ("utf-8", "utf-16")[: 1 + wide]:
            with open(
                self.temporary_file_path(),
                encoding=encoding,
                errors="replace",
                newline="\n",
            ) as text:
                if hit := sensitive.find_in(text):
                    return hit
        return None


def look_through(files: MultiValueDict[str, Any]) -> None:
    """Have the long look at what was sent, before anything is locked."""
    for name in files:
        for upload in files.getlist(name):
            _ = upload.hit


class Receiver(TemporaryFileUploadHandler):
    """What a form or a request of the API sends comes in as a `ReceivedFile`."""

    file: ReceivedFile

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = ReceivedFile(
            self.file_name, self.content_type, 0, self.charset, self.content_type_extra
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.take(raw_data)

    def file_complete(self, file_size: int) -> ReceivedFile:
        return self.file.finish()


def receive(upload: File[Any]) -> ReceivedFile:
    """A file from elsewhere, such as pasted text, in the same form. The caller closes
    it; what is not kept by then is gone."""
    if isinstance(upload, ReceivedFile):
        return upload
    received = ReceivedFile(upload.name, "", 0, None, None)
    for chunk in upload.chunks():
        received.take(chunk)
    return received.finish()
