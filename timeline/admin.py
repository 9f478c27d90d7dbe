"""Inspection only: these rows are written by services, never here."""

from __future__ import annotations

from django.contrib import admin

from incidents.admin import CaseRecordAdmin
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone

admin.site.register(
    [Entry, Hypothesis, Milestone, DependencyCheckpoint], CaseRecordAdmin
)
