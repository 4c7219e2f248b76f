import torch
import torchsde

torch.manual_seed(0)


class Drift(torch.nn.Module):
    noise_type, sde_type = "diagonal", "ito"

    def __init__(self):
        super().__init__()
        self.mean, self.scale = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)

    def f(self, t, y):
        return self.mean(y)

    def g(self, t, y):
        return torch.sigmoid(self.scale(y))


sde = Drift()
brownian = torchsde.BrownianInterval(t0=0.0, t1=1.0, size=(4, 3), entropy=3)
path = torchsde.sdeint(
    sde, torch.full((4, 3), 0.1), torch.linspace(0, 1, 5), bm=brownian, method="euler", dt=0.05
)
path[-1].sum().backward()
print(path.shape, f"{path[-1].sum().item():.4f} {sde.mean.weight.grad.sum().item():.3f}")
