import torch

# 创建需要求导的张量,设置requires_grad=True
x = torch.tensor(3.0, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)
# 定义函数 z = x^2 + y^3
z = x**2 + y**3
# 计算 z 关于 x 和 y 的梯度
z.backward()  # 自动求导
# 输出梯度
print(f"dz/dx = {x.grad}")  # 输出: 6.0 (因为 dz/dx = 2x = 2*3 = 6)
print(f"dz/dy = {y.grad}")  # 输出: 12.0 (因为 dz/dy = 3y^2 = 3*2^2 = 12)
