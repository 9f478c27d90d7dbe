"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import register_tab


class ReviewConfig(AppConfig):
    name = "review"
    verbose_name = "Review"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"review.{module}")
        register_tab("review", "Review & closure", "review:review_detail", 60)
