"""torch.backends.cuda: switches of GPU arithmetic; they can be set and change nothing."""

from contextlib import contextmanager
from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True, allow_fp16_accumulation=False,
    fp32_precision="none",
)  # fmt: skip
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_KERNELS = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built():
    return False


def flash_sdp_enabled():
    return _KERNELS["flash"]


def mem_efficient_sdp_enabled():
    return _KERNELS["mem_efficient"]


def math_sdp_enabled():
    return _KERNELS["math"]


def cudnn_sdp_enabled():
    return _KERNELS["cudnn"]


def enable_flash_sdp(enabled):
    _KERNELS["flash"] = enabled


def enable_mem_efficient_sdp(enabled):
    _KERNELS["mem_efficient"] = enabled


def enable_math_sdp(enabled):
    _KERNELS["math"] = enabled


def enable_cudnn_sdp(enabled):
    _KERNELS["cudnn"] = enabled


@contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Choose among attention kernels of GPUs; attention on the CPU has one."""
    was = dict(_KERNELS)
    _KERNELS.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient,
                    cudnn=enable_cudnn)  # fmt: skip
    try:
        yield
    finally:
        _KERNELS.update(was)


def preferred_linalg_library(backend=None):
    return "default"


def preferred_blas_library(backend=None):
    return "default"
