"""The files that set up a host, as far as a machine can tell that is none: syntax, names, and what they refer to."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from appliance.cli.notify import notify
from appliance.config import load

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SCRIPTS = ("install", "container/run")
UNITS = ("pitwire@.service", "pitwire-host@.service")
# of an option that a kernel may be built without
OPTIONAL_KEYS = {
    "kernel.nmi_watchdog",
    "kernel.numa_balancing",
    "net.core.bpf_jit_enable",
    "vm.compaction_proactiveness",
}


def run(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def conf_rows() -> list[tuple[str, list[str]]]:
    """(key, the comment lines above it) of the kernel settings; neighbours share a comment."""
    rows, comment = [], []
    for line in (ROOT / "sysctl" / "90-pitwire.conf").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line)
        elif not line:
            comment = []
        else:
            rows.append((line.partition("=")[0].strip(), list(comment)))
    return rows


def test_every_kernel_setting_exists_and_says_why() -> None:
    rows = conf_rows()
    assert len({key for key, _ in rows}) == len(rows) > 25
    for key, comment in rows:
        assert sum(len(line) for line in comment) > 60, f"{key} says neither why nor what breaks"
        path = Path("/proc/sys", *key.split("."))
        if Path("/proc/sys/net").exists() and key not in OPTIONAL_KEYS:
            assert path.exists(), f"this kernel has no {key}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_bash(script: str) -> None:
    path = DEPLOY / script
    assert os.access(path, os.X_OK) and path.read_text().startswith("#!/usr/bin/env bash")
    assert "set -euo pipefail" in path.read_text()
    done = run("bash", "-n", path)
    assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        done = run("shellcheck", path)
        assert done.returncode == 0, done.stdout


def test_the_installer_puts_every_file_in_its_place(tmp_path: Path) -> None:
    words = (
        "--root",
        tmp_path,
        "--files-only",
        "--prefix",
        "/srv/pw",
        "--housekeeping",
        "0-1,4",
        "--tuned",
        "--restart",
    )
    done = run(DEPLOY / "install", *words)
    assert done.returncode == 0, done.stderr
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert made == [
        "etc/pitwire/venue.toml",
        "etc/sysctl.d/90-pitwire.conf",
        "etc/systemd/system/pitwire-host@.service",
        "etc/systemd/system/pitwire@.service",
        "etc/systemd/system/pitwire@.service.d/cpus.conf",
        "etc/systemd/system/pitwire@.service.d/restart.conf",
        "etc/tuned/pitwire/tuned.conf",
    ]
    units = tmp_path / "etc/systemd/system"
    assert "\nCPUAffinity=0-1,4\n" in (units / "pitwire@.service.d/cpus.conf").read_text()
    assert "ExecStart=/srv/pw/bin/pitwire run" in (units / "pitwire@.service").read_text()
    (tmp_path / "etc/pitwire/venue.toml").write_text("name = 'mine'\n")
    assert run(DEPLOY / "install", *words).returncode == 0
    assert (tmp_path / "etc/pitwire/venue.toml").read_text() == "name = 'mine'\n", "a configuration is never replaced"


@pytest.mark.parametrize(("words", "status"), [(["--frob"], 2), (["--housekeeping", "0;1"], 2), (["--help"], 0)])
def test_the_installer_says_what_is_wrong(words: list[str], status: int) -> None:
    done = run(DEPLOY / "install", *words)
    assert done.returncode == status and (done.stderr or done.stdout)


def test_the_installer_can_only_say_what_it_would_do(tmp_path: Path) -> None:
    done = run(DEPLOY / "install", "--dry-run", "--root", tmp_path, env=os.environ | {"PYTHON": sys.executable})
    assert done.returncode == 0 and " -m venv " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_example_configuration_is_one() -> None:
    config = load(DEPLOY / "venue.toml")
    assert config.port.kind == "xdp" and config.host.loop_cpus == str(config.loop.cpu)


def test_units_are_what_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    for unit in UNITS:
        text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8")
        (tmp_path / unit.replace("@", "@lab")).write_text(text.replace("/opt/pitwire/bin/pitwire", "/bin/true"))
    dropins = tmp_path / "pitwire@lab.service.d"
    dropins.mkdir()
    for name in ("cpus.conf", "restart.conf"):
        shutil.copy(DEPLOY / "systemd" / name, dropins)
    done = run("systemd-analyze", "verify", "--man=no", *(tmp_path / unit.replace("@", "@lab") for unit in UNITS))
    # where systemd itself is not whole (a container), it complains about units that are not ours
    ours = [line for line in done.stderr.splitlines() if "pitwire" in line or str(tmp_path) in line]
    assert ours == [] and done.returncode == 0, done.stderr


def test_units_call_commands_that_there_are() -> None:
    from appliance.cli import COMMANDS

    for unit in UNITS:
        text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8")
        called = re.findall(r"^Exec\w+=/opt/pitwire/bin/pitwire (\w+)", text, re.MULTILINE)
        assert called and set(called) <= set(COMMANDS)
        capabilities = re.findall(r"^(?:Ambient|Bounding)\w*=.*", text, re.MULTILINE)
        assert "User=pitwire" in text or "nic apply" in text, "without root, but for the one that prepares the host"
        assert "User=pitwire" not in text or capabilities


def test_the_tuned_profile_builds_on_cpu_partitioning() -> None:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read_string((DEPLOY / "tuned" / "pitwire" / "tuned.conf").read_text(encoding="utf-8"))
    assert parser["main"]["include"] == "cpu-partitioning"
    shipped = {key for key, _ in conf_rows()}
    assert set(parser["sysctl"]) <= shipped, "the two do not fight"


def yaml_files() -> list[str]:
    return sorted(path.relative_to(DEPLOY).as_posix() for path in [*DEPLOY.rglob("*.yml"), *DEPLOY.rglob("*.yaml")])


@pytest.mark.parametrize("name", yaml_files())
def test_yaml_is_yaml(name: str) -> None:
    assert yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def test_cloud_init_has_the_parts_that_it_knows() -> None:
    text = (DEPLOY / "ec2" / "cloud-init.yaml").read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    values = yaml.safe_load(text)
    assert set(values) == {"package_update", "packages", "write_files", "runcmd", "power_state"}
    assert all({"path", "content"} <= set(one) for one in values["write_files"])
    installs = [words for words in values["runcmd"] if words[0].endswith("deploy/install")]
    help_text = run(DEPLOY / "install", "--help").stdout
    assert installs and all(word in help_text for word in installs[0][1:] if word.startswith("--"))


def test_the_role_is_whole() -> None:
    role = DEPLOY / "ansible" / "roles" / "pitwire"
    parts = {path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in role.rglob("main.yml")}
    handlers = {handler["name"] for handler in parts["handlers"]}
    text = (role / "tasks" / "main.yml").read_text(encoding="utf-8")
    for task in parts["tasks"]:
        assert task["name"]
        wanted = task.get("notify", [])
        assert set([wanted] if isinstance(wanted, str) else wanted) <= handlers
    used = set(re.findall(r"\bpitwire_\w+", text + (role / "templates" / "grub.cfg.j2").read_text(encoding="utf-8")))
    assert used - {"pitwire_doctor"} <= set(parts["defaults"]), "every variable has a default"


def test_terraform_parses() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("needs terraform")
    done = run("terraform", "fmt", "-check", "-diff", DEPLOY / "ec2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_terraform_variables_are_declared_and_used() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in (DEPLOY / "ec2").glob("*.tf")}
    declared = set(re.findall(r'^variable "(\w+)"', files["variables.tf"], re.MULTILINE))
    assert set(re.findall(r"\bvar\.(\w+)", "".join(files.values()))) == declared
    main = files["main.tf"]
    assert main.count("network_interfaces {") == 2 and 'strategy = "cluster"' in main and "ena_srd_udp" in main


def test_the_container_has_what_the_packages_list_has() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
    assert text.count("FROM debian:12") == 2
    listed = (ROOT / "scripts" / "debian-packages.txt").read_text(encoding="utf-8")
    needed = {line.split("#")[0].strip() for line in listed.splitlines() if not line.startswith(("#", "dpdk:"))}
    assert {name for name in needed if name} <= set(re.findall(r"[\w-]+", text))


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_venue_says_that_it_is_ready_and_then_that_its_loop_turns(tmp_path: Path) -> None:
    config = tmp_path / "venue.toml"
    udp, tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    config.write_text(
        f'name = "notify-{os.getpid()}"\n[port]\nkind = "udp"\n[order_entry]\nudp_port = {udp}\n'
        f"[recovery]\ntcp_port = {tcp}\n[distributor]\nenabled = false\n"
        "[feed]\nstore_mib = 16\n[journal]\nrecords = 1024\n"
        '[limits]\norders = 1024\nlevels = 1024\n[loop]\nidle = "sleep"\n',
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'codecs'}"}
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(1)
        done = run(
            sys.executable, "-m", "appliance.cli", "run", "--config", config, "--seconds", "0.5", "--remove",
            env=environment | {"NOTIFY_SOCKET": f"{folder}/notify"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        ready = systemd.recv(200).decode().splitlines()
        assert ready[0] == "READY=1" and ready[1].startswith("STATUS=udp")
        assert systemd.recv(200) == b"WATCHDOG=1"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_is_told(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"{folder}/notify" if kind == "path" else f"@pitwire-test-{os.getpid()}"
        systemd.bind(name if kind == "path" else "\0" + name[1:])
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert notify("READY=1", "STATUS=up")
        assert systemd.recv(100) == b"READY=1\nSTATUS=up"
    assert not notify("WATCHDOG=1"), "nobody listens any more"
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify("READY=1")
