import torch
import pandas as pd

df = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
print(
    torch.tensor(df.values),
    torch.tensor(df["a"].values),
    torch.from_numpy(df.to_numpy()),
    pd.DataFrame(torch.ones(2, 2).numpy()),
    torch.tensor(df["b"]),
    pd.Series(torch.ones(2)),
)
