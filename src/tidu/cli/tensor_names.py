"""Names of PyTorch whose result is one tensor: `tidu check` infers variables from them."""

TENSOR_ATTRIBUTES = {"T", "mT", "H", "mH", "data", "grad", "real", "imag"}

CREATION = """
tensor as_tensor from_numpy zeros ones empty full eye arange linspace logspace rand randn randint
randperm zeros_like ones_like empty_like full_like rand_like randn_like randint_like bernoulli
normal multinomial complex polar tril_indices triu_indices scalar_tensor asarray
""".split()

BOTH = """
abs acos add addmm all amax amin angle any argmax argmin argsort asin atan atan2 baddbmm bincount
bmm broadcast_to ceil clamp clip clone conj cos cosh cross cumprod cumsum deg2rad det diag diagonal
diff digamma div dot eq erf erfc exp exp2 expm1 flatten flip floor fmod frac gather ge gt histc
hypot index_select inner inverse isfinite isinf isnan kron le lerp lgamma log log10 log1p log2
log_softmax logaddexp logdet logical_and logical_not logical_or logical_xor logsumexp lt
masked_fill masked_select matmul maximum mean minimum mm moveaxis movedim mul multiply mv
nan_to_num nanmean nansum narrow ne neg nonzero norm outer permute pow prod rad2deg real reciprocal
relu remainder reshape roll rot90 round rsqrt scatter scatter_add sigmoid sign sin sinc sinh
softmax sqrt square squeeze sub subtract sum swapaxes t take tan tanh tile trace transpose tril
triu true_divide trunc unflatten unsqueeze view_as where xlogy
""".split()

METHODS_ONLY = """
bfloat16 bool byte contiguous cpu detach double expand expand_as fill_ float half int long
new_empty new_full new_ones new_tensor new_zeros normal_ pin_memory repeat requires_grad_
reshape_as short type_as uniform_ unfold view zero_ add_ sub_ mul_ div_ clamp_ copy_ exp_ sqrt_
neg_ masked_fill_ scatter_
""".split()

FUNCTIONS_ONLY = """
bucketize cat cdist chain_matmul concat dstack einsum hstack searchsorted stack tensordot vander
vstack
""".split()

FUNCTIONAL = """
relu relu6 elu selu celu gelu silu mish leaky_relu prelu rrelu softplus softsign tanhshrink
hardtanh hardsigmoid hardswish sigmoid tanh softmax log_softmax softmin glu logsigmoid linear
bilinear embedding one_hot conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
dropout dropout1d dropout2d dropout3d alpha_dropout batch_norm layer_norm instance_norm group_norm
rms_norm local_response_norm normalize pad interpolate grid_sample affine_grid pixel_shuffle
pixel_unshuffle fold unfold scaled_dot_product_attention cross_entropy nll_loss mse_loss l1_loss
smooth_l1_loss huber_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits
poisson_nll_loss gaussian_nll_loss ctc_loss hinge_embedding_loss margin_ranking_loss
triplet_margin_loss cosine_embedding_loss cosine_similarity pairwise_distance pdist
""".split()

TENSOR_METHODS = frozenset(BOTH + METHODS_ONLY)
TENSOR_FUNCTIONS = frozenset(
    [f"torch.{name}" for name in CREATION + BOTH + FUNCTIONS_ONLY]
    + [f"torch.nn.functional.{name}" for name in FUNCTIONAL]
    + ["torch.nn.Parameter", "torch.Tensor"]
)
