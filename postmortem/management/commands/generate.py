"""manage.py generate --incidents 10000 --entries 500000 --seed 7"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from postmortem.generator import Occupied, Order, generate


class Command(BaseCommand):
    help = "Fill an empty database with generated incidents, to try how fast it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--incidents", type=int, default=10_000)
        parser.add_argument("--entries", type=int, default=500_000)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument(
            "--until",
            type=datetime.fromisoformat,
            help="The newest day, as 2026-03-01 (default: today). The same seed and "
            "day give the same rows.",
        )
        parser.add_argument(
            "--processes", type=int, default=1, help="Side by side, on PostgreSQL."
        )
        parser.add_argument(
            "--force", action="store_true", help="Also beside incidents that are there."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        start = time.monotonic()
        until = options["until"] or timezone.now()
        order = Order(
            incidents=options["incidents"],
            entries=options["entries"],
            seed=options["seed"],
            until=until.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC),
        )

        def say(text: str) -> None:
            self.stdout.write(f"{time.monotonic() - start:6.0f} s  {text}")

        say(
            f"generating {order.incidents:,} incidents with {order.entries:,} entries "
            f"up to {order.until:%Y-%m-%d}, seed {order.seed}"
        )
        try:
            generate(order, say, force=options["force"], processes=options["processes"])
        except (Occupied, ValueError) as error:
            raise CommandError(str(error)) from error
        say("done")
