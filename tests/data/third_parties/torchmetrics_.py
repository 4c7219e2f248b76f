import torch, torchmetrics
from torchmetrics import (
    Accuracy,
    F1Score,
    Precision,
    Recall,
    ConfusionMatrix,
    MeanSquaredError,
    MeanAbsoluteError,
    R2Score,
    AUROC,
    MeanMetric,
    MetricCollection,
    AveragePrecision,
    PearsonCorrCoef,
    SpearmanCorrCoef,
    CohenKappa,
    MatthewsCorrCoef,
    CosineSimilarity,
    KLDivergence,
    ExplainedVariance,
    ROC,
    PrecisionRecallCurve,
)
from torchmetrics.aggregation import SumMetric, MaxMetric, CatMetric
import torchmetrics.functional as MF

torch.manual_seed(0)
p = torch.rand(20, 3).softmax(-1)
t = torch.randint(3, (20,))
r, s = torch.randn(20), torch.randn(20)
for m in [
    Accuracy(task="multiclass", num_classes=3),
    F1Score(task="multiclass", num_classes=3, average="macro"),
    Precision(task="multiclass", num_classes=3),
    Recall(task="multiclass", num_classes=3, average=None),
    ConfusionMatrix(task="multiclass", num_classes=3),
    AUROC(task="multiclass", num_classes=3),
    AveragePrecision(task="multiclass", num_classes=3),
    CohenKappa(task="multiclass", num_classes=3),
    MatthewsCorrCoef(task="multiclass", num_classes=3),
]:
    m.update(p, t)
    m.update(p.flip(0), t)
    print(type(m).__name__, m.compute())
    m.reset()
for m in [
    MeanSquaredError(),
    MeanAbsoluteError(),
    R2Score(),
    PearsonCorrCoef(),
    SpearmanCorrCoef(),
    ExplainedVariance(),
    CosineSimilarity(),
]:
    a, b = (r[None], s[None]) if isinstance(m, CosineSimilarity) else (r, s)
    print(type(m).__name__, m(a, b), m.compute())
mc = MetricCollection(
    {
        "a": Accuracy(task="multiclass", num_classes=3),
        "f": F1Score(task="multiclass", num_classes=3),
    }
)
print(mc(p, t))
mm = MeanMetric()
mm.update(1.0)
mm.update(torch.tensor(3.0))
print(mm.compute(), mm)
for M in (SumMetric, MaxMetric, CatMetric):
    q = M()
    q.update(torch.tensor([1.0, 2.0]))
    q.update(5.0)
    print(q.compute())
print(
    Accuracy(task="binary")(torch.tensor([0.1, 0.9, 0.6]), torch.tensor([0, 1, 0])),
    Accuracy(task="multilabel", num_labels=2)(
        torch.tensor([[0.1, 0.9], [0.6, 0.2]]), torch.tensor([[0, 1], [0, 1]])
    ),
)
print(
    MF.accuracy(p, t, task="multiclass", num_classes=3),
    MF.mean_squared_error(r, s),
    MF.pairwise_cosine_similarity(torch.eye(2), torch.ones(2, 2)),
)
print(ROC(task="binary", thresholds=5)(torch.tensor([0.1, 0.9, 0.6]), torch.tensor([0, 1, 0])))
m = Accuracy(task="multiclass", num_classes=3)
m.persistent(True)
m(p, t)
sd = m.state_dict()
print(list(sd))
import copy, pickle

print(copy.deepcopy(m).compute(), pickle.loads(pickle.dumps(m)).compute(), m.to("cpu").compute())
