"""From a sender to verdicts: whom to judge, in which worlds, and what the rules say of it."""
