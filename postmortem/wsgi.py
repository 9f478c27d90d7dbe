"""WSGI entry point: `gunicorn postmortem.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postmortem.settings")

application = get_wsgi_application()

# What is loaded now stays: the collector need not look at it, and workers that are
# forked from here go on sharing its memory.
gc.collect()
gc.freeze()
