"""The rest of torch.autograd: Function, functional, gradcheck, anomaly detection, graph."""
