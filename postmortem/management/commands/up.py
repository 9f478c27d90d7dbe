"""`manage.py up`: run broker, worker, beat and web until it is stopped."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic
from django.contrib.staticfiles.storage import (
    ManifestStaticFilesStorage,
    staticfiles_storage,
)
from django.core.management import BaseCommand, call_command

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
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="only migrate, collect static files and load the demo (used by `up`)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare"]:
            self.prepare(demo=options["demo"])
            return
        command = [sys.executable, "-m", "postmortem.embedded"]
        command += ["--data-dir", str(settings.DATA_DIR), f"--port={options['port']}"]
        if options["demo"]:
            command.append("--demo")
        os.chdir(embedded.PROJECT)
        # Replaced, not called: what watches needs neither Django nor its memory.
        os.execv(command[0], command)  # noqa: S606 - no shell on purpose

    def prepare(self, *, demo: bool) -> None:
        """Bring database and pages up to date; write the demo accounts to stdout."""
        call_command("migrate", interactive=False, verbosity=0)
        if hasattr(staticfiles_storage, "manifest_name"):
            collect = collectstatic.Command()
            # The same names and manifest, not compressed: on one machine compression
            # saves nothing, and it takes twenty seconds of a newcomer's first start.
            collect.storage = ManifestStaticFilesStorage()
            call_command(collect, interactive=False, verbosity=0)
        if demo:
            call_command("load_demo", stdout=self.stderr)
            call_command("load_demo", "--accounts", stdout=self.stdout)
