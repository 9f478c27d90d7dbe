"""What a process holds in memory before its first request or task."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import postmortem.wsgi
print(*{name.partition(".")[0] for name in sys.modules})
print("incidents.views.incident_list" in sys.modules)
"""


class TestApplication:
    def test_loads_every_view_and_nothing_that_only_few_requests_need(self) -> None:
        """A picture is drawn, a case is proven and a page is printed by one request in
        thousands; 14 MB in every worker would be theirs."""
        done = subprocess.run(
            [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
        )
        names, has_views = done.stdout.splitlines()

        heavy = {"PIL", "jsonschema", "pydyf", "segno", "weasyprint"}
        assert heavy & set(names.split()) == set()
        assert has_views == "True"


STARTED = """
import gc
from celery import signals
import postmortem.celery
signals.worker_process_init.send(sender=None)
print(gc.get_freeze_count())
"""


class TestSettle:
    def test_takes_what_is_loaded_out_of_the_collector(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", STARTED], capture_output=True, text=True, check=True
        )

        assert int(done.stdout) > 10_000
