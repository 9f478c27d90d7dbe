"""People, teams and tokens, to look at only: they are changed on the page of people and
teams, where the change is kept with its reason. No secret is shown."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters

from accounts.models import AccessChange, ApiToken, Team, User

# One way to sign in, with its limits and second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_title = admin.site.site_header = "Postmortem administration"
admin.site.index_title = "To look at only; nothing is changed here"


class InspectionAdmin(admin.ModelAdmin):
    """Shows rows and writes none: whatever changes goes through a service, which keeps
    who did it and why. No count of a whole table to search it."""

    actions = None
    show_full_result_count = False

    def get_changelist_instance(self, request):
        """An address with a NUL asks for what no row can say: the list as it is."""
        if any("\x00" in text for text in request.GET.values()):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(User)
class UserAdmin(InspectionAdmin):
    """Roles are the groups; they are changed on the page of people and teams."""

    list_display = ("name", "email", "title", "role_names", "is_active")
    list_filter = ("is_active", "groups")
    search_fields = ("name", "email", "title", "handle")
    ordering = ("name",)
    exclude = ("password", "user_permissions")

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Roles")
    def role_names(self, user):
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Team)
class TeamAdmin(InspectionAdmin):
    list_display = ("name", "function", "manager")
    list_select_related = ("manager",)


@admin.register(AccessChange)
class AccessChangeAdmin(InspectionAdmin):
    list_display = ("at", "by_label", "sentence", "reason")


@admin.register(ApiToken)
class ApiTokenAdmin(InspectionAdmin):
    list_display = ("name", "user", "kind", "prefix", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    exclude = ("token_hash",)
