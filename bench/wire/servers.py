"""The servers as processes that can be paused, so that several are measured in turn on the same two cores."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config import demo_session_uuid
from bench.wire.contenders import (
    APPLIANCE,
    FEED_GROUP,
    FEED_UDP_PORT,
    ORDER_UDP_PORT,
    ROOT,
    BenchError,
    Contender,
    Cpus,
    Scene,
    Setup,
    in_namespace,
)

STOP_SECONDS_MAX = 60.0
SHARED_MEMORY_ROOT = Path("/dev/shm")
REALTIME_PRIORITY = 1
_PR_SET_PDEATHSIG = 1
_BYTES_A_REQUEST_FEED = 192
"""What a request of the flow leaves in the feed store, rounded up."""
_FEED_RESERVE_MIB = 64


class Server:
    """One contender's process, paused unless it is its turn."""

    def __init__(self, process: subprocess.Popen[str], description: str) -> None:
        self.process = process
        self.description = description

    def pause(self) -> None:
        """Stop it where it is: it takes no CPU time until `resume`."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on. Raises BenchError when it is gone."""
        if self.process.poll() is not None:
            raise BenchError(f"A server ended by itself (exit {self.process.returncode}); its message stands above.")
        self.process.send_signal(signal.SIGCONT)

    def make_realtime(self, cpu: int) -> None:
        """Give the threads that are bound to `cpu` SCHED_FIFO. Raises BenchError."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            if os.sched_getaffinity(int(task.name)) == {cpu}:
                try:
                    os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
                except PermissionError:
                    raise BenchError("--realtime needs CAP_SYS_NICE: run as root, or leave it out.") from None

    def finish(self) -> dict[str, Any]:
        """End it and return what it counted. Raises BenchError."""
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        try:
            out, _ = self.process.communicate(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise BenchError(f"A server did not end within {STOP_SECONDS_MAX:.0f} s.") from None
        if self.process.returncode != 0 or not out.strip():
            raise BenchError(f"A server failed (exit {self.process.returncode}); its message stands above.")
        stopped: dict[str, Any] = json.loads(out.strip().splitlines()[-1])["stopped"]
        return stopped


@contextmanager
def running(contender: Contender, scene: Scene, cpus: Cpus, folder: Path, setup: Setup) -> Iterator[Server]:
    """Start the server of `contender`, paused. It is killed when this process dies. Raises BenchError."""
    shared_memory: Path | None = None
    if contender.what == APPLIANCE:
        config = folder / f"{contender.name}.json"
        values = appliance_config(contender, scene, cpus, setup)
        config.write_text(json.dumps(values), encoding="utf-8")
        shared_memory = SHARED_MEMORY_ROOT / f"pitwire-{values['name']}"
        words = ["-m", "appliance.cli", "run", "--config", str(config), "--json", "--remove"]
    else:
        words = ["-m", "bench.wire.echo", "--port", contender.port, "--interface", scene.server_interface]
        words += ["--ip", scene.server_ip, "--udp-port", str(ORDER_UDP_PORT), "--cpu", str(cpus.server)]
        words += ["--xdp-mode", setup.xdp_mode, "--frames", str(setup.frames)]
        if scene.server_device:
            words += ["--device", scene.server_device, f"--eal-args={scene.eal_args}"]
    with in_namespace(scene.server_namespace):
        process = subprocess.Popen(
            [_python(contender), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=contender.checkout,
            env=os.environ | {"PYTHONPATH": f"{contender.checkout}{os.pathsep}{contender.checkout / 'codecs'}"},
            preexec_fn=_die_with_parent,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise BenchError(f"The server of {contender.name} did not start; its own message stands above.")
        server = Server(process, json.loads(line)["ready"]["port"])
        server.pause()
        yield server
    finally:
        if process.poll() is None:
            process.kill()  # also one that is paused
            process.wait()
            if shared_memory is not None:
                shutil.rmtree(shared_memory, ignore_errors=True)
        if process.stdout is not None:
            process.stdout.close()


def appliance_config(contender: Contender, scene: Scene, cpus: Cpus, setup: Setup) -> dict[str, Any]:
    """The configuration of the appliance that is measured, as plain values: no recovery server, room for all of it."""
    port: dict[str, Any] = {"kind": contender.port, "interface": scene.server_interface}
    port |= {"frames": setup.frames, "xdp_mode": setup.xdp_mode}
    if scene.server_device:
        port |= {"device": scene.server_device, "eal_args": scene.eal_args}
    store_mib = (setup.requests * _BYTES_A_REQUEST_FEED >> 20) + _FEED_RESERVE_MIB
    known = contender.checkout / "appliance" / "distributor_config.py"  # an older checkout has none, and no such key
    return {
        "name": f"wire-{os.getpid()}-{contender.name.replace('@', '-').lower()}"[:32],
        "port": port,
        "order_entry": {"ip": scene.server_ip, "udp_port": ORDER_UDP_PORT},
        "feed": {
            "group": FEED_GROUP,
            "udp_port": FEED_UDP_PORT,
            "interface_ip": scene.server_ip,
            "store_mib": store_mib,
        },
        "recovery": {"enabled": False},
        **({"distributor": {"enabled": False}} if known.exists() else {}),
        "journal": {"records": setup.requests + setup.requests // 16 + 4096},
        "loop": {"cpu": cpus.server, "idle": "spin"},
        "instruments": [{"security_id": n, "symbol": f"PW{n:03d}"} for n in range(1, setup.instruments + 1)],
        "sessions": [{"uuid": str(demo_session_uuid(n)), "account": n} for n in range(1, setup.sessions + 1)],
    }


def _python(contender: Contender) -> str:
    return sys.executable if contender.checkout == ROOT else str(contender.checkout / ".venv" / "bin" / "python")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
