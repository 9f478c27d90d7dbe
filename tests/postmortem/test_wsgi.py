"""What a web process holds in memory before its first request."""

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

        assert {"PIL", "jsonschema", "segno", "weasyprint"} & set(
            names.split()
        ) == set()
        assert has_views == "True"
