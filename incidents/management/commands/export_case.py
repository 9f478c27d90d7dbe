"""`manage.py export_case INC-1 -o case.json`: a whole incident in the case format."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents.management.commands.findings import find
from incidents.services.cases import case_bytes, export_case
from postmortem.lib.canonical import canonical_bytes


class Command(BaseCommand):
    help = "Write a case file (docs/case-format.md) of one incident."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the incident, such as INC-2041")
        parser.add_argument("-o", "--output", help="the file; default: standard output")
        parser.add_argument(
            "--record",
            action="store_true",
            help="only the record: exactly the bytes that the content hash covers",
        )

    def handle(self, *args: Any, key: str, **options: Any) -> None:
        incident = find(key)
        data = (
            canonical_bytes(export_case(incident)["record"])
            if options["record"]
            else case_bytes(incident)
        )
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
