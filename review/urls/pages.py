"""Addresses of the pages."""

from django.urls import path

from review.views import approvals, closing, reports, reviews

urlpatterns = [
    path("", reviews.review_detail, name="review_detail"),
    path("open/", reviews.review_open, name="review_open"),
    path("edit/", reviews.review_edit, name="review_edit"),
    path("blameless/", reviews.blameless_acknowledge, name="blameless_acknowledge"),
    path("participants/add/", reviews.participant_add, name="participant_add"),
    path(
        "participants/<int:number>/remove/",
        reviews.participant_remove,
        name="participant_remove",
    ),
    path("approve/", approvals.closure_approve, name="closure_approve"),
    path("request-changes/", approvals.changes_request, name="changes_request"),
    path("since/<int:pk>/", approvals.approval_since, name="approval_since"),
    path("withdraw/", approvals.approval_withdraw, name="approval_withdraw"),
    path("outcome/", closing.outcome_choose, name="outcome_choose"),
    path("close/", closing.incident_close, name="incident_close"),
    path("keep-stabilized/", closing.incident_keep, name="incident_keep"),
    path("reopen/", closing.incident_reopen, name="incident_reopen"),
    path("one-pager/", reports.report_detail, name="report_detail"),
    path("one-pager/status/", reports.report_status, name="report_status"),
    path("one-pager/request/", reports.report_request, name="report_request"),
    path("one-pager/file/", reports.report, name="report"),
]
