"""Random search: draws schedules of work and trouble, performs them, and shrinks the first that breaks a rule.

A `Schedule` is data: what is enqueued and when, which faults strike, what happens to the network. A seed and an index
make one, `perform` gives the history of a sender under it, and `shrink` looks for the smallest one that breaks a rule
in the same way. `sendproof simulate` and `sendproof replay` are these, as commands.
"""

from conformance.search.generate import Drawer
from conformance.search.jobs import search_in_parts
from conformance.search.perform import perform
from conformance.search.render import as_script
from conformance.search.run import Examined, Searched, examine_schedule, search
from conformance.search.saved import Recorded
from conformance.search.schedule import Schedule, ScheduleError
from conformance.search.shrink import shrink

__all__ = [
    "Drawer",
    "Examined",
    "Recorded",
    "Schedule",
    "ScheduleError",
    "Searched",
    "as_script",
    "examine_schedule",
    "perform",
    "search",
    "search_in_parts",
    "shrink",
]
