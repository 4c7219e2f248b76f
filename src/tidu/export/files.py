"""Files of exported programs, which refuse."""

from ..base.refusals import refused_functions

__all__ = ["load", "save"]

load, save = refused_functions(
    "export", "load save",
    "PyTorch's .pt2 files hold ATen operations, which a program here has none of. "
    "pickle.dumps(program.module()) keeps a program, torch.save(program.state_dict, path) its "
    "numbers in PyTorch's format.",
)  # fmt: skip
