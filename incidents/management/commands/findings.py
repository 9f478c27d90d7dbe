"""`manage.py findings INC-1`: what the checks find, for a terminal or a pipeline."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from incidents import selectors
from incidents.models import Incident
from postmortem.lib.findings import Level


class Command(BaseCommand):
    help = (
        "List the findings of an incident. Exit 1 if open ones reach --fail-on, 2 if "
        "there is no such incident."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("incident", help="Key, such as INC-2041.")
        parser.add_argument("--format", choices=["text", "json"], default="text")
        parser.add_argument(
            "--fail-on",
            choices=[str(level) for level in Level],
            default=None,
            help="Exit 1 when a finding of this level or a worse one is open.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        incident = find(options["incident"])
        found = selectors.findings(incident)
        if options["format"] == "json":
            self.stdout.write(
                json.dumps(
                    [
                        {
                            "id": item.id,
                            "level": str(item.level),
                            "subject": item.subject_ref,
                            "message": item.message,
                            "hint": item.hint,
                            "key": item.key,
                            "waivable": item.waivable,
                            "accepted_by": item.accepted_by,
                        }
                        for item in found
                    ],
                    indent=2,
                    ensure_ascii=False,
                )
            )
        else:
            for item in found:
                ref = f" {item.subject_ref}" if item.subject_ref else ""
                kept = f" (accepted by {item.accepted_by})" if item.accepted_by else ""
                self.stdout.write(
                    f"{item.level.upper():7} {item.id}{ref}: {item.message}{kept}"
                )
            blocking = sum(item.is_blocking for item in found)
            self.stdout.write(
                f"{incident.key}: {len(found)} findings, {blocking} block closing"
            )
        limit = options["fail_on"]
        if limit and any(
            item.is_open and item.level.rank <= Level(limit).rank for item in found
        ):
            sys.exit(1)


def find(key: str) -> Incident:
    """The incident with this key, or an error that says what to write."""
    number = key.upper().removeprefix("INC-")
    incident = (
        Incident.objects.filter(number=int(number)).first()
        if number.isdecimal() and len(number) <= 9
        else None
    )
    if incident is None:
        raise CommandError(
            f"There is no {key}. Write a key such as INC-2041.", returncode=2
        )
    return incident


def find_person(email: str) -> User:
    """Whoever has this email, or an error that says so."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"Nobody here has the email {email}.")
    return user
