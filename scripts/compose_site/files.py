"""What the compose file, the Dockerfile and .dockerignore say."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml
from test import ROOT, Failure

WORD = re.compile(r"\$(?:(\$)|\{(\w+)(?::?-([^}]*))?\}|(\w+))")


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
