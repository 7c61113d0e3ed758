"""What is imported from where: the usual from the top, all kinds of faults and records from their modules."""

import subprocess
import sys

import pytest

import fake_backend
from fake_backend import faults, records
from fake_backend.faults.keys import KINDS


def test_what_is_exported_is_there() -> None:
    """From the top, and from both namespaces; all kinds of faults are among theirs."""
    for module in (fake_backend, faults, records):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert {kind.__name__ for kind in KINDS.values()} <= set(faults.__all__)


@pytest.mark.parametrize("namespace", [faults, records])
def test_every_fault_and_record_can_be_had_from_the_top_as_ever(namespace: object) -> None:
    """So that what older programs import goes on working."""
    for name in namespace.__all__:  # type: ignore[attr-defined]
        assert getattr(fake_backend, name) is getattr(namespace, name)


def test_what_is_nowhere_is_an_import_error() -> None:
    """With the name in it."""
    tried = subprocess.run(
        [sys.executable, "-c", "from fake_backend import Earthquake"], capture_output=True, text=True, check=False
    )
    assert "ImportError: cannot import name 'Earthquake' from 'fake_backend'" in tried.stderr
