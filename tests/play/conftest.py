"""Lets the tests of this folder import playing.py beside them, and the browser of tests/explain."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "explain")]
