"""The lines of `saved_names.py`: for each of PyTorch's nodes, the primitive that is such a node
here ("*" for a composition) and where each attribute is found in it. A line that begins with a
space goes on with the one before.
"""

__all__ = ["LINES"]

# In a line: `name=0` is the value saved at that place and `name=out` the result; `name=.param` a
# parameter of the primitive, `name=.param[0]` its first item; `name=size:0` the shape of an input,
# `numel:0` how many elements it has, `stride:0` its strides; `name==1` that number itself;
# `leaf:0` an input that is not saved, if it is a leaf; `whole:param` a whole number; of
# compositions `@name` an argument (`@(name` as a tuple, `@[name` () for None, `@#name` its
# sizes, `@|name` its strides, `@0` the first shown input, `@>0` the result), `length:0` a length of
# the first input, `scale:0` a factor; another word is a function in `_COMPUTED`.
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

LINES = f"""
Add add alpha==1
Sub sub alpha==1
Mm mm {_PRODUCT}
Mm linear_product self=0 mat2=transposed_weight self_sym_sizes=size:0
Addmm addmm mat1=0 mat2=transposed_weight mat1_sym_sizes=size:0 mat1_sym_strides=stride:0
  mat2_sym_sizes=weight_sizes mat2_sym_strides=weight_strides alpha=one beta=one
Bmm mm self=0 mat2=1
Mv mv self=0 vec=1
Atan2 atan2 self=0 other=1
Pow0 pow self=0 exponent=1
Pow1 pow self=0 exponent=1 result=power
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
Embedding index indices=1 padding_idx=no_row scale_grad_by_freq=no sparse=no
  weight_sym_argsize_0=table_rows
Take index index=1
Permute permute dims=.axes
T permute
AsStrided0_copy * size=@size stride=@stride storage_offset=@storage_offset
Diagonal0_copy * dim1=@dim1 dim2=@dim2 offset=@offset self_sym_sizes=@#input
Expand0_copy * self_sym_sizes=@#input
Permute0_copy * dims=@*dims
Select0_copy * dim=@dim index=@index self_sym_sizes=@#input
Squeeze0_copy * self_sym_sizes=@#input
Transpose0_copy * dim0=@dim0 dim1=@dim1
Unfold0_copy * dimension=@dimension self_sym_sizes=@#input size=@size step=@step
Unsqueeze0_copy * dim=@dim
View0_copy * self_sym_sizes=@#input
Transpose0 * dim0=@dim0 dim1=@dim1
Permute * dims=@*dims
Unsqueeze0 * dim=@dim
Squeeze1 * self_sym_sizes=size:0 dim=@dim
Squeeze2 * self_sym_sizes=size:0 dim=@*dim
Squeeze4 view self_sym_sizes=size:0
UnsafeView view self_sym_sizes=size:0
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
MseLoss mse_loss self=0 target=1 reduction=one
NllLoss nll_loss self=before target=1 weight=class_weight ignore_index=ignored
 reduction=reduced total_weight=total_weight
NllLoss2D nll_loss self=before target=1 weight=class_weight ignore_index=ignored
 reduction=reduced total_weight=total_weight
Convolution convolution {_CONVOLUTION}
Convolution transposed_convolution {_CONVOLUTION}
MaxPool2DWithIndices max_pool self=0 {_WINDOW} dilation=.dilation
AvgPool2D avg_pool {_WINDOW}
NativeLayerNorm normalize input=leaf:0 result1=mean weight=1 bias=2
  normalized_shape=normalized_shape result2=scale
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
LinalgSvd linalg_svd U=out:0 S=out:1 Vh=out:2 S_sym_argsize_minus_1=svd_count
LinalgSolveTriangular linalg_solve_triangular self=0 result=out
LinalgPinv linalg_pinv self=0 result=out
LinalgMatrixExp linalg_matrix_exp self=0
MkldnnRnnLayer lstm hx_=1 cx_=2 weight1=3
Gelu gelu self=0 approximate=exact
Polygamma polygamma self=0 n=.order
ClampMax clamp self=0 max=.high
ClampMin clamp self=0 min=.low
Rsub0 sub alpha==1
Rsub1 sub alpha==1
Rsub1 rsub alpha==1
Rsub0 * alpha=@alpha
Lerp0 * weight=@weight
Lerp1 * self=@input end=@end weight=@weight
Erfinv erfinv self=leaf:0
Fmod0 fmod
Fmod1 fmod self=leaf:0 other=1
Remainder0 remainder
Complex complex real=0 imag=1
I00 bessel self=0
SpecialI0E bessel self=0 result=out
SpecialI1E bessel self=0 result=out
SpecialI10 bessel self=0 result=out
CopySlices copy_slices
ScatterReduce * dim=@dim include_self=@include_self index=@index reduce=@reduce result=@>0
  self=@input src=@src
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
TriangularSolve * A=@A self=@b solution=@>0 transpose=@transpose unitriangular=@unitriangular
  upper=@upper
Tril * diagonal=@diagonal
Triu * diagonal=@diagonal
Take * index=@index self=@input
Logit * eps=@eps self=@input
Logaddexp * self=@input other=@other
Logaddexp20 * self=@input other=@other
Ldexp * other=@other result=@>0
Add * alpha=@alpha
Sub * alpha=@alpha
Rsub1 * alpha=@alpha
MseLoss * self=@0 target=@1 reduction=reduction
ConvTbc * self=@0 weight=@1 bias=@2 pad=@pad
Addcmul * tensor1=@tensor1?tensor2 tensor2=@tensor2?tensor1 value=@value
Addcdiv * tensor1=@tensor1?tensor2 tensor2=@tensor2 value=@value
NanToNum * self=@input
Angle * self=@input
Diagonal * dim1=@dim1 dim2=@dim2 offset=@offset self_sym_sizes=@#input
DiagEmbed * dim1=@dim1 dim2=@dim2 offset=@offset
MaskedFill0 * mask=@mask
MaskedFill1 * mask=@mask
Max0 * dim=@dim keepdim=@keepdim indices=@indices self_sym_sizes=@#0
Min0 * dim=@dim keepdim=@keepdim indices=@indices self_sym_sizes=@#0
MaskedSelect * mask=@mask self=@input
MaskedScatter * mask=@mask source_sym_sizes=@#source
Addmm * mat1=@mat1?mat2 mat2=@mat2?mat1 alpha=@alpha beta=@beta
  mat1_sym_sizes=@#mat1 mat2_sym_sizes=@#mat2 mat1_sym_strides=@|mat1?mat1
  mat2_sym_strides=@|mat2?mat2
Addmv * mat=@mat?vec vec=@vec?mat alpha=@alpha beta=@beta
Addr * vec1=@vec1?vec2 vec2=@vec2?vec1 alpha=@alpha beta=@beta
Baddbmm * batch1=@batch1?batch2 batch2=@batch2?batch1 alpha=@alpha beta=@beta
Addbmm * batch1=@batch1?batch2 batch2=@batch2?batch1 batch1_sym_argsize_0=@#batch1.0
  batch1_sym_argsize_1=@#batch1.1 batch2_sym_argsize_2=@#batch2.2 alpha=@alpha beta=@beta
Trace * self_sym_sizes=@#input
LinalgCross * dim=@dim self=@input other=@other
Cdist * x1=@x1 x2=@x2 p=@p result=@>0
Dist * self=@input other=@other p=@p result=@>0
Renorm * self=@input p=@p dim=@dim maxnorm=@maxnorm
SegmentReduce * initial=@initial data=@data reduce=@reduce lengths=@lengths offsets=@offsets
  axis=@axis result=@>0
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
BinaryCrossEntropyWithLogits * self=@0 target=@1 weight=@weight pos_weight=@pos_weight
  reduction=reduction
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
GridSampler2D * input=@0 grid=@1 interpolation_mode=interpolation_mode padding_mode=padding_mode
  align_corners=@align_corners
GridSampler3D * input=@0 grid=@1 interpolation_mode=interpolation_mode padding_mode=padding_mode
  align_corners=@align_corners
UpsampleNearest1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0
UpsampleNearest2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
UpsampleNearest3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1
  scales_w=scale:2
UpsampleNearestExact1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0
UpsampleNearestExact2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
UpsampleNearestExact3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1
  scales_w=scale:2
UpsampleLinear1D * self_sym_sizes=@#0 output_size=@(size scales=scale:0
  align_corners=@align_corners
UpsampleBilinear2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
  align_corners=@align_corners
UpsampleBilinear2DAa * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
  align_corners=@align_corners
UpsampleBicubic2D * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
  align_corners=@align_corners
UpsampleBicubic2DAa * self_sym_sizes=@#0 output_size=@(size scales_h=scale:0 scales_w=scale:1
  align_corners=@align_corners
UpsampleTrilinear3D * self_sym_sizes=@#0 output_size=@(size scales_d=scale:0 scales_h=scale:1
  scales_w=scale:2 align_corners=@align_corners
Im2Col * kernel_size=@(kernel dilation=@(dilation padding=@(padding stride=@(stride
  self_sym_argsize_minus_1=length:-1 self_sym_argsize_minus_2=length:-2
Col2Im * kernel_size=@(kernel dilation=@(dilation padding=@(padding stride=@(stride
Glu * self=@0 dim=@dim
Gelu * self=@0 approximate=@approximate
Mish * self=@0
LogSigmoid * self=@0 buffer=damped
Polar * result=@>0
FractionalMaxPool2D * self=@0 kernel_size=@(kernel output_size=@(size result1=@places
FractionalMaxPool3D * self=@0 kernel_size=@(kernel output_size=@(size result1=@places
NativeGroupNorm * input=@0 weight=@1 eps=@eps group=@groups N=length:0 C=length:1 HxW=plane
  result1=group_mean result2=group_scale
Norm1 * self=@0 p=@p dim=@(dim keepdim=@keepdim result=@>0
Pdist * self=@0 p=@p result=@>0
CholeskySolve * self=@0 input2=@1 result=@>0 upper=@upper
LinalgHouseholderProduct * input=@0 tau=@1 result=@>0
LinalgLstsq * self=@0 b=@1 solution=@>0
Embedding * indices=@indices padding_idx=@padding_idx scale_grad_by_freq=@scale_grad_by_freq
  sparse=@sparse weight_sym_argsize_0=length:0
ChannelShuffle * groups=@groups
Repeat * repeats=@(sizes self_sym_sizes=@#input
"""
