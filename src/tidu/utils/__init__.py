"""torch.utils: what programs use beside tensors and layers."""
