"""The two version numbers: tidu's own, and that of the PyTorch whose public API it follows.

Programs written for PyTorch compare `torch.__version__` to choose between old and new calls, so
`__version__` starts with PyTorch's number; `release` is what package managers know tidu by.
"""

release = "0.1.0"
torch_version = "2.13.0"
__version__ = f"{torch_version}+tidu.{release}"

# What programs ask `torch.version` for: this is the CPU.
cuda = None
hip = None
xpu = None
debug = False
git_version = "Unknown"
