"""The ends of the four reports that a busy market is made of: the fields shorter than 8 bytes, written by whole words.

Each is written with few stores, and what copies the message by words right behind it need not wait for them
(`native.lowlevel.copy_words`). With them the reports write every byte of their blocks.
"""

from __future__ import annotations

from typing import Any

from native.jit import inner_kernel
from native.lowlevel import setter
from wire.gen import order_entry_tables as oe

_WORD_BYTES = 8


def _word_at(message: str, *fields: str) -> Any:
    """A setter of the word that these fields of a message fill, in this order."""
    first = at = getattr(oe, f"{message}_{fields[0]}_OFFSET")
    for field in fields:
        assert getattr(oe, f"{message}_{field}_OFFSET") == at, f"{message}.{field} is not where it is written"
        at += getattr(oe, f"{message}_{field}_SIZE")
    assert at == first + _WORD_BYTES, f"{message}.{fields[-1]} does not end a word"
    return setter("u64", first)


_put_new_whose = _word_at("ExecutionReportNew", "SecurityID", "Account")
_put_new_kind = _word_at(
    "ExecutionReportNew",
    "Side", "OrdType", "TimeInForce", "OrdStatus", "ExecInst", "EventIndicator", "WorkingIndicator",
)  # fmt: skip
_put_trade_whose = _word_at("ExecutionReportTrade", "SecurityID", "Account")
_put_trade_kind = _word_at(
    "ExecutionReportTrade",
    "Side", "OrdStatus", "AggressorIndicator", "LastLiquidityInd", "EventIndicator", "CrossType", "ContraFirm",
)  # fmt: skip
_put_cancel_whose = _word_at("ExecutionReportCancel", "SecurityID", "Account")
_put_cancel_kind = _word_at(
    "ExecutionReportCancel",
    "Side", "OrdStatus", "ExecRestatementReason", "EventIndicator", "Reserved", "Reserved2",
)  # fmt: skip
_put_modify_whose = _word_at("ExecutionReportModify", "SecurityID", "Account")
_put_modify_kind = _word_at(
    "ExecutionReportModify", "Side", "OrdStatus", "PriorityRetained", "EventIndicator", "Reserved"
)


@inner_kernel
def put_new_tail(octets, block, security_id, account, side, ord_type, time_in_force, ord_status, exec_inst, working):
    """From SecurityID to WorkingIndicator; EventIndicator is 0."""
    _put_new_whose(octets, block, security_id | (account << 32))
    kinds = side | (ord_type << 8) | (time_in_force << 16) | (ord_status << 24)
    _put_new_kind(octets, block, kinds | ((exec_inst & 0xFFFF) << 32) | (working << 56))
    return 0


def trade_role(aggressor: int, liquidity: int) -> int:
    """What of a trade report's last word tells who it is for: AggressorIndicator and LastLiquidityInd, and the null of
    CrossType and ContraFirm."""
    nulls = oe.ExecutionReportTrade_CrossType_NULL << 40 | oe.ExecutionReportTrade_ContraFirm_NULL << 48
    word = aggressor << 16 | liquidity << 24 | nulls
    return word - (1 << 64) if word >> 63 else word


@inner_kernel
def put_trade_tail(octets, block, security_id, account, side, ord_status, role):
    """From SecurityID to ContraFirm; EventIndicator is 0; `role`: `trade_role`."""
    _put_trade_whose(octets, block, security_id | (account << 32))
    _put_trade_kind(octets, block, side | (ord_status << 8) | role)
    return 0


@inner_kernel
def put_cancel_tail(octets, block, security_id, account, side, ord_status, reason):
    """From SecurityID to Reserved2; what is reserved and EventIndicator are 0."""
    _put_cancel_whose(octets, block, security_id | (account << 32))
    _put_cancel_kind(octets, block, side | (ord_status << 8) | (reason << 16))
    return 0


@inner_kernel
def put_modify_tail(octets, block, security_id, account, side, ord_status, retained):
    """From SecurityID to Reserved; what is reserved and EventIndicator are 0."""
    _put_modify_whose(octets, block, security_id | (account << 32))
    _put_modify_kind(octets, block, side | (ord_status << 8) | (retained << 16))
    return 0
