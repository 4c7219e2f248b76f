import torch
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot(torch.arange(3.0), torch.arange(3.0) ** 2)
ax.imshow(torch.ones(3, 3))
ax.hist(torch.randn(10))
ax.scatter(torch.ones(2), torch.ones(2))
fig.savefig("f.png")
import os

print(os.path.getsize("f.png") > 5000, ax.lines[0].get_ydata(), ax.images[0].get_array().shape)
