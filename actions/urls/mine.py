"""Addresses of the pages across incidents."""

from django.urls import path

from actions.views import mine

urlpatterns = [path("", mine.my_actions, name="my_actions")]
