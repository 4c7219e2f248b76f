"""explain: read-only views of what a program computed and how its gradients came about.

Start at `entry.explain`. Data: recorder or after -> recording -> document (JSON). Views: terminal,
stepper, notebook, page. The module itself can be called: `tidu.explain(loss)`.
"""

import sys

from .entry import CallableModule, explain
from .explanation import Explanation
from .structure import graph

__all__ = ["Explanation", "explain", "graph"]

sys.modules[__name__].__class__ = CallableModule
