"""Where the lines of a level are: from the configuration, or as options say."""

from __future__ import annotations

import ipaddress

import click

from appliance.client.follower import FeedAddress, LineAddress
from appliance.config import Config


def line_address(
    config: Config,
    group: str | None,
    port: int | None,
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
) -> FeedAddress:
    """Line A of L3 and the recovery server."""
    return FeedAddress(
        group=group or config.feed.group,
        udp_port=port or config.feed.udp_port,
        interface_ip=interface_ip or config.feed.interface_ip,
        recovery_ip=host or config.recovery.ip,
        recovery_port=tcp_port or (config.recovery.tcp_port if config.recovery.enabled else 0),
    )


def lines_of(
    config: Config,
    level: int,
    group: str | None,
    port: int | None,
    others: tuple[str, ...],
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
) -> FeedAddress:
    """All lines of a level. Raises click.ClickException where the configuration has no such level."""
    distributor = config.distributor
    if level != 3 and not distributor.enabled:
        raise click.ClickException("The configuration has distributor.enabled = false: there is only L3.")
    first = line_address(config, group, port, interface_ip, host, tcp_port)
    ports = {
        3: (config.feed.udp_port, distributor.l3_port_b),
        2: (distributor.l2_port, distributor.l2_port_b),
        1: (distributor.l1_port, distributor.l1_port_b),
    }
    lines = [LineAddress(*ip_and_port(text), first.interface_ip) for text in others]
    snapshots: list[LineAddress] = []
    channel_id: int | None = None
    snapshot_channel_id: int | None = None
    if distributor.enabled:
        channel_id = distributor.channel_id(f"l{level}", config.feed.channel_id)
        snapshot_channel_id = distributor.channel_id("snapshot", config.feed.channel_id)
    if group is None and port is None and distributor.enabled:
        interface_b = interface_ip or distributor.interface_ip_b or first.interface_ip
        lines.insert(0, LineAddress(distributor.group_b, ports[level][1], interface_b))
        snapshots = [
            LineAddress(first.group, distributor.snapshot_port, first.interface_ip),
            LineAddress(distributor.group_b, distributor.snapshot_port_b, interface_b),
        ]
    return FeedAddress(
        group=first.group,
        udp_port=port or ports[level][0],
        interface_ip=first.interface_ip,
        recovery_ip=first.recovery_ip,
        recovery_port=first.recovery_port,
        other_lines=tuple(lines),
        snapshot_lines=tuple(snapshots),
        channel_id=channel_id,
        snapshot_channel_id=snapshot_channel_id,
    )


def ip_and_port(text: str) -> tuple[str, int]:
    """IP:PORT in two. Raises click.BadParameter."""
    ip, _, port = text.rpartition(":")
    try:
        ipaddress.IPv4Address(ip)
        number = int(port)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not IP:PORT.") from None
    if not 1 <= number <= 65535:
        raise click.BadParameter(f"{text!r}: a UDP port is 1 to 65535.")
    return ip, number
