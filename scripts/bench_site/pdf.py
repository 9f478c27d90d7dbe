"""CPU seconds of the one-pager and of its floor, in turns; the medians as JSON."""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable

import django

from postmortem.celery import settle

django.setup()
settle()  # as a worker does when it starts, before it needs the engine

from django.utils import timezone  # noqa: E402
from weasyprint import HTML  # noqa: E402

from incidents.models import Incident  # noqa: E402
from postmortem.lib.canonical import canonical_bytes  # noqa: E402
from postmortem.lib.record import build_record, with_rows  # noqa: E402
from review.report import build_report, render_pdf  # noqa: E402

TURNS = 15


def one_pager(incident: Incident) -> bytes:
    """As the worker makes it, from the rows to the bytes."""
    incident = with_rows(incident)
    record = canonical_bytes(build_record(incident))
    content = hashlib.sha256(record).hexdigest()
    report = build_report(incident, as_of=timezone.now(), content=content)
    return render_pdf(report=report, record=record)


def floor() -> bytes:
    """One A4 page with a table of 30 rows."""
    rows = "".join(
        f"<tr><td>{n}<td>14:{n:02}<td>Signal<td>Rate at {n} %" for n in range(30)
    )
    page = f"<style>@page{{size:A4}}</style><h1>Floor</h1><table>{rows}</table>"
    made = HTML(string=page).write_pdf()
    assert isinstance(made, bytes)
    return made


def cost(make: Callable[[], bytes]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    make()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000


incident = Incident.objects.get(pk=sys.argv[1])
one_pager(incident)
floor()
pairs = [(cost(lambda: one_pager(incident)), cost(floor)) for _ in range(TURNS)]
print(
    json.dumps(
        {
            "cpu": statistics.median(pair[0][0] for pair in pairs),
            "wall": statistics.median(pair[0][1] for pair in pairs),
            "floor_cpu": statistics.median(pair[1][0] for pair in pairs),
            "floor_wall": statistics.median(pair[1][1] for pair in pairs),
        }
    )
)
