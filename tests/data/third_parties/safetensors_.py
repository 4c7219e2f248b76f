import torch
from safetensors.torch import save_file, load_file, save_model, load_model, safe_open

save_file({"a": torch.ones(2, 3), "b": torch.arange(3, dtype=torch.bfloat16)}, "st.safetensors")
d = load_file("st.safetensors")
print(d)
with safe_open("st.safetensors", framework="pt") as f:
    print(f.keys(), f.get_tensor("a"), f.get_slice("a")[:1])
m = torch.nn.Linear(2, 2)
save_model(m, "st2.safetensors")
print(load_model(m, "st2.safetensors"))
