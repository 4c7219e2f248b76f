"""Flags that are no bools are refused with PyTorch's first sentence; `FLAGS` has them recorded.

`tests/reference/test_flags_reference.py` asks PyTorch. x is a matrix of 3 rows and 4 columns.
"""

import numpy as np

FLAGS = {
    "x.sum(0,1)": "sum(): argument 'keepdim' (position 2) must be bool, not int",
    "x.mean(0,1)": "mean(): argument 'keepdim' (position 2) must be bool, not int",
    "x.amax(0,1)": "amax(): argument 'keepdim' (position 2) must be bool, not int",
    "x.amin(0,keepdim=0)": "amin(): argument 'keepdim' must be bool, not int",
    "x.max(0,1)": "max(): argument 'keepdim' (position 2) must be bool, not int",
    "x.max(0,keepdim=1)": "max(): argument 'keepdim' must be bool, not int",
    "x.min(0,1)": "min(): argument 'keepdim' (position 2) must be bool, not int",
    "x.argmax(0,1)": "argmax(): argument 'keepdim' (position 2) must be bool, not int",
    "x.argmin(0,1)": "argmin(): argument 'keepdim' (position 2) must be bool, not int",
    "x.prod(0,1)": "prod(): argument 'keepdim' (position 2) must be bool, not int",
    "x.std(0,1)": "std() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.std(0,True,1)": "std() received an invalid combination of arguments - got (int, bool, int), but expected one of:",
    "x.std(0,unbiased=1)": "std() received an invalid combination of arguments - got (int, unbiased=int), but expected one of:",
    "x.var(0,keepdim=1)": "var() received an invalid combination of arguments - got (int, keepdim=int), but expected one of:",
    "x.var(0,2)": "var() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.all(0,1)": "all() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.any(0,1)": "any() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.median(0,1)": "median(): argument 'keepdim' (position 2) must be bool, not int",
    "x.mode(0,1)": "mode(): argument 'keepdim' (position 2) must be bool, not int",
    "x.kthvalue(1,0,1)": "kthvalue(): argument 'keepdim' (position 3) must be bool, not int",
    "x.nansum(0,1)": "nansum(): argument 'keepdim' (position 2) must be bool, not int",
    "x.nanmean(0,1)": "nanmean(): argument 'keepdim' (position 2) must be bool, not int",
    "x.logsumexp(0,1)": "logsumexp(): argument 'keepdim' (position 2) must be bool, not int",
    "x.quantile(0.5,0,1)": "quantile() received an invalid combination of arguments - got (float, int, int), but expected one of:",
    "x.sort(0,1)": "sort() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.argsort(0,1)": "argsort() received an invalid combination of arguments - got (int, int), but expected one of:",
    "x.topk(1,0,1)": "topk(): argument 'largest' (position 3) must be bool, not int",
    "x.topk(1,0,True,1)": "topk(): argument 'sorted' (position 4) must be bool, not int",
    "x.unique(return_inverse=1)": "_unique2(): argument 'return_inverse' must be bool, not int",
    "torch.unique(x,sorted=1)": "_unique2(): argument 'sorted' must be bool, not int",
    "torch.std_mean(x,0,1)": "std_mean() received an invalid combination of arguments - got (Tensor, int, int), but expected one of:",
    "torch.var_mean(x,0,keepdim=1)": "var_mean() received an invalid combination of arguments - got (Tensor, int, keepdim=int), but expected one of:",
    "torch.aminmax(x,dim=0,keepdim=1)": "aminmax(): argument 'keepdim' must be bool, not int",
    "torch.linalg.norm(x,2,0,1)": "linalg_norm() received an invalid combination of arguments - got (Tensor, int, int, int), but expected one of:",
    "torch.linalg.vector_norm(x,2,0,1)": "linalg_vector_norm(): argument 'keepdim' (position 4) must be bool, not int",
    "torch.isin(x,x,invert=1)": "isin() received an invalid combination of arguments - got (Tensor, Tensor, invert=int), but expected one of:",
    "torch.allclose(x,x,equal_nan=1)": "allclose(): argument 'equal_nan' must be bool, not int",
    "torch.isclose(x,x,equal_nan=1)": "isclose(): argument 'equal_nan' must be bool, not int",
    "torch.bucketize(x,torch.randn(3),right=1)": "bucketize() received an invalid combination of arguments - got (Tensor, Tensor, right=int), but expected one of:",
    "torch.searchsorted(torch.randn(3).sort()[0],x,right=1)": "searchsorted() received an invalid combination of arguments - got (Tensor, Tensor, right=int), but expected one of:",
    "torch.tensor([1.],requires_grad=1)": "tensor(): argument 'requires_grad' must be bool, not int",
    "torch.zeros(2,requires_grad=1)": "zeros(): argument 'requires_grad' must be bool, not int",
    "x.requires_grad_(1)": "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not int",
    "x.scatter_reduce(0,torch.zeros(3,4,dtype=torch.long),x,'sum',include_self=0)": "scatter_reduce(): argument 'include_self' must be bool, not int",
    "torch.gather(x,0,torch.zeros(1,4,dtype=torch.long),sparse_grad=0)": "gather(): argument 'sparse_grad' must be bool, not int",
    "torch.linalg.svd(x,1)": "linalg_svd(): argument 'full_matrices' (position 2) must be bool, not int",
    "torch.cumsum(x,0,1)": "cumsum() takes 2 positional arguments but 3 were given",
    "x.copy_(x,1)": "copy_(): argument 'non_blocking' (position 2) must be bool, not int",
    "x.sum(0,np.bool_(True))": "sum(): argument 'keepdim' (position 2) must be bool, not numpy.bool",
    "x.sum(0,torch.tensor(True))": "sum(): argument 'keepdim' (position 2) must be bool, not Tensor",
    "x.sum(0,None)": "sum(): argument 'keepdim' (position 2) must be bool, not NoneType",
    "x.sum(0,'a')": "sum(): argument 'keepdim' (position 2) must be bool, not str",
    "x.sum(0,1.0)": "sum(): argument 'keepdim' (position 2) must be bool, not float",
    "torch.nn.functional.dropout(x,0.5,1)": "dropout(): argument 'train' (position 3) must be bool, not int",
    "torch.dropout(x,0.5,1)": "dropout(): argument 'train' (position 3) must be bool, not int",
    "torch.nn.functional.avg_pool2d(x[None],2,ceil_mode=1)": "avg_pool2d(): argument 'ceil_mode' must be bool, not int",
    "torch.nn.functional.batch_norm(x,None,None,training=1)": "batch_norm(): argument 'training' (position 6) must be bool, not int",
    "torch.combinations(torch.arange(3),2,1)": "combinations(): argument 'with_replacement' (position 3) must be bool, not int",
    "torch.linalg.matrix_rank(x,hermitian=0)": "linalg_matrix_rank() received an invalid combination of arguments - got (Tensor, hermitian=int), but expected one of:",
    "torch.linalg.pinv(x,hermitian=0)": "linalg_pinv() received an invalid combination of arguments - got (Tensor, hermitian=int), but expected one of:",
    "torch.hann_window(4,1)": "hann_window() received an invalid combination of arguments - got (int, int), but expected one of:",
    "torch.nonzero(x,as_tuple=1)": "nonzero(): argument 'as_tuple' must be bool, not int",
    "torch.full((2,),1,requires_grad=1)": "full(): argument 'requires_grad' must be bool, not int",
    "x.index_put_((torch.tensor([0]),),torch.tensor(1.),accumulate=1)": "index_put_(): argument 'accumulate' must be bool, not int",
    "torch.linalg.inv_ex(x[:3,:3],check_errors=1)": "linalg_inv_ex(): argument 'check_errors' must be bool, not int",
    "torch.set_grad_enabled(1)": "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not int",
    "torch.linalg.solve_triangular(x[:3,:3],x[:3,:3],upper=1)": "linalg_solve_triangular(): argument 'upper' must be bool, not int",
}


def refusals(torch):
    """Call -> the first line of the TypeError it raised."""
    found = {}
    for call in FLAGS:
        try:
            eval(call, {"torch": torch, "np": np, "x": torch.ones(3, 4)})
        except TypeError as error:
            found[call] = str(error).splitlines()[0]
    return found
