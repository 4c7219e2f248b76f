import torch

x = torch.ones(2, 5)  # 表示:特征(输入张量),2个样本,5个特征
y = torch.zeros(2, 3)  # 表示:标签(目标张量,真实值),2个样本,3个类别
w = torch.randn(5, 3, requires_grad=True)  # 权重,5个输入特征,3个神经元(类别)
b = torch.randn(3, requires_grad=True)  # 偏置,3个神经元(类别)

z = torch.matmul(x, w) + b  # z - x @ w + b, 前向传播计算输出预测值

criterion = torch.nn.MSELoss()  # 均方误差损失函数 nn: neural network 神经网络
loss = criterion(z, y)  # 计算损失

loss.backward()

print(f"Gradient w.r.t w:\n{w.grad}")  # 打印权重的梯度
print(f"Gradient w.r.t b:\n{b.grad}")  # 打印偏置
