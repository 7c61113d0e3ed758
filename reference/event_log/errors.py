"""The errors of the event log: a small tree with one root.

Every error here is the caller's, raised before anything was changed: the log is as good after it as before.
"""


class EventLogError(Exception):
    """The root of this package's errors."""


class InvalidEventError(EventLogError, TypeError):
    """What was appended can't be an event: a kind that is no string, or a payload that is no copyable dict."""


class InvalidQueryError(EventLogError, TypeError):
    """A query was asked with a `since` or a `limit` that is no whole number."""


class InvalidConfigError(EventLogError, ValueError):
    """A configuration has a key that isn't known, or a value of the wrong type; the message names the key's path."""
