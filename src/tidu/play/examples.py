"""The programs one can begin with: the example, the tutorials' scripts, the gallery's.

In a checkout they lie where the documents show them; the wheel has copies beside this file.
"""

from pathlib import Path

__all__ = ["catalogue"]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOLDERS = (HERE / "programs", ROOT / "examples" / "seeds", ROOT / "docs" / "gallery")

STARTER = """\
import torch

x = torch.tensor(3.0, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)
z = x**2 + y**3
z.backward()

print(z)
print(x.grad, y.grad)
"""

TITLES = {
    "s3_scalar": ("z = x² + y³, with comments", "z = x² + y³,带注释"),
    "s0_leaf_and_retain_grad": ("Leaves, and what retain_grad keeps", "叶子张量与 retain_grad"),
    "s1_understanding": ("Accumulation and detach", "梯度累加与 detach"),
    "s2_gradient_descent": ("Gradient descent, 100 steps", "梯度下降 100 步"),
    "s2_linear_regression": ("Linear regression: shapes and a bias", "线性回归:形状与偏置"),
    "s3_higher_order": ("A second derivative", "二阶导数"),
    "s3_network": ("A network with an optimizer", "神经网络与优化器"),
    "mlp": ("Two layers learn XOR", "两层网络学习异或"),
    "cnn": ("Convolution, normalization, pooling", "卷积、归一化与池化"),
    "attention": ("Attention, written out", "手写注意力"),
    "nan": ("Where did the NaN come from?", "NaN 从哪里来?"),
    "in_place": ("A value changed in place", "被原地修改的值"),
}


def catalogue(program=None) -> list[dict[str, str]]:
    """[{"name", "en", "zh", "code"}], the one to begin with first.

    Args:
        program: (name, text) of the user's own script.
    """
    own = [] if program is None else [entry(program[0], (program[0], program[0]), program[1])]
    found = [*own, entry("start", ("z = x² + y³", "z = x² + y³"), STARTER)]
    for name, titles in TITLES.items():
        path = next((p for f in FOLDERS if (p := f / f"{name}.py").is_file()), None)
        if path is not None:
            found.append(entry(name, titles, path.read_text(encoding="utf-8")))
    return found


def entry(name, titles, code):
    return {"name": name, "en": titles[0], "zh": titles[1], "code": code}
