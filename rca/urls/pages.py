"""Addresses of the pages."""

from django.urls import URLPattern

app_name = "rca"

urlpatterns: list[URLPattern] = []
