"""The one-pager: what it says (`build_report`), its HTML, its PDF. Always one A4 page.

The order of the blocks is fixed, the same for every incident (R-OP-01). What does not
fit is cut by rule and counted on the page: 'n more in the record'.
"""

from review.report.collecting import TEMPLATE_VERSION, build_key, build_report
from review.report.content import Report
from review.report.cutting import Limits, cut, limit_steps
from review.report.rendering import PageTooLong, render_html, render_pdf

__all__ = [
    "TEMPLATE_VERSION",
    "Limits",
    "PageTooLong",
    "Report",
    "build_key",
    "build_report",
    "cut",
    "limit_steps",
    "render_html",
    "render_pdf",
]
