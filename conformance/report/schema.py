"""Makes the schema of report.json: `python -m conformance.report.schema > docs/schemas/report.schema.json`."""

from __future__ import annotations

import inspect
import json
import sys

import msgspec

from conformance.report.model import Report


def render() -> str:
    """Return the JSON Schema of report.json, the same with every Python. Readers ignore fields they don't know."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Report)}
    for described in made["$defs"].values():
        if "description" in described:  # a docstring, which Python dedents from 3.13 on
            described["description"] = inspect.cleandoc(described["description"])
    return json.dumps(made, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
