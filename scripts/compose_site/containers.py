"""Containers without an engine: one process of a service, with names in place."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from test import BIN, Failure

from compose_site.files import seconds

UID = 10001


class Container:
    """One process of a service: its command and environment, with names in place."""

    def __init__(
        self, name: str, service: dict[str, Any], env: dict[str, str], put: Mapping
    ) -> None:
        self.name, self.service, self.env, self.put = name, service, env, put
        self.process: subprocess.Popen[bytes] | None = None
        self.words: list[str] = []
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

    def start(self, words: list[str] | None = None) -> None:
        """Without words: as before, in the place of the one that was lost."""
        self.words = words or self.words
        self.started = time.monotonic()
        with self.log.open("ab") as output:
            self.process = self.popen(self.words, output)

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
