"""`make compose-check`: what stands in docker-compose.yml and in the Dockerfile, run
without an engine: the same commands, settings, secrets, migrations and health checks,
in the same order, from a copy of what goes into the image, as another user where we are
root, on a private PostgreSQL and Redis. Only names of hosts, ports and folders are put
in place of the containers'. What it cannot show is the engine's own part: building the
layers, restarting, the read-only root."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compose_site.containers import UID
from compose_site.person import Browser
from compose_site.stack import Stack, say
from test import Failure

EMAIL, PASSWORD = "admin@team.example", "correct horse battery"


def until(is_done: Callable[[], bool], limit: float, what: str) -> float:
    start = time.monotonic()
    while not is_done():
        if time.monotonic() - start > limit:
            raise Failure(f"{what}: not within {limit:.0f} s")
        time.sleep(0.3)
    return time.monotonic() - start


def expect(is_so: bool, what: str, told: object = "") -> None:
    if not is_so:
        raise Failure(f"{what}: {str(told)[:1500]}")


def walk(stack: Stack) -> None:
    """What a team does: sign in, declare, see the worker's work, lose one container
    after the other, each of which its health check has to tell."""
    first, second = stack.web()
    maker = stack.container("web")
    maker.env["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
    create = ["python", "manage.py", "createsuperuser", "--noinput"]
    code, told = maker.run([*create, "--email", EMAIL, "--name", "Ada Min"], 60)
    expect(code == 0, "createsuperuser", told)

    person = Browser()
    status, page = person.sign_in(first, EMAIL, PASSWORD)
    expect(status == 302, "signing in", page)
    api = "/api/v1/incidents/"
    declared = {
        "title": "Cards are declined",
        "severity": "SEV2",
        "lanes": ["checkout"],
    }
    status, page = person.ask(first, api, declared)
    expect(status == 201, "declaring an incident", page)
    key = json.loads(page)["key"]

    status, page = person.ask(second, f"{api}{key}/report/", {})
    expect(status == 202, "asking for the one-pager", page)

    def is_built() -> bool:
        state = json.loads(person.ask(second, f"{api}{key}/report/")[1])["state"]
        expect(state != "failed", "the one-pager failed")
        return bool(state == "ready")

    spent = until(is_built, 90, "the one-pager")
    _, page = person.ask(second, f"{api}{key}/report/file/")
    expect(page.startswith(b"%PDF"), "the one-pager is no PDF", page[:200])
    stack.note(f"one-pager by the worker, {len(page) // 1024} KB", spent)

    def is_refreshed() -> bool:
        return key in snapshots(stack)

    stack.note("findings by the worker", until(is_refreshed, 60, "the findings"))

    def is_ready() -> bool:
        return bool(json.loads(person.ask(first, "/readyz")[1])["status"] == "ready")

    stack.note("/readyz says ready", until(is_ready, 90, "/readyz"))

    tries = [
        Browser().sign_in(web, "stranger@team.example", "wrong password")[1]
        for web in (first, second, first, second, first, second)
    ]
    blocked = [b"Too many failed" in page for page in tries]
    expect(blocked == [False] * 5 + [True], "limits over both web containers", blocked)
    say("the sixth wrong password is refused, whichever web was asked")

    for lost in [each for each in stack.running if each is not second]:
        lost.kill()
        if lost.name == "beat":  # whose sign of life holds for ten minutes
            os.utime(stack.put.folder / "data" / "beat.alive", (0, 0))
        code, _ = lost.health()
        expect(code != 0, f"{lost.name} was killed, and its health check exits with 0")
        start = time.monotonic()
        status, page = person.ask(second, f"/incidents/{key}/")
        expect(status == 200 and key.encode() in page, "the other web", page)
        spent = time.monotonic() - start
        stack.note(f"{lost.name} killed and unhealthy, web-2 answers", spent)
        lost.start()
        stack.note(f"{lost.name} healthy again", lost.wait_healthy())
    status, _ = person.ask(first, f"/incidents/{key}/")
    expect(status == 200, "the web that was lost")

    for container in stack.running:
        code, told = container.health()
        expect(code == 0, f"health check of {container.name}", told)
        stack.figures.append(f"{container.name}: {container.memory():.0f} MB")
        say(f"{stack.figures[-1]}, health check exits with 0")


def snapshots(stack: Stack) -> list[str]:
    """Incidents whose findings the worker has stored, asked of the database."""
    code = (
        "from incidents.models import FindingSnapshot as S;"
        "print(*[s.incident.key for s in S.objects.all()])"
    )
    status, told = stack.container("web").run(
        ["python", "manage.py", "shell", "-v0", "-c", code], 60
    )
    expect(status == 0, "the stored findings", told)
    return told.split()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    options = parser.parse_args()
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="postmortem-compose-"))
    stack = Stack(folder)
    try:
        stack.build()
        with stack.postgres(), stack.redis():
            try:
                stack.start()
                walk(stack)
                stack.stop()
            finally:
                for container in stack.running:
                    if container.process and container.process.poll() is None:
                        container.kill()
    except Failure as failure:
        say(f"FAILED: {failure}")
        for log in sorted(folder.glob("*.log")):
            say(f"{log.name}: {log.read_text(errors='replace')[-1500:]}")
        return 1
    finally:
        if options.keep:
            say(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    who = f"uid {UID}" if stack.put.user else "this user"
    say(f"all ok as {who} ({time.monotonic() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
