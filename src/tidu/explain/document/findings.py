"""What a reader should be warned of: NaN and where it began, kinks, cuts, parameters left out.

Each finding is {"kind", "level", "nodes", "en", "zh"}; level is "error", "warning" or "note".
"""

import numpy as np

from ..recording.records import Record
from ..recording.values import Snapshot
from .phrases import phrase, sum_phrase

__all__ = ["findings_of", "size_of_gradient"]

MOST = 20  # of each kind
SMALL, LARGE, NOTABLE = 1e-6, 1e4, 10.0


def finding(kind, level, nodes, en, zh):
    return {"kind": kind, "level": level, "nodes": [r.id for r in nodes if r is not None], "en": en,
            "zh": zh}  # fmt: skip


def findings_of(recording):
    found = [*_errors(recording), *_nan_forward(recording), *_nan_backward(recording)]
    for rule in (_cuts, _kinks, _hooks, _left_out, _sizes, _accumulated, _in_place, _limits):
        found += list(rule(recording))[:MOST]
    return found


def line_of(record):
    return record.place.line if record is not None and record.place is not None else "?"


def _errors(recording):
    for call in recording.passes:
        if call.error is None:
            continue
        record, why = call.error
        yield finding(
            "stopped", "error", [record],
            f"Call {call.index + 1} stopped at {_shown(record)}, line {line_of(record)}: "
            + {"freed": "the graph had been freed by an earlier backward(). Pass retain_graph=True "
                        "to the first call, or compute the forward pass again.",
               "changed": "a value it needs was changed in place after the forward pass. Write the "
                          "changing line without in-place, or clone() the tensor before it.",
               "error": "see the error of the program."}[why],
            f"第 {call.index + 1} 次调用停在 {_shown(record)}(第 {line_of(record)} 行):"
            + {"freed": "计算图已被之前的 backward() 释放。"
                        "第一次调用时传入 retain_graph=True,或重新做前向计算。",
               "changed": "它需要的值在前向之后被原地修改了。把那一行改成非原地写法,或先 clone()。",
               "error": "见程序的错误信息。"}[why],
        )  # fmt: skip


def _shown(record):
    return f"{record.name} ({record.torch_name})" if record is not None else "?"


def bad(shot):
    """ "nan", "inf" or None."""
    if shot is None or isinstance(shot, list):
        return None
    if shot.array is not None:
        if shot.dtype.kind not in "fcV":
            return None
        wide = shot.array if shot.dtype.kind in "fc" else shot.array.astype(np.float32)
        return "nan" if np.isnan(wide).any() else "inf" if np.isinf(wide).any() else None
    summary = shot.summary or {}
    return "nan" if summary.get("nan") else "inf" if summary.get("inf") else None


def _nan_forward(recording):
    """Where the first value that is not finite came from: an operation, or what it was given."""
    for record in recording.records:
        kind = bad(record.value) if record.kind == "op" else None
        given = [i for i in record.inputs if isinstance(i, Record) and bad(i.value)]
        if kind is None or any(i.kind in ("op", "part") for i in given):
            continue
        level, more = _harm(recording)
        if given:
            yield from_the_start(given[0], record, level, more)
        else:
            yield finding(
                "nan", level, [record],
                f"{kind} begins here, in the forward pass: {_shown(record)}, line "
                f"{line_of(record)}. Its inputs are finite, its result is not.{more['en']}",
                f"{kind} 从这里开始(前向):{_shown(record)},第 {line_of(record)} 行。"
                f"输入是有限值,结果不是。{more['zh']}",
            )  # fmt: skip
        return


def from_the_start(given, record, level, more):
    """A tensor that was not finite before anything was computed."""
    kind, where = bad(given.value), line_of(given)
    en = f" (line {where})" if where != "?" else ""
    zh = f"(第 {where} 行)" if where != "?" else ""
    return finding(
        "nan", level, [given, record],
        f"{kind} is there from the start: {given.name}{en} holds it before anything is computed; "
        f"the first to use it is {_shown(record)}, line {line_of(record)}.{more['en']}",
        f"{kind} 一开始就有:{given.name}{zh} 在任何计算之前就含有它;"
        f"最先用到它的是 {_shown(record)},第 {line_of(record)} 行。{more['zh']}",
    )  # fmt: skip


def _harm(recording):
    """(level, more words): what is infinite on the way, as a mask is, may do no harm."""
    ends = [record.value for call in recording.passes for record, _ in call.seeds]
    ends += [a.gradient for call in recording.passes for a in call.arrivals]
    if not recording.passes or any(bad(shot) for shot in ends):
        return "error", {"en": "", "zh": ""}
    return "note", {
        "en": " The result and all gradients are finite: as of a mask, no harm came of it.",
        "zh": "结果与所有梯度都是有限值:如同掩码,没有造成影响。",
    }


def _nan_backward(recording):
    """The first step that got a finite gradient and sent on one that is not."""
    for call in recording.passes:
        for step in call.steps:
            if isinstance(step.gradient, list) or bad(step.gradient):
                continue
            kind = next((bad(m.value) for m in step.sent if bad(m.value)), None)
            if kind is not None:
                record = step.record
                en, zh = _why_local(record)
                yield finding(
                    "nan", "error", [record],
                    f"{kind} begins here, in backward call {call.index + 1}: {_shown(record)}, "
                    f"line {line_of(record)} got a finite gradient and sent on {kind}. {en}",
                    f"{kind} 从这里开始(第 {call.index + 1} 次反向):{_shown(record)},第 "
                    f"{line_of(record)} 行收到有限的梯度,却传出 {kind}。{zh}",
                )  # fmt: skip
                return


def _why_local(record):
    """Why a local derivative is not finite: by what came in, or at a value that is finite."""
    for item in (*record.inputs, record):
        kind = bad(item.value) if isinstance(item, Record) else None
        if kind is not None:
            return (f"Its local derivative is made of {item.name}, which holds {kind}.",
                    f"它的局部导数用到了 {item.name},其中含有 {kind}。")  # fmt: skip
    return ("Its local derivative is not finite at this value.",
            "它在这个值处的局部导数不是有限值。")  # fmt: skip


def _cuts(recording):
    told = {"detach": "detach()", "no_grad": "no_grad()", "data": ".data"}
    groups = {}
    for cut in recording.cuts:
        key = (cut.how, cut.source.name, cut.target.name, line_of(cut.target))
        groups.setdefault(key, []).append(cut)
    for cut, *others in groups.values():
        line = cut.place.line if cut.place is not None else "?"
        uncut = next((c.uncut for c in (cut, *others) if c.uncut), [])
        leaves = [found.leaf for found in uncut]
        yield finding(
            "cut", "note", [cut.source, cut.target, *leaves],
            f"{cut.target.name} (used on line {line}) was cut off from {cut.source.name} by "
            f"{told[cut.how]}: it counts as a constant, and no gradient goes back through it."
            + "".join([_without(found, "en") for found in uncut]),
            f"{cut.target.name}(第 {line} 行使用)与 {cut.source.name} 的联系被 "
            f"{told[cut.how]} 切断:它被当作常数,梯度不会经过它往回传。"
            + "".join([_without(found, "zh") for found in uncut]),
        )  # fmt: skip


def _without(uncut, language):
    """The full derivative beside the one of the graph that was cut."""
    full, number = phrase(Snapshot(np.round(uncut.full, 6)), language), uncut.call.index + 1
    got, leaf = phrase(uncut.got, language), uncut.leaf.name
    if uncut.got is None:
        return {"en": f" In call {number} {leaf} got nothing; without the cut: {full}.",
                "zh": f"第 {number} 次调用中 {leaf} 没有得到梯度;若不切断,则为 {full}。",
                }[language]  # fmt: skip
    return {"en": f" In call {number} {leaf} got {got}; the full derivative, without the cut, "
                  f"would be {full}.",
            "zh": f"第 {number} 次调用中 {leaf} 得到 {got};若不切断,完整的导数是 {full}。",
            }[language]  # fmt: skip


def _kinks(recording):
    seen = set()
    for record in recording.records:
        for kink in record.kinks:
            key = (record.op, line_of(record), kink["count"])
            if key in seen:
                continue
            seen.add(key)
            yield finding(
                "kink", "note", [record],
                f"{_shown(record)}, line {line_of(record)}: {kink['count']} element(s) on a kink; "
                f"{kink['en']}. Taken: {kink['chosen']} of {kink['allowed']}.",
                f"{_shown(record)},第 {line_of(record)} 行:{kink['count']} 个元素位于折点;"
                f"{kink['zh']}。取 {kink['chosen']}(可选 {kink['allowed']})。",
            )  # fmt: skip


def _hooks(recording):
    """Gradients that a hook of the program changed on their way."""
    seen = set()
    for call in recording.passes:
        hooked = [step.record for step in call.steps if step.hooked]
        for record in [*hooked, *[a.leaf for a in call.arrivals if a.hooked]]:
            if record.id in seen:
                continue
            seen.add(record.id)
            yield finding(
                "hook", "note", [record],
                f"A hook of the program changed the gradient that arrived at {record.name}; from "
                "there on it is not the derivative any more, so this pass is not checked "
                "numerically.",
                f"程序的钩子(hook)改变了到达 {record.name} 的梯度;"
                "从那里起它不再是导数,因此这次反向传播不做数值检验。",
            )  # fmt: skip


def _left_out(recording):
    """Parameters of modules that no backward pass reached."""
    if not any(call.arrivals for call in recording.passes):
        return
    reached = {id(a.leaf) for call in recording.passes for a in call.arrivals}
    for name, record, tensor in recording.parameters:
        if tensor.requires_grad and (record is None or id(record) not in reached):
            yield finding(
                "unused", "warning", [record],
                f"No gradient ever arrived at the parameter {name}: the output does not depend on "
                "it, or the chain is cut.",
                f"参数 {name} 从未得到梯度:输出不依赖它,或链条被切断。",
            )  # fmt: skip


def size_of_gradient(shot):
    """The Euclidean norm of a snapshot; None where it is not known."""
    if shot is None:
        return None
    if shot.array is not None:
        return float(np.linalg.norm(np.abs(shot.array).astype(np.float64).ravel()))
    norm = (shot.summary or {}).get("norm")
    return float(norm) if norm is not None else None


def _sizes(recording):
    """Parameters whose gradient is tiny or huge beside the others', in the last pass."""
    calls = [call for call in recording.passes if len(call.arrivals) > 2]
    if not calls:
        return
    sizes = [(a.leaf, size_of_gradient(a.gradient)) for a in calls[-1].arrivals]
    known = [s for _, s in sizes if s is not None and np.isfinite(s) and s > 0]
    if not known:
        return
    middle, largest = float(np.median(known)), max(known)
    for leaf, size in sizes:
        if size is None:
            continue
        if size == 0 or size < SMALL * largest:
            yield finding(
                "vanishing", "warning", [leaf],
                f"The gradient of {leaf.name} vanishes: its norm is {size:.3g}, the largest "
                f"{largest:.3g}.",
                f"{leaf.name} 的梯度消失:范数 {size:.3g},最大者为 {largest:.3g}。",
            )  # fmt: skip
        elif not np.isfinite(size) or size > max(LARGE * middle, NOTABLE):
            yield finding(
                "exploding", "warning", [leaf],
                f"The gradient of {leaf.name} explodes: its norm is {size:.3g}, the median "
                f"{middle:.3g}.",
                f"{leaf.name} 的梯度爆炸:范数 {size:.3g},中位数为 {middle:.3g}。",
            )  # fmt: skip


def _accumulated(recording):
    seen = set()
    for call in recording.passes:
        for arrival in call.arrivals:
            before, leaf = arrival.before, arrival.leaf
            if before is None or not arrival.stored or leaf.id in seen or before.array is None:
                continue
            if not np.any(before.array):
                continue
            seen.add(leaf.id)
            en = sum_phrase(before, arrival.gradient, arrival.after, "en")
            zh = sum_phrase(before, arrival.gradient, arrival.after, "zh")
            yield finding(
                "accumulated", "note", [leaf],
                f"{leaf.name}.grad was not cleared before call {call.index + 1}, and calls add: "
                f"{en}.",
                f"第 {call.index + 1} 次调用前没有清零 {leaf.name}.grad,梯度会累加:{zh}。",
            )  # fmt: skip


def _in_place(recording):
    for record in recording.records:
        if record.op == "copy_slices":
            yield finding(
                "in_place", "note", [record],
                f"{_shown(record)}: a write through a view; the history of the whole tensor was "
                "rewritten.",
                f"{_shown(record)}:通过视图原地写入;整个张量的历史被重写。",
            )  # fmt: skip


def _limits(recording):
    if recording.unplaced:
        count = recording.unplaced
        yield finding(
            "limit", "note", [],
            f"The line of {count} operation{'s' * (count != 1)} cannot be told from the graph "
            "alone and is left open; `with tidu.explain() as ex:` around the code records it.",
            f"有 {count} 个运算无法仅从计算图判断写在哪一行,因此留空;"
            "用 `with tidu.explain() as ex:` 包住代码即可记录。",
        )  # fmt: skip
    if recording.left_out:
        yield finding(
            "limit", "note", [],
            "The recording is full: what came after it was not written down (--limit).",
            "记录已满:之后的运算没有记录(--limit)。",
        )  # fmt: skip
    for place, calls, modules in recording.pauses:
        of = f" ({', '.join(modules)})" if modules else ""
        en, zh = (
            (f" on line {place.line}", f"第 {place.line} 行") if place is not None else ("", "")
        )
        yield finding(
            "limit", "note", [],
            f"Of the backward calls{en}{of} the first {calls} are shown; later rounds ran without "
            "being written down (--limit asks for more, --train watches a whole run).",
            f"{zh}{of}的反向传播只记录了前 {calls} 次,之后照常运行、不再记录"
            "(--limit 可记录更多,--train 观察整个训练过程)。",
        )  # fmt: skip
