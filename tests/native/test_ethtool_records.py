"""The records that go to the kernel, against the C compiler's idea of linux/ethtool.h."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from nic.host import ethtool

OFFSETS = {
    "ethtool_drvinfo": (ethtool.DriverInfo, ["cmd", "driver", "version", "fw_version", "bus_info", "regdump_len"]),
    "ethtool_ts_info": (ethtool.TimestampInfo, ["so_timestamping", "phc_index", "tx_types", "rx_filters"]),
    "ethtool_rx_flow_spec": (
        ethtool.FlowSpec,
        ["flow_type", "h_u", "h_ext", "m_u", "m_ext", "ring_cookie", "location"],
    ),
    "ethtool_rxnfc": (ethtool.RxRules, ["cmd", "flow_type", "data", "fs", "rule_cnt", "rule_locs"]),
    "ethtool_tcpip4_spec": (ethtool.Ports4, ["ip4src", "ip4dst", "psrc", "pdst", "tos"]),
}


def test_the_records_are_laid_out_as_in_c(tmp_path: Path) -> None:
    if shutil.which("gcc") is None or not Path("/usr/include/linux/ethtool.h").exists():
        pytest.skip("needs gcc and linux/ethtool.h")
    lines = [
        f'printf("{name} {field} %zu\\n", offsetof(struct {name}, {field}));'
        for name, (_, fields) in OFFSETS.items()
        for field in fields
    ]
    lines.append('printf("union %zu\\n", sizeof(union ethtool_flow_union));')
    lines.append('printf("spec %zu\\n", sizeof(struct ethtool_rx_flow_spec));')
    source = tmp_path / "offsets.c"
    headers = "#include <stddef.h>\n#include <stdio.h>\n#include <linux/ethtool.h>\n"
    source.write_text(headers + "int main(void) {" + "\n".join(lines) + "return 0; }\n")
    subprocess.run(["gcc", "-o", str(tmp_path / "offsets"), str(source)], check=True)
    said = subprocess.run([str(tmp_path / "offsets")], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = [
        f"{name} {field} {getattr(record, field).offset}"
        for name, (record, fields) in OFFSETS.items()
        for field in fields
    ]
    ours += [f"union {ctypes.sizeof(ethtool.Ports4)}", f"spec {ctypes.sizeof(ethtool.FlowSpec)}"]
    assert said == ours


def test_a_rule_reads_back_as_it_was_made() -> None:
    rule = ethtool.udp4_rule(location=3, dst_port=26400, queue=2)
    assert (rule.location, rule.queue, rule.protocol, rule.dst_port) == (3, 2, "udp4", 26400)
    record = bytes.fromhex(rule.raw)
    assert record[14:16] == (26400).to_bytes(2, "big"), "the port is in network order"
