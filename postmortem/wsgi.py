"""WSGI entry point: `gunicorn postmortem.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postmortem.settings")

application = get_wsgi_application()
# Views come with the addresses: loaded here, all workers share them, and nobody's first
# request waits for them.
_ = get_resolver().url_patterns

# What is loaded now stays: the collector need not look at it, and workers that are
# forked from here go on sharing its memory.
gc.collect()
gc.freeze()
