import timm
import torch

for name, options in [
    ("resnet18", {}),
    ("vit_tiny_patch16_224", {"img_size": 32}),
    ("efficientnet_b0", {}),
    ("convnext_atto", {}),
]:
    torch.manual_seed(0)
    size = options.get("img_size", 64)
    model = timm.create_model(name, pretrained=False, num_classes=10, **options).double()
    images, labels = torch.randn(2, 3, size, size).double(), torch.tensor([1, 2])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        print(name, f"{loss.item():.6f}")
