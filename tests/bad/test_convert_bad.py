"""Rows that cannot be converted: one sentence each, with file and line."""

from __future__ import annotations

import pytest

from pcap.convert import FlowError, convert_rows, parse_utc_offset

HEADER = "ordtype;uid;is_buy;qty;price;timestamp"
NEW = "new;a;True;10;95.8;2019-05-23 09:00:30.216"

BAD = {
    "fields": ("new;a;True;10;95.8", "has 5 fields instead of 6"),
    "ordtype": (NEW.replace("new", "amend", 1), "ordtype 'amend'"),
    "uid_empty": (NEW.replace(";a;", ";;"), "uid is empty"),
    "side": (NEW.replace("True", "yes"), "is_buy 'yes'"),
    "qty_zero": (NEW.replace(";10;", ";0;"), "quantity '0'"),
    "qty_negative": (NEW.replace(";10;", ";-3;"), "quantity '-3'"),
    "qty_float": (NEW.replace(";10;", ";1.5;"), "quantity '1.5'"),
    "qty_huge": (NEW.replace(";10;", ";2147483648;"), "quantity '2147483648'"),
    "qty_digits": (NEW.replace(";10;", ";\u0661;"), "quantity"),
    "price_empty": (NEW.replace("95.8", ""), "price ''"),
    "price_zero": (NEW.replace("95.8", "0.000"), "zero or more"),
    "price_negative": (NEW.replace("95.8", "-1"), "price '-1'"),
    "price_places": (NEW.replace("95.8", "1.0000000001"), "nine places"),
    "price_exponent": (NEW.replace("95.8", "1e3"), "price '1e3'"),
    "price_huge": (NEW.replace("95.8", "9999999999"), "64 bits"),
    "time_form": (NEW.replace("09:00:30.216", "9:00"), "time '2019-05-23 9:00'"),
    "time_month": (NEW.replace("-05-", "-13-"), "time '2019-13-23"),
    "time_hour": (NEW.replace(" 09:", " 24:"), "time '2019-05-23 24:"),
    "time_before": (NEW.replace("2019", "1969"), "1970 or later"),
    "modif_unknown": ("modif;zz;;1;;2019-05-23 09:00:30.216", "uid zz was not seen"),
    "cancel_unknown": ("cancel;zz;;1;;2019-05-23 09:00:30.216", "uid zz was not seen"),
    "modif_qty": ("modif;ok;;;;2019-05-23 09:00:30.216", "quantity ''"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_row(name: str) -> None:
    row, words = BAD[name]
    with pytest.raises(FlowError, match=words) as caught:
        list(convert_rows([HEADER, NEW.replace(";a;", ";ok;"), row], file="flow.csv"))
    assert str(caught.value).startswith("flow.csv:3: ")
    assert caught.value.line == 3
    assert caught.value.sentence.endswith(".")


def test_the_same_order_twice() -> None:
    with pytest.raises(FlowError, match=r"flow:3: The uid a has"):
        list(convert_rows([HEADER, NEW, NEW]))


@pytest.mark.parametrize(("lines", "words"), [([], "empty"), (["a;b"], "first line must be"), ([NEW], "first line")])
def test_bad_file(lines: list[str], words: str) -> None:
    with pytest.raises(FlowError, match=words) as caught:
        list(convert_rows(lines, file="flow.csv"))
    assert caught.value.line == 1


@pytest.mark.parametrize("text", ["", "2", "02:00", "+2:00", "+15:00", "+02:60", "UTC"])
def test_bad_offset(text: str) -> None:
    with pytest.raises(ValueError, match=r"\+HH:MM"):
        parse_utc_offset(text)


def test_an_offset_that_leads_before_1970() -> None:
    with pytest.raises(FlowError, match="before 1970"):
        list(convert_rows([HEADER, NEW.replace("2019-05-23", "1970-01-01")], utc_offset_ns=parse_utc_offset("+10:00")))
