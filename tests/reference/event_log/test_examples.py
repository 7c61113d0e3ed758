"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import reference.event_log

_MODULES = ["reference.event_log"] + [
    f"reference.event_log.{module.name}" for module in pkgutil.iter_modules(reference.event_log.__path__)
]


@pytest.mark.parametrize("name", _MODULES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    """Each prints what it says it prints."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_package_shows_its_use() -> None:
    """There are examples, so that the test above tests something."""
    assert doctest.testmod(reference.event_log).attempted > 5


def test_every_public_name_is_there() -> None:
    """What `__all__` lists can be imported."""
    for name in reference.event_log.__all__:
        assert hasattr(reference.event_log, name)
