"""PyTorch's names for what nodes keep: `grad_fn._saved_self`, `_saved_dim` and the like.

One line for each of PyTorch's nodes: the primitive that is such a node here, and where each
attribute is found in it. Only what a node holds has a name; nothing is kept for this page. A node
that is the last step of a composition holds other values than PyTorch's, and shows none.
"""

from inspect import signature
from math import prod
from weakref import ref

import numpy as np

from ..core.handle import TensorBase, wrap
from ..core.node import FREED, name_of, opened
from ..core.primitive import OUT, SHAPES
from ..core.versions import stale
from ..primitives.contraction import linear_product
from ..transforms.reverse import SECOND_TIME

__all__ = ["place_of", "saved_names", "setting"]

# In a line: `name=0` is the value saved at that place and `name=out` the result; `name=.param` a
# parameter of the primitive, `name=.param[0]` its first item; `name=size:0` the shape of an input,
# `numel:0` how many elements it has, `stride:0` its strides; `name==1` that number itself;
# another word is a function in `_COMPUTED`.
_REDUCED = "self_sym_sizes=size:0"
_ALONG = "dim=.axes keepdim=.keepdims"
_PRODUCT = ("self=0 mat2=1 self_sym_sizes=size:0 mat2_sym_sizes=size:1 "
            "self_sym_strides=stride:0 mat2_sym_strides=stride:1")  # fmt: skip
_WINDOW = "kernel_size=.kernel stride=.stride padding=.padding"
_CHOSEN = "dim=.axis indices=1 self_sym_sizes=size:0"
_CONVOLUTION = (
    "input=0 weight=1 stride=.stride padding=.padding dilation=.dilation groups=.groups "
    "transposed=transposed bias_sym_sizes_opt=bias_sizes output_padding=output_padding"
)

_LINES = f"""
Add add alpha==1
Sub sub alpha==1
Mm mm {_PRODUCT}
Mm linear_product self=0 mat2=transposed_weight self_sym_sizes=size:0
Addmm addmm mat1=0 mat2=transposed_weight mat1_sym_sizes=size:0 alpha==1 beta==1
Bmm mm self=0 mat2=1
Mv mv self=0 vec=1
Atan2 atan2 self=0 other=1
Pow0 pow self=0 exponent=1
Pow1 pow self=0 exponent=1 result=out
Pow2 pow self=0 exponent=1 result=out
Sum0 sum {_REDUCED}
Sum1 sum {_REDUCED} {_ALONG}
Mean0 mean {_REDUCED} self_sym_numel=numel:0
Mean1 mean {_REDUCED} self_sym_numel=numel:0 {_ALONG}
Prod1 prod self=0 result=out dim=.axes[0] keepdim=.keepdims
Var var self=0 {_ALONG}
Std sqrt result=out
Prod0 prod result=out
Median0 median result=out
Amax amax self=0 result=out {_ALONG}
Amin amin self=0 result=out {_ALONG}
Max1 max self=0 result=out
Min1 min self=0 result=out
LinalgVectorNorm linalg_vector_norm self=0 result=out {_ALONG}
Softmax softmax result=out dim=.axis
LogSoftmax log_softmax result=out dim=.axis
Cumsum cumsum dim=.axis
Logcumsumexp logcumsumexp self=0 result=out dim=.axis
Sort gather {_CHOSEN}
Topk gather {_CHOSEN}
Cummax gather self=leaf:0 indices=1 dim=.axis
Cummin gather self=leaf:0 indices=1 dim=.axis
Gather gather self=leaf:0 dim=.axis index=1 sparse_grad=no
Scatter0 scatter dim=.axis index=1
Scatter1 scatter dim=.axis index=1
ScatterAdd scatter_add dim=.axis index=1
IndexSelect index dim=.dims[0] index=1 self_sym_sizes=size:0
Embedding index indices=1
Take index index=1
Permute permute dims=.axes
T permute
Transpose0 permute dim0=first_axis dim1=second_axis
View view self_sym_sizes=size:0
ReshapeAlias view self_sym_sizes=size:0
Unsqueeze0 slice dim=new_axis
Unsqueeze0 view dim=added_axis
Squeeze0 view self_sym_sizes=size:0
Squeeze1 view self_sym_sizes=size:0 dim=removed_axis
Expand expand self_sym_sizes=size:0
Cat cat dim=.axis
Stack view
Split split self_sym_sizes=size:0 dim=.axis split_size=.lengths[0]
SplitWithSizes split self_sym_sizes=size:0 dim=.axis split_sizes=.lengths
Unbind unbind dim=.axis
Select slice self_sym_sizes=sliced_size dim=sliced_axis index=selected
Slice slice self_sym_sizes=sliced_size dim=sliced_axis start=start end=end step=step
Index index self_sym_sizes=size:0 indices=indices
Alias slice
Diagonal diagonal self_sym_sizes=size:0
AsStrided as_strided size=.size stride=.stride storage_offset=.start
Unfold unfold self_sym_sizes=size:0 dimension=.axis size=.size step=.step
Flip flip dims=.axes
Roll roll shifts=.shifts dims=.axes
Where where condition=0
MaskedFill where mask=0
Clamp1 clamp self=0 min=.low max=.high
Elu elu self=0 alpha=.alpha scale=whole:scale input_scale=whole:inner
Celu elu self=0 alpha=.alpha
LeakyRelu leaky_relu self=0 negative_slope=.slope
Softplus softplus self=0 beta=whole:beta threshold=whole:threshold
Hardtanh hardtanh self=0 min_val=.low max_val=.high
Hardshrink hardshrink self=0 lambd=.bound
Softshrink softshrink self=0 lambd=.bound
MseLoss mse_loss self=0 target=1
NllLoss nll_loss target=1 ignore_index=.ignore
NllLoss2D nll_loss target=1 ignore_index=.ignore
Convolution convolution {_CONVOLUTION}
Convolution transposed_convolution {_CONVOLUTION}
MaxPool2DWithIndices max_pool self=0 {_WINDOW} dilation=.dilation
AvgPool2D avg_pool {_WINDOW}
NativeLayerNorm normalize input=leaf:0 result1=mean weight=1 bias=2 normalized_shape=normalized_shape result2=scale
NativeBatchNorm normalize weight=1 eps=.eps result2=channel_scale
LinalgInvEx linalg_inv_ex inverse=out
LinalgSlogdet linalg_slogdet A=0 sign=out:0
LinalgSolveEx linalg_solve_ex A=0 result=out
LinalgLuFactorEx lu_of_rows LU=out
LinalgDet linalg_det A=0
LinalgCholeskyEx linalg_cholesky_ex L=out upper=no
LinalgEigh linalg_eigh eigenvalues=out:0 eigenvectors=out:1
LinalgEig linalg_eig eigenvalues=out:0 eigenvectors=out:1
LinalgQr linalg_qr Q=out:0 R=out:1 mode=qr_mode
LinalgSvd linalg_svd U=out:0 S=out:1 Vh=out:2 S_sym_argsize_minus_1=svd_count full_matrices=svd_full
LinalgSolveTriangular linalg_solve_triangular self=0 result=out
LinalgPinv linalg_pinv self=0 result=out
LinalgMatrixExp linalg_matrix_exp self=0
MkldnnRnnLayer lstm hx_=1 cx_=2 weight1=3
Erfinv erfinv self=leaf:0
Fmod0 fmod
Remainder0 remainder
Complex complex real=0 imag=1
Clamp0 clamp_between self=0 min=1 max=2
I00 bessel self=0
SpecialI0E bessel self=0 result=out
SpecialI1E bessel self=0 result=out
SpecialI10 bessel self=0 result=out
CopySlices copy_slices
ScatterReduce * dim=@dim include_self=@include_self index=@index reduce=@reduce result=@>0 self=@input src=@src
IndexAdd * alpha=@alpha dim=@dim index=@index source=@source source_dim=source_dim
IndexCopy * dim=@dim index=@index source=@source source_dim=source_dim
IndexFill0 * dim=@dim index=@index
IndexFill1 * dim=@dim index=@index
IndexSelect * dim=@dim index=@index self_sym_sizes=@#input
Put * accumulate=@accumulate index=@index source=@source
IndexPut * accumulate=@accumulate indices=indices_given
Cat * dim=@dim
Stack * dim=@dim
Dot * self=@input tensor=@tensor
Vdot * self=@input other=@other
LinalgVectorNorm * dim=@(dim keepdim=@keepdim ord=@ord result=@>0 self=@x
Sort * dim=@dim indices=@>1 self_sym_sizes=@#input
Kthvalue * dim=@dim indices=@>1 keepdim=@keepdim self_sym_sizes=@#input
Mode * dim=@dim indices=@>1 keepdim=@keepdim self_sym_sizes=@#input
Median1 * dim=@dim indices=@>1 keepdim=@keepdim self_sym_sizes=@#input
Nanmedian1 * dim=@dim indices=@>1 keepdim=@keepdim self_sym_sizes=@#input
Median0 * self=@input result=@>0
Nanmedian0 * self=@input result=@>0
Nansum * dim=@(dim keepdim=@keepdim self=@input
Prod0 * self=@input result=@>0
Prod1 * self=@input result=@>0 dim=@dim keepdim=@keepdim
Var * correction=correction dim=@(dim keepdim=@keepdim self=@input
Std * correction=correction dim=@(dim keepdim=@keepdim self=@input result=@>0
VarMean * correction=correction dim=@(dim keepdim=@keepdim self=@input
StdMean * correction=correction dim=@(dim keepdim=@keepdim self=@input result0=@>0
Logsumexp * dim=@(dim keepdim=@keepdim result=@>0 self=@input
Cumsum * dim=@dim
Cumprod * dim=@dim result=@>0 self=@input
Logcumsumexp * dim=@dim result=@>0 self=@input
TriangularSolve * A=@A self=@b solution=@>0 transpose=@transpose unitriangular=@unitriangular upper=@upper
Tril * diagonal=@diagonal
Triu * diagonal=@diagonal
Take * index=@index self=@input
Logit * eps=@eps self=@input
Logaddexp * self=@input other=@other
Logaddexp20 * self=@input other=@other
Ldexp * other=@other result=@>0
Addcmul * tensor1=@tensor1 tensor2=@tensor2 value=@value
Addcdiv * tensor1=@tensor1 tensor2=@tensor2 value=@value
NanToNum * self=@input
Angle * self=@input
Diagonal * dim1=@dim1 dim2=@dim2 offset=@offset self_sym_sizes=@#input
DiagEmbed * dim1=@dim1 dim2=@dim2 offset=@offset
MaskedFill0 * mask=@mask
MaskedFill1 * mask=@mask
MaskedSelect * mask=@mask self=@input
MaskedScatter * mask=@mask source_sym_sizes=@#source
Addmm * mat1=@mat1 mat2=@mat2 alpha=@alpha beta=@beta mat1_sym_sizes=@#mat1 mat2_sym_sizes=@#mat2 mat1_sym_strides=@|mat1 mat2_sym_strides=@|mat2
Addmv * mat=@mat vec=@vec alpha=@alpha beta=@beta
Addr * vec1=@vec1 vec2=@vec2 alpha=@alpha beta=@beta
Baddbmm * batch1=@batch1 batch2=@batch2 alpha=@alpha beta=@beta
Addbmm * batch1=@batch1 batch2=@batch2 alpha=@alpha beta=@beta
Trace * self_sym_sizes=@#input
LinalgCross * dim=@dim self=@input other=@other
Cdist * x1=@x1 x2=@x2 p=@p result=@>0
Dist * self=@input other=@other p=@p result=@>0
Renorm * self=@input p=@p dim=@dim maxnorm=@maxnorm
SegmentReduce * data=@data reduce=@reduce lengths=@lengths offsets=@offsets axis=@axis result=@>0
Mvlgamma * p=@p self=@input
Roll * shifts=@(shifts dims=@[dims
Rot90 * k=@k dims=@(dims
Normal1 * mean_sym_sizes=@#0
Normal2 * std_sym_sizes=@#0
Normal3 * mean_sym_sizes=@#0 std_sym_sizes=@#1
AdaptiveAvgPool2D * self=@0
AdaptiveAvgPool3D * self=@0
SmoothL1Loss * self=@0 target=@1 beta=@beta reduction=reduction
HuberLoss * self=@0 target=@1 delta=@delta reduction=reduction
BinaryCrossEntropy * self=@0 target=@1 weight=@weight reduction=reduction
BinaryCrossEntropyWithLogits * self=@0 target=@1 weight=@weight pos_weight=@pos_weight reduction=reduction
SoftMarginLoss * self=@0 target=@target reduction=reduction
MultiMarginLoss * self=@0 target=@target p=@p margin=@margin weight=@weight reduction=reduction
ConstantPadNd * pad=@(pad
ReflectionPad1D * self=@0 padding=@(pad
ReflectionPad2D * self=@0 padding=@(pad
ReflectionPad3D * self=@0 padding=@(pad
ReplicationPad1D * self=@0 padding=@(pad
ReplicationPad2D * self=@0 padding=@(pad
ReplicationPad3D * self=@0 padding=@(pad
PixelShuffle * upscale_factor=@factor
PixelUnshuffle * downscale_factor=@factor
GridSampler2D * input=@0 grid=@1 interpolation_mode=interpolation_mode padding_mode=padding_mode align_corners=@align_corners
GridSampler3D * input=@0 grid=@1 interpolation_mode=interpolation_mode padding_mode=padding_mode align_corners=@align_corners
UpsampleNearest1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0
UpsampleNearest2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
UpsampleNearest3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1 scales_w=scale:2
UpsampleNearestExact1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0
UpsampleNearestExact2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
UpsampleNearestExact3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1 scales_w=scale:2
UpsampleLinear1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0 align_corners=@align_corners
UpsampleBilinear2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1 align_corners=@align_corners
UpsampleBilinear2DAa * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1 align_corners=@align_corners
UpsampleBicubic2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1 align_corners=@align_corners
UpsampleBicubic2DAa * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1 align_corners=@align_corners
UpsampleTrilinear3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1 scales_w=scale:2 align_corners=@align_corners
Im2Col * kernel_size=@(kernel dilation=@(dilation padding=@(padding stride=@(stride self_sym_argsize_minus_1=length:-1 self_sym_argsize_minus_2=length:-2
Col2Im * kernel_size=@(kernel dilation=@(dilation padding=@(padding stride=@(stride
Glu * self=@0 dim=@dim
Gelu * self=@0 approximate=@approximate
Mish * self=@0
LogSigmoid * self=@0 buffer=nothing
PreluKernel * self=@0 weight=@1
Polar * result=@>0
FractionalMaxPool2D * self=@0 kernel_size=@(kernel output_size=@(size result1=@places
FractionalMaxPool3D * self=@0 kernel_size=@(kernel output_size=@(size result1=@places
NativeGroupNorm * input=@0 weight=@1 eps=@eps group=@groups N=length:0 C=length:1 HxW=plane result1=group_mean result2=group_scale
Norm1 * self=@0 p=@p dim=@(dim keepdim=@keepdim result=@>0
Pdist * self=@0 p=@p result=@>0
CholeskySolve * self=@0 input2=@1 result=@>0 upper=@upper
LinalgHouseholderProduct * input=@0 tau=@1 result=@>0
LinalgLstsq * self=@0 b=@1 solution=@>0
Embedding * indices=@indices padding_idx=@padding_idx scale_grad_by_freq=@scale_grad_by_freq sparse=@sparse weight_sym_argsize_0=length:0
ChannelShuffle * groups=@groups
Repeat * repeats=@(sizes self_sym_sizes=@#input
"""


def _table():
    """{(PyTorch's name of the node, primitive): {attribute: where it is found}}."""
    table = {}
    for line in _LINES.strip().splitlines():
        name, primitive, *pairs = line.split()
        stem, number = (name[:-1], name[-1]) if name[-1].isdigit() else (name, "0")
        table[f"{stem}Backward{number}", primitive] = dict(pair.split("=", 1) for pair in pairs)
    return table


_TABLE = _table()


def saved_names(node):
    """{attribute: where it is found} of what a node may hold, by PyTorch's names."""
    prim, name = node.prim, name_of(node)
    if hasattr(node, "given") and (found := _TABLE.get((name, "*"))) is not None:
        return found
    found = _TABLE.get((name, "linear_product" if prim is linear_product else prim.name))
    if found is not None:
        return found
    if name != getattr(prim, "torch_name", None):  # the last step of a composition
        return {}
    used = {place for places in getattr(prim, "uses", ()) for place in places}
    names = {_OWN.get(given, given): str(i) for i, given in enumerate(prim.inputs) if i in used}
    return {**names, "result": "out"} if OUT in used else names


_OWN = {"x": "self", "y": "other"}


def place_of(source):
    """Where in `Node.saved` a value is, or None if it is not kept there."""
    if source.isdigit():
        return int(source)
    return OUT if source.partition(":")[0] == "out" else None


def setting(node, source):
    """What is no saved value: a parameter, a shape ... AttributeError if the node has it not."""
    kind, _, which = source.partition(":")
    if source[0] == ".":
        return _parameter(node, source[1:])
    if source[0] == "=":
        if hasattr(node, "given"):  # a factor may be hidden in the steps of a composition
            raise AttributeError
        return int(source[1:])
    if source[0] == "@":
        return _given(node, source[1:])
    if kind == "size":
        return _shape(node, int(which))
    if kind == "scale" and which:
        return _scale(node, int(which))
    if kind == "leaf":
        return _leaf(node, int(which))
    if kind == "whole":
        value = _parameter(node, which)
        return int(value) if value == int(value) else value
    if kind == "length":
        return _given(node, "#0")[int(which)]
    if kind == "numel":
        return prod(_shape(node, int(which)))
    if kind == "stride":
        return _strides(node, int(which))
    return _COMPUTED[source](node)


def _given(node, text):
    """An argument of a composition: `@dim` its value, `@(dim` as a tuple, `@#self` its sizes, `@|self` strides, `@>0`
    its result. Tensors are not kept for this: leaves are there, and what the program still holds."""
    try:
        function, args, words, results = node.given
    except AttributeError:
        raise AttributeError from None
    if text[0] == ">":
        return _alive(node, results[int(text[1:])])
    name = text.lstrip("([#|")
    if name.isdigit():
        value = args[int(name)]
    elif function is None:
        if name not in words:
            raise AttributeError
        value = words[name]
    else:
        bound = signature(function).bind(*args, **words)
        bound.apply_defaults()
        if name not in bound.arguments:
            raise AttributeError
        value = bound.arguments[name]
    if isinstance(value, (ref, TensorBase)):
        value = _alive(node, value if isinstance(value, ref) else lambda: value)
        if text[0] == "#":
            return tuple(value.shape)
        return tuple(value.stride()) if text[0] == "|" else value
    if text[0] == "[" and value is None:
        return ()
    if text[0] in "([" and isinstance(value, int):
        value = (value,)
    return _unsigned(value)


def _alive(node, reference):
    """A tensor that is still there, with the numbers it had."""
    tensor = reference()
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    if tensor is None:
        raise AttributeError
    value = tensor._value
    if value.dtype is not None and stale(value, node.seq):
        raise RuntimeError(_WRITTEN)
    return tensor


_WRITTEN = (
    "one of the variables needed for gradient computation has been modified by an inplace operation"
)


def _unsigned(value):
    """Numbers as PyTorch shows them: negative ones as unsigned."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_unsigned, value))
    negative = value.__class__ is int and value < 0
    return value + (1 << 64) if negative else value


def _parameter(node, name):
    name, bracket, index = name.partition("[")
    if not isinstance(node.params, dict) or name not in node.params:
        raise AttributeError
    value = node.params[name]
    return value[int(index[:-1])] if bracket else value


def _kept(node, place):
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    if node.saved[place] is None:
        raise AttributeError
    return opened(node.saved[place])


def _shape(node, i):
    shapes = _kept(node, SHAPES)
    if i >= len(shapes):
        raise AttributeError
    return tuple(shapes[i])


def _strides(node, i):
    """The strides of an input that gets a gradient, as it was saved or as the leaf has them."""
    edge, value = node.edges[i], node.saved[i] if node.saved is not FREED else None
    if edge is None:
        return ()
    if isinstance(edge, TensorBase):
        return tuple(edge.stride())
    if not isinstance(value, np.ndarray):
        raise AttributeError
    return tuple(wrap(value).stride())


def _transposed_weight(node):
    """A layer multiplies with its weight as it is; PyTorch with `weight.t()`."""
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    value = opened(node.saved[1])
    return None if value is None else wrap(value.T)


def _indices(node):
    """One tensor for each axis, None for those that are taken whole before an indexed one."""
    found = [None] * (max(node.params["dims"]) + 1)
    for place, axis in enumerate(node.params["dims"], start=1):
        found[axis] = wrap(_kept(node, place))
    return tuple(found)


def _swapped(node):
    axes = node.params["axes"]
    return [i for i, axis in enumerate(axes) if i != axis] or [0, 0]


def _items(node):
    """The one item of an index that does something, and its axis."""
    shape = _shape(node, 0)
    items = [item for item in node.params["index"] if item is not Ellipsis]
    found = [(i, item) for i, item in enumerate(items) if item != slice(None)]
    if len(found) != 1 or (Ellipsis in node.params["index"][:-1]) or None in items:
        raise AttributeError
    return *found[0], shape


def _sliced(name):
    def bound(node):
        _, item, _ = _items(node)
        given = getattr(item, name)
        return {"start": 0, "stop": _LAST, "step": 1}[name] if given is None else given

    return bound


def _new_axis(node):
    items = [item for item in node.params["index"] if item is not Ellipsis]
    if items != [None] or node.params["index"][0] is not None:
        raise AttributeError
    return 0


_LAST = (1 << 63) - 1  # what PyTorch has for an end that was not given


def _deviation(node):
    """One over the standard deviation, of the variance that is kept."""
    variance = _kept(node, OUT)[3]
    return 1 / np.sqrt(variance + node.params["eps"])


def _leaf(node, i):
    """An input that the rules don't need: a leaf is there all the same."""
    edge = node.edges[i]
    if not isinstance(edge, TensorBase):
        raise AttributeError
    if edge._value.dtype is not None and stale(edge._value, node.seq):
        raise RuntimeError(_WRITTEN)
    return edge


def _mean(node):
    return wrap(_leaf(node, 0)._value.mean(tuple(node.params["axes"]), keepdims=True))


def _bias_sizes(node):
    if len(node.edges) < 3:
        return (0,)
    weight = tuple(_kept_or_leaf(node, 1).shape)
    return (weight[1] * node.params["groups"] if _transposed(node) else weight[0],)


def _output_padding(node):
    if _transposed(node):
        raise AttributeError
    return (0,) * len(node.params["stride"])


def _transposed(node):
    return node.prim.name == "transposed_convolution"


def _kept_or_leaf(node, i):
    value = node.saved[i] if node.saved is not FREED else None
    return _leaf(node, i) if value is None else opened(value)


def _changed_axis(node, added):
    """The axis of length one that came or went, where the sizes tell which it was."""
    before, after = _shape(node, 0), tuple(node.params["shape"])
    longer, shorter = (after, before) if added else (before, after)
    found = [i for i, n in enumerate(longer) if n == 1 and longer[:i] + longer[i + 1 :] == shorter]
    if len(found) != 1:
        raise AttributeError
    return found[0]


def _svd(node):
    kept = _kept(node, OUT)
    return kept[0].shape[-1], kept[1].shape[-1]


_MODES = ("bilinear", "nearest", "bicubic")


def _scale(node, axis):
    """The factor of an axis that is resized, None where its length was given."""
    factors = _given(node, "scales")
    return None if factors is None or factors[axis] is None else float(factors[axis])


def _of_groups(node, scale):
    """The mean of each group of channels, or one over its standard deviation."""
    array, groups = _given(node, "0")._value, _given(node, "groups")
    rows = array.reshape(array.shape[0], groups, -1)
    if not scale:
        return wrap(rows.mean(2))
    return wrap(1 / np.sqrt(rows.var(2) + array.dtype.type(_given(node, "eps"))))


def _correction(node):
    """What `unbiased` or `correction` say, as PyTorch keeps it."""
    function, args, words, _ = node.given
    if function is None:
        raise AttributeError
    given = signature(function).bind(*args, **words).arguments
    if given.get("correction") is not None:
        return given["correction"]
    unbiased = given.get("unbiased")
    if unbiased is None:
        return None if given.get("dim") is None or "correction" in given else 1
    return int(unbiased)


_COMPUTED = {
    "correction": _correction, "mean": _mean, "no": lambda node: False,
    "bias_sizes": _bias_sizes, "output_padding": _output_padding,
    "added_axis": lambda node: _changed_axis(node, True),
    "removed_axis": lambda node: _changed_axis(node, False),
    "svd_count": lambda node: _svd(node)[1], "svd_full": lambda node: _svd(node)[0] > _svd(node)[1],
    "qr_mode": lambda node: (
        "reduced" if _kept(node, OUT)[0].shape[-1] == _kept(node, OUT)[1].shape[-2] else "complete"),
    "reduction": lambda node: ("none", "mean", "sum").index(_given(node, "reduction")),
    "interpolation_mode": lambda node: _MODES.index(_given(node, "mode")),
    "padding_mode": lambda node: ("zeros", "border", "reflection").index(_given(node, "padding")),
    "nothing": lambda node: wrap(np.empty(0, _given(node, "0")._value.dtype)),
    "plane": lambda node: prod(_given(node, "#0")[2:]),
    "group_mean": lambda node: _of_groups(node, False),
    "group_scale": lambda node: _of_groups(node, True),
    "source_dim": lambda node: len(_given(node, "#source")),
    "indices_given": lambda node: _given(node, "indices"),
    "first_axis": lambda node: _swapped(node)[0], "second_axis": lambda node: _swapped(node)[1],
    "new_axis": _new_axis, "transposed_weight": _transposed_weight,
    "indices": _indices, "transposed": _transposed,
    "sliced_size": lambda node: _items(node)[2], "sliced_axis": lambda node: _items(node)[0],
    "selected": lambda node: _items(node)[1],
    "start": _sliced("start"), "end": _sliced("stop"), "step": _sliced("step"),
    "normalized_shape": lambda node: tuple(
        [_kept(node, OUT)[1].shape[axis] for axis in node.params["axes"]]),
    "scale": lambda node: wrap(_deviation(node)),
    "channel_scale": lambda node: wrap(_deviation(node).reshape(-1)),
}  # fmt: skip
