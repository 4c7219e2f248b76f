"""torch._inductor.config: switches of PyTorch's code generator, kept without an effect here."""

from ..frontend.settings import Switches

cpp = Switches(enable_kernel_profile=False, threads=-1, simdlen=None)
triton = Switches(cudagraphs=False, unique_kernel_names=True)
epilogue_fusion = True
coordinate_descent_tuning = coordinate_descent_check_all_directions = False
force_fuse_int_mm_with_mul = max_autotune = freezing = cpp_wrapper = fx_graph_cache = False
