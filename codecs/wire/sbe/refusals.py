"""Why a codec refuses bytes or values: a code for programs, a sentence for people."""

from __future__ import annotations

from typing import Final

TRUNCATED_HEADER: Final = "TRUNCATED_HEADER"
TRUNCATED_BLOCK: Final = "TRUNCATED_BLOCK"
TRUNCATED_DIMENSION: Final = "TRUNCATED_DIMENSION"
TRUNCATED_LENGTH: Final = "TRUNCATED_LENGTH"
GROUP_OVERRUN: Final = "GROUP_OVERRUN"
DATA_OVERRUN: Final = "DATA_OVERRUN"
COUNT_OUT_OF_RANGE: Final = "COUNT_OUT_OF_RANGE"
LENGTH_OUT_OF_RANGE: Final = "LENGTH_OUT_OF_RANGE"
STRIDE_ZERO: Final = "STRIDE_ZERO"
WRONG_SCHEMA: Final = "WRONG_SCHEMA"
UNKNOWN_TEMPLATE: Final = "UNKNOWN_TEMPLATE"
REQUIRED_ABSENT: Final = "REQUIRED_ABSENT"
NOT_HEX: Final = "NOT_HEX"
NOT_JSON: Final = "NOT_JSON"

UNKNOWN_MESSAGE: Final = "UNKNOWN_MESSAGE"
UNKNOWN_FIELD: Final = "UNKNOWN_FIELD"
MISSING_FIELD: Final = "MISSING_FIELD"
WRONG_VALUE: Final = "WRONG_VALUE"
TOO_NEW: Final = "TOO_NEW"


class CodecError(ValueError):
    """Base of both errors: `code` is one of the names above, the text one sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(f"{sentence} [{code}]")


class DecodeError(CodecError):
    """Bytes that are not a message of the schema; `offset` is where it shows."""

    def __init__(self, code: str, sentence: str, offset: int) -> None:
        self.offset = offset
        super().__init__(code, sentence)


class EncodeError(CodecError):
    """Values that do not make a message; `path` names the field."""

    def __init__(self, code: str, sentence: str, path: str = "") -> None:
        self.path = path
        super().__init__(code, sentence)
