"""Addresses of the pages, below `/incidents/INC-1/causes/`."""

from django.urls import path

from rca import views

app_name = "rca"

urlpatterns = [
    path("", views.cause_list, name="cause_list"),
    path("method/", views.analysis_edit, name="analysis_edit"),
    path("add/", views.cause_add, name="cause_add"),
    path("<int:number>/edit/", views.cause_edit, name="cause_edit"),
    path("<int:number>/confirm/", views.cause_confirm, name="cause_confirm"),
    path(
        "<int:number>/provisional/", views.cause_provisional, name="cause_provisional"
    ),
    path("<int:number>/rule-out/", views.cause_rule_out, name="cause_rule_out"),
    path("<int:number>/withdraw/", views.cause_retract, name="cause_retract"),
    path("modes/add/", views.failure_mode_add, name="failure_mode_add"),
    path("modes/print/", views.failure_mode_print, name="failure_mode_print"),
    path("modes/<int:number>/edit/", views.failure_mode_edit, name="failure_mode_edit"),
    path(
        "modes/<int:number>/withdraw/",
        views.failure_mode_retract,
        name="failure_mode_retract",
    ),
]
