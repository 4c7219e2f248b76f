"""torch.backends.quantized: there are no quantized tensors here."""

engine = "none"
supported_engines = ["none"]
