"""Codes of FIXP that the recovery server gives."""

from __future__ import annotations

from enum import IntEnum


class RejectCode(IntEnum):
    """RetransmitRejectCode of FIXP."""

    OUT_OF_RANGE = 0
    INVALID_SESSION = 1
    REQUEST_LIMIT_EXCEEDED = 2


class TerminationCode(IntEnum):
    """TerminationCode of FIXP."""

    FINISHED = 0
    UNSPECIFIED_ERROR = 1
    RE_REQUEST_OUT_OF_BOUNDS = 2
    RE_REQUEST_IN_PROGRESS = 3


class NegotiationRejectCode(IntEnum):
    """NegotiationRejectCode of FIXP, as far as it is given."""

    CREDENTIALS = 0
    FLOW_TYPE_NOT_SUPPORTED = 1


class EstablishmentRejectCode(IntEnum):
    """EstablishmentRejectCode of FIXP, as far as it is given."""

    UNNEGOTIATED = 0
    ALREADY_ESTABLISHED = 1
    CREDENTIALS = 4
