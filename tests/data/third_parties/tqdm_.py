import torch
from tqdm import tqdm

print(
    sum(
        int(b[0].sum())
        for b in tqdm(
            torch.utils.data.DataLoader(
                torch.utils.data.TensorDataset(torch.ones(4)), batch_size=2
            ),
            disable=True,
        )
    )
)
