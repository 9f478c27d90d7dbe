"""The ZIP of an export: nothing of it is unpacked before its list was looked at."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

from postmortem.lib import sensitive
from timeline.services.intake.items import MAX_MEMBER
from timeline.services.intake.lines import refuse, refuse_sensitive

MAX_MEMBERS = 20_000
MAX_UNPACKED = 500 * 1024 * 1024
MAX_RATIO = 200  # JSON of a busy channel packs about 1:15
# What reading a member raises when its bytes are not what they say.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)


def is_archive(source: IO[bytes]) -> bool:
    """Whether this is a ZIP; it is read from its start again."""
    source.seek(0)
    found = zipfile.is_zipfile(source)
    source.seek(0)
    return found


@contextmanager
def opened(
    source: IO[bytes],
) -> Generator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]], None, None]:
    """The archive and its files. Refused: one whose list tells that it is no export."""
    try:
        packed = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise refuse("This ZIP file is damaged. Download the export again.") from error
    with packed:
        members = [item for item in packed.infolist() if not item.is_dir()]
        _refuse_dangerous(members)
        yield packed, members


@contextmanager
def opened_member(
    packed: zipfile.ZipFile, item: zipfile.ZipInfo
) -> Generator[IO[bytes], None, None]:
    """One file of an archive, unpacked as it is read."""
    try:
        with packed.open(item) as member:
            yield member
    except _DAMAGED as error:
        raise refuse(
            f"“{item.filename[:80]}” in this ZIP is damaged. Make the export again; "
            "nothing was read."
        ) from error


def refuse_unseen(source: IO[bytes]) -> None:
    """Card numbers and secrets in the names and the files of an archive, whatever they
    are: notices, profiles, long lines; and archives in it, whose inside nobody sees."""
    with opened(source) as (packed, members):
        for name in packed.namelist():
            refuse_sensitive(name, "the name of a file in this ZIP")
        for item in members:
            with opened_member(packed, item) as member:
                _refuse_unseen_member(member, f"“{item.filename[:80]}”")


def _refuse_unseen_member(member: Any, name: str) -> None:
    if member.peek(4).startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise refuse(
            f"{name} in this ZIP is an archive itself. Take it out, or import it by "
            "itself; nothing was read.",
            "nested",
        )
    text = io.TextIOWrapper(member, encoding="utf-8", errors="replace")
    if found := sensitive.find_in(text):
        hit, _ = found
        raise refuse(sensitive.words(hit, f" in {name}"), hit.code)


def _refuse_dangerous(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise refuse(f"This ZIP holds {len(members)} files; an export has fewer.")
    if sum(item.file_size for item in members) > MAX_UNPACKED:
        raise refuse("This ZIP unpacks to more than 500 MB. Export fewer days.")
    for item in members:
        path = PurePosixPath(item.filename.replace("\\", "/"))
        is_link = (item.external_attr >> 16) & 0o170000 == 0o120000
        if path.is_absolute() or ".." in path.parts or is_link:
            raise refuse(
                f"“{item.filename[:80]}” in this ZIP points outside of it. An export "
                "of Slack has no such name; nothing was read.",
                "unsafe_path",
            )
        if item.file_size > MAX_MEMBER:
            raise refuse(f"“{item.filename[:80]}” unpacks to more than 50 MB.")
        if item.file_size > MAX_RATIO * max(item.compress_size, 1) > 0 and (
            item.file_size > 1024 * 1024
        ):
            raise refuse(
                f"“{item.filename[:80]}” unpacks to {MAX_RATIO} times its size: that "
                "is no chat log. Nothing was read.",
                "zip_bomb",
            )
        if item.flag_bits & 1:
            raise refuse("This ZIP is locked by a password. Unlock it first.")
