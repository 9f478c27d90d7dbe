"""`scripts/test.py`: which steps run, what a failed one does, what is left behind."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.infrastructure.conftest import PROJECT, eventually, is_alive, load_script

LINT = ["ruff format", "ruff check", "import contracts", "djlint"]
CHECKS = ["mypy", "migrations", "deploy check", "API schema"]
EMBEDDED = "tests on the embedded default (SQLite)"
WHOLE = "tests on PostgreSQL and Redis"
DATABASE = "postgres://private"
BROKER = "redis+socket://private"


class Runner:
    """The script with its commands and servers stood in for."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.commands: list[str] = []
        self.envs: list[dict[str, str]] = []
        self.fails: Callable[[str], bool] = lambda command: False
        self._set = monkeypatch.setattr
        self._set(module, "run", self._run)
        self._set(module, "private_redis", lambda: contextlib.nullcontext(BROKER))
        self._set(module, "private_postgres", lambda: contextlib.nullcontext(DATABASE))

    def _run(self, command: Sequence[str], env: dict[str, str]) -> int:
        self.commands.append(" ".join(command))
        self.envs.append(env)
        return 1 if self.fails(self.commands[-1]) else 0

    def __call__(self, *arguments: str) -> int:
        self._set(sys, "argv", ["test.py", *arguments])
        code: int = self.module.main()
        return code


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    kept = [(n, signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGHUP)]
    yield Runner(load_script("test"), monkeypatch)
    for number, handler in kept:
        signal.signal(number, handler)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the runner, without the seconds."""
    lines = capsys.readouterr().out.splitlines()
    return [line.removeprefix("make test: ").rpartition(" (")[0] for line in lines]


class TestSteps:
    @pytest.mark.parametrize(
        ("arguments", "names"),
        [
            ([], [*LINT, *CHECKS, EMBEDDED, WHOLE]),
            (["--lint-only"], LINT),
            (["--checks-only"], [*LINT, *CHECKS]),
            (["--faults"], ["faults that take minutes", "kills"]),
            (["--faults", "tests/flows"], ["faults that take minutes"]),
            (["tests/lib", "-k", "money"], [WHOLE]),
        ],
    )
    def test_are_those_that_were_asked_for(
        self,
        runner: Runner,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        names: list[str],
    ) -> None:
        assert runner(*arguments) == 0
        assert said(capsys) == [*(f"{name} ok" for name in names), "all ok"]

    def test_pass_on_what_pytest_is_asked(self, runner: Runner) -> None:
        runner("tests/lib", "-k", "money")
        assert runner.commands[0].endswith("-n 2 tests/lib -k money")

    @pytest.mark.parametrize("broken", ["ruff format", "mypy", "-m embedded", "-n 2"])
    def test_go_on_after_one_that_failed(
        self, runner: Runner, capsys: pytest.CaptureFixture[str], broken: str
    ) -> None:
        runner.fails = lambda command: broken in command

        assert runner() == 1

        assert len(runner.commands) == 10
        *steps, last = said(capsys)
        failed = [line for line in steps if line.endswith(" FAILED")]
        assert len(failed) == 1
        assert last == f"{failed[0].removesuffix(' FAILED')} failed, see above"

    def test_name_all_that_failed(
        self, runner: Runner, capsys: pytest.CaptureFixture[str]
    ) -> None:
        runner.fails = lambda command: "mypy" in command or "embedded" in command
        assert runner() == 1
        assert said(capsys)[-1] == f"mypy, {EMBEDDED} failed, see above"

    def test_know_nothing_of_the_settings_of_whoever_runs_them(
        self, runner: Runner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("DATABASE_URL", "SECRET_KEY_FILE", "EMAIL_HOST", "DEMO"):
            monkeypatch.setenv(name, "theirs")

        runner()

        assert not [env for env in runner.envs if "theirs" in env.values()]
        given = [env.get("DATABASE_URL") for env in runner.envs]
        assert given == [None] * 9 + [DATABASE]
        assert runner.envs[-1]["TEST_BROKER_URL"] == BROKER

    def test_leave_no_scratch_folder(self, runner: Runner) -> None:
        runner("--lint-only")
        assert not Path(runner.envs[0]["TMPDIR"]).exists()


class TestServers:
    def test_that_do_not_start_are_told_with_their_last_words(
        self,
        runner: Runner,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        def broken() -> contextlib.AbstractContextManager[None]:
            return runner.module.server(  # type: ignore[no-any-return]
                "PostgreSQL",
                ["/bin/sh", "-c", "echo no room left; exit 1"],
                log=tmp_path / "log",
                is_ready=lambda: False,
                user=None,
                stop_signal=signal.SIGTERM,
            )

        monkeypatch.setattr(runner.module, "private_postgres", broken)

        assert runner("tests/lib") == 1
        assert runner.commands == []
        told = capsys.readouterr().out
        assert told == "make test: PostgreSQL did not start:\nno room left\n\n"

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (signal.SIGTERM, 130),
            (signal.SIGHUP, 130),
            (signal.SIGINT, 130),
            (signal.SIGKILL, -signal.SIGKILL),
        ],
    )
    def test_end_with_the_runner_however_that_ends(
        self, tmp_path: Path, number: signal.Signals, code: int
    ) -> None:
        """A real server and a real step; both say their number and wait."""
        runner = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
        server, step = tmp_path / "server", tmp_path / "step"
        eventually(lambda: server.exists() and step.exists(), 20)
        pids = [int(path.read_text()) for path in (server, step)]

        runner.send_signal(number)

        assert runner.wait(20) == code
        eventually(lambda: not is_alive(pids[0]))
        if code == 130:  # a runner that is killed can ask its step for nothing
            assert not is_alive(pids[1])
            assert (tmp_path / "cleaned").exists()
            assert not list(tmp_path.glob("postmortem-test-*"))
        else:
            subprocess.run(["kill", "-9", str(pids[1])], check=False)


# The script, with a server and a step of ours in the place of the tests.
DRIVER = f"""
import pathlib, signal, sys, tempfile
sys.path.insert(0, {str(PROJECT)!r})
from tests.infrastructure.conftest import load_script
folder = pathlib.Path(sys.argv.pop())
sys.argv[:] = ["test.py", "tests"]
tempfile.tempdir = str(folder)
signal.signal(signal.SIGINT, signal.default_int_handler)
module = load_script("test")
WAIT = '''
import os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
here = pathlib.Path(sys.argv[1])
here.with_suffix(".new").write_text(str(os.getpid()))
here.with_suffix(".new").rename(here)
try:
    time.sleep(60)
except KeyboardInterrupt:
    here.with_name("cleaned").touch()
'''

def run_tests(steps, env, arguments):
    server, step = (
        [sys.executable, "-c", WAIT, str(folder / name)] for name in ("server", "step")
    )
    with module.server(
        "server",
        server,
        log=folder / "log",
        is_ready=(folder / "server").exists,
        user=None,
        stop_signal=signal.SIGTERM,
    ):
        steps.run("tests", step, env)

module.run_tests = run_tests
sys.exit(module.main())
"""
