"""`sendproof backend --help` names every fault that there is."""

from __future__ import annotations

from typing import get_args

from click.testing import CliRunner

from fake_backend import Fault
from sendproof.backend import backend


def test_the_help_names_every_kind_of_fault() -> None:
    """Whoever writes a file of faults finds each kind in the help, with all its keys."""
    said = CliRunner().invoke(backend, ["--help"]).output
    keys = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    for fault in get_args(Fault):
        kind = str(fault.__struct_config__.tag)
        assert kind in keys
        assert [key for key in fault.__struct_fields__ if key not in keys[kind]] == []
