import torch

x = torch.arange(4.0)
print(x)
x.requires_grad_(True)  # 等价于x=torch.arange(4.0, requires_grad=True)
print(x.grad)  # 默认是None
y = 2 * torch.dot(x, x)
print(y)
y.backward()
print(x.grad)

x.grad.zero_()
y = x.sum()
y.backward()
print(x.grad)

x = torch.arange(4.0, requires_grad=True)
y = 2 * torch.dot(x, x)
y.backward()
print(x.grad)

y = x.sum()
y.backward()
print(x.grad)

x.grad.zero_()
y = x * x
y.sum().backward()
print(x.grad)

x.grad.zero_()  # 原来是None的时候会报错, 默认一开始x.grad是None
y = x * x  # y是关于x函数
u = y.detach()  # 这里相当于把u变为一个单独的常量,导数和x没有关系
# 然后对应u就是一个独立的常量, 值与x有关
z = u * x  # 这里对应就是一个常数乘x

z.sum().backward()  # 对应的求导就是常数u
print(x.grad == u)

x = torch.arange(4.0, requires_grad=True)
print(x)

y = x * x  # y是关于x函数
u = y.detach()  # 这里相当于把u变为一个单独的常量,导数和x没有关系
y = torch.sum(y)  # y是x的平方和
y.backward()
print(x.grad)
x.grad.zero_()

z = u * x  # 这里对应就是一个常数乘x
z.sum().backward()  # 对应的求导就是常数u, 也就是x的哈达玛积

print(x.grad)

x = torch.tensor(2.0, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)

output1 = x**2
output2 = y**2

output3 = 0.5 * output1 + 0.5 * output2.detach()
output4 = 0.5 * output1.detach() + 0.5 * output2


output3.backward()
print(x.grad)
print(y.grad)

output4.backward()
print(x.grad)
print(y.grad)

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = torch.dot(x, x)
y.backward(retain_graph=True)
y.backward()
print(x.grad)
