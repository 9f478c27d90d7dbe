"""`manage.py verify INC-1`: recompute the chain, the history and the file hashes."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from incidents.management.commands.findings import find
from incidents.models import Evidence, Incident
from incidents.services.verification import verify_incident


class Command(BaseCommand):
    help = (
        "Check that nothing was altered since it was written: activity chain, row "
        "history, present rows, stored files. Exit 1 and list every breach; "
        "exit 2 if there is no such incident."
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
            raise CommandError(
                "Name an incident, such as INC-2041, or pass --all.", returncode=2
            )
        broken = False
        for incident in incidents:
            seen = verify_incident(
                incident_id=incident.pk, actor=User.objects.system(), with_files=True
            )
            for line in seen.breaches:
                self.stdout.write(f"{incident.key}: {line}")
            if not seen.breach_count:
                self.stdout.write(f"{incident.key}: intact up to entry {seen.sequence}")
                for ref in self.redacted(incident):
                    self.stdout.write(f"{incident.key}: {ref} redacted, its hash stays")
            elif seen.breach_count > len(seen.breaches):
                self.stdout.write(
                    f"{incident.key}: and {seen.breach_count - len(seen.breaches)} more"
                )
            broken = broken or bool(seen.breach_count)
        if broken:
            sys.exit(1)

    def redacted(self, incident: Incident) -> list[str]:
        """The artifacts whose content was taken out on purpose: no breach."""
        return [
            row.ref
            for row in Evidence.objects.filter(incident=incident).exclude(
                redacted_at=None
            )
        ]
