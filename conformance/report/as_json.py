"""Renders report.json: the report as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from conformance.report.model import Report


def to_json(report: Report) -> str:
    """Return the report as JSON that a person can read, too."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"
