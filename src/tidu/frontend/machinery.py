"""Names of torch that belong to its own C++ part: they exist, and refuse when they are used.

Programs name them in annotations, in `isinstance` and in `except`; nothing is an instance of them.
"""

import enum

from ..base.lazy import TORCH
from ..base.refusals import refused_classes, refused_functions

__all__ = ["AVG", "AcceleratorError", "AggregationType", "FatalError", "JITException",
           "OutOfMemoryError", "SUM"]  # fmt: skip

_SCRIPT = (
    "TorchScript's compiler is not here: torch.jit.script and trace give the function itself, "
    "which runs as Python; torch.compile makes it fast."
)
_DISPATCH = (
    "tidu has no dispatcher in C++; torch.overrides and __torch_function__ intercept functions."
)
_KERNEL = "it is a kernel of one kind of processor; torch.nn.functional has the operation itself."
_EIGHT_BIT = (
    "there are no quantized layers here: x.half() takes half the memory, "
    "(x / scale).round().to(torch.int8) a quarter."
)
_FILES = "torch.save and torch.load read and write PyTorch's files."
_SIZES = "sizes are Python's numbers here: int, float and bool."
_BATCH_NORM = "torch.nn.functional.batch_norm computes all of it."
_MEASURING = "torch.utils.benchmark.Timer measures; torch.profiler tells where the time goes."

_CLASSES = {
    _SCRIPT: (
        "AliasDb AnyType Argument ArgumentSpec AwaitType Block BoolType BufferDict CallStack "
        "Capsule ClassType Code CompilationUnit CompleteArgumentSpec ComplexType "
        "ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable DeviceObjType DictType "
        "EnumType ErrorReport ExecutionPlan FileCheck FloatType FunctionSchema FutureType Gradient "
        "Graph GraphExecutorState IODescriptor InferredType IntType InterfaceType ListType "
        "LiteScriptModule LockingLogger ModuleDict Node NoneType NoopLogger NumberType "
        "OperatorInfo OptionalType ParameterDict PyObjectType RRefType ScriptClass "
        "ScriptClassFunction ScriptDict ScriptDictIterator ScriptDictKeyIterator ScriptFunction "
        "ScriptList ScriptListIterator ScriptMethod ScriptModule ScriptModuleSerializer "
        "ScriptObject ScriptObjectProperty StaticModule StreamObjType StringType SymBoolType "
        "SymIntType TensorType TracingState TupleType Type UnionType Use Value"
    ),
    _DISPATCH: "DispatchKey DispatchKeySet ExcludeDispatchKeyGuard Tag",
    _FILES: (
        "DeserializationStorageContext PyTorchFileReader PyTorchFileWriter "
        "SerializationStorageContext"
    ),
    _SIZES: "SymBool SymFloat",
    _MEASURING: "BenchmarkConfig BenchmarkExecutionStats ThroughputBenchmark",
}
_FUNCTIONS = {
    _SCRIPT: (
        "import_ir_module import_ir_module_from_buffer merge_type_from_type_comment parse_ir "
        "parse_schema parse_type_comment unify_type_list"
    ),
    _KERNEL: (
        "cudnn_convolution_add_relu cudnn_convolution_relu miopen_convolution_add_relu "
        "miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss "
        "miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d "
        "mkldnn_linear_backward_weights mkldnn_max_pool3d mkldnn_rnn_layer"
    ),
    _BATCH_NORM: (
        "batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt "
        "batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats "
        "batch_norm_update_stats"
    ),
    _EIGHT_BIT: (
        "fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation "
        "fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation "
        "fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix"
    ),
    _SIZES: "sym_fresh_size",
}


def _named(names, made):
    """name -> value; known to users as torch.name."""
    return dict(zip(names.split(), made, strict=True))


REFUSED: dict = {}
for _hint, _names in _CLASSES.items():
    REFUSED |= _named(_names, refused_classes("", _names, _hint))
for _hint, _names in _FUNCTIONS.items():
    REFUSED |= _named(_names, refused_functions("", _names, _hint))
globals().update(REFUSED)


def _error(name, base, doc):
    return type(name, (base,), {"__module__": TORCH, "__doc__": doc})


FatalError = _error("FatalError", Exception, "Never raised here; programs catch it.")
OutOfMemoryError = _error("OutOfMemoryError", RuntimeError, "Memory of a GPU ran out: never here.")
AcceleratorError = _error("AcceleratorError", RuntimeError, "A GPU failed: never here.")
JITException = _error("Error", Exception, "Of TorchScript: never raised here.")
JITException.__module__ = "torch.jit"


class AggregationType(enum.Enum):
    """How values of several processes become one."""

    SUM = 0
    AVG = 1


SUM, AVG = AggregationType.SUM, AggregationType.AVG
