"""The compose file and the Dockerfile: what can be read off them, and all of it run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = str(ROOT / "scripts")


@pytest.fixture
def check() -> Iterator[object]:
    """What the script reads; its neighbor is called `test`, like one of Python's."""
    before = sys.modules.pop("test", None)
    sys.path.insert(0, SCRIPTS)
    try:
        from compose_site import files

        yield files
    finally:
        sys.path.remove(SCRIPTS)
        sys.modules.pop("test", None)
        if before is not None:
            sys.modules["test"] = before


class TestCompose:
    def test_has_two_webs_one_worker_and_one_beat(self, check):
        services = check.read_compose()["services"]
        copies = {
            name: service.get("deploy", {}).get("replicas", 1)
            for name, service in services.items()
        }
        assert copies == {
            "postgres": 1,
            "redis": 1,
            "migrate": 1,
            "web": 2,
            "worker": 1,
            "beat": 1,
        }

    def test_checks_the_health_of_everything_that_stays(self, check):
        services = check.read_compose()["services"]
        unchecked = {
            n for n, service in services.items() if "healthcheck" not in service
        }
        assert unchecked == {"migrate"}

    def test_starts_migrations_before_what_needs_them(self, check):
        order = check.start_order(check.read_compose()["services"])
        assert order.index("postgres") < order.index("migrate") < order.index("web")
        assert order.index("migrate") < order.index("worker")

    def test_refuses_a_circle(self, check):
        circle = {"a": {"depends_on": {"b": {}}}, "b": {"depends_on": {"a": {}}}}
        with pytest.raises(check.Failure, match="circle"):
            check.start_order(circle)

    def test_writes_no_secret_down(self, check):
        services = check.read_compose()["services"]
        for name in ("web", "worker", "beat", "migrate"):
            for key, value in services[name]["environment"].items():
                secret = any(word in key for word in ("SECRET", "PASSWORD", "DATABASE"))
                assert not secret or value.startswith("/run/secrets/"), key

    def test_lets_the_outside_be_set_by_environment(self, check):
        services = check.read_compose({"BASE_URL": "https://pm.pay.example"})[
            "services"
        ]
        assert services["web"]["environment"]["BASE_URL"] == "https://pm.pay.example"
        assert services["web"]["ports"] == ["127.0.0.1:8000-8001:8000"]


class TestImage:
    def test_runs_as_a_user_of_its_own(self, check):
        assert check.image_user(check.read_dockerfile()) == "postmortem"

    def test_holds_every_app_and_no_test(self, check):
        files = check.context_files()
        folders = {path.parts[0] for path in files}
        ours = {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()}
        assert ours | {"templates", "static"} <= folders
        assert not folders & {"tests", "secrets", "var", ".git", "docs"}


@pytest.mark.broker
@pytest.mark.skipif(
    not os.environ.get("TEST_BROKER_URL"), reason="part of `make test`: takes a minute"
)
def test_everything_starts_serves_survives_and_stops() -> None:
    # Its folders lie where another user may enter.
    env = {k: v for k, v in os.environ.items() if k != "TMPDIR"}
    done = subprocess.run(
        [sys.executable, f"{SCRIPTS}/compose_check.py"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all ok" in done.stdout
