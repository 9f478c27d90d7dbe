"""The check of durable links: only listed hosts, only addresses that were checked."""

import datetime as dt
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from incidents import tasks
from incidents.models import Evidence, FindingSnapshot, Incident, LinkCheck
from incidents.services import links
from incidents.services.findings import refresh_findings
from incidents.services.links import is_listed, is_reachable, look_at
from tests.conftest import NOW
from tests.factories import make_evidence


class Answers(BaseHTTPRequestHandler):
    """A host whose path says what it answers."""

    asked: list[tuple[str, str]] = []

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.asked.append((self.command, self.path))
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("Location", rest.replace("__", "//", 1))
            self.end_headers()
        elif kind == "headless":
            self.send_response(405 if self.command == "HEAD" else 200)
            self.end_headers()
        elif kind == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(40):
                time.sleep(0.1)
                try:
                    self.wfile.write(b"X-Slow: 1\r\n")
                except OSError:
                    return
        elif kind == "endless":
            self.send_response(404 if self.command == "HEAD" else 200)
            self.end_headers()
            if self.command == "GET":
                with_body = 0
                try:
                    while with_body < 64 * 1024 * 1024:
                        with_body += self.wfile.write(b"x" * 65536)
                except OSError:
                    pass
                Answers.sent = with_body
        else:
            self.send_response(int(kind))
            self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def host(settings):
    """A real server on loopback, listed by name and port, its network allowed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    settings.EVIDENCE_LINK_HOSTS = [f"localhost:{port}"]
    settings.EVIDENCE_LINK_NETWORKS = ["127.0.0.0/8", "::1/128"]
    Answers.asked = []
    yield f"http://localhost:{port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_network(monkeypatch):
    """Any connection is a failure of the test."""

    def connect(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"connected to {args}")

    monkeypatch.setattr(socket, "create_connection", connect)


def resolve(monkeypatch, **names: list[str]) -> None:
    """Answer these names with these addresses and nothing else."""

    def found(host, port, **kwargs):
        if host not in names:
            raise socket.gaierror(f"no {host}")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in names[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)


class TestLookAt:
    @pytest.mark.parametrize(
        ("path", "state", "status"),
        [
            ("/200", "ok", 200),
            ("/204", "ok", 204),
            ("/401", "ok", 401),
            ("/403", "ok", 403),
            ("/404", "broken", 404),
            ("/410", "broken", 410),
            ("/500", "broken", 500),
            ("/to//200", "ok", 200),
            ("/headless", "ok", 200),
        ],
    )
    def test_tells_what_the_host_answers(self, host, path, state, status):
        """R-EV-07"""
        found = look_at(host + path)
        assert (found.state, found.http_status) == (state, status)

    def test_asks_by_head_and_by_get_only_where_that_is_refused(self, host):
        look_at(f"{host}/200")
        look_at(f"{host}/headless")
        assert Answers.asked == [
            ("HEAD", "/200"),
            ("HEAD", "/headless"),
            ("GET", "/headless"),
        ]

    def test_reads_little_of_a_body_without_end(self, host):
        assert look_at(f"{host}/endless").http_status == 200
        time.sleep(0.3)
        assert getattr(Answers, "sent", 0) < 16 * 1024 * 1024

    def test_ends_a_host_that_drips(self, host, monkeypatch):
        monkeypatch.setattr(links, "WHOLE", 0.5)
        start = time.perf_counter()
        found = look_at(f"{host}/drip")
        assert (found.state, found.words) == ("broken", "No answer in time.")
        assert time.perf_counter() - start < 3

    def test_gives_up_on_a_circle(self, host):
        found = look_at(f"{host}/to//to//to//to//to//200")
        assert found.words == "It redirects more than 3 times."

    def test_says_when_nobody_listens(self, settings):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        settings.EVIDENCE_LINK_HOSTS = [f"127.0.0.1:{port}"]
        settings.EVIDENCE_LINK_NETWORKS = ["127.0.0.0/8"]
        assert look_at(f"http://127.0.0.1:{port}/").words == "The connection failed."

    def test_says_when_the_name_is_not_found(self, settings, monkeypatch, no_network):
        settings.EVIDENCE_LINK_HOSTS = ["gone.example"]
        resolve(monkeypatch)
        found = look_at("https://gone.example/d/1")
        assert (found.state, found.words) == ("broken", "The host cannot be found.")

    def test_asks_nobody_while_no_host_is_listed(self, no_network):
        assert look_at("https://dash.pay.example/d/1") == links.Answer(
            LinkCheck.State.UNCHECKED, "No hosts are listed that may be asked."
        )


HOSTS = ["pay.example", "0x7f.1", "2130706433", "127.1", "[::1]", "bücher.example"]


class TestNeverLeavesTheList:
    """No request of ours reaches what the link's author chose (SSRF)."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::ffff:169.254.169.254]/",
            "http://metadata.google.internal/",
            "http://pay.example@169.254.169.254/",
            "http://pay.example:x@evil.example/",
            "http://evil.example#.pay.example",
            "http://evil.example\\@pay.example/",
            "http://evil.example\\.pay.example/",
            "http://evilpay.example/",
            "http://pay.example.evil.example/",
            "http://pay.example:22/",
            "https://pay.example:80800/",
            "http://pаy.example/",  # a Cyrillic а
            "http://pay。example.evil.example/",
            "file:///etc/passwd",
            "gopher://pay.example/",
            "ftp://pay.example/",
            "//pay.example/",
            "http:///pay.example/",
            "http://pay.example /",
            "http://[::1/",
        ],
    )
    def test_a_host_off_the_list_is_not_asked(
        self, settings, monkeypatch, no_network, url
    ):
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        resolve(monkeypatch, **{"pay.example": ["93.184.215.14"]})
        assert look_at(url).state == "unchecked"

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",  # noqa: S104
            "10.1.2.3",
            "172.16.0.9",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "::7f00:1",
            "::10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "fec0::1",
            "192.88.99.1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "fe80::1%eth0",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
        ],
    )
    def test_a_listed_name_that_leads_inside_is_not_asked(
        self, settings, monkeypatch, no_network, address
    ):
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        resolve(monkeypatch, **{"pay.example": ["93.184.215.14", address]})
        found = look_at("http://pay.example/")
        assert found.state == "unchecked"
        assert "internal address" in found.words

    @pytest.mark.parametrize("name", ["0x7f.1", "2130706433", "127.1", "localhost"])
    def test_an_odd_way_to_write_loopback_is_not_asked_even_if_listed(
        self, settings, no_network, name
    ):
        settings.EVIDENCE_LINK_HOSTS = [name]
        assert look_at(f"http://{name}/").state == "unchecked"

    @pytest.mark.parametrize(
        "target", ["http:__169.254.169.254/", "http:__evil.example/", "file:__/etc"]
    )
    def test_no_redirect_leads_off_the_list(self, host, target):
        found = look_at(f"{host}/to/{target}")
        assert found.state == "unchecked"
        assert len(Answers.asked) == 1

    def test_no_redirect_leads_to_another_port(self, host):
        found = look_at(f"{host}/to/http:__localhost:1/")
        assert found.words == "localhost:1 is not on the list of hosts that are asked."

    def test_the_name_is_resolved_once_and_that_address_is_asked(
        self, host, monkeypatch
    ):
        """A name that answers differently the second time (DNS rebinding)."""
        real = socket.getaddrinfo
        seen = []

        def found(name, *args, **kwargs):
            if name == "localhost":
                seen.append(name)
                if len(seen) > 1:
                    raise AssertionError("resolved twice")
                return [
                    row
                    for row in real("127.0.0.1", *args, **kwargs)
                    if row[4][0] == "127.0.0.1"
                ]
            return real(name, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", found)
        assert look_at(f"{host}/200").state == "ok"


class TestIsListed:
    @pytest.mark.parametrize(
        ("entry", "name", "port", "listed"),
        [
            ("pay.example", "pay.example", 443, True),
            ("pay.example", "dash.pay.example", 80, True),
            ("pay.example", "dash.pay.example", 8443, False),
            ("pay.example", "evilpay.example", 443, False),
            ("pay.example", "example", 443, False),
            ("Pay.Example.", "pay.example", 443, True),
            ("pay.example:8443", "pay.example", 8443, True),
            ("pay.example:8443", "pay.example", 443, False),
            ("pay.example:8443", "pay.example", None, True),
            ("bücher.example", "xn--bcher-kva.example", 443, True),
        ],
    )
    def test_compares_whole_names_and_ports(self, settings, entry, name, port, listed):
        settings.EVIDENCE_LINK_HOSTS = [entry]
        assert is_listed(name, port) is listed


class TestIsReachable:
    def test_is_the_public_internet_and_the_networks_that_are_named(self, settings):
        assert is_reachable("93.184.215.14")
        assert is_reachable("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
        assert not is_reachable("10.20.3.4")
        settings.EVIDENCE_LINK_NETWORKS = ["10.20.0.0/16"]
        assert is_reachable("10.20.3.4")
        assert is_reachable("::ffff:10.20.3.4")
        assert not is_reachable("10.21.0.1")


class TestCheckLink:
    @pytest.fixture
    def row(self, incident, responder, host):
        return make_evidence(incident, actor=responder, url=f"{host}/404")

    def test_keeps_the_answer_and_makes_the_finding(self, incident, row):
        """R-EV-07"""
        refresh_findings(incident.pk)
        tasks.check_link(row.pk)

        kept = LinkCheck.objects.get()
        assert (kept.evidence, kept.state, kept.checked_at) == (row, "broken", NOW)
        stored = FindingSnapshot.objects.get(incident=incident).findings
        assert [f["subject_ref"] for f in stored if f["id"] == "EV009"] == [row.ref]

    def test_run_twice_changes_nothing(self, row):
        tasks.check_link(row.pk)
        tasks.check_link(row.pk)
        assert LinkCheck.objects.count() == 1

    def test_leaves_an_artifact_without_link_alone(self, incident, responder, settings):
        named = make_evidence(incident, actor=responder, url="", description="Paper")
        assert links.check_link(named.pk) is None
        assert links.check_link(10**9) is None


class TestSweepLinks:
    @pytest.fixture
    def started(self, monkeypatch):
        found = []
        monkeypatch.setattr(
            links.jobs, "kick", lambda task, **key: found.append(key.get("evidence_id"))
        )
        return found

    def test_asks_once_a_day_those_that_waited_longest_first(
        self, incident, responder, settings, started, clock
    ):
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        rows = [make_evidence(incident, actor=responder) for _ in range(3)]
        started.clear()
        for row, hours in ((rows[0], 25), (rows[1], 23)):
            LinkCheck.objects.create(
                evidence=row,
                state="ok",
                words="…",
                checked_at=NOW - dt.timedelta(hours=hours),
            )
        tasks.sweep_links()
        assert set(started) == {rows[0].pk, rows[2].pk}

    def test_leaves_closed_incidents_and_an_empty_list_alone(
        self, incident, responder, settings, started
    ):
        make_evidence(incident, actor=responder)
        started.clear()
        assert links.sweep_links() == 0
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        Incident.objects.filter(pk=incident.pk).update(status="closed")
        assert links.sweep_links() == 0
        assert Evidence.objects.count() == 1
        assert started == []
