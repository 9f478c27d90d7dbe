"""`manage.py import_case case.json`: how history comes in."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.models import Role, User
from incidents.management.commands.findings import find_person
from incidents.services.cases import import_case, read_case
from postmortem.lib.record import MalformedCase


class Command(BaseCommand):
    help = "Import case files (docs/case-format.md); a file with a fault adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="case.json")
        parser.add_argument(
            "--as", dest="actor", help="email of the person who imports (a commander)"
        )

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        actor = self._actor(options["actor"])
        for path in files:
            try:
                incident = import_case(actor=actor, case=read_case(path.read_bytes()))
            except OSError as error:
                raise CommandError(
                    f"{path}: cannot be read: {error.strerror}."
                ) from error
            except MalformedCase as error:
                lines = "\n".join(f"  {f.path}: {f.reason}" for f in error.faults)
                raise CommandError(
                    f"{path}: nothing imported. Faults: {error.count}\n{lines}"
                ) from error
            except ValidationError as error:
                raise CommandError(f"{path}: {' '.join(error.messages)}") from error
            self.stdout.write(f"{path.name}: imported as {incident.key}.")

    def _actor(self, email: str | None) -> User:
        if email:
            return find_person(email)
        may = Q(groups__name__in=[Role.ADMIN, Role.COMMANDER]) | Q(is_superuser=True)
        user = User.objects.filter(may, is_active=True).first()
        if user is None:
            raise CommandError(
                "Nobody here is commander or administrator yet. Make the first "
                "administrator by manage.py createsuperuser."
            )
        return user
