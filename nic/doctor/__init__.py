"""Judge a host: small pure checks over an inventory, in a table. Nothing here reads the host."""

from __future__ import annotations

from typing import NamedTuple

from nic.doctor import cloud, cpu, interface, kernel, memory
from nic.doctor.finding import CheckFunction, Finding, InterfaceCheckFunction, Subject, Verdict
from nic.host.inventory import Inventory

HOST_CHECKS: dict[str, dict[str, CheckFunction]] = {"cpu": cpu.CHECKS, "memory": memory.CHECKS, "kernel": kernel.CHECKS}
INTERFACE_CHECKS: dict[str, dict[str, InterfaceCheckFunction]] = {"nic": interface.CHECKS, "ec2": cloud.CHECKS}

EXIT_OK, EXIT_BAD, EXIT_WARNINGS = 0, 3, 4


class Row(NamedTuple):
    """A finding, and which check made it about what."""

    group: str
    check: str
    interface: str
    """Empty where it is about the host."""
    finding: Finding


def examine(inventory: Inventory, subject: Subject) -> list[Row]:
    """Every check that applies, in the order of the table. An interface that is missing is a finding too."""
    rows = []
    for group, checks in HOST_CHECKS.items():
        for name, check in checks.items():
            if (finding := check(inventory, subject)) is not None:
                rows.append(Row(group, name, "", finding))
    for nic in subject.interfaces:
        if inventory.interface(nic) is None:
            missing = Finding("bad", "not there", f"This host has no interface {nic}.", "ip -brief link")
            rows.append(Row("nic", "link", nic, missing))
            continue
        for group, interface_checks in INTERFACE_CHECKS.items():
            for name, check_interface in interface_checks.items():
                if (finding := check_interface(inventory, subject, nic)) is not None:
                    rows.append(Row(group, name, nic, finding))
    return rows


def exit_status(verdicts: list[Verdict]) -> int:
    """0: all is well (what cannot be judged counts as well), 4: warnings only, 3: something is bad."""
    if "bad" in verdicts:
        return EXIT_BAD
    return EXIT_WARNINGS if "warn" in verdicts else EXIT_OK
