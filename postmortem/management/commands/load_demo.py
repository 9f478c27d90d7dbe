"""`manage.py load_demo`: the demonstration cases and accounts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from postmortem import demo


class Command(BaseCommand):
    help = "Load the demonstration cases and accounts; a second run changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo.DEMO.exists():
            raise CommandError(
                "The demonstration is not part of the image. `make run` in a clone of "
                "the repository shows it."
            )
        for incident in demo.load():
            self.stderr.write(f"  {incident.key}: {incident.title}")
        for row in demo.accounts()[:4]:
            self.stdout.write(f"{row['email']:<24} {row['password']}  ({row['role']})")
