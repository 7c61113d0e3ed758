"""The adapter protocol as JSON Schema: `python -m conformance.adapters.schema > docs/schemas/adapter-protocol.json`."""

from __future__ import annotations

import json
import sys

import msgspec

from conformance.adapters.messages import (
    PROTOCOL,
    AnyRequest,
    Done,
    Introduced,
    Offered,
    Refused,
    Stopped,
)

_ANSWERS = (Introduced, Done, Offered, Stopped, Refused)


def schema() -> dict[str, object]:
    """Of every request and every answer, in `$defs`; a line is one of the requests, or one of the answers."""
    (requests, *answers), definitions = msgspec.json.schema_components(
        [AnyRequest, *_ANSWERS], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The adapter protocol of sendproof, version {PROTOCOL}",
        "description": "A line of standard input is a request, and a line of standard output is an answer.",
        "anyOf": [requests, *answers],
        "$defs": definitions,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
