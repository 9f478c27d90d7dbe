"""Mails without a mail server: kept whole in a file, told in one line."""

from __future__ import annotations

import email
import errno
import logging
from pathlib import Path

import pytest
from django.core.mail import EmailMessage, get_connection
from django.test import override_settings

BACKEND = "postmortem.lib.mail.KeptMail"


class TestKeptMail:
    def test_is_one_file_and_one_line(self, tmp_path: Path, caplog):
        folder = tmp_path / "mail"
        mail = EmailMessage(
            subject="INC-1/ACT-2 is overdue",
            body="The text stays in the file.",
            to=["fincon@pay.example"],
        )
        with (
            override_settings(MAIL_DIR=folder),
            caplog.at_level(logging.INFO, logger="postmortem.mail"),
        ):
            logging.getLogger("postmortem.mail").addHandler(caplog.handler)
            try:
                assert get_connection(BACKEND).send_messages([mail]) == 1
            finally:
                logging.getLogger("postmortem.mail").removeHandler(caplog.handler)
        (path,) = folder.iterdir()
        kept = email.message_from_bytes(path.read_bytes())
        assert kept["To"] == "fincon@pay.example"
        assert "stays in the file" in kept.get_payload()
        assert path.stat().st_mode & 0o777 == 0o600
        lines = {record.getMessage() for record in caplog.records}
        assert lines == {
            f"mail to fincon@…: INC-1/ACT-2 is overdue, kept in {path}",
        }

    def test_leaves_no_piece_behind_on_a_full_disk(self, tmp_path: Path, monkeypatch):
        def full(path: Path, data: bytes) -> int:
            path.touch()
            raise OSError(errno.ENOSPC, "no space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        mail = EmailMessage(subject="x", body="x", to=["fincon@pay.example"])
        with (
            override_settings(MAIL_DIR=tmp_path / "mail"),
            pytest.raises(OSError, match="no space left"),
        ):
            get_connection(BACKEND).send_messages([mail])
        assert list((tmp_path / "mail").iterdir()) == []
