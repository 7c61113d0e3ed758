"""An example of each way to choose requests, as the table of a file that it is.

The comment says what happens. `catalogue` shows them; a test holds that each is there and can be read.
"""

from collections.abc import Mapping
from typing import Final

SELECTORS: Final[Mapping[str, str]] = {
    "of": """
# Completions are refused; all else is taken.
[[fault]]
kind = "status"
status = 503
of = "completion"
""",
    "requests": """
# The first, the second and the fifth request of each run.
[[fault]]
kind = "status"
status = 503
requests = [1, 2, 5]
""",
    "every": """
# The 3rd, the 6th, the 9th request with events of each run, and so on.
[[fault]]
kind = "reset_peer"
every = 3
of = "data"
""",
    "events": """
# The answer to whichever request carries event 100 is lost; the first time only.
[[fault]]
kind = "reset_peer"
events = [100]
times = 1
""",
    "probability": """
# One request in a hundred, on average.
[[fault]]
kind = "reset_peer"
probability = 0.01
""",
    "seed": """
# One request in ten, and other ones than with seed = 1.
[[fault]]
kind = "latency"
seconds = 2.0
probability = 0.1
seed = 2
""",
    "between": """
# Everything is refused from the tenth to the twentieth second.
[[fault]]
kind = "status"
status = 503
between = [10, 20]
""",
    "times": """
# The next three requests with events, and then no more.
[[fault]]
kind = "status"
status = 503
of = "data"
times = 3
""",
    "run_id": """
# Only the run "demo" is slow.
[[fault]]
kind = "latency"
seconds = 1.0
run_id = "demo"
""",
}
