"""All services of the compose file: built, started in order, stopped."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from test import BIN, ROOT, Failure, free_port, postgres_bin, private_postgres, server

from compose_site.containers import UID, Container, Mapping
from compose_site.files import (
    context_files,
    image_command,
    image_environment,
    image_user,
    read_compose,
    read_dockerfile,
    start_order,
)


def say(text: str) -> None:
    print(f"compose-check: {text}", flush=True)


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
