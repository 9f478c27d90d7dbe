"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import live_rows, register_tab


class ActionsConfig(AppConfig):
    name = "actions"
    verbose_name = "Actions"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"actions.{module}")
        import_module("rca.selectors").register_answers(
            import_module("actions.selectors").actions_by_cause
        )
        register_tab(
            "actions",
            "Actions",
            "actions:action_list",
            50,
            live_rows("actions.ActionItem"),
        )
