"""App configuration of the composition root: its system checks and commands."""

from importlib import import_module

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin import apps as admin_apps


class PostmortemConfig(AppConfig):
    name = "postmortem"

    def ready(self) -> None:
        import_module("postmortem.system_checks")


class InspectionConfig(admin_apps.AdminConfig):
    """The admin site shows what is ours. Roles, addresses and second factors, which
    the packages would have edited there, change on pages that keep who and why."""

    default = False

    def ready(self) -> None:
        super().ready()
        for app, model in (
            ("auth", "Group"),
            ("account", "EmailAddress"),
            ("mfa", "Authenticator"),
        ):
            admin.site.unregister(apps.get_model(app, model))
