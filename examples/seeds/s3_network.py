import torch
import torch.nn as nn
import torch.optim as optim

# 定义简单神经网络
model = nn.Sequential(
    nn.Linear(10, 20),  # 输入层到隐藏层
    nn.ReLU(),
    nn.Linear(20, 1),  # 隐藏层到输出层
)
# 定义损失函数和优化器
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)
# 前向传播
inputs = torch.randn(32, 10)  # 32个样本,每个样本10个特征
outputs = model(inputs)
targets = torch.randn(32, 1)  # 目标值
# 计算损失
loss = criterion(outputs, targets)
# 反向传播(自动求导)
optimizer.zero_grad()  # 清零梯度
loss.backward()  # 计算梯度
# 更新参数
optimizer.step()  # 根据梯度更新参数
