"""A clock that tests move."""


class HandClock:
    """Gives the time it was last set to, in seconds; counts how often it was read."""

    def __init__(self, time: float = 1_000.0) -> None:
        self.time = time
        self.readings = 0

    def __call__(self) -> float:
        """Give the time, in seconds."""
        self.readings += 1
        return self.time
