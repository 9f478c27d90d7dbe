"""Addresses of the api."""

from django.urls import URLPattern, path

from review.api.views import ApprovalViews, ReportViews, ReviewViews

urlpatterns: list[URLPattern] = [
    path(
        "review/",
        ReviewViews.as_view(
            {"get": "retrieve", "post": "create", "patch": "partial_update"}
        ),
        name="review",
    ),
    path(
        "review/acknowledge/",
        ReviewViews.as_view({"post": "acknowledge"}),
        name="review-acknowledge",
    ),
    path(
        "review/participants/",
        ReviewViews.as_view({"get": "participants", "post": "participant_add"}),
        name="review-participants",
    ),
    path(
        "review/participants/<int:number>/remove/",
        ReviewViews.as_view({"post": "participant_remove"}),
        name="review-participant-remove",
    ),
    path(
        "review/approve/",
        ApprovalViews.as_view({"post": "approve"}),
        name="review-approve",
    ),
    path(
        "review/request-changes/",
        ApprovalViews.as_view({"post": "request_changes"}),
        name="review-request-changes",
    ),
    path(
        "review/withdraw/",
        ApprovalViews.as_view({"post": "withdraw"}),
        name="review-withdraw",
    ),
    path("review/close/", ReviewViews.as_view({"post": "close"}), name="review-close"),
    path(
        "review/keep-stabilized/",
        ReviewViews.as_view({"post": "keep_stabilized"}),
        name="review-keep-stabilized",
    ),
    path(
        "review/reopen/", ReviewViews.as_view({"post": "reopen"}), name="review-reopen"
    ),
    path("review/seal/", ReviewViews.as_view({"get": "seal"}), name="review-seal"),
    path("checklist/", ReviewViews.as_view({"get": "checklist"}), name="checklist"),
    path("approvals/", ApprovalViews.as_view({"get": "retrieve"}), name="approvals"),
    path(
        "report/",
        ReportViews.as_view({"get": "retrieve", "post": "create"}),
        name="report",
    ),
    path("report/file/", ReportViews.as_view({"get": "file"}), name="report-file"),
]
