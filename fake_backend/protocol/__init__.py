"""All that knows the wire protocol: how a request is read, how a line is decided, and how it is answered.

See the page "The wire protocol" of the documentation. What is beside this package, connections, faults, history and
control, knows requests and answers, and not what is in them.
"""
