"""The compiler's tests need the extra `fast`; without it they are not collected."""

import sys
from pathlib import Path

from tidu.compiler.machine import native

sys.path.insert(0, str(Path(__file__).parent))

collect_ignore_glob = [] if native.available() else ["test_*.py"]
