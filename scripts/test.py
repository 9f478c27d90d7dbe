"""`make test`: the checks, then the tests on a private PostgreSQL and Redis and on the
embedded default. Everything it starts is its own and is gone when it ends."""

import argparse
import contextlib
import ctypes
import glob
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PYTHON = str(BIN / "python")
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """A server that the tests need did not start."""


def say(text: str) -> None:
    print(f"make test: {text}", flush=True)


# --- running one step ---


def run(command: Sequence[str], env: dict[str, str]) -> int:
    """Run a command to its end; when we are interrupted it may clean up first."""
    process = subprocess.Popen(list(command), cwd=ROOT, env=env)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()
        raise


class Steps:
    """Runs named steps, times them and remembers which failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def run(self, name: str, command: Sequence[str], env: dict[str, str]) -> None:
        start = time.monotonic()
        code = run(command, env)
        seconds = time.monotonic() - start
        if code:
            self.failed.append(name)
            say(f"{name} FAILED ({seconds:.1f} s)")
        else:
            say(f"{name} ok ({seconds:.1f} s)")


# --- the checks ---


def lint_steps() -> list[tuple[str, list[str]]]:
    module = [PYTHON, "-m"]
    steps = [
        ("ruff format", [*module, "ruff", "format", "--check", "-q", "."]),
        ("ruff check", [*module, "ruff", "check", "-q", "."]),
        ("import contracts", [str(BIN / "lint-imports")]),
    ]
    if any((ROOT / "templates").glob("**/*.html")):
        djlint = [str(BIN / "djlint"), "templates", "--lint", "--quiet"]
        steps.append(("djlint", djlint))
    return steps


def check_steps(scratch: Path) -> list[tuple[str, list[str]]]:
    manage = [PYTHON, "manage.py"]
    schema = ["spectacular", "--validate", "--fail-on-warn", "--file"]
    deploy = ["check", "--deploy", "--fail-level", "WARNING"]
    return [
        ("mypy", [PYTHON, "-m", "mypy", "--no-error-summary", "."]),
        ("migrations", [*manage, "makemigrations", "--check", "--dry-run", "-v0"]),
        ("deploy check", [*manage, *deploy]),
        ("API schema", [*manage, *schema, str(scratch / "schema.yaml")]),
    ]


def base_env(scratch: Path) -> dict[str, str]:
    """Our environment without the settings of whoever runs this."""
    product = [
        *("DATABASE_URL", "BROKER_URL", "DATA_DIR", "SECRET_KEY", "SEAL_KEY"),
        *("DEBUG", "DEMO", "ALLOWED_HOSTS", "BASE_URL", "CACHE_URL"),
        *("STATIC_ROOT", "STATIC_COLLECTED", "LOG_FILE", "EMAIL_HOST"),
    ]
    dropped = {*product, *(f"{name}_FILE" for name in product)}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    return env | {
        "DATA_DIR": str(scratch / "data"),
        # What the tests leave in the temporary folder goes with our own.
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
    }


def production_env(env: dict[str, str]) -> dict[str, str]:
    return env | {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "localhost",
        "BASE_URL": "https://localhost",
    }


# --- private servers ---


def die_with_us(number: int) -> Callable[[], None] | None:
    """Servers end with this script even if it is killed (Linux only)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def postgres_bin() -> Path:
    """The folder of the newest PostgreSQL server that is installed."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    on_path = shutil.which("initdb")
    if found:
        return Path(max(found, key=lambda path: int(path.split("/")[4]))).parent
    if on_path:
        return Path(on_path).resolve().parent
    raise Failure("PostgreSQL's initdb is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(
    name: str,
    command: list[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    user: str | None,
    stop_signal: int,
    env: dict[str, str] | None = None,
) -> Iterator[None]:
    """Run a server of our own until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Away from the terminal's Ctrl-C: it stops after the tests, not with them.
            process_group=0,
            preexec_fn=die_with_us(stop_signal),
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    try:
        end = time.monotonic() + 90  # a busy machine
        while not is_ready():
            if process.poll() is not None or time.monotonic() > end:
                raise Failure(f"{name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            process.send_signal(stop_signal)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def postgres(folder: Path, password: str | None = None, **more: str) -> Iterator[str]:
    """PostgreSQL on this folder, made where it has no data yet, and a free loopback
    port; yields the start of its URL. more: settings."""
    programs = postgres_bin()
    user = "postgres" if os.geteuid() == 0 else None  # initdb refuses root
    data, password_file = folder / "data", folder / "password"
    if not data.exists():
        password_file.write_text(password or secrets.token_hex(16))
        if user:
            account = pwd.getpwnam(user)
            for path in (folder, password_file):
                os.chown(path, account.pw_uid, account.pw_gid)
        password_file.chmod(0o600)
        made = subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", "postmortem"),
                *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            cwd=folder,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Failure(f"initdb failed:\n{made.stdout}{made.stderr}")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        # Nothing here has to survive a crash.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        **more,
    }
    options = [part for n, v in settings.items() for part in ("-c", f"{n}={v}")]
    pidfile = data / "postmaster.pid"
    pidfile.unlink(missing_ok=True)
    with server(
        "PostgreSQL",
        [str(programs / "postgres"), "-D", str(data), *options],
        log=folder / "log",
        # The last line of the pid file says when connections are taken.
        is_ready=lambda: pidfile.exists() and "ready" in pidfile.read_text(),
        user=user,
        stop_signal=signal.SIGINT,  # a fast shutdown
    ):
        yield f"postgres://postmortem:{password_file.read_text()}@127.0.0.1:{port}/"


@contextlib.contextmanager
def private_postgres(password: str | None = None) -> Iterator[str]:
    """A throw-away PostgreSQL; yields its URL."""
    folder = Path(tempfile.mkdtemp(prefix="postmortem-pg-"))
    try:
        with postgres(folder, password) as url:
            yield f"{url}postmortem"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def private_redis() -> Iterator[str]:
    """A throw-away Redis or Valkey on a unix socket; yields its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Failure("redis-server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="postmortem-kv-"))
    address = folder / "kv.sock"
    command = [program, "--port", "0", "--unixsocket", str(address), "--save", ""]
    try:
        with server(
            "Redis",
            [*command, "--dir", str(folder)],
            log=folder / "log",
            is_ready=address.exists,
            user=None,
            stop_signal=signal.SIGTERM,
        ):
            yield f"redis+socket://{address}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- all of it ---


def run_tests(steps: Steps, env: dict[str, str], arguments: list[str]) -> None:
    # The short run first, so that the closing line of the long one ends the output.
    with private_redis() as broker_url:
        env = env | {"BROKER_URL": broker_url}
        pytest = [PYTHON, "-m", "pytest"]
        if not arguments:
            embedded = [*pytest, "-m", "embedded"]
            steps.run("tests on the embedded default (SQLite)", embedded, env)
        with private_postgres() as database_url:
            env = env | {"DATABASE_URL": database_url, "TEST_BROKER_URL": broker_url}
            workers = os.environ.get("TEST_WORKERS", "2")
            everything = [*pytest, "-n", workers, *arguments]
            steps.run("tests on PostgreSQL and Redis", everything, env)


# What kills processes, and what takes minutes; a few seconds of it is in every run.
FAULTS = [
    "tests/infrastructure/test_embedded.py",
    "tests/infrastructure/test_supervisor.py",
]


def run_faults(steps: Steps, env: dict[str, str], arguments: list[str]) -> None:
    """The long tests by their mark, then the kill tests of the servers, one by one: a
    busy neighbor would change what is measured."""
    pytest = [PYTHON, "-m", "pytest"]
    with private_redis() as broker_url, private_postgres() as database_url:
        both = {"DATABASE_URL": database_url, "TEST_BROKER_URL": broker_url}
        env = env | {"BROKER_URL": broker_url} | both
        marked = [*pytest, "-m", "faults", *(arguments or ["tests"])]
        steps.run("faults that take minutes", marked, env)
        if not arguments:
            steps.run("kills", [*pytest, *FAULTS], env)


def stop_on_term(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lint-only", action="store_true")
    parser.add_argument("--checks-only", action="store_true")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("pytest", nargs="*", help="only these tests, no checks")
    options, more = parser.parse_known_args()
    arguments = [*options.pytest, *more]
    signal.signal(signal.SIGTERM, stop_on_term)
    signal.signal(signal.SIGHUP, stop_on_term)

    start = time.monotonic()
    steps = Steps()
    scratch = Path(tempfile.mkdtemp(prefix="postmortem-test-"))
    (scratch / "data").mkdir()
    env = base_env(scratch)
    try:
        if options.faults:
            run_faults(steps, env, arguments)
        elif not arguments:
            for name, command in lint_steps():
                steps.run(name, command, env)
        whole = not arguments and not options.faults
        if whole and not options.lint_only:
            for name, command in check_steps(scratch):
                steps.run(name, command, production_env(env))
        if not (options.lint_only or options.checks_only or options.faults):
            run_tests(steps, env, arguments)
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.monotonic() - start
    if steps.failed:
        say(f"{', '.join(steps.failed)} failed, see above ({seconds:.0f} s)")
        return 1
    say(f"all ok ({seconds:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
