"""torch.cuda.FloatTensor and its like: no tensor is one, and none can be made."""

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor",
    "HalfTensor", "IntTensor", "LongTensor", "ShortTensor",
]  # fmt: skip


class _NoInstances(type):
    def __instancecheck__(cls, instance):
        return False


def _typed(name):
    def create(cls, *args, **kwargs):
        raise TypeError(
            f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled."
        )

    members = {"__new__": create, "__module__": "torch.cuda", "__doc__": f"torch.{name} on a GPU."}
    return _NoInstances(name, (), members)


BFloat16Tensor, BoolTensor, ByteTensor = (
    _typed("BFloat16Tensor"),
    _typed("BoolTensor"),
    _typed("ByteTensor"),
)
CharTensor, DoubleTensor, FloatTensor = (
    _typed("CharTensor"),
    _typed("DoubleTensor"),
    _typed("FloatTensor"),
)
HalfTensor, IntTensor = _typed("HalfTensor"), _typed("IntTensor")
LongTensor, ShortTensor = _typed("LongTensor"), _typed("ShortTensor")
