"""`manage.py up`: run broker, worker, beat and web until it is stopped."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from postmortem import embedded


class Command(BaseCommand):
    help = "Start the embedded default: broker, worker, beat and web."
    # The processes it starts run the checks themselves.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=embedded.FIRST_PORT)
        parser.add_argument(
            "--demo", action="store_true", help="load the demo cases and accounts"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        command = [sys.executable, "-m", "postmortem.embedded"]
        command += ["--data-dir", str(settings.DATA_DIR), f"--port={options['port']}"]
        if options["demo"]:
            command.append("--demo")
        os.chdir(embedded.PROJECT)
        # Replaced, not called: what watches needs neither Django nor its memory.
        os.execv(command[0], command)  # noqa: S606 - no shell on purpose
