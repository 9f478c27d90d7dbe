"""Files as evidence: streamed, hashed, known by their content, refused when they lie
or show what must not be kept."""

import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from incidents.models import Evidence, StoredFile
from incidents.services import evidence, lifecycle
from incidents.services.files import is_text, safe_filename, settle_type
from postmortem.lib.errors import InvalidTransition
from tests.factories import PNG
from tests.incidents.conftest import CSV, PDF, code_of


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as box:
        box.writestr("a.txt", "hi")
    return made.getvalue()


class TestUpload:
    def test_stores_the_bytes_under_their_hash(self, add_file):
        """R-EV-07, R-EV-09"""
        row = add_file()

        sha = hashlib.sha256(CSV).hexdigest()
        assert (row.sha256, row.size, row.media_type) == (sha, len(CSV), "text/csv")
        stored = StoredFile.objects.get(sha256=sha)
        assert stored.path == f"{sha[:2]}/{sha[2:4]}/{sha}"
        assert Path(default_storage.path(stored.path)).read_bytes() == CSV

    def test_stores_the_same_bytes_once(self, add_file):
        first, second = add_file("a.csv"), add_file("b.csv")

        assert first.sha256 == second.sha256
        assert StoredFile.objects.filter(sha256=first.sha256).count() == 1
        assert [first.filename, second.filename] == ["a.csv", "b.csv"]

    def test_is_streamed_in_chunks(self, incident, responder):
        class Streamed(ContentFile):
            def read(self, *args):
                raise AssertionError("read as a whole")

            def chunks(self, chunk_size=None):
                yield CSV
                yield CSV

        row = evidence.add_evidence(
            incident_id=incident.pk,
            actor=responder,
            kind="metric",
            title="Orders",
            upload=Streamed(CSV + CSV, name="orders.csv"),
        )

        assert row.sha256 == hashlib.sha256(CSV * 2).hexdigest()

    def test_refuses_an_empty_file_by_name(self, add_file):
        with pytest.raises(ValidationError) as caught:
            add_file("alerts.csv", b"")

        assert code_of(caught) == "empty_file"
        assert "“alerts.csv” is empty (0 bytes)" in caught.value.messages[0]

    def test_refuses_an_oversized_file_by_name_and_size(self, add_file, settings):
        settings.EVIDENCE_MAX_BYTES = 2048

        with pytest.raises(ValidationError) as caught:
            add_file("dump.csv", b"a,b\n" * 1000)

        assert code_of(caught) == "too_large"
        assert "“dump.csv” has 4 KB; at most 2 KB" in caught.value.messages[0]

    def test_does_not_believe_a_stated_size(self, incident, responder, settings):
        settings.EVIDENCE_MAX_BYTES = 100

        class Understated(ContentFile):
            def chunks(self, chunk_size=None):
                yield b"x" * 80
                yield b"x" * 80

        upload = Understated(b"", name="orders.csv")
        upload.size = 5

        with pytest.raises(ValidationError) as caught:
            evidence.add_evidence(
                incident_id=incident.pk,
                actor=responder,
                kind="metric",
                title="Orders",
                upload=upload,
            )

        assert code_of(caught) == "too_large"

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("shot.png", b"just text", ("PNG image", "plain text")),
            ("shot.png", PDF, ("PNG image", "PDF document")),
            ("report.pdf", PNG, ("PDF document", "PNG image")),
            ("log.txt", PNG, ("plain text", "PNG image")),
            ("table.csv", archive(), ("text/csv", "ZIP archive")),
            ("shot.jpg", bytes(range(1, 200)), ("JPEG image", "not recognizable")),
            ("orders.csv", b"\n<!DOCTYPE html><h1>Sign in</h1>", ("csv", "web page")),
            ("orders.json", b"<html><h1>Sign in</h1>", ("json", "web page")),
            ("tool.pdf", b"MZ\x90\0\3" + b"\0" * 60, ("PDF", "Windows program")),
        ],
    )
    def test_refuses_a_lying_name_with_both_types(self, add_file, name, content, words):
        with pytest.raises(ValidationError) as caught:
            add_file(name, content)

        assert code_of(caught) == "type_mismatch"
        for word in words:
            assert word in caught.value.messages[0]
        assert not Evidence.objects.exists()

    @pytest.mark.parametrize(
        ("name", "content", "media_type"),
        [
            ("shot.png", PNG, "image/png"),
            ("report.pdf", PDF, "application/pdf"),
            ("worker.log", b"13:43 ERROR decode\n", "text/plain"),
            ("worker.log.gz", gzip.compress(b"13:43", mtime=0), "application/gzip"),
            ("query.json", b'{"rows": 3}', "application/json"),
            ("page.html", b"<!DOCTYPE html><script>1</script>", "text/html"),
            ("drawing.svg", b"<svg xmlns='http://x'/>", "image/svg+xml"),
            ("box.zip", archive(), "application/zip"),
            ("no-extension", CSV, "text/plain"),
            ("trace.pcap", bytes([7, 200]) * 30, "application/vnd.tcpdump.pcap"),
        ],
    )
    def test_takes_an_honest_one(self, add_file, name, content, media_type):
        assert add_file(name, content).media_type == media_type

    def test_leaves_nothing_behind_when_refused(self, add_file):
        with pytest.raises(ValidationError):
            add_file("shot.png", b"text")

        tmp = Path(default_storage.path("tmp"))
        assert list(tmp.iterdir()) == []

    def test_refuses_a_text_that_shows_a_card_number(self, add_file):
        """Decision 20"""
        with pytest.raises(ValidationError) as caught:
            add_file("auths.csv", b"id,pan\n1,4539 1488 0343 6467\n")

        assert code_of(caught) == "card_number"
        assert "453914******6467" in caught.value.messages[0]
        assert "in line 2 of “auths.csv”" in caught.value.messages[0]
        tmp = Path(default_storage.path("tmp"))
        assert list(tmp.iterdir()) == []

    @pytest.mark.parametrize(
        ("name", "content", "code", "place"),
        [
            ("env.log", b"a\nb\nkey=sk_" + b"live_" + b"a" * 24, "secret", "in line 3"),
            ("wide.txt", "4539 1488 0343 6467".encode("utf-16"), "card_number", "1 of"),
            (
                "wide.txt",
                "a\n4539148803436467".encode("utf-16-le"),
                "card_number",
                "2 of",
            ),
            (
                "wide.csv",
                "4539 1488 0343 6467".encode("utf-16-be"),
                "card_number",
                "1 of",
            ),
            ("mark.txt", b"\xff\xfe4539148803436467", "card_number", "1 of"),
            ("nul.log", b"a\x00b\n4539148803436467\n", "card_number", "2 of"),
            (
                "old.txt",
                "groß 4539148803436467".encode("cp1252"),
                "card_number",
                "1 of",
            ),
            ("dump.pcap", b"\x01\x02 4539148803436467 \x03", "card_number", "1 of"),
            ("long.txt", b"x " * 200_000 + b"4539148803436467", "card_number", "1 of"),
            ("4539148803436467.csv", b"id\n1\n", "card_number", "in the name"),
        ],
    )
    def test_says_where_in_a_text_or_name_it_stands(
        self, add_file, name, content, code, place
    ):
        with pytest.raises(ValidationError) as caught:
            add_file(name, content)

        assert code_of(caught) == code
        assert place in caught.value.messages[0]

    @pytest.mark.parametrize(
        "text",
        [
            b"pay_4111111111111112",
            b"1773740400000",
            b"411111******1111",
            b"4111 1111 1111 1111",  # the schemes' own test number
            b"sk_test_" + b"a" * 24,
        ],
    )
    def test_takes_numbers_that_are_no_card(self, add_file, text):
        assert add_file("ids.csv", text).sha256

    def test_is_refused_to_the_wrong_role_before_it_is_stored(self, add_file, viewer):
        with pytest.raises(PermissionDenied):
            add_file(content=b"never,stored\n", actor=viewer)

        sha = hashlib.sha256(b"never,stored\n").hexdigest()
        assert not default_storage.exists(f"{sha[:2]}/{sha[2:4]}/{sha}")

    def test_is_refused_on_a_frozen_incident(self, add_file, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )

        with pytest.raises(InvalidTransition):
            add_file()


class TestSafeFilename:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\orders.csv", "orders.csv"),
            ("a\x00b\n.csv", "ab.csv"),
            ("invoice\u202egnp.exe", "invoicegnp.exe"),
            ('x"; filename=evil.html', "x__ filename=evil.html"),
            ("...", "file"),
            ("", "file"),
        ],
    )
    def test_keeps_only_the_name(self, given, kept):
        assert safe_filename(given) == kept

    def test_keeps_the_extension_of_a_long_name(self):
        name = safe_filename("x" * 400 + ".csv")
        assert (len(name), name[-4:]) == (200, ".csv")


class TestTypes:
    def test_text_cut_inside_a_character_is_text(self):
        assert is_text(("x" * (64 * 1024 - 1) + "é").encode()[: 64 * 1024])

    def test_latin_1_text_is_not_guessed(self):
        assert settle_type("log.txt", "Zahlung fällig".encode("latin-1")) == (
            "application/octet-stream"
        )
