"""What `conformance` exports, and what importing a part of it loads."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import conformance


def in_a_fresh_process(program: str) -> Any:
    """Run `program`, and return the literal that it prints."""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    return ast.literal_eval(run.stdout)


def type_checked() -> dict[str, str]:
    """Read which module each export comes from, as a type checker does."""
    tree = ast.parse(Path(conformance.__file__).read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_the_simulator_loads_nothing_else_of_ours() -> None:
    """A test of another project that wants virtual time doesn't pay for the judge, nor for the fake backend."""
    loaded = in_a_fresh_process("import sys, conformance.simulation; print(sorted(sys.modules))")
    ours = {
        name for name in loaded if name.partition(".")[0] in {"conformance", "fake_backend", "reference", "sendproof"}
    }
    simulator = {name for name in ours if name.startswith("conformance.simulation")}
    assert ours - simulator == {"conformance"}
    assert "conformance.simulation.loop" in simulator
    assert not {name.partition(".")[0] for name in loaded} & {"aiohttp", "msgspec", "orjson"}


def test_importing_the_package_loads_no_part_of_it() -> None:
    """Nor does looking at what there is."""
    seen = "import sys, conformance; dir(conformance); print([name for name in sys.modules if 'conformance.' in name])"
    assert in_a_fresh_process(seen) == []


def test_every_export_is_what_a_type_checker_takes_it_for() -> None:
    """The imports for the type checker, the table, and `__all__` name the same."""
    exports = type_checked()
    assert sorted(exports) == sorted(conformance.__all__)
    for name, module in exports.items():
        assert getattr(conformance, name) is getattr(import_module(module), name)


def test_exports_are_found_by_dir_by_a_star_and_by_name() -> None:
    """In a process that has imported nothing of the package yet."""
    assert set(conformance.__all__) <= set(in_a_fresh_process("import conformance; print(dir(conformance))"))
    starred = in_a_fresh_process("from conformance import *; print(sorted(globals()))")
    assert set(conformance.__all__) <= set(starred)
    assert in_a_fresh_process("from conformance import RULES, judge; print([bool(RULES), callable(judge)])") == [
        True,
        True,
    ]


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    """It names the module and the name, as Python's own does."""
    with pytest.raises(AttributeError, match=r"^module 'conformance' has no attribute 'jduge'$"):
        conformance.jduge  # type: ignore[attr-defined] # noqa: B018 - that it isn't there is the point
