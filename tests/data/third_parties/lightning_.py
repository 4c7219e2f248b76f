"""A model trained by a Trainer, checked on held-out data, and saved."""

import logging
import warnings

warnings.simplefilter("ignore")
import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
lightning.seed_everything(0, verbose=False)


class Regression(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))

    def training_step(self, batch, index):
        x, y = batch
        loss = nn.functional.mse_loss(self.network(x), y)
        self.log("loss", loss, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        x, y = batch
        self.log("held_out", nn.functional.mse_loss(self.network(x), y))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)]


x = torch.randn(96, 4)
y = (x @ torch.tensor([1.0, -2.0, 0.5, 0.0])).unsqueeze(1)
training = DataLoader(TensorDataset(x[:64], y[:64]), batch_size=16, shuffle=True)
held_out = DataLoader(TensorDataset(x[64:], y[64:]), batch_size=16)
model = Regression()
trainer = lightning.Trainer(
    max_epochs=5, accelerator="cpu", logger=False, enable_progress_bar=False,
    enable_model_summary=False, gradient_clip_val=1.0, accumulate_grad_batches=2,
    enable_checkpointing=False,
)  # fmt: skip
trainer.fit(model, training, held_out)
print({name: f"{value.item():.2f}" for name, value in sorted(trainer.callback_metrics.items())})
trainer.save_checkpoint("model.ckpt")
again = Regression.load_from_checkpoint("model.ckpt")
print(all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters())))
print(f"{trainer.optimizers[0].param_groups[0]['lr']:.4f}", trainer.global_step)
