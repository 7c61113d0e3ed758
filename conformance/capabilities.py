"""What a language may be unable to do, and a scenario may need: asked of adapters, taken for granted in Python."""

from __future__ import annotations

ABILITIES = frozenset({"big-integers", "lone-surrogates", "unserializable"})
"""Integers past 2**53 survive; a string can hold half of a surrogate pair; and there is something that a program could
hand to `enqueue` and JSON can't carry."""
