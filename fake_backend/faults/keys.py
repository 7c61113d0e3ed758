"""The keys of each kind of fault, and those that choose requests, read off the structs that declare them."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from fake_backend.faults import Fault, FaultRule

_WORDS: Final[Mapping[object, str]] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "true or false",
    tuple[int, ...]: "list of integers",
    tuple[float, float]: "two numbers",
    dict[str, str]: "table of texts",
}


def as_json(value: object) -> object:
    """Give the value of a key as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a rule's table.

    `type` is in words; "or false" where there may be nothing, for which TOML has no word. `default` is as JSON has it,
    None where the key is required. `choices` is empty where it isn't one of a few values.
    """

    name: str
    type: str
    required: bool
    default: Any
    choices: tuple[str | int, ...]
    meaning: str


def _keys_of(struct: type[msgspec.Struct]) -> dict[str, Key]:
    described = get_type_hints(struct, include_extras=True)
    return {
        field.name: _key(field, described[field.name].__origin__, described[field.name].__metadata__[0].description)
        for field in msgspec.structs.fields(struct)
        if field.name != "fault"
    }


def _key(field: msgspec.structs.FieldInfo, hint: Any, meaning: str) -> Key:
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    some = type(choices[0]) if choices else hint
    words = [_WORDS[each] for each in (some, *get_args(some)) if each in _WORDS]
    default = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Key(
        name=field.name,
        type=words[0] + (" or false" if NoneType in get_args(hint) else ""),
        required=field.required,
        default=as_json(default if field.default is msgspec.NODEFAULT else field.default),
        choices=choices,
        meaning=meaning,
    )


KINDS: Final[Mapping[str, type[Fault]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Fault)}
"""The kinds of faults, each under the word that a table says it by."""

KEYS: Final[Mapping[str, Mapping[str, Key]]] = {kind: _keys_of(struct) for kind, struct in KINDS.items()}
"""The keys of each kind, without `kind` itself."""

HINTS: Final[Mapping[str, Mapping[str, Any]]] = {
    kind: get_type_hints(struct) | get_type_hints(FaultRule) for kind, struct in KINDS.items()
}
"""What Python says the value of each key is, of a kind and of the selectors."""

SELECTORS: Final[Mapping[str, Key]] = _keys_of(FaultRule)
"""The keys that choose the requests, which go with any kind."""
