"""Where mails go while no mail server is named: into files, with one line for each."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

logger = logging.getLogger("postmortem.mail")


class KeptMail(BaseEmailBackend):
    """Keeps every mail as a file (`.eml`, which mail programs open) under `MAIL_DIR`.

    The log names recipient and subject; text and links stay in the file.
    """

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in messages:
            name = f"{timezone.now():%Y%m%dT%H%M%S%f}-{os.getpid()}.eml"
            path = folder / name
            path.touch(mode=0o600)
            try:
                path.write_bytes(message.message().as_bytes())
            except OSError:  # it is tried again: no piece of it stays behind
                path.unlink()
                raise
            logger.info(
                "mail to %s: %s, kept in %s",
                ", ".join(_short(address) for address in message.recipients()),
                " ".join(str(message.subject).split()),
                shown(path),
            )
        return len(messages)


def _short(address: str) -> str:
    """The address without its host, which is the same for everybody here."""
    name, _, _ = address.rpartition("@")
    return f"{name or address}@…"


def shown(path: Path) -> str:
    """The path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
