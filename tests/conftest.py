"""What holds for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _as_wide_as_a_file_is() -> Iterator[None]:
    """What commands print isn't wrapped for the terminal of whoever runs the tests; pytest-xdist hands its width on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        yield
