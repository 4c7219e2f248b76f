"""The playground: a local web page on which a program is edited, run and explained.

Start at `server.py`. `gate.py` says which requests are let in, `run.py` runs a program in a process
that can be ended, `children/supervisor.py` holds that process to its limits.
"""

from .limits import Limits
from .server import Playground

__all__ = ["Limits", "Playground"]
