"""Where compiled draws come in: the door through which the package hands them, if it can.

Small programs draw little, and loading LLVM for them would cost more than all their numbers: the
door is tried only once many words were asked for. Nothing here knows the compiler.
"""

__all__ = ["ENGINE"]

_MANY, _CALL = 1 << 15, 64  # words; what a call counts for beside its words


class _Engine:
    """`native` answers bool(native), and has `draws`, the functions; None where there is none."""

    __slots__ = ("asked", "draws", "native")

    def __init__(self):
        self.native, self.draws, self.asked = None, None, 0

    def ready(self, count):
        """Whether `draws` may be used, at a call that asks for so many words."""
        if self.draws is not None:
            return True
        if self.native is None:
            return False
        self.asked += count + _CALL
        if self.asked < _MANY:
            return False
        if not self.native:
            self.native = None
            return False
        self.draws = self.native.draws
        return True


ENGINE = _Engine()
