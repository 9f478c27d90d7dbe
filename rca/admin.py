"""Inspection only: these rows are written by services, never here."""

from __future__ import annotations

from django.contrib import admin

from incidents.admin import CaseRecordAdmin
from rca.models import Analysis, Cause, FailureMode

admin.site.register([Analysis, Cause, FailureMode], CaseRecordAdmin)
