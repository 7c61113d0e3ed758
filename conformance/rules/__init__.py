"""The checkers: for each rule, a pure function from the facts of one history to what contradicts the rule in it."""
