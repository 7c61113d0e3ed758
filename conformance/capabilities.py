"""What a sender may claim beyond what all must do, and what its language may be able to do."""

from __future__ import annotations

CAPABILITIES = frozenset({"drain-report", "handoff"})
"""Each binds a sender that claims it to the rules of the catalogue that name it."""

ABILITIES = frozenset({"big-integers", "lone-surrogates", "unserializable"})
"""Integers past 2**53 survive; a string can hold half of a surrogate pair; and there is something that a program could
hand to `enqueue` and JSON can't carry. Adapters claim them; in Python they are taken for granted."""
