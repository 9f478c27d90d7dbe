"""Evidence: upload, link, supersession, pairs, opening."""

import datetime as dt
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents import activity, selectors
from incidents.models import ActivityEntry, Evidence, StoredFile
from incidents.services import custody, evidence, lifecycle
from incidents.services.core import lock_incident, retract_record
from incidents.services.files import is_text, safe_filename, settle_type
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.persistence import service
from tests.conftest import NOW
from tests.factories import make_evidence, make_incident

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 40
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"
CSV = b"minute,completed\n13:43,12\n"


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as box:
        box.writestr("a.txt", "hi")
    return made.getvalue()


@pytest.fixture
def add(incident, responder):
    def run(name="orders.csv", content=CSV, **fields):
        fields.setdefault("kind", "metric")
        fields.setdefault("title", "Orders")
        return evidence.add_evidence(
            incident_id=incident.pk,
            actor=fields.pop("actor", responder),
            upload=SimpleUploadedFile(name, content),
            **fields,
        )

    return run


@pytest.fixture
def opened():
    """Opens a file and sees that its handle is closed."""
    handles = []

    def run(row, **options):
        file = custody.open_evidence_file(row, **options)
        handles.append(file.handle)
        return file

    yield run
    for handle in handles:
        handle.close()


def code_of(caught, field="upload"):
    return caught.value.error_dict[field][0].code


class TestUpload:
    def test_stores_the_bytes_under_their_hash(self, add):
        """R-EV-07, R-EV-09"""
        row = add()

        sha = hashlib.sha256(CSV).hexdigest()
        assert (row.sha256, row.size, row.media_type) == (sha, len(CSV), "text/csv")
        stored = StoredFile.objects.get(sha256=sha)
        assert stored.path == f"{sha[:2]}/{sha[2:4]}/{sha}"
        assert Path(default_storage.path(stored.path)).read_bytes() == CSV

    def test_stores_the_same_bytes_once(self, add):
        first, second = add("a.csv"), add("b.csv")

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

    def test_refuses_an_empty_file_by_name(self, add):
        with pytest.raises(ValidationError) as caught:
            add("alerts.csv", b"")

        assert code_of(caught) == "empty_file"
        assert "“alerts.csv” is empty (0 bytes)" in caught.value.messages[0]

    def test_refuses_an_oversized_file_by_name_and_size(self, add, settings):
        settings.EVIDENCE_MAX_BYTES = 2048

        with pytest.raises(ValidationError) as caught:
            add("dump.csv", b"a,b\n" * 1000)

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
    def test_refuses_a_lying_name_with_both_types(self, add, name, content, words):
        with pytest.raises(ValidationError) as caught:
            add(name, content)

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
    def test_takes_an_honest_one(self, add, name, content, media_type):
        assert add(name, content).media_type == media_type

    def test_leaves_nothing_behind_when_refused(self, add):
        with pytest.raises(ValidationError):
            add("shot.png", b"text")

        tmp = Path(default_storage.path("tmp"))
        assert list(tmp.iterdir()) == []

    def test_refuses_a_text_that_shows_a_card_number(self, add):
        """Decision 20"""
        with pytest.raises(ValidationError) as caught:
            add("auths.csv", b"id,pan\n1,4539 1488 0343 6467\n")

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
        self, add, name, content, code, place
    ):
        with pytest.raises(ValidationError) as caught:
            add(name, content)

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
    def test_takes_numbers_that_are_no_card(self, add, text):
        assert add("ids.csv", text).sha256

    def test_is_refused_to_the_wrong_role_before_it_is_stored(self, add, viewer):
        with pytest.raises(PermissionDenied):
            add(content=b"never,stored\n", actor=viewer)

        sha = hashlib.sha256(b"never,stored\n").hexdigest()
        assert not default_storage.exists(f"{sha[:2]}/{sha[2:4]}/{sha}")

    def test_is_refused_on_a_frozen_incident(self, add, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )

        with pytest.raises(InvalidTransition):
            add()


class TestKinds:
    @pytest.mark.parametrize(
        "kind",
        [
            *("alert", "log_query", "deploy_record", "provider_notice", "trace"),
            *("reconciliation", "metric", "event", "runbook_step", "screenshot"),
            *("test_output", "data_contract", "runbook_version", "control_log"),
            *("sample", "config_change", "approval_note"),
        ],
    )
    def test_takes_every_kind_that_a_review_asks_for(self, add, kind):
        """R-EV-06"""
        assert add(kind=kind).get_kind_display()

    def test_refuses_another(self, add):
        with pytest.raises(ValidationError) as caught:
            add(kind="hearsay")
        assert "kind" in caught.value.error_dict


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


class TestLink:
    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("https://ana:pw@dash.example/d/1", "credentials"),
            ("https://files.example/x.csv?X-Amz-Signature=abc", "credentials"),
            ("https://dash.example/d?token=abc", "credentials"),
            ("javascript:alert(1)", "invalid"),
            ("ftp://files.example/x", "invalid"),
            ("https://", "invalid"),
            ("http://[::1", "invalid"),
        ],
    )
    def test_refuses_what_is_not_durable(self, incident, responder, url, code):
        """R-EV-07"""
        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url=url)

        assert code_of(caught, "url") == code

    def test_obeys_the_list_of_hosts(self, incident, responder, settings):
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        make_evidence(incident, actor=responder, url="https://dash.pay.example/d/1")

        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url="https://evilpay.example/")

        assert code_of(caught, "url") == "host_not_allowed"

    def test_only_named_needs_a_description_and_proves_nothing(
        self, incident, responder
    ):
        """R-EV-07, R-EV-10"""
        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url="")
        row = make_evidence(
            incident, actor=responder, url="", description="Paper log of the shift"
        )

        assert code_of(caught) == "required"
        assert (row.is_openable, row.proves) == (False, False)

    def test_refuses_a_capture_in_the_future(self, incident, responder):
        with pytest.raises(ValidationError) as caught:
            make_evidence(
                incident, actor=responder, captured_at=NOW + dt.timedelta(hours=1)
            )

        assert code_of(caught, "captured_at") == "future_time"


class TestEditEvidence:
    def test_never_replaces_a_link(self, incident, responder):
        row = make_evidence(incident, actor=responder)

        with pytest.raises(ValidationError) as caught:
            evidence.edit_evidence(
                incident_id=incident.pk,
                actor=responder,
                number=row.number,
                url="https://dash.pay.example/d/2",
            )

        assert code_of(caught, "url") == "not_replaced"

    def test_logs_that_it_is_a_later_summary(self, incident, responder):
        """R-EV-04"""
        row = make_evidence(incident, actor=responder)

        evidence.edit_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            is_original=False,
        )

        entry = ActivityEntry.objects.latest("sequence")
        assert entry.data["changes"] == {"is_original": [True, False]}


class TestAttachFile:
    def test_gives_the_file_to_a_named_artifact_once(self, incident, responder):
        row = make_evidence(incident, actor=responder, url="", description="Log")

        row = evidence.attach_file(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            upload=SimpleUploadedFile("a.csv", CSV),
        )

        assert row.proves
        with pytest.raises(ValidationError) as caught:
            evidence.attach_file(
                incident_id=incident.pk,
                actor=responder,
                number=row.number,
                upload=SimpleUploadedFile("b.csv", CSV),
            )
        assert code_of(caught) == "not_replaced"


class TestSupersede:
    def test_keeps_both_with_the_reason(self, incident, responder):
        old, new = (make_evidence(incident, actor=responder) for _ in range(2))

        row = evidence.supersede_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=old.number,
            replacement=new,
            reason="full export",
        )

        assert (row.superseded_by, row.supersede_reason) == (new, "full export")
        assert not row.is_retracted

    def test_refuses_a_circle(self, incident, responder):
        one, two = (make_evidence(incident, actor=responder) for _ in range(2))
        run = {"incident_id": incident.pk, "actor": responder, "reason": "x"}
        evidence.supersede_evidence(number=one.number, replacement=two, **run)

        for number, replacement in ((two.number, one), (two.number, two)):
            with pytest.raises(ValidationError):
                evidence.supersede_evidence(
                    number=number, replacement=replacement, **run
                )

    def test_refuses_evidence_of_another_incident(self, incident, commander):
        row = make_evidence(incident, actor=commander)
        other = make_evidence(make_incident(actor=commander), actor=commander)

        with pytest.raises(ValidationError) as caught:
            evidence.supersede_evidence(
                incident_id=incident.pk,
                actor=commander,
                number=row.number,
                replacement=other,
                reason="x",
            )

        assert "another incident" in caught.value.messages[0]


class TestPair:
    @pytest.fixture
    def rows(self, incident, responder):
        sides = ("operational", "finance", "finance")
        return [make_evidence(incident, actor=responder, side=side) for side in sides]

    def pair(self, rows, one, other, actor):
        return evidence.pair_evidence(
            incident_id=rows[0].incident_id,
            actor=actor,
            number=rows[one].number,
            paired_with=None if other is None else rows[other],
        )

    def pairs(self, rows):
        return [
            Evidence.objects.get(pk=row.pk).paired_with_id
            and Evidence.objects.get(pk=row.pk).paired_with.ref
            for row in rows
        ]

    def test_stands_on_both_sides(self, rows, responder):
        """R-EV-08"""
        self.pair(rows, 0, 1, responder)
        assert self.pairs(rows) == ["EV-2", "EV-1", None]

    def test_moves_as_a_whole(self, rows, responder):
        self.pair(rows, 0, 1, responder)
        self.pair(rows, 0, 2, responder)

        assert self.pairs(rows) == ["EV-3", None, "EV-1"]
        incident = type(rows[0].incident).objects.get(pk=rows[0].incident_id)
        assert activity.verify(incident) == []

    def test_is_taken_apart_on_both_sides(self, rows, responder):
        self.pair(rows, 0, 1, responder)
        self.pair(rows, 1, None, responder)
        assert self.pairs(rows) == [None, None, None]

    def test_refuses_two_of_one_side(self, rows, responder):
        with pytest.raises(ValidationError) as caught:
            self.pair(rows, 1, 2, responder)
        assert code_of(caught, "paired_with") == "same_side"


class TestOpen:
    def test_gives_html_as_an_inert_download(self, add, viewer, opened):
        row = add("page.html", b"<script>alert(1)</script>")

        file = opened(row, actor=viewer)

        assert file.handle.read() == b"<script>alert(1)</script>"
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Content-Disposition"].startswith("attachment;")
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in file.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        ("name", "content", "served"),
        [
            ("shot.png", PNG, "image/png"),
            ("a.log", b"x\n", "text/plain"),
            ("report.pdf", PDF, "application/pdf"),
            ("drawing.svg", b"<svg/>", "application/octet-stream"),
        ],
    )
    def test_is_a_download_whatever_it_is(
        self, add, viewer, opened, name, content, served
    ):
        headers = opened(add(name, content), actor=viewer).headers

        assert headers["Content-Type"] == served
        assert headers["Content-Disposition"].startswith("attachment;")
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_keeps_a_hostile_name_out_of_the_header(self, add, viewer, opened):
        row = add('orders "x"\r\nSet-Cookie: a=b é.csv', CSV)

        header = opened(row, actor=viewer).headers["Content-Disposition"]

        assert "\r" not in header
        assert "\n" not in header
        assert header.count('"') == 2

    def test_tells_every_download_in_the_custody(self, add, incident, viewer, opened):
        """R-EV-09: who had it in hand, chained like every deed."""
        row = add()
        opened(row, actor=viewer)
        opened(row, actor=viewer, purpose="export")

        told = [(e.actor, e.sentence) for e in selectors.custody(incident, row)]

        assert told[:2] == [(viewer, "exported EV-1"), (viewer, "downloaded EV-1")]
        incident.refresh_from_db()
        assert activity.verify(incident) == []

    def test_tells_previews_of_a_restricted_incident_once_an_hour(
        self, add, incident, commander, opened, clock
    ):
        """Decision 12"""
        row = add()
        opened(row, actor=commander, purpose="preview")
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )
        row.refresh_from_db()
        for minutes in (0, 10, 61):
            clock.shift(dt.timedelta(minutes=minutes))
            opened(row, actor=commander, purpose="preview")

        told = [e.sentence for e in selectors.custody(incident, row)]

        assert told.count("previewed EV-1") == 2

    def test_is_nothing_for_somebody_who_may_not_see_it(
        self, add, incident, commander, viewer
    ):
        row = add()
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )

        with pytest.raises(Evidence.DoesNotExist):
            custody.open_evidence_file(row, actor=viewer)

    def test_says_when_the_store_has_lost_it(self, add, viewer):
        row = add(content=b"lost,file\n")
        default_storage.delete(StoredFile.objects.get(sha256=row.sha256).path)

        with pytest.raises(custody.FileMissing):
            custody.open_evidence_file(row, actor=viewer)


class TestStoreEvidence:
    def test_takes_no_lock_and_no_activity_of_its_own(self, incident, responder):
        @service
        def run(*, incident_id, actor):
            locked = lock_incident(incident_id, actor=actor, permission="action.run")
            row = evidence.store_evidence(
                locked,
                actor=actor,
                kind="test_output",
                title="Rehearsal",
                upload=SimpleUploadedFile("run.log", b"passed\n"),
            )
            activity.record(
                locked, actor=actor, verb="test.run", sentence=f"stored {row.ref}"
            )
            return row, locked

        row, locked = run(incident_id=incident.pk, actor=responder)

        assert row.proves
        assert activity.verify(locked) == []


class TestRetract:
    def test_withdrawn_evidence_proves_nothing_any_more(self, incident, responder):
        row = make_evidence(incident, actor=responder)

        row = retract_record(
            incident_id=incident.pk,
            actor=responder,
            model=Evidence,
            number=row.number,
            reason="wrong window",
            permission="evidence.add",
        )

        assert not row.proves
