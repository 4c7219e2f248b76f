import torch
import opt_einsum

print(
    opt_einsum.contract("ij,jk,kl->il", torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 2)),
    type(opt_einsum.contract("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 4))),
)
