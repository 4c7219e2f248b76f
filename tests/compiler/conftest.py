"""The compiler's tests need the extra `fast`; without it they are not collected."""

from tidu.compiler import native

collect_ignore_glob = [] if native.available() else ["test_*.py"]
