"""`manage.py load_demo`: the demonstration cases and accounts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from postmortem import demo


class Command(BaseCommand):
    help = "Load the demonstration cases and accounts; a second run changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--accounts", action="store_true", help="only list the demo accounts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["accounts"]:
            for row in demo.accounts()[:4]:
                self.stdout.write(
                    f"{row['email']:<24} {row['password']}  ({row['role']})"
                )
            return
        for incident in demo.load():
            self.stdout.write(f"{incident.key}: {incident.title}")
