"""The supervisor, with real processes: restarts, order of stopping, nothing left."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from postmortem.embedded import STOP_ORDER
from postmortem.supervisor import Program, StartError, Supervisor
from tests.infrastructure.conftest import PROJECT, eventually, is_alive


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, out: io.StringIO) -> Iterator[Supervisor]:
    supervisor = Supervisor(env=dict(os.environ), cwd=tmp_path, out=out)
    yield supervisor
    supervisor.stop([])
    supervisor.close()


def shell(name: str, script: str, **options: float) -> Program:
    return Program(name, ["/bin/sh", "-c", script], **options)  # type: ignore[arg-type]


def test_output_is_passed_on_with_the_name(
    supervisor: Supervisor, out: io.StringIO
) -> None:
    script = "echo one; echo two >&2; printf three; exec sleep 60"
    child = supervisor.start(shell("web", script))
    supervisor.wait_for(lambda: child.unfinished_line == b"three", 5, "web")
    supervisor.stop([])
    assert out.getvalue().splitlines() == [
        "web    | one",
        "web    | two",
        "web    | three",
    ]


def test_crashed_program_is_started_again_with_growing_pauses(
    supervisor: Supervisor, out: io.StringIO
) -> None:
    crash = shell("web", "exit 3", restart_seconds=0.1, restart_seconds_max=0.3)
    supervisor.start(crash)
    supervisor.start(shell("kv", "sleep 60"))
    kv = supervisor.children["kv"].process.pid
    again = "supervisor | starting web again"
    supervisor.wait_for(lambda: out.getvalue().count(again) == 3, 10, "web")
    pauses = [
        line.rpartition("again in ")[2]
        for line in out.getvalue().splitlines()
        if "ended by itself (exit code 3)" in line
    ]
    assert pauses[:3] == ["0.1 s", "0.2 s", "0.3 s"]
    assert supervisor.children["kv"].process.pid == kv


def test_crash_takes_the_rest_of_its_group_along(supervisor: Supervisor) -> None:
    child = supervisor.start(
        shell("worker", "sleep 60 & echo $! > pool; kill -9 $$", restart_seconds=60)
    )
    supervisor.wait_for(lambda: child.restart_at is not None, 5, "the crash")
    pool = int((supervisor.cwd / "pool").read_text())
    eventually(lambda: not is_alive(pool))


def test_crash_loop_while_starting_is_an_error(supervisor: Supervisor) -> None:
    supervisor.crashes_allowed = 2
    supervisor.start(shell("web", "exit 3", restart_seconds=0.01))
    with pytest.raises(StartError, match="web ended 3 times while starting"):
        supervisor.wait_for(lambda: False, 5, "web")


def test_wait_for_names_what_did_not_answer(supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match="kv did not answer"):
        supervisor.wait_for(lambda: False, 0.05, "kv")


def test_run_once_returns_the_output(supervisor: Supervisor) -> None:
    assert supervisor.run_once(shell("setup", "echo a; echo b")) == "a\nb"
    assert supervisor.children == {}


def test_run_once_raises_when_the_program_fails(supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match="setup failed with exit code 4"):
        supervisor.run_once(shell("setup", "exit 4"))


def test_stop_goes_in_order_and_waits_for_each(supervisor: Supervisor) -> None:
    log = supervisor.cwd / "log"
    for name in ("kv", "worker", "beat", "web"):
        seconds = 0.4 if name == "worker" else 0.05
        supervisor.start(
            shell(
                name,
                f"trap 'echo {name} asked >> log; sleep {seconds};"
                f" echo {name} ended >> log; exit 0' TERM;"
                f" touch {name}.up; while :; do sleep 0.02; done",
            )
        )
    supervisor.wait_for(
        lambda: len(list(supervisor.cwd.glob("*.up"))) == 4, 5, "a program"
    )
    supervisor.stop(STOP_ORDER)
    assert log.read_text().splitlines() == [
        f"{name} {what}"
        for name in ("beat", "web", "worker", "kv")
        for what in ("asked", "ended")
    ]


def test_what_ignores_the_stop_is_killed_and_nothing_else(
    supervisor: Supervisor, out: io.StringIO
) -> None:
    script = "trap '' TERM; sleep 61 & echo $! > grandchild; touch up; wait; wait"
    stranger = subprocess.Popen(["/bin/sh", "-c", "sleep 61; :"])
    try:
        child = supervisor.start(shell("web", script, stop_seconds=0.2))
        supervisor.wait_for((supervisor.cwd / "up").exists, 5, "web")
        supervisor.stop(STOP_ORDER)
        assert "web did not stop: killing it" in out.getvalue()
        assert not is_alive(child.process.pid)
        grandchild = int((supervisor.cwd / "grandchild").read_text())
        eventually(lambda: not is_alive(grandchild))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


DRIVER = """
    import signal
    import sys
    from pathlib import Path
    from postmortem.supervisor import Program, Supervisor

    for number in (signal.SIGINT, signal.SIGHUP):  # ignored where tests run behind `&`
        signal.signal(number, signal.SIG_DFL)
    cwd = Path(sys.argv[1])
    supervisor = Supervisor(env={"PATH": "/usr/bin:/bin"}, cwd=cwd)
    supervisor.listen_to_signals()
    task = "trap 'sleep 0.4; echo done > task; exit 0' TERM; touch worker.up;"
    task += "while :; do sleep 0.02; done"
    supervisor.start(Program("worker", ["/bin/sh", "-c", task]))
    supervisor.start(Program("kv", ["/bin/sh", "-c", "echo $$ > kv.up; exec sleep 60"]))
    supervisor.watch()
    supervisor.stop(["worker", "kv"])
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A supervisor in a process of its own, with two programs that are up."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    ups = (tmp_path / "worker.up", tmp_path / "kv.up")
    eventually(lambda: all(up.exists() for up in ups) and ups[1].read_text())
    yield process
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_lets_the_running_task_finish(
    driver: "subprocess.Popen[bytes]", tmp_path: Path, number: signal.Signals
) -> None:
    # To the whole group, as a terminal's Ctrl-C does: only the supervisor is in it.
    os.killpg(driver.pid, number)
    assert driver.wait(10) == 0
    assert (tmp_path / "task").read_text() == "done\n"
    assert not is_alive(int((tmp_path / "kv.up").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's death signal")
def test_children_end_when_the_supervisor_is_killed(
    driver: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    driver.kill()
    driver.wait()
    kv = int((tmp_path / "kv.up").read_text())
    eventually(lambda: not is_alive(kv))
    eventually((tmp_path / "task").exists)
