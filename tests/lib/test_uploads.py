"""Files as they come in."""

from __future__ import annotations

import hashlib

from django.core.files.base import ContentFile

from postmortem.lib.uploads import receive


class TestReceive:
    def test_knows_size_hash_and_beginning(self) -> None:
        content = b"a,b\n" * 40_000
        with receive(ContentFile(content, name="rates.csv")) as received:
            assert received.size == len(content)
            assert received.sha256 == hashlib.sha256(content).hexdigest()
            assert received.head == content[: 64 * 1024]
            assert received.read() == content

    def test_takes_a_name_that_no_disk_would(self) -> None:
        with receive(ContentFile(b"x", name=f"a.{'x' * 400}")) as received:
            assert received.size == 1

    def test_is_content_with_what_was_received_already(self) -> None:
        with receive(ContentFile(b"x", name="a.txt")) as received:
            assert receive(received) is received
