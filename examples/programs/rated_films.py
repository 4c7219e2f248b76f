"""Films and who liked them: a sparse matrix by rows, and what is not rated masked out.

Factors of users and films are fitted to the ratings that are known; the matrix of ratings is kept
by rows, its elements are predicted with `sampled_addmm`, means are taken with a mask.
"""

import sys
import warnings

import torch

warnings.filterwarnings("ignore", message=".*(beta|prototype) .*")


def ratings(users, films, seed):
    generator = torch.Generator().manual_seed(seed)
    taste = torch.randn(users, 3, generator=generator)
    kind = torch.randn(3, films, generator=generator)
    known = torch.rand(users, films, generator=generator) < 0.4
    return torch.where(known, (taste @ kind).round(), 0.0), known


def main(small):
    torch.manual_seed(0)
    users, films = (30, 20) if small else (300, 120)
    dense, known = ratings(users, films, 1)
    matrix = dense.to_sparse_csr()
    print("ratings:", matrix._nnz(), "of", matrix.numel(), matrix.layout)
    print("rows begin at", matrix.crow_indices()[:6].tolist())

    per_film = torch.masked.masked_tensor(dense, known).mean(0).to_tensor(0.0)
    print("means of films:", [f"{value:.4f}" for value in per_film[:5].tolist()])
    likes = matrix @ torch.ones(films)
    back = matrix.t() @ torch.ones(users)
    print(f"sums by users {likes.sum():.4f}, by films {back.sum():.4f}")

    left = torch.nn.Parameter(torch.randn(users, 3) * 0.5)
    right = torch.nn.Parameter(torch.randn(3, films) * 0.5)
    optimizer = torch.optim.Adam([left, right], lr=0.05)
    places = matrix * 0
    for step in range(60 if small else 300):
        predicted = torch.sparse.sampled_addmm(places, left, right)
        loss = (predicted.values() - matrix.values()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}: {loss.item():.4f}")
    print(f"at last: {loss.item():.4f}")

    # The same loss by a masked tensor: no gradient comes from what is not rated.
    data = torch.masked.masked_tensor(dense, known, requires_grad=True)
    ((data - (left @ right).detach()) ** 2).mean().backward()
    print(f"a masked gradient: {data.grad.to_tensor(0.0).abs().sum():.4f}")


if __name__ == "__main__":
    main("--small" in sys.argv)
