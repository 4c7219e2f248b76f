"""Each backward pass told in words, English and Chinese: where it starts, what reaches each leaf.

The question behind it is the one learners ask: why is this `.grad` 3 and not 1 or 2?
"""

from ...program.signs import added
from ..recording.records import Record
from .phrases import phrase, sum_phrase

__all__ = ["stories_of"]

LANGUAGES = ("en", "zh")
TOLD = 40  # passes
LEAVES = 8


def stories_of(recording):
    """{"en": [[sentence, ...] per pass], "zh": ...}."""
    calls = recording.passes[:TOLD]
    return {language: [_pass(recording, c, language) for c in calls] for language in LANGUAGES}


def _pass(recording, call, language):
    said = []
    for record, seed in call.seeds:
        said += _start(recording, call, record, seed, language)
    arrivals = call.arrivals[:LEAVES]
    for arrival in arrivals:
        said.append(_arrival(call, arrival, language))
    left = len(call.arrivals) - len(arrivals)
    if left:
        said.append({"en": f"{left} more leaves got a gradient in the same way.",
                     "zh": f"另外 {left} 个叶子张量同样得到了梯度。"}[language])  # fmt: skip
    for record, value in call.wanted:
        said.append(_result(record.name, phrase(value, language), language))
    if call.error is not None:
        said.append(_stopped(call.error, language))
    return said


def _start(recording, call, record, seed, language):
    """Where the pass starts, and with which vector."""
    name, value = record.name, phrase(seed, language)
    line = call.place.line if call.place is not None else None
    at = {"en": f" (line {line})" if line else "", "zh": f"(第 {line} 行)" if line else ""}[
        language
    ]
    said = []
    if call.call == "explain":
        v = "v" if record.value is not None and record.value.shape != () else ""
        said.append({
            "en": f"If backward({v}) were called on {name} now, it would start with the seed "
                  f"{value}.",
            "zh": f"如果现在对 {name} 调用 backward({v}),起始梯度(种子)是 {value}。",
        }[language])  # fmt: skip
    else:
        said.append({
            "en": f"Call {call.index + 1}{at} starts at {name}; its seed, the gradient it starts "
                  f"with, is {value}.",
            "zh": f"第 {call.index + 1} 次调用{at}从 {name} 出发,起始梯度(种子)是 {value}。",
        }[language])  # fmt: skip
    if record.kind == "leaf":
        said.append(_leaf_start(recording, record, value, language))
    elif record.value is not None and record.value.shape != () and call.call != "grad":
        said.append({
            "en": f"{name} is not a single number, so there is no loss here: backward(v) "
                  "multiplies v by the Jacobian (vᵀJ). Each element of the seed says how much that "
                  f"element of {name} counts.",
            "zh": f"{name} 不是标量,这里没有“损失”:backward(v) 计算的是 v 与雅可比矩阵的乘积(vᵀJ)。"
                  f"种子的每个元素表示 {name} 对应元素的权重。",
        }[language])  # fmt: skip
    if record.retains and record.kind != "leaf":
        said.append({
            "en": f"{name}.grad is kept (retain_grad): it is what arrives at {name}, the seed "
                  f"{value}. The factors of the operation that made {name} come only on the way "
                  "down to its inputs.",
            "zh": f"{name}.grad 被保留(retain_grad):它就是到达 {name} 的梯度,即种子 {value}。"
                  f"得到 {name} 的那步运算的系数,只在继续传向它的输入时才乘上去。",
        }[language])  # fmt: skip
    return said


def _leaf_start(recording, record, value, language):
    """backward() on a leaf: nothing is walked."""
    users = [
        r for r in recording.records
        if r.kind == "op" and any(i is record for i in r.inputs if isinstance(i, Record))
    ]  # fmt: skip
    shown = ""
    if users:
        names = ", ".join(dict.fromkeys(r.name for r in users[:3]))
        shown = {
            "en": f" What was computed from it ({names}) lies after it, not before it, and is not "
                  "visited, so its factors play no part.",
            "zh": f"由它算出的张量({names})在它之后而不在它之前,不会被访问,所以那些系数不起作用。",
        }[language]  # fmt: skip
    return {
        "en": f"{record.name} is a leaf: nothing computed it, so there is nothing to go back "
              f"through. The seed {value} itself is what reaches {record.name}.grad.{shown}",
        "zh": f"{record.name} 是叶子张量:它不是算出来的,没有可以往回走的运算。"
              f"种子 {value} 本身就是到达 {record.name}.grad 的梯度。{shown}",
    }[language]  # fmt: skip


def _arrival(call, arrival, language):
    name = arrival.leaf.name
    if not arrival.stored and call.call == "grad":
        return _result(name, phrase(arrival.gradient, language), language)
    told = sum_phrase(arrival.before, arrival.gradient, arrival.after, language)
    fan = _ways(arrival, language)
    if arrival.hooked:
        came = phrase(arrival.gradient, language)
        told = phrase(arrival.after, language)
        return {
            "en": f"{came} arrived at {name}, and a hook of the program changed it: "
                  f"{name}.grad is now {told}.{fan}",
            "zh": f"到达 {name} 的是 {came},程序的钩子(hook)改变了它:"
                  f"{name}.grad 现在是 {told}。{fan}",
        }[language]  # fmt: skip
    if arrival.before is None:
        return {"en": f"{name}.grad: {told}.{fan}", "zh": f"{name}.grad:{told}。{fan}"}[language]
    return {
        "en": f"{name}.grad: {told}. It was not empty, and backward() adds: what earlier calls "
              f"left ({phrase(arrival.before, language)}) stays in the sum.{fan}",
        "zh": f"{name}.grad:{told}。它原来不是空的,而 backward() 是累加:"
              f"之前留下的 {phrase(arrival.before, language)} 仍在其中。{fan}",
    }[language]  # fmt: skip


def _ways(arrival, language):
    """The sum over all ways to a leaf, written out."""
    ways = len(arrival.incoming)
    if ways < 2:
        return ""
    terms = added([phrase(m.value, language).partition(" (")[0].partition("(")[0]
                   for m in arrival.incoming[:6]])  # fmt: skip
    terms += " + …" * (ways > 6)
    return {"en": f" What arrived is the sum of {ways} ways: {terms}.",
            "zh": f"到达的梯度是 {ways} 条路径之和:{terms}。"}[language]  # fmt: skip


def _result(name, value, language):
    return {
        "en": f"The derivative by {name} is {value}; autograd.grad returns it and writes no .grad.",
        "zh": f"对 {name} 的导数是 {value};autograd.grad 只返回结果,不写入 .grad。",
    }[language]  # fmt: skip


WHY = {
    "freed": {
        "en": "its saved values were freed by an earlier backward()",
        "zh": "它保存的值已被之前的 backward() 释放",
    },
    "changed": {
        "en": "a value it had saved was changed in place after the forward pass",
        "zh": "它保存的值在前向之后被原地修改",
    },
    "error": {"en": "an error was raised", "zh": "发生了错误"},
}


def _stopped(error, language):
    record, why = error
    name = f"{record.name} ({record.torch_name})" if record is not None else "?"
    return {
        "en": f"The pass stopped at {name}: {WHY[why]['en']}.",
        "zh": f"反向传播停在 {name}:{WHY[why]['zh']}。",
    }[language]
