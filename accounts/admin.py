"""People, teams and tokens. Users and teams are edited here by an administrator;
tokens are only looked at, and their secret is nowhere."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm

from accounts.models import ApiToken, Team, User

# One way to sign in, with its limits and second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_title = admin.site.site_header = "Postmortem administration"
admin.site.index_title = "People, teams and policies; the record is only shown"


class PersonCreationForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self):
        return self.cleaned_data["email"].lower()

    def save(self, commit=True):
        user = super().save(commit=False)
        user.handle = user.email
        if commit:
            user.save()
            self.save_m2m()
        return user


class PersonChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes = None


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Roles are the groups. The handle never changes: records name people by it."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    list_display = ("name", "email", "title", "role_names", "is_active")
    list_filter = ("is_active", "groups")
    search_fields = ("name", "email", "title", "handle")
    ordering = ("name",)
    readonly_fields = ("handle", "person_id", "created_at", "last_login")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "title", "time_zone")}),
        ("Roles", {"fields": ("groups", "is_active", "is_staff", "is_superuser")}),
        (
            "Kept for the record",
            {"fields": ("handle", "person_id", "created_at", "last_login")},
        ),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Roles")
    def role_names(self, user):
        return ", ".join(group.name for group in user.groups.all())

    def has_delete_permission(self, request, obj=None):
        """People who stand in a record are switched off, never deleted."""
        return False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("name", "function", "manager")
    list_select_related = ("manager",)
    filter_horizontal = ("members",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    actions = None
    list_display = ("name", "user", "kind", "prefix", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    exclude = ("token_hash",)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
