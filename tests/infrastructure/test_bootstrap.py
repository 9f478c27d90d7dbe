"""`scripts/bootstrap.py`: what it finds missing, when it installs, what it says."""

import re
import stat
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.infrastructure.conftest import PROJECT, load_script


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The script as a module whose project is a folder with two tiny locks."""
    module = load_script("bootstrap")
    project = tmp_path / "a project"
    (project / "requirements").mkdir(parents=True)
    (project / "requirements" / "run.txt").write_text(
        "one==1 \\\n    --hash=sha256:1\n"
    )
    (project / "requirements" / "dev.txt").write_text(
        "two==2 \\\n    --hash=sha256:2\n"
        "uv==3 \\\n    --hash=sha256:3 \\\n    --hash=sha256:4\n    # via -r dev.in\n"
    )
    venv = project / ".venv"
    vars(module).update(
        ROOT=str(project),
        VENV=str(venv),
        PYTHON=str(venv / "bin" / "python"),
        STAMP=str(venv / "installed.json"),
    )
    return module


@pytest.fixture
def commands(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run; making the venv makes its python."""
    seen: list[list[str]] = []

    def run(command: list[str]) -> None:
        seen.append(command)
        if "venv" in command:
            python = Path(bootstrap.PYTHON)
            python.parent.mkdir(parents=True)
            python.symlink_to("/bin/true")

    monkeypatch.setattr(bootstrap, "run", run)
    monkeypatch.setattr(bootstrap, "missing_packages", lambda python, dev: [])
    monkeypatch.setattr(bootstrap, "choose_python", lambda: "/usr/bin/python3")
    monkeypatch.setattr(bootstrap, "version_of", lambda python: (3, 11))
    return seen


def install(bootstrap: ModuleType, *, dev: bool) -> None:
    python = Path(bootstrap.PYTHON)
    if not python.exists():
        python.parent.mkdir(parents=True, exist_ok=True)
        python.symlink_to("/bin/true")
    bootstrap.bootstrap(dev=dev)


def test_second_run_installs_nothing(
    bootstrap: ModuleType, commands: list[list[str]]
) -> None:
    install(bootstrap, dev=False)
    assert any("sync" in command for command in commands)
    commands.clear()
    install(bootstrap, dev=False)
    assert commands == []


def test_changed_lock_installs_again(
    bootstrap: ModuleType, commands: list[list[str]]
) -> None:
    install(bootstrap, dev=False)
    commands.clear()
    Path(bootstrap.lock_path("run")).write_text("one==2\n")
    install(bootstrap, dev=False)
    assert any("sync" in command for command in commands)


def test_development_set_stays_when_the_run_set_is_asked_for(
    bootstrap: ModuleType, commands: list[list[str]]
) -> None:
    install(bootstrap, dev=False)
    install(bootstrap, dev=True)
    assert commands[-1][-2:] == [bootstrap.lock_path(name) for name in ("run", "dev")]
    commands.clear()
    install(bootstrap, dev=False)
    assert commands == []


def test_moved_project_gets_a_new_venv(
    bootstrap: ModuleType, commands: list[list[str]]
) -> None:
    install(bootstrap, dev=False)
    stamp = Path(bootstrap.STAMP)
    stamp.write_text(stamp.read_text().replace(bootstrap.ROOT, "/elsewhere"))
    commands.clear()
    install(bootstrap, dev=False)
    assert commands[0] == ["/usr/bin/python3", "-m", "venv", bootstrap.VENV]


def test_failed_installation_leaves_no_stamp(
    bootstrap: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(bootstrap, dev=False)
    Path(bootstrap.lock_path("run")).write_text("one==2\n")

    def fail(command: list[str]) -> None:
        raise bootstrap.Problem("no network")

    monkeypatch.setattr(bootstrap, "run", fail)
    with pytest.raises(bootstrap.Problem, match="no network"):
        install(bootstrap, dev=False)
    assert not Path(bootstrap.STAMP).exists()


def test_pip_takes_over_when_uv_cannot_be_had(
    bootstrap: ModuleType,
    commands: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(command: list[str]) -> None:
        commands.append(command)
        if "uv" in command:
            raise bootstrap.Problem("no uv for this machine")

    monkeypatch.setattr(bootstrap, "run", run)
    install(bootstrap, dev=False)
    assert commands[-1][-3:] == ["--require-hashes", "-r", bootstrap.lock_path("run")]
    assert "installing with pip" in capsys.readouterr().out


def test_uv_is_taken_from_the_lock_with_its_hashes(bootstrap: ModuleType) -> None:
    assert bootstrap.locked_requirement("uv") == (
        "uv==3 \\\n    --hash=sha256:3 \\\n    --hash=sha256:4\n"
    )


def test_old_python_is_named(bootstrap: ModuleType, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3 9\n")
    old.chmod(0o755)
    with pytest.raises(bootstrap.Problem, match=r"Python 3\.11 or newer is needed"):
        bootstrap.choose_python(str(old))


def test_fresh_machine_misses_what_the_tests_need(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "has_library", lambda name: False)
    monkeypatch.setattr(bootstrap, "has_program", lambda *names: False)
    monkeypatch.setattr(bootstrap, "has_postgres", lambda: False)
    monkeypatch.setattr(subprocess, "call", lambda *args, **options: 1)
    libraries = ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"]
    run = ["python3-venv", *libraries]
    dev = ["postgresql", "redis-server", "chromium", "poppler-utils"]
    missing = bootstrap.missing_packages
    assert missing("/usr/bin/python3", dev=False) == run
    assert missing("/usr/bin/python3", dev=True) == run + dev


def test_without_root_the_command_is_said_once(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap, "has_program", lambda name: name == "apt-get")
    with pytest.raises(bootstrap.Problem) as raised:
        bootstrap.install_system(["one", "two"])
    assert str(raised.value).splitlines()[1:] == [
        "  sudo apt-get install --no-install-recommends one two"
    ]


APT_GET = """#!/bin/sh
echo "$*" >> {log}
test -x {policy} && echo policy >> {log}
"""


@pytest.mark.parametrize("is_there", [False, True])
def test_installing_starts_no_server(
    bootstrap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_there: bool,
) -> None:
    policy, log = tmp_path / "policy-rc.d", tmp_path / "log"
    if is_there:
        policy.write_text("the owner's own")
        policy.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-get").write_text(APT_GET.format(log=log, policy=policy))
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "POLICY", str(policy))
    bootstrap.install_system(["one"])
    calls = log.read_text().splitlines()
    assert calls[0].endswith("update")
    assert calls[2].endswith("install -y --no-install-recommends one")
    assert calls[1] == calls[3] == "policy"
    assert policy.exists() == is_there
    if is_there:
        assert policy.read_text() == "the owner's own"
        assert stat.S_IMODE(policy.stat().st_mode) == 0o755


def test_locks_are_hashed_and_name_no_address() -> None:
    for path in sorted((PROJECT / "requirements").iterdir()):
        text = path.read_text()
        assert "://" not in text, path.name
        if path.suffix == ".txt":
            pins = re.findall(r"^[a-z0-9].*", text, re.MULTILINE | re.IGNORECASE)
            assert pins
            assert all("==" in pin and pin.endswith("\\") for pin in pins), path.name
