"""A value that the backward pass needs is overwritten: which line, and what to write instead."""

import torch

weight = torch.tensor([1.0, 2.0], requires_grad=True)
data = torch.tensor([3.0, 4.0])
activation = torch.exp(weight * data / 10)
activation += 1  # exp keeps its own result for the backward pass
loss = activation.sum()
loss.backward()
