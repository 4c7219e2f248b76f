import torch, numpy as np
from torch import nn
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, LRScheduler, EpochScoring
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

X, y = make_classification(200, 8, random_state=0)
X = X.astype(np.float32)
y = y.astype(np.int64)


class Net(nn.Module):
    def __init__(s, h=8):
        super().__init__()
        s.a = nn.Linear(8, h)
        s.b = nn.Linear(h, 2)

    def forward(s, x):
        return torch.softmax(s.b(torch.relu(s.a(x))), -1)


torch.manual_seed(0)
n = NeuralNetClassifier(
    Net,
    max_epochs=6,
    lr=0.1,
    iterator_train__shuffle=True,
    verbose=0,
    callbacks=[EarlyStopping(patience=5)],
)
n.fit(X, y)
print(round(n.score(X, y), 3), n.predict(X[:3]), n.predict_proba(X[:2]).round(4))
pipe = Pipeline([("s", StandardScaler()), ("n", n)])
pipe.fit(X, y)
print(round(pipe.score(X, y), 3))
torch.manual_seed(0)
print(cross_val_score(n, X, y, cv=3).round(3))
gs = GridSearchCV(n, {"lr": [0.01, 0.1], "module__h": [4]}, cv=2, refit=False)
gs.fit(X, y)
print(gs.best_params_)
n.save_params(f_params="p.pt", f_optimizer="o.pt")
m = NeuralNetClassifier(Net).initialize()
m.load_params(f_params="p.pt", f_optimizer="o.pt")
print((m.predict(X) == n.predict(X)).all())


class Reg(nn.Module):
    def __init__(s):
        super().__init__()
        s.a = nn.Linear(8, 1)

    def forward(s, x):
        return s.a(x)


r = NeuralNetRegressor(Reg, max_epochs=3, verbose=0, optimizer=torch.optim.Adam)
r.fit(X, X[:, :1])
print(round(float(r.history[-1]["train_loss"]), 4))
import pickle

print((pickle.loads(pickle.dumps(n)).predict(X) == n.predict(X)).all())
from sklearn.metrics import accuracy_score, mean_squared_error

print(
    accuracy_score(torch.ones(3), torch.ones(3)),
    mean_squared_error(torch.ones(3).numpy(), torch.zeros(3)),
)
