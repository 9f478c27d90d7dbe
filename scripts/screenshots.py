"""Shoot named pages of a running Postmortem: light, dark and phone, as PNG files.

It starts nothing. Example:

    python scripts/screenshots.py http://127.0.0.1:8000 --out docs/pictures \\
        --email em@demo.example --password … overview=/incidents/INC-2041/

Without names it shoots the pages of PAGES. Needs Playwright and a Chromium
(`CHROMIUM`, default /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PAGES = {
    "work": "/",
    "incidents": "/incidents/",
    "overview": "/incidents/INC-2041/",
    "timeline": "/incidents/INC-2041/timeline/",
    "evidence": "/incidents/INC-2041/evidence/",
    "causes": "/incidents/INC-2041/causes/",
    "actions": "/incidents/INC-2041/actions/",
    "review": "/incidents/INC-2041/review/",
    "activity": "/incidents/INC-2041/activity/",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"theme": "light", "width": 1440, "height": 900},
    "dark": {"theme": "dark", "width": 1440, "height": 900},
    "phone": {"theme": "light", "width": 390, "height": 844},
}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def sign_in(page: Page, base: str, email: str, password: str) -> None:
    """Through the sign-in page, as a person does."""
    page.goto(f"{base}/accounts/login/")
    page.fill("#id_login", email)
    page.fill("#id_password", password)
    page.click(".pm-form button[type=submit]")
    page.wait_for_selector(".pm-usermenu")


def shoot(
    browser: Browser,
    base: str,
    pages: dict[str, str],
    look: str,
    options: argparse.Namespace,
) -> list[str]:
    """One picture per page; returns what went wrong on them."""
    wanted = LOOKS[look]
    context = browser.new_context(
        viewport={"width": wanted["width"], "height": wanted["height"]},
        color_scheme=wanted["theme"],
        reduced_motion="reduce",
        device_scale_factor=options.scale,
    )
    context.add_init_script(f"localStorage.setItem('pm-theme', '{wanted['theme']}')")
    page = context.new_page()
    faults: list[str] = []
    page.on(
        "console",
        lambda said: (
            faults.append(f"{page.url}: {said.text}") if said.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    sign_in(page, base, options.email, options.password)
    for name, address in pages.items():
        answer = page.goto(f"{base}{address}", wait_until="networkidle")
        if answer is None or answer.status >= 400:
            faults.append(f"{address}: {answer.status if answer else 'no answer'}")
            continue
        page.evaluate("document.fonts.ready")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            faults.append(f"{address} ({look}): {wide} px wider than the screen")
        suffix = "" if look == "light" else f"-{look}"
        page.screenshot(
            path=str(Path(options.out) / f"{name}{suffix}.png"),
            full_page=not options.fold,
        )
    context.close()
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="address of a running Postmortem")
    parser.add_argument("pages", nargs="*", help="name=/address/")
    parser.add_argument("--out", default="screenshots")
    parser.add_argument("--email", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--looks", default="light,dark,phone")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--fold", action="store_true", help="only the first screen")
    options = parser.parse_intermixed_args()
    Path(options.out).mkdir(parents=True, exist_ok=True)
    pages = dict(item.split("=", 1) for item in options.pages) or PAGES
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=ARGUMENTS,
        )
        faults = [
            fault
            for look in options.looks.split(",")
            for fault in shoot(browser, options.base.rstrip("/"), pages, look, options)
        ]
        browser.close()
    for fault in dict.fromkeys(faults):
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
