"""Inspection only: these rows are written by services, never here."""

from __future__ import annotations

from django.contrib import admin

from actions.models import ActionItem, ClosureTest, TestRun
from incidents.admin import CaseRecordAdmin

admin.site.register([ActionItem, ClosureTest, TestRun], CaseRecordAdmin)
