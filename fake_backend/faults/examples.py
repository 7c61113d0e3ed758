"""An example of each kind of fault and of each way to choose requests, as the table of a file that it is.

The comment says what happens. `fault_help` shows them; a test holds that each is there and can be read.
"""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "latency": """
# The answers to the first and the fourth request with events come half a second late.
[[fault]]
kind = "latency"
seconds = 0.5
of = "data"
requests = [1, 4]
""",
    "stall": """
# Every fifth request is taken, and then nothing happens until the client gives up.
[[fault]]
kind = "stall"
phase = "after-accept"
every = 5
""",
    "bandwidth": """
# Uploads are read at 10 kB a second, so that they back up.
[[fault]]
kind = "bandwidth"
rate = 10_000
stream = "upstream"
of = "data"
""",
    "slicer": """
# Every answer arrives three bytes at a time, a hundredth of a second apart.
[[fault]]
kind = "slicer"
size = 3
delay = 0.01
""",
    "limit_data": """
# The second answer breaks off after 100 bytes, within its head.
[[fault]]
kind = "limit_data"
size = 100
stream = "downstream"
requests = [2]
""",
    "reset_peer": """
# Every third request is taken whole, and its answer is lost.
[[fault]]
kind = "reset_peer"
phase = "after-accept"
every = 3
""",
    "timeout": """
# The first request is left lying for two seconds, and then hung up on.
[[fault]]
kind = "timeout"
seconds = 2.0
phase = "before-read"
requests = [1]
""",
    "slow_close": """
# After every tenth answer the connection is done for, and stays open for a second.
[[fault]]
kind = "slow_close"
seconds = 1.0
every = 10
""",
    "close_on_reuse": """
# The connection of the first request is reset as soon as it is used again.
[[fault]]
kind = "close_on_reuse"
requests = [1]
""",
    "idle_cut": """
# Connections over which nothing has moved for a minute are reset, whatever is under way.
[[fault]]
kind = "idle_cut"
seconds = 60.0
""",
    "down": """
# At the third request with events the backend goes down with all its connections, for five seconds.
[[fault]]
kind = "down"
seconds = 5.0
of = "data"
requests = [3]
""",
    "status": """
# Two requests in a row are too many, and the third may be made a second later.
[[fault]]
kind = "status"
status = 429
headers = { Retry-After = "1" }
of = "data"
requests = [2, 3]
""",
    "late_accept": """
# A proxy answers 504 to the first request with events; the backend takes it three seconds later all the same.
[[fault]]
kind = "late_accept"
seconds = 3.0
status = 504
of = "data"
requests = [1]
""",
    "buffer_request": """
# Bodies get through whole, or not at all: one of which nothing comes for ten seconds is answered 408.
[[fault]]
kind = "buffer_request"
seconds = 10.0
status = 408
""",
    "overlap": """
# Each line is taken up to 0.05 seconds after it came, whether or not its client is still there.
[[fault]]
kind = "overlap"
seconds = 0.05
of = "data"
""",
    "partial": """
# Of every second request with events only the first line is taken.
[[fault]]
kind = "partial"
lines = 1
of = "data"
every = 2
""",
    "duplicate": """
# The second request with events is taken, and the answer says that all of it was there before.
[[fault]]
kind = "duplicate"
of = "data"
requests = [2]
""",
    "poison": """
# An event with this text in it is refused each time it comes.
[[fault]]
kind = "poison"
containing = "drop table"
status = 400
""",
    "forget": """
# Before the fifth request with events the backend loses all but the first ten events.
[[fault]]
kind = "forget"
last_accepted_seq = 10
of = "data"
requests = [5]
""",
    "foreign_writer": """
# Before the second request with events another writer has taken the next three numbers.
[[fault]]
kind = "foreign_writer"
numbers = 3
of = "data"
requests = [2]
""",
    "completed_elsewhere": """
# Someone else completes the run once the first request with events was taken.
[[fault]]
kind = "completed_elsewhere"
phase = "after-accept"
of = "data"
requests = [1]
""",
    "expire_token": """
# The token expires at the third request: 401 until another one comes.
[[fault]]
kind = "expire_token"
requests = [3]
""",
    "fence": """
# From the second request on, writers of an epoch below 2 get 403.
[[fault]]
kind = "fence"
epoch = 2
requests = [2]
""",
}

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
