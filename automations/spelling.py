"""What the keys of a rule may hold, and how a wrong value is answered."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from automations.durations import rate, seconds
from automations.tokens import KEYWORDS

_ID = re.compile(r"[a-z][a-z0-9_-]{0,79}\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


def complain(code: str, message: str) -> PydanticCustomError:
    """An error that keeps its own TB code on its way through pydantic."""
    return PydanticCustomError(code, "{message}", {"message": message})


def _id(value: Any) -> Any:
    if not isinstance(value, str) or not _ID.match(value):
        raise complain("TB108", f'"{value}" is no id: lower-case letters, digits, - and _, beginning with a letter')
    return value


def name(value: Any) -> Any:
    """An id that expressions use. Raises: PydanticCustomError TB108."""
    if not isinstance(value, str) or not _NAME.match(value):
        raise complain("TB108", f'"{value}" is no id here: lower-case letters, digits and _, beginning with a letter')
    if value in KEYWORDS:
        raise complain("TB108", f'"{value}" is a word of CEL and cannot be an id; write "{value}_"')
    return value


def is_name(value: str) -> bool:
    """Whether expressions can use it."""
    return _NAME.match(value) is not None and value not in KEYWORDS


def _duration(value: Any) -> float:
    try:
        return seconds(value)
    except ValueError as error:
        raise complain("TB113", str(error)) from None


def _rate(value: Any) -> Any:
    try:
        return rate(value)
    except ValueError as error:
        raise complain("TB113", str(error)) from None


def _lines(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def one_or_more(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


# The input types are what editors are told (JSON Schema); the validators say it better to people.
_DurationText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$", json_schema_extra={"format": "duration"})]
_RateText = Annotated[str, Field(pattern=r"^[0-9]+/[0-9.]*(ms|s|m|h|d)$")]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=_DurationText)]
Rate = Annotated[tuple[int, float], BeforeValidator(_rate, json_schema_input_type=_RateText)]
Id = Annotated[str, BeforeValidator(_id, json_schema_input_type=Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,79}$")])]
Name = Annotated[str, BeforeValidator(name, json_schema_input_type=Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")])]
Lines = Annotated[list[str], BeforeValidator(_lines, json_schema_input_type=str | list[str])]
Values = Annotated[list[Any], BeforeValidator(one_or_more, json_schema_input_type=Any)]


class Strict(BaseModel):
    """Nothing is converted and nothing unknown is let through."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, use_attribute_docstrings=True)
