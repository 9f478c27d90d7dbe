"""Starts programs, restarts those that crash, and stops them in order so that running
tasks finish. Knows no Django and not what it runs: that stands in `embedded.py`."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

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
        cwd: Path,
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

    def stop(self, order: Sequence[str]) -> None:
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
        os.kill(process.pid, signal.SIGTERM)
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
