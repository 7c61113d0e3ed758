"""All that knows the wire protocol: how a request is read, how a line is decided, and how it is answered.

See `docs/protocol.md`. What is beside this package, connections, faults, history and control, knows requests and
answers, and not what is in them.
"""
