"""Finds the factory of a sender by its name: `MODULE:FACTORY`, or `FILE.py:FACTORY`."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.errors import AdapterError
from conformance.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from conformance.evidence.settings import Settings

_EXAMPLES = "such as my_package.my_module:make_sender or ./my_sender.py:make_sender"


def load_factory(name: str) -> Callable[[Settings], Any]:
    """Import `MODULE:FACTORY`, from the current directory or whatever is installed, or `FILE.py:FACTORY`.

    A file is imported as its neighbors would import it: as a part of its package, if it is in one.

    Raises:
        AdapterError: It isn't of that form, can't be imported, or is nothing that can be called.
    """
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise AdapterError(f"{name!r} is not of the form MODULE:FACTORY or FILE.py:FACTORY, {_EXAMPLES}")
    _look_first_in(Path.cwd())
    is_file = where.endswith(".py") or os.sep in where or "/" in where
    target: Any = _import_file(where) if is_file else _import(where, as_named=where)
    for part in attribute.split("."):
        try:
            target = getattr(target, part)
        except AttributeError as error:
            raise AdapterError(f"{'file' if is_file else 'module'} {where!r} has no {attribute!r}") from error
    if not callable(target):
        raise AdapterError(f"{name!r} is a {type(target).__name__}, and a factory must be callable")
    factory: Callable[[Settings], Any] = target
    return factory


def _import_file(where: str) -> ModuleType:
    path = Path(where).resolve()
    if not path.is_file():
        there = f"; there is {where}.py" if Path(f"{where}.py").is_file() else ""
        raise AdapterError(f"there is no file {where!r} in {Path.cwd()}{there}")
    parts = [path.stem]
    directory = path.parent
    while (directory / "__init__.py").is_file():
        parts.insert(0, directory.name)
        directory = directory.parent
    _look_first_in(directory)
    module_name = ".".join(parts)
    module = _import(module_name, as_named=where)
    imported = getattr(module, "__file__", None)
    if imported is None or Path(imported).resolve() != path:
        by = imported or "one of Python itself"
        raise AdapterError(f"can't import {where!r}: as module {module_name!r} it is hidden by {by}; rename the file")
    return module


def _import(module_name: str, *, as_named: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        told = printable(f"{type(error).__name__}: {error}")  # whatever a sender raises, it drives no terminal
        looked = f"; looked in {', '.join(_looked_in())}" if isinstance(error, ModuleNotFoundError) else ""
        raise AdapterError(f"can't import {as_named!r}: {told}{looked}") from error


def _look_first_in(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _looked_in() -> list[str]:
    """Where modules are looked for, in order, but for Python's own."""
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), sysconfig.get_config_var("DESTSHARED")}
    return [place for place in dict.fromkeys(sys.path) if Path(place).is_dir() and place not in own]
