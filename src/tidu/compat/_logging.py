"""torch._logging: reports of PyTorch's compiler; `tidu compile --show` tells them here."""

__all__ = ["set_logs"]

_LOGS = frozenset(
    "all dynamo aot autograd dynamic inductor distributed c10d ddp fsdp dtensor onnx export".split()
)
_ARTIFACTS = frozenset(
    "bytecode aot_graphs aot_joint_graph ddp_graphs graph graph_code graph_code_verbose "
    "graph_breaks side_effects graph_sizes guards recompiles recompiles_verbose trace_source "
    "trace_call trace_bytecode output_code kernel_code schedule perf_hints pre_grad_graphs "
    "post_grad_graphs ir_pre_fusion ir_post_fusion onnx_diagnostics fusion overlap cudagraphs "
    "sym_node compiled_autograd compiled_autograd_verbose cudagraph_static_inputs benchmarking "
    "autotuning incremental graph_region_expansion inductor_metrics hierarchical_compile "
    "compute_dependencies caching ".split()
)
_LEVELS = (50, 40, 30, 20, 10, 0)


def set_logs(*, modules=None, **options):
    """Accepted; nothing is reported. `tidu compile --show graph script.py` shows what was made.

    Raises:
        TypeError: there is no such log.
        ValueError: a level that is none.
    """
    for name, value in options.items():
        if name in _LOGS:
            if value is not None and value not in _LEVELS:
                raise ValueError(
                    f"Unrecognized log level for log {name}: {value}, valid level values are: "
                    f"{','.join(map(str, _LEVELS))}"
                )
        elif name not in _ARTIFACTS:
            raise TypeError(f"set_logs() got an unexpected keyword argument '{name}'")
