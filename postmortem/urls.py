"""All addresses of the product; prefixes are set here and nowhere else."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.decorators import public
from postmortem.views import healthz, readyz

api = [
    path("", include("accounts.urls.api")),
    path("", include("incidents.urls.api")),
    path("incidents/<str:key>/", include("timeline.urls.api")),
    path("incidents/<str:key>/", include("rca.urls.api")),
    path("incidents/<str:key>/", include("actions.urls.api")),
    path("incidents/<str:key>/", include("review.urls.api")),
]

actions = [
    path("actions/", include("actions.urls.mine")),
    path("incidents/<str:key>/actions/", include("actions.urls.pages")),
]

review = [
    path("policies/closing/", include("review.urls.policies")),
    path("incidents/<str:key>/review/", include("review.urls.pages")),
]

handler500 = "postmortem.views.server_error"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    # An address is changed by an administrator, with a reason: whoever could change
    # their own could hand the account over.
    path("accounts/email/", public(RedirectView.as_view(url="/account/"))),
    path("accounts/", include("allauth.urls")),
    path("account/", include("accounts.urls.pages")),
    path("admin/", admin.site.urls),
    path("api/v1/", include((api, "api"))),
    path("", include("incidents.urls.pages")),
    path("incidents/<str:key>/timeline/", include("timeline.urls.pages")),
    path("incidents/<str:key>/causes/", include("rca.urls.pages")),
    path("", include((actions, "actions"))),
    path("", include((review, "review"))),
]
