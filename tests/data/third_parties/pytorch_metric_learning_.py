import torch
from pytorch_metric_learning import losses, miners

torch.manual_seed(0)
points, labels = torch.randn(16, 8), torch.arange(16) % 4
net = torch.nn.Linear(8, 5)
for loss in [
    losses.TripletMarginLoss(), losses.ContrastiveLoss(), losses.NTXentLoss(),
    losses.MultiSimilarityLoss(), losses.ArcFaceLoss(4, 5), losses.CircleLoss(),
    losses.ProxyAnchorLoss(4, 5), losses.SupConLoss(), losses.AngularLoss(),
    losses.LiftedStructureLoss(), losses.NCALoss(), losses.SoftTripleLoss(4, 5),
    losses.FastAPLoss(), losses.NPairsLoss(),
]:  # fmt: skip
    net.zero_grad()
    value = loss(net(points), labels)
    value.backward()
    print(type(loss).__name__, f"{value.item():.4f} {net.weight.grad.norm().item():.4f}")
print([len(found) for found in miners.MultiSimilarityMiner()(net(points), labels)])
print([len(found) for found in miners.TripletMarginMiner()(net(points), labels)])
