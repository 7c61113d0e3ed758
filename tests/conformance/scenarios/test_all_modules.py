"""No scenario is written and never performed."""

from __future__ import annotations

import importlib
import pkgutil

from conformance import scenarios


def test_the_scenarios_of_every_module_are_performed() -> None:
    """A module with a `SCENARIOS` is in the list that everything takes its scenarios from."""
    modules = [
        importlib.import_module(f"{scenarios.__name__}.{found.name}")
        for found in pkgutil.iter_modules(scenarios.__path__)
    ]
    written = [scenario for module in modules for scenario in getattr(module, "SCENARIOS", ())]
    performed = {scenario.name for scenario in scenarios.SCENARIOS}
    assert written
    assert [scenario.name for scenario in written if scenario.name not in performed] == []
