import torch
from torch import nn
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(64, 8)
y = (x[:, 0] > 0).long()
for net in [
    nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)),
    nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 2)
    ),
]:
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    engine = PrivacyEngine()
    model, opt, loader = engine.make_private(
        module=net,
        optimizer=opt,
        data_loader=DataLoader(TensorDataset(x, y), batch_size=16),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    for epoch in range(2):
        for a, b in loader:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(a), b)
            loss.backward()
            opt.step()
        print("%.4f" % loss.item(), "%.4f" % engine.get_epsilon(1e-5))
