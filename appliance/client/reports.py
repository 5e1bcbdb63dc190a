"""What each report of the server does to the ledger of requests."""

from __future__ import annotations

from typing import Any, Final

from appliance.client.ledger import Kind, Request, State

_STATUS_EXPIRED: Final = 67
_STATUS_REJECTED: Final = 56

Ledger = dict[int, Request]
"""Requests by ClOrdID."""


def apply_report(ledger: Ledger, request: Request, sequence: int, name: str, values: Any) -> bool:
    """Report `sequence`, which names `request`, into the ledger. False: newer reports had overtaken it, so it is left
    out."""
    if sequence < request.report_seq:
        return False
    request.report_seq = sequence
    match name:
        case "ExecutionReportNew":
            _rests(request, values)
        case "ExecutionReportModify":
            _rests(request, values)
            _take_over(ledger, request)
        case "ExecutionReportTrade":
            request.order_id = values.OrderID
            request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
            request.state = State.PARTIALLY_FILLED if values.LeavesQty else State.FILLED
        case "ExecutionReportCancel":
            _canceled(ledger, request, values)
        case "ExecutionReportReject":
            request.state, request.reject_reason = State.REJECTED, values.OrdRejReason
        case "ExecutionReportRestated":
            request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
            if values.Price is not None:
                request.price_nanos = values.Price
        case "OrderMassActionReport":
            request.state = State.DONE if values.MassActionResponse else State.REJECTED
            request.reject_reason = values.MassActionRejectReason or 0
    return True


def apply_status(ledger: Ledger, cl_ord_id: int, values: Any) -> None:
    """The answer to a status query about `cl_ord_id`: how its order stands, or that it is not open."""
    request = ledger.get(cl_ord_id)
    if request is None:
        return
    if values.OrdStatus != _STATUS_REJECTED:
        _rests(request, values)
        _take_over(ledger, request)
    elif request.is_open or request.state is State.PENDING:
        request.state, request.leaves_lots = State.OVER, 0


def _rests(request: Request, values: Any) -> None:
    request.order_id = values.OrderID
    request.price_nanos, request.qty_lots = values.Price or 0, values.OrderQty
    request.leaves_lots, request.cum_lots = values.LeavesQty, values.CumQty
    request.state = State.PARTIALLY_FILLED if values.CumQty else State.NEW


def _take_over(ledger: Ledger, request: Request) -> None:
    """The order lives on under `request`; the one that held it before is REPLACED."""
    before = ledger.get(request.orig_cl_ord_id)
    if before is not None:
        before.state, before.leaves_lots, before.replaced_by = State.REPLACED, 0, request.cl_ord_id


def _canceled(ledger: Ledger, request: Request, values: Any) -> None:
    """The report names the cancel, or replace to nothing, that did it, or the order itself."""
    if request.kind is Kind.CANCEL:
        request.state, request.order_id = State.DONE, values.OrderID
        gone = ledger.get(values.OrigClOrdID or request.orig_cl_ord_id)
    else:
        gone = request
        if request.kind is Kind.REPLACE and request.state is State.PENDING:
            _take_over(ledger, request)
            request.order_id = values.OrderID
    if gone is not None:
        gone.state = State.EXPIRED if values.OrdStatus == _STATUS_EXPIRED else State.CANCELED
        gone.leaves_lots, gone.cum_lots = 0, values.CumQty
        gone.report_seq = request.report_seq
