"""Lets the tests of this folder import helpers.py beside them, and the operators' sample calls."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.append(str(HERE.parent / "operators"))
