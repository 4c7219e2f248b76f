"""Language models of five kinds and one for images: trained for some steps, and asked for more."""

import logging
import os

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.WARNING)

import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

torch.manual_seed(0)
words = torch.randint(0, 50, (2, 8))


def train(name, model, **inputs):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = []
    for _ in range(3):
        loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(f"{loss.item():.2f}")
    print(name, losses)
    return model.eval()


def written(model, **options):
    return model.generate(words[:, :3], max_new_tokens=5, pad_token_id=0, **options).tolist()


small = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32}  # fmt: skip
gpt = GPT2LMHeadModel(GPT2Config(n_layer=2, n_head=2, n_embd=16, vocab_size=50, n_positions=32))
print(written(train("gpt2", gpt, input_ids=words, labels=words), do_sample=False))
llama = LlamaForCausalLM(LlamaConfig(**small, num_key_value_heads=1, max_position_embeddings=32))
train("llama", llama, input_ids=words, labels=words)
print(written(llama, do_sample=False))
torch.manual_seed(1)
print(written(llama, do_sample=True, top_k=5))
train("bert", BertForMaskedLM(BertConfig(**small)), input_ids=words, labels=words)
t5 = T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=50,
              decoder_start_token_id=0)  # fmt: skip
train("t5", T5ForConditionalGeneration(t5), input_ids=words, labels=words)
distilled = DistilBertConfig(dim=16, hidden_dim=32, n_layers=2, n_heads=2, vocab_size=50)
train("distilbert", DistilBertForSequenceClassification(distilled), input_ids=words,
      labels=torch.tensor([0, 1]))  # fmt: skip
del small["vocab_size"]
images = ViTForImageClassification(ViTConfig(**small, image_size=16, patch_size=4, num_labels=3))
train("vit", images, pixel_values=torch.randn(2, 3, 16, 16), labels=torch.tensor([0, 2]))
