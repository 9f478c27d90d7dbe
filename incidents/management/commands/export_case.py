"""`manage.py export_case INC-1 --as EMAIL --reason "..."`: a whole incident in the case
format."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError

from incidents.management.commands.findings import find, find_person
from incidents.services.custody import take_case
from postmortem.lib.canonical import canonical_bytes


class Command(BaseCommand):
    help = "Write a case file (docs/case-format.md) of one incident."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the incident, such as INC-2041")
        parser.add_argument(
            "--as",
            dest="actor",
            required=True,
            help="email of the person who takes it along; the custody tells it",
        )
        parser.add_argument("--reason", required=True, help="what it is taken for")
        parser.add_argument("-o", "--output", help="the file; default: standard output")
        parser.add_argument(
            "--record",
            action="store_true",
            help="only the record: exactly the bytes that the content hash covers",
        )

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        incident = find(key)
        try:
            data = take_case(
                incident, actor=find_person(options["actor"]), reason=options["reason"]
            )
        except PermissionDenied as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["record"]:
            data = canonical_bytes(json.loads(data)["record"])
        if options["output"]:
            try:
                Path(options["output"]).write_bytes(data)
            except OSError as error:
                raise CommandError(
                    f"{options['output']}: cannot be written: {error.strerror}."
                ) from error
            self.stderr.write(f"{incident.key}: {len(data)} bytes written.")
        else:
            self.stdout.write(data.decode(), ending="")
