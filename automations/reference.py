"""What there is to say of an action or a trigger, read from the code: help, parameters, output, effect, example, errors.

The page docs/rules/actions.md, `tieback rules schema` and the JSON Schema for editors are three forms of it. A new file
in `automations/actions/` is in all three without an edit anywhere.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from automations import durations
from automations.actions import known_words, of_word
from automations.fields import SPOKEN, Field
from automations.known import Known
from automations.written import TRIGGERS, Trigger

_EXAMPLE = re.compile(r"\n*```yaml\n(.*?)```\n*", re.DOTALL)
_CODE = re.compile(r"TB\d{3}\Z")
# Names that several actions share mean the same in each, so their meaning is told once; a description of its own wins.
_MEANINGS = {
    "connector": "the connector",
    "project_id": "the project",
    "resource": "a resource by Procore's name",
    "table": "a table of the database; names that begin with `tieback_` are refused",
    "id": "the id of the record",
    "parent": "the id of the record that this one hangs on",
}


@dataclass(frozen=True)
class Parameter:
    """`kind` is its type in words; `default` as YAML writes it, "" when there is none; `fixed` ones take no `${…}`."""

    name: str
    kind: str
    required: bool = False
    default: str = ""
    fixed: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Described:
    """`output` is the kind of the whole, or name to kind; `codes` are found at check, `kinds` are errors while it runs."""

    word: str
    help: str
    example: str
    schema: dict[str, Any]
    parameters: tuple[Parameter, ...] = ()
    output: str | Mapping[str, str] = ""
    policy: str = ""
    effect: str = ""
    codes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = field(default=())


def actions() -> list[Described]:
    """Every action there is, by its word."""
    return [action(word) for word in known_words()]


def action(word: str) -> Described:
    module: Any = of_word(word)
    fixed = frozenset(getattr(module, "FIXED", ()))
    help_, example = _told(module.__doc__)
    schema = schema_of(module.Params)
    policy = getattr(module, "policy", None)
    return Described(
        word, help_, example, schema, tuple(_parameters(schema, fixed)), _output(module), module.POLICY,
        inspect.getdoc(policy) or "" if policy else "", tuple(sorted(_codes(module))), tuple(_kinds(module)),
    )  # fmt: skip


def triggers() -> list[Described]:
    """Every kind of trigger, in the order of the language."""
    return [trigger(kind) for kind in TRIGGERS]


def trigger(kind: str) -> Described:
    model = next(m for m in _members(Trigger.model_fields[kind].annotation) if _is_model(m))
    help_, example = _told(model.__doc__)
    schema = schema_of(model)
    return Described(kind, help_, example, schema, tuple(_parameters(schema, frozenset())))


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of what an author may write, without pydantic's titles."""
    return model.model_json_schema(by_alias=True, schema_generator=_Plain)


class _Plain(GenerateJsonSchema):
    """Without titles, which only repeat the names, and with defaults as an author writes them."""

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> Any:
        return _plainly(super().generate(schema, mode))


def _plainly(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plainly(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    default = kept.pop("default", None)
    if default not in (None, "", [], {}) and not isinstance(default, dict):
        kept["default"] = durations.shown(default) if kind_of(kept, {}) == "length of time" else default
    return {key: value if key == "default" else _plainly(value) for key, value in kept.items()}


def _told(doc: str | None) -> tuple[str, str]:
    """A docstring without its example, and the example."""
    text = inspect.cleandoc(doc or "")
    found = _EXAMPLE.search(text)
    return _EXAMPLE.sub("\n\n", text).strip(), found.group(1) if found else ""


def _parameters(schema: dict[str, Any], fixed: frozenset[str]) -> Iterator[Parameter]:
    required = set(schema.get("required", ()))
    for name, one in schema.get("properties", {}).items():
        meaning = " ".join((one.get("description") or _shared(name, name in required)).split())
        yield Parameter(name, kind_of(one, schema), name in required, _default(one), name in fixed, meaning)


def _shared(name: str, required: bool) -> str:
    meaning = _MEANINGS.get(name, "")
    return f"{meaning}; the event's when left out" if name in ("connector", "project_id") and not required else meaning


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(str(one) for one in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


_PLAIN = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list",
    "object": "map", "null": "null",
}  # fmt: skip


def kind_of(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """A JSON Schema in a few words: `list of text`, ``one of `a`, `b` ``."""
    if "$ref" in schema:
        return kind_of(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        kinds = [kind_of(one, whole) for one in schema["anyOf"] if one.get("type") != "null"]
        # A number where text is due becomes text, which nobody need know.
        return "text" if kinds == ["text", "whole number"] else " or ".join(dict.fromkeys(kinds))
    if schema.get("format") == "duration":
        return "length of time"
    kind = schema.get("type")
    if kind == "array" and schema.get("items"):
        return f"list of {kind_of(schema['items'], whole)}"
    if kind == "object" and schema.get("properties"):
        return "map of " + ", ".join(f"`{name}`" for name in schema["properties"])
    if kind == "object" and isinstance(of := schema.get("additionalProperties"), dict) and of:
        return f"map of {kind_of(of, whole)}"
    return _PLAIN.get(str(kind), "any")


def _output(module: Any) -> str | dict[str, str]:
    described = getattr(module, "output", None)
    if described is not None and described.__doc__:
        return " ".join(inspect.cleandoc(described.__doc__).split())
    whole = described({}, Known()) if described is not None else module.OUTPUT
    if whole.kind == "map" and whole.fields:
        return {name: spoken(one) for name, one in whole.fields.items()}
    return spoken(whole)


def spoken(whole: Field) -> str:
    """A field in a few words: `list of maps (name, size)`."""
    maybe = ", may be null" if whole.nullable and whole.kind != "any" else ""
    if whole.kind == "list" and whole.item is not None:
        return f"a list of {spoken(whole.item)}{maybe}"
    if whole.kind == "map" and whole.fields:
        return f"a map ({', '.join(f'{name}: {spoken(one)}' for name, one in whole.fields.items())}){maybe}"
    return SPOKEN[whole.kind] + maybe


def _codes(module: Any) -> set[str]:
    """The codes of what its own checks can complain of, and those of the kinds of parameters it uses."""
    found = {code for value in vars(module).values() for code in _codes_of(value, module.__name__)}
    for one in module.Params.model_fields.values():
        for part in [*one.metadata, *_metadata(one.annotation)]:
            found |= set(_codes_in(getattr(getattr(part, "func", None), "__code__", None)))
    return found


def _codes_of(value: Any, home: str) -> Iterator[str]:
    if getattr(value, "__module__", None) != home:
        return
    members = vars(value).values() if isinstance(value, type) else [value]
    for one in members:
        one = inspect.unwrap(getattr(one, "wrapped", one))
        one = getattr(one, "__func__", one)
        if isinstance(one, FunctionType):
            yield from _codes_in(one.__code__)


def _codes_in(code: CodeType | None) -> Iterator[str]:
    for constant in code.co_consts if code else ():
        if isinstance(constant, str) and _CODE.match(constant):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _codes_in(constant)


def _metadata(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for inner in getattr(annotation, "__args__", ()):
        yield from _metadata(inner)


def _members(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _members(inner)


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _kinds(module: Any) -> list[str]:
    """The kinds of the errors that it raises itself, for `retry: only:` and `error.kind`."""
    tree = ast.parse(inspect.getsource(module))
    given = [one.value for call in ast.walk(tree) if isinstance(call, ast.Call) for one in call.keywords if one.arg == "kind"]
    return sorted({kind for value in given if (kind := _written(value))})


def _written(value: ast.expr) -> str | None:
    """A text in the source; what is put into it at run time becomes `<name>`."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if not isinstance(value, ast.JoinedStr):
        return None
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"<{ast.unparse(part.value).rpartition('.')[2]}>"
        for part in value.values
        if isinstance(part, (ast.Constant, ast.FormattedValue))
    )
