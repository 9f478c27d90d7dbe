"""Is every line there that eight recorders were told is stored? As JSON: how many, and
what is wrong with them. The incident is the argument, what was told comes in."""

from __future__ import annotations

import json
import re
import sys
from itertools import pairwise

import django

django.setup()

from incidents.activity import verify  # noqa: E402
from incidents.models import Incident  # noqa: E402
from timeline.models import Entry  # noqa: E402
from timeline.selectors import outline  # noqa: E402

LINE = re.compile(r"Recorder (\d+) saw line (\d+)$")


def faults(incident: Incident, told: list[tuple[int, int]]) -> list[str]:
    entries = list(Entry.objects.filter(incident=incident).order_by("number"))
    lines = {
        entry.number: (int(found[1]), int(found[2]))
        for entry in entries
        if (found := LINE.match(entry.observed_signal))
    }
    on_page = [line.number for line in outline(incident).lines if line.number in lines]
    turns: dict[int, list[int]] = {}
    for place, turn in lines.values():
        turns.setdefault(place, []).append(turn)
    wrong = {
        "lines are lost or were refused and stored": sorted(lines.values())
        != sorted(told),
        "numbers have a hole or stand twice": [entry.number for entry in entries]
        != list(range(1, len(entries) + 1)),
        "somebody's lines are out of order": any(
            later <= earlier
            for mine in turns.values()
            for earlier, later in pairwise(mine)
        ),
        "the page shows lines of one minute out of order": on_page != sorted(lines),
    }
    return [
        *(words for words, is_so in wrong.items() if is_so),
        *(f"{breach.place} {breach.message}" for breach in verify(incident)),
    ]


case = Incident.objects.get(pk=sys.argv[1])
answered = [(place, turn) for place, turn in json.load(sys.stdin)]
print(json.dumps({"lines": len(answered), "faults": faults(case, answered)}))
