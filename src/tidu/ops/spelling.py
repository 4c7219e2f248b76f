"""NumPy's words for PyTorch's: functions along an axis also take `axis=` and `keepdims=`.

`sum` and `mean` translate themselves on their fast path.
"""

from . import (
    along_axis,
    indexing,
    joining,
    linalg,
    network,
    norms,
    ordering,
    reductions,
    scans,
    sets,
    shapes,
)
from .flags import strict


def spelled(function, name=None):
    """The function with NumPy's words accepted beside PyTorch's; `name` is PyTorch's, where it
    differs."""
    dress = getattr(function, "dress", None)
    if dress is not None:  # the direct path stays in front
        return dress(spelled(function.__wrapped__, name))
    named = strict(function, name, spellings=True)
    named.__module__ = __name__  # where pickle finds it
    return named


gather = spelled(along_axis.gather)
index_add = spelled(along_axis.index_add)
index_copy = spelled(along_axis.index_copy)
index_fill = spelled(along_axis.index_fill)
index_select = spelled(along_axis.index_select)
put = spelled(along_axis.put)
scatter = spelled(along_axis.scatter)
scatter_add = spelled(along_axis.scatter_add)
scatter_reduce = spelled(along_axis.scatter_reduce)
take_along_dim = spelled(along_axis.take_along_dim)
select_axis = spelled(indexing.select_axis, "select")
cat = spelled(joining.cat)
chunk = spelled(joining.chunk)
concat = concatenate = cat
narrow = spelled(joining.narrow)
split = spelled(joining.split)
split_with_sizes = split
stack = spelled(joining.stack)
tensor_split = spelled(joining.tensor_split)
unbind = spelled(joining.unbind)
cross = spelled(linalg.cross)
glu = spelled(network.glu)
log_softmax = spelled(network.log_softmax)
softmax = spelled(network.softmax)
renorm = spelled(norms.renorm)
argsort = spelled(ordering.argsort)
kthvalue = spelled(ordering.kthvalue)
median = spelled(ordering.median)
mode = spelled(ordering.mode)
nanmedian = spelled(ordering.nanmedian)
quantile = spelled(ordering.quantile)
sort = spelled(ordering.sort)
topk = spelled(ordering.topk)
all = spelled(reductions.all)
amax = spelled(reductions.amax)
amin = spelled(reductions.amin)
aminmax = spelled(reductions.aminmax)
any = spelled(reductions.any)
argmax = spelled(reductions.argmax)
argmin = spelled(reductions.argmin)
count_nonzero = spelled(reductions.count_nonzero)
logsumexp = spelled(reductions.logsumexp)
max = spelled(reductions.max)
min = spelled(reductions.min)
nanmean = spelled(reductions.nanmean)
nansum = spelled(reductions.nansum)
prod = spelled(reductions.prod)
std = spelled(reductions.std)
std_mean = spelled(reductions.std_mean)
var = spelled(reductions.var)
var_mean = spelled(reductions.var_mean)
cummax = spelled(scans.cummax)
cummin = spelled(scans.cummin)
cumprod = spelled(scans.cumprod)
cumsum = spelled(scans.cumsum)
diff = spelled(scans.diff)
logcumsumexp = spelled(scans.logcumsumexp)
repeat_interleave = spelled(sets.repeat_interleave)
unique_consecutive = spelled(sets.unique_consecutive)
squeeze = spelled(shapes.squeeze)
unflatten = spelled(shapes.unflatten)
unsqueeze = spelled(shapes.unsqueeze)
