"""What the sender and the event log cost, measured beside a yardstick, and judged by a goal.

Run all of it with `python -m benchmarks.run`. Figures are comparable within one run only: everything is measured in
turns with its yardstick, so that a machine that is busy for a while slows down both.
"""
