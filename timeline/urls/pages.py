"""Addresses of the pages."""

from django.urls import path

from timeline.views import (
    checkpoints,
    entries,
    export,
    hypotheses,
    intake,
    milestones,
    page,
    quick,
)

app_name = "timeline"

urlpatterns = [
    path("", page.entry_list, name="entry_list"),
    path("quick/", quick.entry_quick_add, name="entry_quick_add"),
    path("preview/", quick.entry_preview, name="entry_preview"),
    path("since/", page.entry_since, name="entry_since"),
    path("print/", export.entry_print, name="entry_print"),
    path("export.<str:kind>", export.entry_export, name="entry_export"),
    path("recovery/", page.recovery_strip, name="recovery_strip"),
    # entries
    path("add/", entries.entry_add, name="entry_add"),
    path("gap/", entries.gap_state, name="gap_state"),
    path("<int:number>/", entries.entry_detail, name="entry_detail"),
    path("<int:number>/edit/", entries.entry_edit, name="entry_edit"),
    path("<int:number>/evidence/", entries.evidence_link, name="evidence_link"),
    path(
        "<int:number>/evidence/<str:ref>/withdraw/",
        entries.evidence_unlink,
        name="evidence_unlink",
    ),
    path(
        "<int:number>/milestone/",
        milestones.entry_milestone,
        name="entry_milestone",
    ),
    path("<int:number>/proof/", entries.entry_proof, name="entry_proof"),
    path("<int:number>/withdraw/", entries.entry_retract, name="entry_retract"),
    # milestones
    path("milestones/add/", milestones.milestone_add, name="milestone_add"),
    path(
        "milestones/not-applicable/",
        milestones.milestone_not_applicable,
        name="milestone_not_applicable",
    ),
    path(
        "milestones/<int:number>/withdraw/",
        milestones.milestone_retract,
        name="milestone_retract",
    ),
    # hypotheses
    path("hypotheses/add/", hypotheses.hypothesis_add, name="hypothesis_add"),
    path(
        "hypotheses/<int:number>/edit/",
        hypotheses.hypothesis_edit,
        name="hypothesis_edit",
    ),
    path(
        "hypotheses/<int:number>/settle/",
        hypotheses.hypothesis_settle,
        name="hypothesis_settle",
    ),
    path(
        "hypotheses/<int:number>/evidence/",
        hypotheses.hypothesis_link,
        name="hypothesis_link",
    ),
    # dependency checkpoints
    path("checkpoints/add/", checkpoints.checkpoint_add, name="checkpoint_add"),
    path(
        "checkpoints/<int:number>/edit/",
        checkpoints.checkpoint_edit,
        name="checkpoint_edit",
    ),
    path(
        "checkpoints/<int:number>/withdraw/",
        checkpoints.checkpoint_retract,
        name="checkpoint_retract",
    ),
    # foreign logs
    path("import/", intake.import_add, name="import_add"),
    path("import/reading/<int:pk>/", intake.reading_detail, name="reading_detail"),
    path(
        "import/reading/<int:pk>/status/", intake.reading_status, name="reading_status"
    ),
    path("import/<int:number>/", intake.reading_add, name="reading_add"),
    path("candidates/", intake.candidate_list, name="candidate_list"),
    path("candidates/accept/", intake.candidate_accept, name="candidate_accept"),
    path("candidates/dismiss/", intake.candidate_dismiss, name="candidate_dismiss"),
    path("candidates/restore/", intake.candidate_restore, name="candidate_restore"),
    path("candidates/<int:pk>/", intake.candidate_edit, name="candidate_edit"),
]
