"""Do a plan, check it, undo it. What was found is in a state file before the first write."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.config import Config
from nic.host.ethtool import Drivers, Refused
from nic.host.files import Files
from nic.host.inventory import Inventory
from nic.host.read import read
from nic.tune.plan import Change, make_plan
from nic.tune.settings import (
    DriverTarget,
    FeatureTarget,
    FileTarget,
    GroupTarget,
    Phase,
    RuleTarget,
    Setting,
    Target,
    Value,
    belongings,
    setting,
    settings_of,
)

STATE_FORMAT = 1


class StateError(Exception):
    """The state file cannot be used; the message is one sentence."""


class State(BaseModel):
    """What was found before the first change. Values by the name of the setting."""

    model_config = ConfigDict(extra="forbid")

    format: int = STATE_FORMAT
    boot_id: str
    found: dict[str, Value]
    touched: list[str] = []
    """Settings that were written."""
    beside: list[str] = []
    """Settings of interfaces whose queues were made anew: the kernel may have changed them meanwhile."""

    @classmethod
    def load(cls, path: Path) -> State | None:
        """The state in `path`; None where there is none."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{path}: cannot be read: {error.strerror}.") from None
        try:
            state = cls.model_validate_json(text)
        except ValidationError:
            raise StateError(f"{path}: is not a state that `pitwire nic apply` wrote.") from None
        if state.format != STATE_FORMAT:
            raise StateError(f"{path}: has format {state.format}; this version knows {STATE_FORMAT}.")
        return state

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(path.name + ".new")
            with new.open("w", encoding="utf-8") as out:
                out.write(json.dumps(self.model_dump(), indent=1) + "\n")
                out.flush()
                os.fsync(out.fileno())
            new.replace(path)
        except OSError as error:
            raise StateError(f"{path}: cannot be written: {error.strerror}.") from None


class Host(Protocol):
    """A host that can be read and told. `put` raises Refused."""

    def read(self) -> Inventory:
        """The host as it is now."""

    def put(self, target: Target, value: Value) -> None:
        """Write one setting."""

    def put_group(self, interface: str, group: str, values: dict[str, int]) -> None:
        """Write fields of one ethtool group in one call."""


class LiveHost:
    """The host under `files`, with its drivers, in the network namespace of the calling thread."""

    def __init__(self, files: Files, drivers: Drivers) -> None:
        self._files = files
        self._drivers = drivers

    def read(self) -> Inventory:
        """The host as it is now."""
        return read(self._files, self._drivers.read)

    def put_group(self, interface: str, group: str, values: dict[str, int]) -> None:
        """Write fields of one ethtool group in one call."""
        self._drivers.set_group(interface, group, values)

    def put(self, target: Target, value: Value) -> None:
        """Write one setting."""
        match target:
            case FileTarget(path):
                self._write(path, str(value) or "\n")
            case GroupTarget(interface, group, field):
                self._drivers.set_group(interface, group, {field: int(value or 0)})
            case FeatureTarget(interface, feature):
                self._drivers.set_feature(interface, feature, bool(value))
            case RuleTarget(interface, location):
                self._drivers.set_rule(interface, location, None if value is None else str(value))
            case DriverTarget(address):
                self._bind(address, value is not None)

    def _bind(self, address: str, wanted: bool) -> None:
        """Take the device from its driver and let the kernel look for one again; driver_override says which."""
        device = f"/sys/bus/pci/devices/{address}"
        if self._files.exists(f"{device}/driver"):
            self._write(f"{device}/driver/unbind", address)
        if wanted:
            self._write("/sys/bus/pci/drivers_probe", address)

    def _write(self, path: str, text: str) -> None:
        try:
            self._files.write(path, text)
        except OSError as error:
            raise Refused(f"the kernel says: {error.strerror or error}") from None


class Outcome(NamedTuple):
    """What became of a change; `refused` is empty where it was made."""

    change: Change
    refused: str = ""


def apply(host: Host, config: Config, state_path: Path) -> list[Outcome]:
    """Make the plan true. What is refused is in the outcomes by name, and the rest goes on.

    Applied twice, the state still holds what was found before the first time. StateError before anything is written
    where the state cannot be saved.
    """
    inventory = host.read()
    old = State.load(state_path)
    if old is None or old.boot_id != inventory.kernel.boot_id:  # a restart undoes everything
        old = None
    state = old or State(boot_id=inventory.kernel.boot_id, found={})
    outcomes: dict[str, Outcome] = {}
    for phase in Phase:
        plan = make_plan(inventory, config)
        changes = [change for change in plan.changes if change.phase == phase and change.key not in outcomes]
        if not changes:
            continue
        _remember(state, inventory, changes)
        state.save(state_path)
        for outcome in _write(host, settings_of(inventory), changes):
            outcomes[outcome.change.key] = outcome
        inventory = host.read()
    for change in make_plan(inventory, config).changes:
        known = outcomes.get(change.key)
        if known is None or not known.refused:
            outcomes[change.key] = Outcome(change, f"it was taken and is still {change.found}")
    return list(outcomes.values())


def _remember(state: State, inventory: Inventory, changes: list[Change]) -> None:
    found = settings_of(inventory)
    for key, now in found.items():
        state.found.setdefault(key, now.value)
    for change in changes:
        state.found.setdefault(change.key, change.found)
        if change.key not in state.touched:
            state.touched.append(change.key)
    remade = {change.key.partition("/")[0] for change in changes if change.phase == Phase.QUEUES}
    for device in inventory.pci:
        if any(change.key == f"pci/{device.address}/driver" for change in changes):
            remade |= set(device.interfaces)
    offloads = {change.key.partition("/")[0] for change in changes if "/offloads/" in change.key}
    state.beside += [  # one offload may take another with it
        key for key in found if "/offloads/" in key and key.partition("/")[0] in offloads and key not in state.beside
    ]
    for name in sorted(remade):
        state.beside += [key for key in belongings(inventory, name) if key not in state.beside]


def undo(host: Host, state_path: Path) -> list[Outcome]:
    """Put everything back as the state file says; the file goes when all is as it was found.

    StateError where there is nothing to undo: no file, or one from before the last restart.
    """
    state = State.load(state_path)
    if state is None:
        raise StateError(f"{state_path}: there is no such file: nothing was applied, or it was undone already.")
    inventory = host.read()
    if state.boot_id != inventory.kernel.boot_id:
        raise StateError(f"{state_path}: the host was restarted since, which undid everything; remove the file.")
    keys = dict.fromkeys([*state.touched, *state.beside])
    outcomes: dict[str, Outcome] = {}
    for phase in (*Phase, Phase.REST):  # twice: one offload may hold another
        now = settings_of(inventory)
        changes = [change for change in _back(state, now, keys) if change.phase == phase]
        for outcome in _write(host, now, changes):
            outcomes[outcome.change.key] = outcome
        if changes:
            inventory = host.read()
    now = settings_of(inventory)
    for change in _back(state, now, keys):
        known = outcomes.get(change.key)
        if known is None or not known.refused:
            outcomes[change.key] = Outcome(change, f"it is still {change.found}")
    for key in state.touched:
        if setting(now, key) is None and state.found.get(key) is not None:
            gone = Change(key, None, state.found[key], "as it was found", Phase.REST)
            outcomes[key] = Outcome(gone, "it is no longer there")
    if not any(outcome.refused for outcome in outcomes.values()):
        with contextlib.suppress(FileNotFoundError):
            state_path.unlink()
    return list(outcomes.values())


def _back(state: State, now: dict[str, Setting], keys: Iterable[str]) -> list[Change]:
    """What differs from what was found. Features go back before rules, as they were put: the order of `keys`."""
    changes = []
    for key in keys:
        current = setting(now, key)
        if current is not None and key in state.found and current.value != state.found[key]:
            changes.append(Change(key, current.value, state.found[key], "as it was found", current.phase))
    return changes


def _write(host: Host, now: dict[str, Setting], changes: list[Change]) -> list[Outcome]:
    """Write in order; neighbours of one ethtool group in one call, and one by one where that is refused."""

    def group_of(change: Change) -> tuple[str, str]:
        current = setting(now, change.key)
        target = current.target if current else None
        return (target.interface, target.group) if isinstance(target, GroupTarget) else ("", change.key)

    outcomes = []
    for (interface, group), members in groupby(changes, group_of):
        together = list(members)
        if interface and len(together) > 1:
            values = {change.key.rpartition("/")[2]: int(change.wanted or 0) for change in together}
            try:
                host.put_group(interface, group, values)
            except Refused:
                pass
            else:
                outcomes += [Outcome(change) for change in together]
                continue
        for change in together:
            current = setting(now, change.key)
            assert current is not None
            try:
                host.put(current.target, change.wanted)
            except Refused as refused:
                outcomes.append(Outcome(change, str(refused)))
            else:
                outcomes.append(Outcome(change))
    return outcomes
