"""What can be wrong with a schema, told with file, line and element."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the schema's text something stands."""

    file: str
    line: int
    element: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: <{self.element}>"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning: a place and a sentence."""

    place: Place
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


class SchemaError(ValueError):
    """A schema that cannot become a codec; `problems` holds every reason, the first one is the message."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")


class Fault(Exception):
    """Raised while one element is read; the parser notes it and goes on with the next element."""

    def __init__(self, place: Place, sentence: str) -> None:
        self.problem = Problem(place, sentence)
        super().__init__(str(self.problem))
