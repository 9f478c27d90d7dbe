"""Who may sign in, in which role, in which team, with which API token."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from postmortem.lib.fields import LineField, ProseField
from postmortem.lib.times import validate_zone


class Role(models.TextChoices):
    """The ceiling of what a person may do (decision 12)."""

    VIEWER = "viewer", "Viewer"
    RESPONDER = "responder", "Responder"
    COMMANDER = "commander", "Commander"
    REVIEWER = "reviewer", "Reviewer"
    FINANCE = "finance", "Finance"
    COMPLIANCE = "compliance", "Compliance"
    ADMIN = "admin", "Administrator"


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        """A person who signs in by email; the handle defaults to the email."""
        email = self.normalize_email(email).lower()
        fields.setdefault("handle", email)
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **fields: Any
    ) -> User:
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **fields
        )

    def system(self) -> User:
        """The named actor of scheduled work; it can never sign in."""
        user, _ = self.get_or_create(
            handle="system",
            defaults={"name": "Postmortem", "is_active": False, "password": "!"},
        )
        return user


def label_of(title: str, name: str, handle: str) -> str:
    """How the record calls a person, by their role first."""
    return title or name or handle


class User(AbstractBaseUser, PermissionsMixin):
    """A person, or an inactive stand-in for one named in an imported case.

    handle: how the record names this person; set once, never changed, so that a new
    name or email moves no hash. person_id: the human behind the account; two accounts
    of one human share it, and separation of duties compares it (R-AP-02).
    """

    email = models.EmailField(unique=True, null=True, blank=True)
    handle = LineField(max_length=200, unique=True, editable=False)
    name = LineField(max_length=120)
    title = LineField(
        max_length=120, blank=True, help_text="Role title shown in the record."
    )
    time_zone = LineField(max_length=64, default="UTC", validators=[validate_zone])
    person_id = models.UUIDField(default=uuid.uuid4, editable=False)
    notify_by_email = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The role title where there is one, else the name: roles own follow-up."""
        return label_of(self.title, self.name, self.handle)

    @property
    def initials(self) -> str:
        words = (self.title or self.name or self.handle).split()
        return "".join(word[0] for word in words[:2]).upper()

    @cached_property
    def roles(self) -> frozenset[str]:
        """Names of the roles held; a superuser is an administrator."""
        return self.roles_in(self.groups.values_list("name", flat=True))

    def roles_in(self, groups: Iterable[str]) -> frozenset[str]:
        """The roles among the names of the groups that this person is in."""
        names = set(groups)
        if self.is_superuser:
            names.add(Role.ADMIN)
        return frozenset(names & set(Role.values))

    @cached_property
    def functions(self) -> frozenset[str]:
        """Functions of the teams that this person is in or manages."""
        return frozenset(function for function, _ in self._teams)

    @cached_property
    def managed_functions(self) -> frozenset[str]:
        """Functions of the teams that this person manages; empty: manages none."""
        return frozenset(
            function for function, manager in self._teams if manager == self.pk
        )

    @cached_property
    def _teams(self) -> list[tuple[str, int | None]]:
        """Function and manager of each; read once, however many incidents."""
        theirs = Team.objects.filter(models.Q(members=self) | models.Q(manager=self))
        return list(theirs.order_by().values_list("function", "manager").distinct())

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Of the admin site only: an administrator who may enter it may use all of it.
        What a role may do in an incident stands in `incidents.permissions`."""
        return self._administers or super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return self._administers or super().has_module_perms(app_label)

    @property
    def _administers(self) -> bool:
        return self.is_active and self.is_staff and Role.ADMIN in self.roles

    @property
    def is_manager(self) -> bool:
        return bool(self.managed_functions)

    @property
    def other_accounts(self) -> models.QuerySet[User]:
        """The other accounts of the same human."""
        return User.objects.filter(person_id=self.person_id).exclude(pk=self.pk)

    @property
    def person_ids(self) -> frozenset[uuid.UUID]:
        """The person behind this account, now and before accounts were joined: what was
        done under an earlier id keeps it."""
        earlier = self.person_links.values_list("before", flat=True)
        return frozenset({self.person_id, *earlier})

    def is_same_person(self, other: User | None) -> bool:
        return other is not None and self.person_id == other.person_id


def display_name(user: User) -> str:
    """How the sign-in pages address a person."""
    return user.name


class PersonLink(models.Model):
    """One decision of an administrator about who is behind an account; append-only.

    before, after: `person_id` of the account. The ids of before stay known, because
    deeds that were done under them keep them.
    """

    class Verb(models.TextChoices):
        JOIN = "join", "Joined with"
        PART = "part", "Parted from"

    verb = models.CharField(max_length=4, choices=Verb)
    account = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="person_links"
    )
    other = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    before = models.UUIDField()
    after = models.UUIDField()
    reason = ProseField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.account} {self.get_verb_display().lower()} {self.other}"


class Team(models.Model):
    """A team with a manager: escalation and manager-level approval need one."""

    class Function(models.TextChoices):
        ENGINEERING = "engineering", "Engineering"
        PAYMENTS_OPS = "payments_ops", "Payments operations"
        FINANCE = "finance", "Finance"
        COMPLIANCE = "compliance", "Compliance"
        PRODUCT = "product", "Product"
        SUPPORT = "support", "Support"
        LEGAL = "legal", "Legal"

    slug = models.SlugField(unique=True)
    name = LineField(max_length=120)
    function = models.CharField(max_length=20, choices=Function)
    manager = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="managed_teams",
        null=True,
        blank=True,
    )
    members = models.ManyToManyField(User, related_name="teams", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Change(models.Model):
    """Who changed how the place is run, when and why; append-only. `sentence` is frozen
    at write and names people and values as they were called then."""

    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    by_label = LineField(max_length=120)
    sentence = ProseField()
    reason = ProseField(blank=True)

    class Meta:
        abstract = True
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.by_label} {self.sentence}"


class AccessChange(Change):
    """Who gave or took whose access."""

    person = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="access_changes",
        null=True,
        blank=True,
    )
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        related_name="access_changes",
        null=True,
        blank=True,
    )

    @classmethod
    def version_of(cls, **subject: User | Team) -> int:
        """Which change of a person (`person=`) or of a team (`team=`) was the last one,
        0 before the first. Every edit of them writes one."""
        last = cls.objects.filter(**subject).order_by("-pk").first()
        return last.pk if last else 0


class ApiToken(models.Model):
    """A token for the API, stored hashed; a service token never approves."""

    class Kind(models.TextChoices):
        PERSONAL = "personal", "Personal"
        SERVICE = "service", "Service"

    class Scope(models.TextChoices):
        READ = "read", "Read"
        WRITE = "write", "Write"
        APPROVE = "approve", "Approve"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = LineField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSONAL)
    scopes = models.JSONField(default=list)
    prefix = models.CharField(max_length=12, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def new_secret() -> str:
        return "pm_" + secrets.token_urlsafe(32)

    @staticmethod
    def hash_of(secret: str) -> str:
        """Plain SHA-256: the secret is random, so a slow hash would add nothing."""
        return hashlib.sha256(secret.encode()).hexdigest()

    def allows(self, scope: str) -> bool:
        if scope == self.Scope.APPROVE and self.kind == self.Kind.SERVICE:
            return False
        return scope in self.scopes

    def is_valid(self) -> bool:
        if self.revoked_at or not self.user.is_active:
            return False
        return self.expires_at is None or self.expires_at > timezone.now()


class IdempotentRequest(models.Model):
    """What a POST with an `Idempotency-Key` was answered, kept for a day, so that the
    same request again is not done again. Never holds a secret."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    digest = models.CharField(
        max_length=64, help_text="Method, address, If-Match and body."
    )
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="one_answer_for_each_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
