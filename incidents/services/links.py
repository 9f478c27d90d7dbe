"""Durable links: do they still answer? Only listed hosts are ever asked, at the address
that was checked, and nothing that they answer is kept but the status."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from incidents.models import Evidence, LinkCheck
from incidents.permissions import OPEN
from incidents.services.findings import refresh_findings
from postmortem.lib import jobs

State = LinkCheck.State
STEP = 5.0  # seconds for one connection or one read
WHOLE = 12.0  # seconds for one request, however slowly it drips
REDIRECTS = 3
BODY_BYTES = 64 * 1024
AGAIN_AFTER = timedelta(hours=24)
SLICE = 200
_PORTS = {"http": 80, "https": 443}
_MOVED = frozenset({301, 302, 303, 307, 308})
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
# Of IPv6 only this part leads to the public internet; the rest is local, retired, or
# leads to an IPv4 address which is not in sight (::/96, ::ffff:0:0:0/96, 64:ff9b::/96).
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
# What is reserved in the public part, whatever this Python knows of it: Teredo, 6to4
# and its relays, and the addresses of documents.
_RESERVED = tuple(
    map(
        ipaddress.ip_network,
        ("2001::/32", "2002::/16", "192.88.99.0/24", "2001:db8::/32", "3fff::/20"),
    )
)


class Refused(Exception):
    """The check does not go there; the words say why."""


@dataclass(frozen=True)
class Answer:
    """What one look at a link found."""

    state: LinkCheck.State
    words: str
    http_status: int | None = None


@dataclass(frozen=True)
class Target:
    """Where to connect: the address that was checked, never the name again."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


# --- which hosts and addresses -------------------------------------------------------


def plain_host(name: str) -> str:
    """A host name as it is compared: lower case, ASCII, without the last dot.

    ValueError for one that has no such form.
    """
    name = name.rstrip(".").lower()
    return name if name.isascii() else name.encode("idna").decode("ascii")


def is_listed(host: str, port: int | None = None) -> bool:
    """Whether EVIDENCE_LINK_HOSTS names this host or one above it. An entry without a
    port stands for 80 and 443. port: None does not ask for it."""
    for entry in settings.EVIDENCE_LINK_HOSTS:
        name, _, only = entry.strip().partition(":")
        known = plain_host(name)
        if host != known and not host.endswith(f".{known}"):
            continue
        ports = {int(only)} if only else set(_PORTS.values())
        if port is None or port in ports:
            return True
    return False


def is_reachable(address: str) -> bool:
    """Whether an address may be connected to: on the public internet, or in
    EVIDENCE_LINK_NETWORKS."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    for network in map(ipaddress.ip_network, settings.EVIDENCE_LINK_NETWORKS):
        if found.version == network.version and found in network:
            return True
    if found.version == 6 and found not in _PUBLIC_V6:
        return False
    if any(found.version == net.version and found in net for net in _RESERVED):
        return False
    return found.is_global and not found.is_multicast


def find_target(url: str) -> Target:
    """Read a link, resolve its host once and choose the address. Refused: it is not
    asked. OSError: the host is not found."""
    try:
        parts: SplitResult = urlsplit(url)
        host, port = plain_host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise Refused("The link cannot be read.") from error
    if _ODD.search(url) or not host:
        raise Refused("The link cannot be read.")
    if parts.scheme not in _PORTS:
        raise Refused("Only http and https links are checked.")
    if parts.username is not None or parts.password is not None:
        raise Refused("A link with a user name in it is not followed.")
    port = port or _PORTS[parts.scheme]
    if not is_listed(host, port):
        shown = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
        raise Refused(f"{shown[:120]} is not on the list of hosts that are asked.")
    addresses = [
        str(row[4][0])
        for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    # One bad address is enough: which one is taken must not be left to chance.
    if not addresses or not all(map(is_reachable, addresses)):
        raise Refused(f"{host[:120]} leads to an internal address, which is not asked.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, addresses[0], _ascii(path))


def _ascii(path: str) -> str:
    return "".join(
        sign if sign.isascii() else "".join(f"%{byte:02X}" for byte in sign.encode())
        for sign in path
    )


# --- asking --------------------------------------------------------------------------


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=STEP)
        self.target = target

    def connect(self) -> None:
        self.sock = socket.create_connection(
            (self.target.address, self.target.port), timeout=STEP
        )
        if self.target.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.target.host)


@contextmanager
def _within(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """End a request as a whole: one that drips a byte a second never times out."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        if connection.sock:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
        if late.is_set():  # what was cut short may look like an answer
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
        connection.close()


def _ask(target: Target, method: str) -> tuple[int, str]:
    """The status and where it points to. At most BODY_BYTES of the body are read."""
    connection = _Pinned(target)
    with _within(connection, WHOLE):
        connection.request(
            method,
            target.path,
            headers={"User-Agent": "Postmortem link check", "Connection": "close"},
        )
        answer = connection.getresponse()
        if method == "GET":
            answer.read(BODY_BYTES)
        return answer.status, answer.getheader("Location") or ""


def look_at(url: str) -> Answer:
    """Ask a link by HEAD, then by GET where that is refused; follow redirects only to
    listed hosts. Never raises for what the other side does."""
    if not settings.EVIDENCE_LINK_HOSTS:
        return Answer(State.UNCHECKED, "No hosts are listed that may be asked.")
    try:
        return _follow(url)
    except Refused as error:
        return Answer(State.UNCHECKED, str(error))
    except TimeoutError:
        return Answer(State.BROKEN, "No answer in time.")
    except ssl.SSLCertVerificationError:
        return Answer(State.BROKEN, "The certificate of the host is not valid.")
    except socket.gaierror:
        return Answer(State.BROKEN, "The host cannot be found.")
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(State.BROKEN, "The connection failed.")


def _follow(url: str) -> Answer:
    for _ in range(REDIRECTS + 1):
        target = find_target(url)
        status, location = _ask(target, "HEAD")
        if status >= 400:
            status, location = _ask(target, "GET")
        if status not in _MOVED or not location:
            return _judge(status)
        url = urljoin(url, location)
    return Answer(State.BROKEN, f"It redirects more than {REDIRECTS} times.")


def _judge(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(State.OK, f"Answers ({status}).", status)
    if status in {401, 403}:
        return Answer(State.OK, f"Answers, and asks for a sign-in ({status}).", status)
    if status in {404, 410}:
        return Answer(State.BROKEN, f"Nothing is there any more ({status}).", status)
    return Answer(State.BROKEN, f"The host answers with an error ({status}).", status)


# --- keeping what was found ----------------------------------------------------------


def check_link(evidence_id: int) -> LinkCheck | None:
    """Look at the link of an artifact and keep the answer; None without a link.

    Running twice changes nothing but the time. The findings are made anew when the
    link broke or came back.
    """
    row = Evidence.objects.filter(pk=evidence_id, retracted_at=None).first()
    if row is None or not row.url:
        return None
    before = LinkCheck.objects.filter(evidence=row).first()
    answer = look_at(row.url)
    kept, _ = LinkCheck.objects.update_or_create(
        evidence=row,
        defaults={
            "state": answer.state,
            "http_status": answer.http_status,
            "words": answer.words,
            "checked_at": timezone.now(),
        },
    )
    if (before is not None and before.state == State.BROKEN) != (
        kept.state == State.BROKEN
    ):
        refresh_findings(row.incident_id)
    return kept


def sweep_links() -> int:
    """Have the links of open incidents looked at once a day, those first that waited
    longest. Returns how many were started; none while no hosts are listed."""
    if not settings.EVIDENCE_LINK_HOSTS:
        return 0
    due = (
        Evidence.objects.filter(retracted_at=None, superseded_by=None)
        .filter(incident__status__in=OPEN)
        .exclude(url="")
        .filter(
            Q(link_check=None)
            | Q(link_check__checked_at__lte=timezone.now() - AGAIN_AFTER)
        )
        .order_by("link_check__checked_at", "pk")
        .values_list("pk", flat=True)[:SLICE]
    )
    started = list(due)
    for pk in started:
        jobs.kick("incidents.tasks.check_link", evidence_id=pk)
    return len(started)
