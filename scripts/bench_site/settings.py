"""Production settings, with the measuring middleware around everything."""

from postmortem.settings import *  # noqa: F403
from postmortem.settings import MIDDLEWARE as PRODUCT_MIDDLEWARE

MIDDLEWARE = ["bench_site.measure.Measure", *PRODUCT_MIDDLEWARE]
