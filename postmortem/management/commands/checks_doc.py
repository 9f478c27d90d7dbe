"""`manage.py checks_doc`: write docs/checks.md from the registry of checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from postmortem.lib.findings import REGISTRY, Check

HEAD = """\
# Checks

The linter of post-mortems. A check looks at a case and yields findings; `manage.py
findings INC-1` prints them. The same findings drive 'What still blocks closure', the
gates of every transition, the API and the one-pager's stamp.

An *error* blocks closing; gates named in the level column are held back too. One person
accepts a *warning* or *info* with a reason. An error can be accepted only where it says
*waivable*: by two people, neither owning the subject, with reason and expiry; it
lapses when the facts behind the finding change. Ids are never reused.

`manage.py checks_doc` writes this file from the docstrings; a test keeps it true.
How to add one: [adding-a-check.md](adding-a-check.md).
"""


class Command(BaseCommand):
    help = "Write docs/checks.md from the registry."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "checks.md"
        path.write_text(document(), encoding="utf-8")
        self.stdout.write(f"{len(REGISTRY)} checks written to docs/checks.md")


def document() -> str:
    """The whole text of docs/checks.md."""
    parts = [HEAD]
    for tab in dict.fromkeys(check.tab for check in REGISTRY.values()):
        parts.append(
            f"\n## {tab}\n\n| id | level | finding | reason | requirements |\n"
            "|---|---|---|---|---|\n"
        )
        rows = [check for check in REGISTRY.values() if check.tab == tab]
        parts.extend(_row(check) for check in sorted(rows, key=lambda c: c.id))
    return "".join(parts)


def _row(check: Check) -> str:
    level = check.level.value
    if check.gates:
        level += ", gates " + " and ".join(gate.value for gate in check.gates)
    if check.waivable:
        level += ", waivable"
    cells = (
        f"`{check.id}`",
        level,
        check.title,
        check.reason,
        ", ".join(check.requirements),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
