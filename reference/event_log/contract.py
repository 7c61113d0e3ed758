"""What every event log promises, as checks that need no test runner.

A check takes a way to make fresh logs and raises an AssertionError with a sentence on the first promise it sees broken:

>>> from reference.event_log import DisabledEventLog, InMemoryEventLog
>>> check_event_log(InMemoryEventLog)
>>> check_event_log(lambda **_: DisabledEventLog(), keeps_events=False)

Nothing here assumes that ids begin at 1, so a backend may number on from an earlier life. What can't be seen from
outside isn't checked: that memory is released, that a query costs the size of its answer, that a real wall clock may
step. A clean pass of the check on threads is no proof either; it is asked hard, and once.
"""

from reference.event_log import promises
from reference.event_log.promises import EventLogFactory

__all__ = ["EventLogFactory", "check_event_log"]


def check_event_log(factory: EventLogFactory, *, keeps_events: bool = True, takes_clock: bool = True) -> None:
    """Check that a backend keeps what `EventLogBackend` promises, and `EventLog` if it offers that.

    Takes well under a second for a log in memory, makes about twenty logs, and starts eight threads. Where a log
    raises what it shouldn't, the error is the cause of the AssertionError.

    Args:
        factory: makes a fresh, empty log at each call.
        keeps_events: False for a backend that keeps nothing: what `append` promises is checked, and that every query
            finds nothing.
        takes_clock: False for a backend that can't be given a clock: `now` is None at each call, and what is promised
            about age and timestamps goes unchecked.

    Raises:
        AssertionError: a promise is broken; the message says which, and what was seen.
    """
    if not keeps_events:
        checks = promises.OF_A_LOG_THAT_KEEPS_NOTHING
    elif takes_clock:
        checks = promises.OF_A_LOG_THAT_KEEPS + promises.OF_A_LOG_WITH_A_CLOCK
    else:
        checks = promises.OF_A_LOG_THAT_KEEPS
    for promise, check in promises.OF_EVERY_LOG + checks + promises.OF_EVERY_LOG_AT_LAST:
        try:
            check(factory)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{promise}; the log raised {type(error).__name__}: {error}") from error
