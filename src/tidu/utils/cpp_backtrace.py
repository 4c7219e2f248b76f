"""Tracebacks of C++, of which there are none."""

from ..base.refusals import refused_functions

__all__ = ["get_cpp_backtrace"]

(get_cpp_backtrace,) = refused_functions(
    "utils", "get_cpp_backtrace", "there is no C++; traceback.format_stack() has Python's calls."
)
