import torch
from torchdiffeq import odeint, odeint_adjoint


class F(torch.nn.Module):
    def __init__(s):
        super().__init__()
        s.a = torch.nn.Parameter(torch.tensor(-0.5))

    def forward(s, t, y):
        return s.a * y


f = F()
t = torch.linspace(0.0, 1.0, 5)
for m in (
    "dopri5",
    "rk4",
    "euler",
    "midpoint",
    "adaptive_heun",
    "bosh3",
    "dopri8",
    "implicit_adams",
):
    try:
        print(m, odeint(f, torch.ones(2), t, method=m)[-1])
    except Exception as e:
        print(m, repr(e)[:200])
y = odeint_adjoint(f, torch.ones(2), t)
y[-1].sum().backward()
print(f.a.grad)
