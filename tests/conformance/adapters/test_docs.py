"""What is published of the protocol is the protocol."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from conformance.adapters.messages import (
    EXPECTED,
    Answer,
    AnyRequest,
    Done,
    Introduced,
    Offered,
    RemoteSettings,
    Stopped,
)
from conformance.adapters.schema import schema
from conformance.capabilities import ABILITIES, CAPABILITIES
from conformance.evidence.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
SETTINGS = msgspec.to_builtins(RemoteSettings.of(Settings(url="http://127.0.0.1", token="…", run_id="run-1")))
ANSWERS = {"hello": Introduced, "open": Done, "enqueue": Offered, "stop": Stopped, "exit": Done}


def test_the_schema_is_that_of_the_messages() -> None:
    """docs/schemas/adapter-protocol.json is what `python -m conformance.adapters.schema` prints."""
    path = ROOT / "docs" / "schemas" / "adapter-protocol.json"
    assert json.loads(path.read_text(encoding="utf-8")) == schema()


def test_the_conversation_of_the_page_is_one() -> None:
    """Each line of it is a request that is made, or an answer that is taken."""
    said = re.findall(r"^(-->|<--) (\{.*\})$", PAGE, flags=re.MULTILINE)
    assert len(said) == 10
    kinds: dict[int, str] = {}
    for arrow, line in said:
        plain = json.loads(line.replace(", …}}", "}}"))
        if arrow == "-->":
            if "settings" in plain:
                plain["settings"] = SETTINGS | plain["settings"]
            msgspec.convert(plain, AnyRequest)
            kinds[plain["id"]] = plain["type"]
        else:
            msgspec.convert(plain, ANSWERS[kinds[plain["id"]]])


def test_every_setting_and_capability_is_on_the_page() -> None:
    """By its name, in the tables."""
    for name in (*SETTINGS, *CAPABILITIES, *ABILITIES):
        assert f"`{name}`" in PAGE, name


@pytest.mark.parametrize("answer", EXPECTED, ids=lambda answer: answer.__name__)
def test_what_is_expected_is_said_with_every_field_that_must_be_there(answer: type[Answer]) -> None:
    """The line that is shown beside a wrong answer leaves nothing out."""
    required = [each.encode_name for each in msgspec.structs.fields(answer) if each.required]
    assert [name for name in required if f'"{name}"' not in EXPECTED[answer]] == []
