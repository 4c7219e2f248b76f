"""tidu: automatic differentiation and deep learning with PyTorch's public API."""
