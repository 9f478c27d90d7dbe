"""A Slack export of 50,000 messages becomes candidates: seconds, memory; as JSON."""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import django

django.setup()

from django.core.files.base import File  # noqa: E402

from accounts.models import User  # noqa: E402
from incidents.models import Incident  # noqa: E402
from timeline.services.intake import asking, worker  # noqa: E402

CHANNELS, DAYS = 10, 10
WORDS = ("auth", "rate", "gateway", "timeout", "queue", "ledger", "webhook")


def memory(name: str) -> float:
    """Of this process in MB: VmRSS now, VmHWM the highest."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def write(target: Path, count: int) -> None:
    """An export as Slack writes it: a file for each channel and day, indented."""
    dice = random.Random(7)  # noqa: S311
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(CHANNELS * DAYS):
            channel, day = divmod(number, DAYS)
            rows = [
                {
                    "client_msg_id": f"{at:08x}-1111-4222-8333-{number:012x}",
                    "type": "message",
                    "user": f"U{dice.randrange(200):08}",
                    "ts": f"{1773100000 + day * 86400 + at * 170}.{number:06}",
                    "team": "T0AB12",
                    "text": " ".join(dice.choices(WORDS, k=dice.randint(4, 30))),
                }
                for at in range(count // (CHANNELS * DAYS))
            ]
            archive.writestr(
                f"channel-{channel}/2026-03-{day + 1:02}.json",
                json.dumps(rows, indent=4),
            )


incident = Incident.objects.get(pk=sys.argv[1])
user = User.objects.get(pk=sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 50_000
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "export.zip"
    write(path, count)
    before = memory("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    with path.open("rb") as opened:
        row = asking.take_log(
            incident_id=incident.pk,
            actor=user,
            upload=File(opened, name="export.zip"),
            makes=True,
        )
    worker.read_long(row.pk)
    row.refresh_from_db()
    assert row.made, row.error
    print(
        json.dumps(
            {
                "added": row.made.added,
                "cpu": time.process_time() - cpu,
                "wall": time.perf_counter() - wall,
                "growth": max(0.0, memory("VmHWM") - before),
            }
        )
    )
