"""`manage.py verify INC-1`: recompute the chain, the history and the file hashes."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents import activity, selectors
from incidents.management.commands.findings import find
from incidents.models import Incident


class Command(BaseCommand):
    help = (
        "Check that nothing was altered since it was written: activity chain, row "
        "history, present rows, stored files. Exit 1 and list every breach."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("incident", nargs="*", help="Keys, such as INC-2041.")
        parser.add_argument("--all", action="store_true", help="Every incident.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            incidents = list(Incident.objects.order_by("number"))
        elif options["incident"]:
            incidents = [find(key) for key in options["incident"]]
        else:
            raise CommandError("Name an incident, such as INC-2041, or pass --all.")
        broken = False
        for incident in incidents:
            breaches = [
                *(
                    f"{item.place}: {item.message}"
                    for item in activity.verify(incident)
                ),
                *(
                    f"{row.ref}: the file {words}"
                    for row, words in selectors.altered_files(incident)
                ),
            ]
            for line in breaches:
                self.stdout.write(f"{incident.key}: {line}")
            if not breaches:
                self.stdout.write(
                    f"{incident.key}: intact, {incident.activity_count} activities"
                )
            broken = broken or bool(breaches)
        if broken:
            sys.exit(1)
