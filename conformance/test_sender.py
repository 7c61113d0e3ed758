"""What `pytest --pyargs conformance` runs: every scenario, with the sender that the options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.errors import ConformanceError
from conformance.judging.target import target_of_name
from conformance.simulation import SimulationError
from conformance.testing import SenderConformance, Target, target_of_command

_USAGE = pytest.ExitCode.USAGE_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def target_of_the_options(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The sender that --sender or --command names; the run ends where there is none."""
    sender, command = request.config.getoption("--sender"), request.config.getoption("--command")
    if (sender is None) == (command is None):
        pytest.exit("Say who is to be judged, by --sender MODULE:FACTORY or --command COMMAND.", _USAGE)
    is_real = request.config.getoption("--real")
    named = target_of_command(command) if command is not None else target_of_name(sender, real=is_real)
    try:
        with named as target:
            yield target
    except (ConformanceError, SimulationError) as error:
        pytest.exit(f"The sender could not be judged: {error}", _USAGE)


class TestSender(SenderConformance):
    """The sender of the command line."""

    @pytest.fixture
    def target(self, target_of_the_options: Target) -> Target:
        """The one that the options name."""
        return target_of_the_options
