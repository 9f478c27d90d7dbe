"""`manage.py export_schema`: write docs/case.schema.json from the record's shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from incidents.services.cases import case_schema


class Command(BaseCommand):
    help = "Write docs/case.schema.json."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "case.schema.json"
        text = json.dumps(case_schema(), indent=1, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
        self.stdout.write("docs/case.schema.json written")
