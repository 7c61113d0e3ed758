"""The command `sendproof`: ship a file of events, run a backend that misbehaves, judge any sender.

`cli` is where it starts, `commands` says which commands there are, and each has a module of its name.
"""
