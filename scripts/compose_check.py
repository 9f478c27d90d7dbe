"""`make compose-check`: what stands in docker-compose.yml and in the Dockerfile, run
without an engine: the same commands, settings, secrets, migrations and health checks,
in the same order, from a copy of what goes into the image, as another user where we are
root, on a private PostgreSQL and Redis. Only names of hosts, ports and folders are put
in place of the containers'. What it cannot show is the engine's own part: building the
layers, restarting, the read-only root."""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from test import BIN, ROOT, Failure, free_port, postgres_bin, private_postgres, server

UID = 10001
WORD = re.compile(r"\$(?:(\$)|\{(\w+)(?::?-([^}]*))?\}|(\w+))")
EMAIL, PASSWORD = (
    "admin@team.example",
    "correct horse battery",
)


def say(text: str) -> None:
    print(f"compose-check: {text}", flush=True)


# --- reading the two files ---


def interpolate(value: Any, env: dict[str, str]) -> Any:
    """Compose's `${NAME:-default}`, and `$$` for a dollar."""
    if isinstance(value, dict):
        return {key: interpolate(item, env) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, env) for item in value]
    if not isinstance(value, str):
        return value

    def put(found: re.Match[str]) -> str:
        dollar, name, default, bare = found.groups()
        return "$" if dollar else env.get(name or bare) or default or ""

    return WORD.sub(put, value)


def read_compose(env: dict[str, str] | None = None) -> dict[str, Any]:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = interpolate(yaml.safe_load(text), env or {})
    return found


def read_dockerfile() -> list[tuple[str, str]]:
    """The instructions of the last stage, as (name, rest)."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    steps = [(name.upper(), rest.strip()) for name, rest in lines]
    last = max(i for i, (name, _) in enumerate(steps) if name == "FROM")
    return steps[last:]


def image_environment(steps: list[tuple[str, str]]) -> dict[str, str]:
    pairs = [word for n, rest in steps if n == "ENV" for word in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def image_command(steps: list[tuple[str, str]]) -> list[str]:
    return list(json.loads(next(rest for name, rest in steps if name == "CMD")))


def image_user(steps: list[tuple[str, str]]) -> str:
    return [rest for name, rest in steps if name == "USER"][-1]


def context_files() -> list[Path]:
    """What .dockerignore lets into the image, of the files that git knows."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    kept = []
    for name in names:
        parts = [name, *map(str, Path(name).parents)]
        is_in = True
        for rule in (line for line in rules if line and not line.startswith("#")):
            pattern = rule.lstrip("!").replace("**/", "*")
            if any(fnmatch.fnmatch(part, pattern) for part in parts):
                is_in = rule.startswith("!")
        if is_in and (ROOT / name).is_file():
            kept.append(Path(name))
    return kept


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * (60 if unit == "m" else 1)


def start_order(services: dict[str, Any]) -> list[str]:
    """Each service after those that it depends on; a circle is a failure."""
    order: list[str] = []
    while len(order) < len(services):
        ready = [
            name
            for name, service in services.items()
            if name not in order and set(service.get("depends_on", {})) <= set(order)
        ]
        if not ready:
            raise Failure(f"depends_on goes in a circle: {set(services) - set(order)}")
        order += ready
    return order


# --- containers without an engine ---


class Container:
    """One process of a service: its command and environment, with names in place."""

    def __init__(
        self, name: str, service: dict[str, Any], env: dict[str, str], put: Mapping
    ) -> None:
        self.name, self.service, self.env, self.put = name, service, env, put
        self.process: subprocess.Popen[bytes] | None = None
        self.log = put.folder / f"{name}.log"
        self.started = 0.0

    def command(self, words: list[str]) -> list[str]:
        words = [self.put.replace(word) for word in words]
        program = shutil.which(words[0], path=self.env["PATH"])
        if program is None:
            raise Failure(f"{self.name}: no program {words[0]}")
        return [program, *words[1:]]

    def popen(self, words: list[str], output: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(words),
            cwd=self.put.app,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **self.put.user,
        )

    def start(self, words: list[str]) -> None:
        self.started = time.monotonic()
        with self.log.open("ab") as output:
            self.process = self.popen(words, output)

    def run(self, words: list[str], timeout: float) -> tuple[int, str]:
        """Run to the end beside the container, as `exec` and health checks do."""
        process = self.popen(words, subprocess.PIPE)
        try:
            told, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 124, f"took longer than {timeout:.0f} s"
        return process.returncode, told.decode(errors="replace")

    def health(self) -> tuple[int, str]:
        check = self.service["healthcheck"]
        kind, *words = check["test"]
        if kind == "CMD-SHELL":
            words = ["sh", "-c", *words]
        return self.run(words, seconds(check["timeout"]))

    def wait_healthy(self) -> float:
        """Seconds until the health check's exit code is 0."""
        check = self.service["healthcheck"]
        limit = seconds(check.get("start_period", "0s"))
        limit += seconds(check["interval"]) * int(check.get("retries", 3))
        end = time.monotonic() + limit
        while True:
            code, told = self.health()
            if code == 0:
                return time.monotonic() - self.started
            if self.process is not None and self.process.poll() is not None:
                raise Failure(f"{self.name} ended:\n{self.last_words()}")
            if time.monotonic() > end:
                raise Failure(f"{self.name} unhealthy ({code}): {told[-500:]}")
            time.sleep(0.5)

    def stop(self) -> tuple[float, int]:
        """The declared signal to the main process, then its grace: (seconds, code)."""
        assert self.process is not None
        number = getattr(signal, self.service.get("stop_signal", "SIGTERM"))
        grace = seconds(self.service.get("stop_grace_period", "10s"))
        start = time.monotonic()
        self.process.send_signal(number)
        try:
            code = self.process.wait(grace)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} did not stop within {grace:.0f} s") from error
        return time.monotonic() - start, code

    def kill(self) -> None:
        """As an engine that loses a container: every process of it at once."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def memory(self) -> float:
        """MB of its processes, shared pages counted once (PSS), where we may look."""
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError):
                fields = stat.read_text().rpartition(")")[2].split()
                if self.process is not None and int(fields[3]) == self.process.pid:
                    rollup = (stat.parent / "smaps_rollup").read_text()
                    total += int(re.search(r"Pss:\s+(\d+)", rollup).group(1))  # type: ignore[union-attr]
        return total / 1024

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


class Mapping:
    """Where names of the containers lie on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = folder / "app"
        self.names: dict[str, str] = {
            "/run/secrets/": f"{self.app}/secrets/",
            "/venv/bin": str(BIN),
            "=/data/": f"={folder}/data/",
            "find /data ": f"find {folder}/data ",
        }
        self.user: dict[str, Any] = (
            {"user": UID, "group": UID, "extra_groups": []} if os.geteuid() == 0 else {}
        )

    def replace(self, text: str) -> str:
        for name, ours in self.names.items():
            text = text.replace(name, ours)
        return text

    def with_port(self, port: int) -> Mapping:
        """The same for one web container: its own port, on loopback."""
        other = Mapping(self.folder)
        other.names = self.names | {
            "0.0.0.0:8000": f"127.0.0.1:{port}",
            "127.0.0.1:8000": f"127.0.0.1:{port}",
        }
        return other

    def own(self, path: Path) -> Path:
        """Give a folder to the user of the containers."""
        path.mkdir(parents=True, exist_ok=True)
        if self.user:
            for item in (path, *path.rglob("*")):
                os.chown(item, UID, UID)
        return path


class Stack:
    """All services of the compose file."""

    def __init__(self, folder: Path) -> None:
        self.compose = read_compose()
        self.services: dict[str, Any] = self.compose["services"]
        self.steps = read_dockerfile()
        self.put = Mapping(folder)
        self.running: list[Container] = []
        self.completed: set[str] = set()
        self.figures: list[str] = []

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """Nothing of ours but what a container has: image, then compose file."""
        env = {
            "HOME": str(self.put.folder / "home"),
            "LANG": "C.UTF-8",
            "HOSTNAME": socket.gethostname(),
        }
        env |= image_environment(self.steps)
        env |= {k: str(v) for k, v in service.get("environment", {}).items()}
        env["PATH"] = f"{BIN}:/usr/local/bin:/usr/bin:/bin"
        for name in ("DATA_DIR", "STATIC_ROOT", "XDG_CACHE_HOME"):
            env[name] = str(self.put.folder) + env[name]
        # Shared memory and temporary files of a container are its own.
        env["TMPDIR"] = str(self.put.folder / "tmp")
        return {key: self.put.replace(value) for key, value in env.items()}

    def container(
        self, name: str, put: Mapping | None = None, label: str = ""
    ) -> Container:
        service = self.services[name]
        return Container(
            label or name, service, self.environment(service), put or self.put
        )

    # --- the image ---

    def build(self) -> None:
        """Copy what .dockerignore lets in, make the secrets, run the RUN of ours."""
        user = image_user(self.steps)
        if user in {"root", "0"}:
            raise Failure("the image runs as root")
        made = [r for step, r in self.steps if step == "RUN" and "useradd" in r]
        if not any(f"--uid {UID} " in rest and f" {user} " in rest for rest in made):
            raise Failure(f"the Dockerfile does not make the user {user}")
        put = self.put
        for name in context_files():
            target = put.app / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        (put.app / "scripts").mkdir()
        script = put.app / "scripts" / "make-secrets.sh"
        shutil.copyfile(ROOT / "scripts" / "make-secrets.sh", script)
        subprocess.run(["sh", str(script)], check=True)
        shutil.rmtree(put.app / "scripts")
        (put.app / "secrets").chmod(0o755)
        for made_folder in ("data", "home", "tmp", "static"):
            put.own(put.folder / made_folder)
        for path in (put.folder, put.app):
            path.chmod(0o755)
        for declared in self.compose["secrets"].values():
            if not (put.app / declared["file"]).is_file():
                raise Failure(f"make-secrets.sh does not make {declared['file']}")
        (line,) = [
            rest for name, rest in self.steps if name == "RUN" and "manage.py" in rest
        ]
        line = line.replace("/tmp/build", f"{put.folder}/tmp/build")  # noqa: S108
        start = time.monotonic()
        code, told = self.container("migrate").run(["sh", "-ec", line], 300)
        if code:
            raise Failure(f"RUN {line}: {told[-2000:]}")
        files = sum(1 for _ in (put.folder / "static").rglob("*"))
        self.note(f"image: collectstatic, {files} files", time.monotonic() - start)

    def note(self, what: str, spent: float) -> None:
        self.figures.append(f"{what}: {spent:.1f} s")
        say(self.figures[-1])

    # --- the services ---

    @contextlib.contextmanager
    def postgres(self) -> Iterator[None]:
        """As the image does with POSTGRES_PASSWORD_FILE; then its health check."""
        service = self.services["postgres"]
        env = service["environment"]
        secret = self.put.app / "secrets" / Path(env["POSTGRES_PASSWORD_FILE"]).name
        with private_postgres(secret.read_text().strip()) as url:
            port = urllib.parse.urlsplit(url).port
            if urllib.parse.urlsplit(url).username != env["POSTGRES_USER"]:
                raise Failure("another user of the database is declared")
            told = self.put.app / "secrets" / "database_url"
            told.chmod(0o644)
            told.write_text(
                told.read_text().replace("@postgres:5432/", f"@127.0.0.1:{port}/")
            )
            container = self.container("postgres")
            container.env |= {"PGHOST": "127.0.0.1", "PGPORT": str(port)}
            container.env["PATH"] = f"{postgres_bin()}:{container.env['PATH']}"
            password = secret.read_text().strip()
            made = container.env | {"PGPASSWORD": password}
            subprocess.run(
                ["createdb", "-U", env["POSTGRES_USER"], env["POSTGRES_DB"]],
                env=made,
                check=True,
            )
            container.started = time.monotonic()
            self.note("postgres healthy", container.wait_healthy())
            yield

    @contextlib.contextmanager
    def redis(self) -> Iterator[None]:
        """The declared command on a free port; then its health check."""
        service = self.services["redis"]
        port, folder = free_port(), self.put.own(self.put.folder / "redis")
        command = [*service["command"], "--port", str(port), "--bind", "127.0.0.1"]
        self.put.names |= {
            "redis://redis:6379": f"redis://127.0.0.1:{port}",
            "redis-cli ": f"redis-cli -p {port} ",
        }
        container = self.container("redis")
        container.started = time.monotonic()
        with server(
            "Redis",
            [*container.command(command), "--dir", str(folder)],
            log=self.put.folder / "redis.log",
            is_ready=lambda: container.health()[0] == 0,
            user=None,
            stop_signal=signal.SIGTERM,
        ):
            self.note("redis healthy", time.monotonic() - container.started)
            yield

    def start(self) -> None:
        """Everything of ours in the declared order, each once its conditions hold."""
        for name in start_order(self.services):
            if name in {"postgres", "redis"}:
                continue
            service = self.services[name]
            for needed, how in service.get("depends_on", {}).items():
                self.require(needed, how["condition"])
            words = service.get("command") or image_command(self.steps)
            if "ports" in service:
                for number in range(service.get("deploy", {}).get("replicas", 1)):
                    put = self.put.with_port(free_port())
                    self.launch(
                        self.container(name, put, f"{name}-{number + 1}"), words
                    )
            else:
                self.launch(self.container(name), words)
        for container in self.running:
            if "healthcheck" in container.service:
                self.note(f"{container.name} healthy", container.wait_healthy())

    def launch(self, container: Container, words: list[str]) -> None:
        container.start(words)
        self.running.append(container)

    def require(self, needed: str, condition: str) -> None:
        if condition == "service_healthy":
            return  # PostgreSQL and Redis run for as long as we do
        if condition != "service_completed_successfully":
            raise Failure(f"unknown condition {condition}")
        if needed in self.completed:
            return
        (one,) = [c for c in self.running if c.name == needed]
        assert one.process is not None
        if one.process.wait(300):
            raise Failure(f"{needed} failed:\n{one.last_words()}")
        self.note(f"{needed} done", time.monotonic() - one.started)
        self.running.remove(one)
        self.completed.add(needed)

    def stop(self) -> None:
        """Everything, those that depend on others first."""
        for container in reversed(self.running):
            if container.process is None or container.process.poll() is not None:
                continue
            spent, code = container.stop()
            if code:
                raise Failure(f"{container.name} stopped with {code}")
            grace = container.service.get("stop_grace_period", "10s")
            self.note(f"{container.name} stopped (grace {grace})", spent)

    def web(self) -> list[Container]:
        return [c for c in self.running if c.name.startswith("web-")]


# --- a person at the browser ---


class Browser:
    """One session, over whichever web process answers."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def ask(
        self, web: Container, path: str, data: Any = None, *, form: bool = False
    ) -> tuple[int, bytes]:
        url = web.put.replace("http://127.0.0.1:8000") + path
        headers = {
            # The name under which people reach it, as the proxy hands it on.
            "Host": "localhost:8000",
            "Origin": "http://localhost:8000",
            "X-CSRFToken": self.cookies.get("csrftoken", ""),
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()),
        }
        body = None
        if form:
            body = urllib.parse.urlencode(data).encode()
        elif data is not None:
            body = json.dumps(data).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        try:
            with urllib.request.build_opener(NoRedirect).open(
                request, timeout=30
            ) as page:
                return self._take(page)
        except urllib.error.HTTPError as error:
            return self._take(error)

    def _take(self, page: Any) -> tuple[int, bytes]:
        for line in page.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return page.status, page.read()

    def sign_in(self, web: Container, email: str, password: str) -> tuple[int, bytes]:
        self.ask(web, "/accounts/login/")
        form = {
            "login": email,
            "password": password,
            "csrfmiddlewaretoken": self.cookies["csrftoken"],
        }
        return self.ask(web, "/accounts/login/", form, form=True)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


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
    """What a team does: sign in, declare, see the worker's work, lose one web."""
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

    first.kill()
    start = time.monotonic()
    status, page = person.ask(second, f"/incidents/{key}/")
    expect(status == 200 and key.encode() in page, "the other web", page)
    stack.note("web-1 killed, web-2 answers the same session", time.monotonic() - start)
    replaced = stack.container("web", first.put, "web-1")
    words = replaced.service.get("command") or image_command(stack.steps)
    stack.running.remove(first)
    stack.launch(replaced, words)
    stack.note("web-1 replaced and healthy", replaced.wait_healthy())
    status, _ = person.ask(replaced, f"/incidents/{key}/")
    expect(status == 200, "the replaced web")

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
