"""The control API, the page, and reading back: what the backend serves beside the ingest routes, when it is asked to.

`routes.ROUTES` is the one table of all of it. Requests to these paths are not counted, not recorded, and no fault
strikes them. `api` says what they are asked and what they answer, `guard` who is answered.
"""

from fake_backend.control.api import RunState
from fake_backend.control.server import ControlServer
from fake_backend.control.state import ControlState

__all__ = ["ControlServer", "ControlState", "RunState"]
