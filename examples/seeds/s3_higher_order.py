import torch

x = torch.tensor(2.0, requires_grad=True)
y = x**3
# 计算一阶导数
(grad,) = torch.autograd.grad(y, x, create_graph=True)  # create_graph=True允许继续求导
print(f"dy/dx = {grad}")  # 输出: 12.0 (因为 dy/dx = 3x^2 = 3*2^2 = 12)
# 计算二阶导数
(hessian,) = torch.autograd.grad(grad, x)
print(f"d²y/dx² = {hessian}")  # 输出: 12.0 (因为 d²y/dx² = 6x = 6*2 = 12)
