"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "review"
    verbose_name = "Review"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"review.{module}")
