"""Checks of CPUs: who else runs there, how they sleep, who interrupts them."""

from __future__ import annotations

from nic.doctor.finding import CheckFunction, Finding, Subject, bad, boot_line, cpus_text, ok, proposed_cpus, skip, warn
from nic.host.cpulist import format_list, parse_list
from nic.host.inventory import Inventory

WAKE_US_OK = 2
WAKE_US_MAX = 50
STEAL_PPM_OK = 100
STEAL_PPM_MAX = 10_000
_TICKS_MIN = 6000
"""A minute of one CPU: less says nothing about stolen time."""


def _words(inventory: Inventory, subject: Subject) -> str:
    chosen = format_list(proposed_cpus(inventory, subject))
    return f"isolcpus=managed_irq,domain,{chosen} nohz_full={chosen} rcu_nocbs={chosen}"


def isolated(inventory: Inventory, subject: Subject) -> Finding:
    """isolcpus."""
    found = inventory.kernel.isolated
    if not proposed_cpus(inventory, subject):
        return bad("one CPU", "Loop, kernel and everything else share a single CPU, which latency cannot survive.")
    fix = boot_line(_words(inventory, subject))
    if not found:
        return bad("none", "The scheduler puts any task on the loop's CPU, for milliseconds at a time.", fix)
    shared = sorted(set(subject.loop_cpus) - set(found))
    if shared:
        return bad(format_list(found), f"The loop's {cpus_text(shared)} is not isolated: other tasks run there.", fix)
    return ok(format_list(found), "The scheduler leaves these CPUs to whoever is pinned there.")


def tickless(inventory: Inventory, subject: Subject) -> Finding | None:
    """nohz_full."""
    wanted = proposed_cpus(inventory, subject)
    if not wanted:
        return None
    found, config = inventory.kernel.nohz_full, inventory.kernel.config
    if config is not None and "NO_HZ_FULL" not in config:
        return warn("not in this kernel", "Without CONFIG_NO_HZ_FULL the timer interrupts the loop 100 to 1000 times a "
                    "second, some microseconds each.", "apt-get install linux-image-amd64 && reboot")  # fmt: skip
    if set(wanted) <= set(found):
        return ok(format_list(found), "A lone task there is not interrupted by the timer.")
    return warn(
        format_list(found) or "none",
        f"The timer interrupts {cpus_text(wanted)} 100 to 1000 times a second, some microseconds each.",
        boot_line(_words(inventory, subject)),
    )


def rcu_callbacks(inventory: Inventory, subject: Subject) -> Finding | None:
    """rcu_nocbs; CPUs of nohz_full are included by the kernel itself."""
    wanted = proposed_cpus(inventory, subject)
    if not wanted:
        return None
    told = inventory.kernel.boot.get("rcu_nocbs")
    if told == "all" or (told == "" and "rcu_nocbs" in inventory.kernel.boot):
        return ok("all", "RCU callbacks run in threads that stay away from the loop.")
    try:
        found = set(parse_list(told or "")) | set(inventory.kernel.nohz_full)
    except ValueError:
        found = set(inventory.kernel.nohz_full)
    if set(wanted) <= found:
        return ok(format_list(found), "RCU callbacks run in threads that stay away from the loop.")
    return warn(
        format_list(found) or "none",
        f"RCU callbacks run on {cpus_text(wanted)} itself, in bursts of tens of microseconds.",
        boot_line(_words(inventory, subject)),
    )


def idle_states(inventory: Inventory, subject: Subject) -> Finding:
    """C-states."""
    if inventory.kernel.boot.get("idle") == "poll":
        return ok("idle=poll", "CPUs never sleep.")
    states = [state for cpu in inventory.cpus for state in cpu.idle_states if state.enabled]
    if not states:
        if inventory.machine.is_virtual:
            return skip("hidden", "The hypervisor decides how CPUs sleep and shows nothing of it.")
        return ok("none", "There are no idle states to wake up from.")
    deepest = max(states, key=lambda state: state.latency_us)
    value = f"{deepest.name} {deepest.latency_us} us"
    if deepest.latency_us <= WAKE_US_OK:
        return ok(value, "The deepest sleep ends within two microseconds.")
    sentence = f"A CPU that sleeps in {deepest.name} wakes up {deepest.latency_us} us after the interrupt."
    fix = boot_line("intel_idle.max_cstate=1 processor.max_cstate=1")
    return (bad if deepest.latency_us > WAKE_US_MAX else warn)(value, sentence, fix)


def governor(inventory: Inventory, subject: Subject) -> Finding:
    """Frequency scaling."""
    found = sorted({cpu.governor for cpu in inventory.cpus if cpu.governor})
    if not found:
        if inventory.machine.is_virtual:
            return skip("hidden", "The hypervisor sets the clock rate and shows nothing of it.")
        return ok("none", "The clock rate is not scaled by the kernel.")
    slow = [cpu.cpu for cpu in inventory.cpus if cpu.governor not in (None, "performance")]
    if not slow:
        return ok("performance", "CPUs stay at their highest clock rate.")
    concerned = set(slow) & set(subject.loop_cpus) or not subject.loop_cpus
    return (bad if concerned else warn)(
        ",".join(found),
        f"{cpus_text(slow)} slows down when idle and needs milliseconds to come back.",
        "cpupower frequency-set -g performance",
    )


def smt_siblings(inventory: Inventory, subject: Subject) -> Finding:
    """Hardware threads that share the loop's core."""
    pairs = [cpu for cpu in inventory.cpus if len(cpu.siblings) > 1]
    if not pairs:
        return ok(inventory.machine.smt or "off", "Every CPU that can be seen is a core of its own.")
    busy = sorted(
        {
            sibling
            for number in subject.loop_cpus
            if (cpu := inventory.cpu(number))
            for sibling in cpu.siblings
            if sibling not in subject.loop_cpus and sibling not in inventory.kernel.isolated
        }
    )
    fix = "echo off > /sys/devices/system/cpu/smt/control"
    if busy:
        return bad(
            f"sibling {format_list(busy)}",
            f"{cpus_text(busy)} shares caches and execution units with the loop, and other tasks run there.",
            fix,
        )
    if not subject.loop_cpus:
        return warn("on", "Two CPUs share a core: the loop needs both, one of them idle.", fix)
    return ok("on, sibling idle", "The threads beside the loop's are isolated too.")


def irq_affinity(inventory: Inventory, subject: Subject) -> Finding | None:
    """Interrupts that may be delivered to the loop's CPUs."""
    if not subject.loop_cpus:
        return None
    ours = {number for name in subject.interfaces if (nic := inventory.interface(name)) for number in nic.irqs}
    guests = [
        irq
        for irq in inventory.irqs
        if irq.number not in ours and set(parse_list(irq.effective or irq.cpus)) & set(subject.loop_cpus)
    ]
    if not guests:
        return ok("none", "No device of others interrupts the loop's CPUs.")
    some = ", ".join(irq.name for irq in guests[:3]) + (", ..." if len(guests) > 3 else "")
    return bad(
        f"{len(guests)} interrupts",
        f"{cpus_text(subject.loop_cpus)} is interrupted for other devices ({some}), some microseconds each.",
        "pitwire nic apply --config venue.toml",
    )


def irqbalance(inventory: Inventory, subject: Subject) -> Finding:
    """A daemon that moves interrupts; isolated and tickless CPUs are left out by itself."""
    if "irqbalance" not in inventory.machine.daemons:
        return ok("not running", "Interrupts stay where they are put.")
    try:
        banned = set(parse_list(inventory.machine.irqbalance_banned))
    except ValueError:
        banned = set()
    kept = banned | set(inventory.kernel.isolated) | set(inventory.kernel.nohz_full)
    wanted = proposed_cpus(inventory, subject)
    if set(wanted) <= kept:
        return ok("kept away", "irqbalance runs and leaves the loop's CPUs alone.")
    return bad(
        "running",
        f"irqbalance moves interrupts to {cpus_text(wanted)} whenever it thinks that it helps.",
        f"echo IRQBALANCE_BANNED_CPULIST={format_list(wanted)} >> /etc/default/irqbalance "
        "&& systemctl restart irqbalance",
    )


def steal(inventory: Inventory, subject: Subject) -> Finding | None:
    """What the hypervisor took since boot."""
    machine = inventory.machine
    if not machine.is_virtual:
        return None
    if machine.total_ticks < _TICKS_MIN:
        return skip("too early", "The host has not run long enough to say how much of it is stolen.")
    parts = machine.steal_ticks * 1_000_000 // machine.total_ticks
    value = f"{parts / 10_000:.3f} %"
    if parts <= STEAL_PPM_OK:
        return ok(value, "The hypervisor has given what it promised since boot.")
    return (bad if parts > STEAL_PPM_MAX else warn)(
        value, "The hypervisor ran others on these CPUs meanwhile; a dedicated or metal instance does not share."
    )


CHECKS: dict[str, CheckFunction] = {
    "isolated": isolated,
    "tickless": tickless,
    "rcu": rcu_callbacks,
    "idle-states": idle_states,
    "governor": governor,
    "smt": smt_siblings,
    "irq-affinity": irq_affinity,
    "irqbalance": irqbalance,
    "steal": steal,
}
