// The recorded graph computed again in the page, forward and backward, with other values at its leaves.
// Formulas of the messages are the rules the library itself used, so what is computed here is the same.
"use strict";
T.replay = {};

// Operations on numbers; each takes its params first.
T.replay.SCALAR = (() => {
  const erf = (x) => {
    // Series near 0, continued fraction far out: full double precision for what a page needs.
    const a = Math.abs(x);
    if (a > 6) return Math.sign(x);
    if (a < 2.5) {
      let sum = a, term = a;
      for (let n = 1; n < 80; n++) { term *= -a * a / n; sum += term / (2 * n + 1); }
      return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
    }
    let f = 0;
    for (let n = 60; n > 0; n--) f = n / 2 / (a + f);
    return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + f));
  };
  // Stirling's series, far enough out.
  const lgamma = (x) => {
    if (x <= 0 && Number.isInteger(x)) return Infinity;
    if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
    let shift = 0;
    while (x < 12) { shift += Math.log(x); x += 1; }
    const y = 1 / (x * x);
    return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y / 1680))) / x - shift;
  };
  const digamma = (x) => {
    if (x <= 0 && Number.isInteger(x)) return NaN;
    if (x < 0.5) return digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
    let shift = 0;
    while (x < 12) { shift += 1 / x; x += 1; }
    const y = 1 / (x * x);
    return Math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y / 240))) - shift;
  };
  // Hurwitz' zeta by Euler and Maclaurin, and the derivatives of digamma by it.
  const zeta = (p, s, q) => {
    let sum = 0, term = s;
    for (let k = 0; k < 12; k++) sum += (q + k) ** -s;
    const a = q + 12;
    sum += a ** (1 - s) / (s - 1) + 0.5 * a ** -s;
    [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160].forEach((b, j) => {
      sum += b * term * a ** (-s - 2 * j - 1);
      term *= (s + 2 * j + 1) * (s + 2 * j + 2);
    });
    return sum;
  };
  const polygamma = (p, x) => {
    const n = p.order;
    if (n === 0) return digamma(x);
    if (x <= 0) throw new T.replay.Missing("polygamma");
    let factor = n % 2 ? 1 : -1;
    for (let k = 2; k <= n; k++) factor *= k;
    return factor * zeta(p, n + 1, x);
  };
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const one = (f) => (p, x) => f(x);
  const table = {
    add: (p, ...v) => v.reduce((a, b) => a + b), sub: (p, x, y) => x - y, neg: (p, x) => -x, div: (p, x, y) => x / y,
    mul: (p, ...v) => v.reduce((a, b) => a * b), pow: (p, x, y) => Math.pow(x, y), square: (p, x) => x * x,
    reciprocal: (p, x) => 1 / x, maximum: (p, ...v) => (v.some(Number.isNaN) ? NaN : Math.max(...v)),
    minimum: (p, ...v) => (v.some(Number.isNaN) ? NaN : Math.min(...v)), relu: (p, x) => (x > 0 ? x : x !== x ? x : 0),
    rsqrt: (p, x) => 1 / Math.sqrt(x), exp2: (p, x) => Math.pow(2, x), log: one(Math.log), abs: one(Math.abs),
    round: (p, x) => { const r = Math.round(x); return Math.abs(x % 1) === 0.5 && r % 2 ? r - 1 : r; },
    sigmoid: one(sigmoid), silu: (p, x) => x * sigmoid(x), lgamma: one(lgamma), digamma: one(digamma), erf: one(erf), erfc: (p, x) => 1 - erf(x),
    gelu: (p, x) => (p.approximate === "tanh" ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
      : 0.5 * x * (1 + erf(x / Math.SQRT2))),
    softplus: (p, x) => { const b = p.beta ?? 1; return b * x > (p.threshold ?? 20) ? x : Math.log1p(Math.exp(b * x)) / b; },
    leaky_relu: (p, x) => (x > 0 ? x : x * (p.slope ?? 0.01)), elu: (p, x) => (x > 0 ? x : (p.alpha ?? 1) * Math.expm1(x)),
    clamp: (p, x) => Math.min(Math.max(x, p.low ?? -Infinity), p.high ?? Infinity),
    hardtanh: (p, x) => Math.min(Math.max(x, p.low ?? -1), p.high ?? 1),
    remainder: (p, x, y) => x - Math.floor(x / y) * y, fmod: (p, x, y) => x % y, atan2: (p, x, y) => Math.atan2(x, y),
    hypot: (p, x, y) => Math.hypot(x, y), where: (p, c, x, y) => (c ? x : y), bracket: (p, c) => (c ? 1 : 0),
    eq: (p, x, y) => x === y, ne: (p, x, y) => x !== y, lt: (p, x, y) => x < y, le: (p, x, y) => x <= y,
    gt: (p, x, y) => x > y, ge: (p, x, y) => x >= y, and: (p, x, y) => Boolean(x && y), or: (p, x, y) => Boolean(x || y),
    zeta, polygamma, not: (p, x) => !x, to_copy: (p, x) => Number(x),
  };
  for (const name of "sqrt exp expm1 log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh floor ceil trunc sign".split(" ")) {
    table[name] = one(Math[name]);
  }
  table.bitwise_and = table.logical_and = table.and;
  table.bitwise_or = table.logical_or = table.or;
  table.logical_not = table.not;
  return table;
})();

// Operations on arrays {shape, data}.
T.replay.ARRAY = (() => {
  const F = () => T.formula;
  const make = (shape, at) => {
    return { shape, data: T.complex.gathered(Array.from({ length: F().size(shape) }, (_, k) => at(F().unravel(k, shape), k))) };
  };
  const pick = (a, index) => a.data[F().ravel(index, a.shape)];
  const mm = (p, x, y) => {
    if (x.shape.length !== 2 || y.shape.length !== 2) return T.replay.byElements("mm", p, [x, y]);
    const [n, m] = x.shape, q = y.shape[1];
    return make([n, q], ([i, j]) => { let s = 0; for (let k = 0; k < m; k++) s += x.data[i * m + k] * y.data[k * q + j]; return s; });
  };
  const permute = (p, x) => make(p.axes.map((a) => x.shape[a]), (index) => {
    const inner = [];
    p.axes.forEach((a, k) => { inner[a] = index[k]; });
    return pick(x, inner);
  });
  const reduce = (join, start) => (p, x) => {
    const axes = p.axes ?? x.shape.map((_, i) => i), keep = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
    const out = { shape: keep, data: new Float64Array(F().size(keep)).fill(start) };
    for (let k = 0; k < x.data.length; k++) {
      const at = F().ravel(F().aligned(F().unravel(k, x.shape), keep), keep);
      out.data[at] = join(out.data[at], x.data[k]);
    }
    return p.keepdims ? out : { shape: x.shape.filter((_, i) => !axes.includes(i)), data: out.data };
  };
  const sum = reduce((a, b) => a + b, 0), top = reduce(Math.max, -Infinity), low = reduce(Math.min, Infinity);
  const softmax = (x, axis) => {
    const p = { axes: [axis < 0 ? axis + x.shape.length : axis], keepdims: true }, most = top(p, x);
    const shifted = make(x.shape, (i) => pick(x, i) - pick(most, F().aligned(i, most.shape)));
    const total = sum(p, make(x.shape, (i) => Math.exp(pick(shifted, i))));
    return [shifted, total];
  };
  const running = (p, x, join) => {
    const axis = axisOf(p), a = axis < 0 ? axis + x.shape.length : axis, out = { shape: x.shape, data: Float64Array.from(x.data) };
    const step = F().size(x.shape.slice(a + 1));
    for (let k = 0; k < out.data.length; k++) if (F().unravel(k, x.shape)[a] > 0) out.data[k] = join(out.data[k - step], x.data[k]);
    return out;
  };
  const axisOf = (p) => p.axis ?? p.dim ?? p.axes?.[0] ?? -1;
  return {
    mm, permute, sum, amax: top, amin: low, max: top, min: low,
    mean: (p, x) => { const s = sum(p, x), n = x.data.length / s.data.length; return { shape: s.shape, data: s.data.map((v) => v / n) }; },
    view: (p, x) => ({ shape: p.shape, data: x.data }),
    expand: (p, x) => make(p.shape, (index) => pick(x, F().aligned(index, x.shape))),
    log_softmax: (p, x) => { const [s, t] = softmax(x, axisOf(p)); return make(x.shape, (i) => pick(s, i) - Math.log(pick(t, F().aligned(i, t.shape)))); },
    softmax: (p, x) => { const [s, t] = softmax(x, axisOf(p)); return make(x.shape, (i) => Math.exp(pick(s, i)) / pick(t, F().aligned(i, t.shape))); },
    mse_loss: (p, x, y) => {
      const d = make(F().broadcast([x.shape, y.shape]), (i) => (pick(x, F().aligned(i, x.shape)) - pick(y, F().aligned(i, y.shape))) ** 2);
      if (p.reduction === "none") return d;
      const total = d.data.reduce((a, b) => a + b, 0);
      return { shape: [], data: Float64Array.of(p.reduction === "sum" ? total : total / d.data.length) };
    },
    prod: reduce((a, b) => a * b, 1),
    linalg_vector_norm: (p, x) => { const s = sum(p, make(x.shape, (_, k) => x.data[k] ** 2)); return { shape: s.shape, data: s.data.map(Math.sqrt) }; },
    var: (p, x) => {
      const s = sum({ axes: p.axes, keepdims: true }, x), n = x.data.length / s.data.length;
      const t = sum(p, make(x.shape, (i, k) => (x.data[k] - pick(s, F().aligned(i, s.shape)) / n) ** 2));
      return { shape: t.shape, data: t.data.map((v) => v / p.free) };
    },
    cumsum: (p, x) => running(p, x, (a, b) => a + b), cumprod: (p, x) => running(p, x, (a, b) => a * b),
    normalize: (p, x, ...affine) => {
      const q = { axes: p.axes, keepdims: true }, at = (a, i) => pick(a, F().aligned(i, a.shape));
      const average = (a) => { const s = sum(q, a), n = a.data.length / s.data.length; return { shape: s.shape, data: s.data.map((v) => v / n) }; };
      const mean = p.centred ? average(x) : average(make(x.shape, () => 0)), off = make(x.shape, (i, k) => x.data[k] - at(mean, i));
      const spread = average(make(x.shape, (_, k) => off.data[k] ** 2)), unit = make(x.shape, (i, k) => off.data[k] / Math.sqrt(at(spread, i) + p.eps));
      const scale = p.scaled ? affine[0] : null, shift = p.shifted ? affine[affine.length - 1] : null;
      const y = make(x.shape, (i, k) => unit.data[k] * (scale ? at(scale, i) : 1) + (shift ? at(shift, i) : 0));
      return { shape: [], data: [], outputs: [y, unit, mean, spread] };
    },
    max_pool: (p, x) => make([...x.shape.slice(0, -p.size.length), ...p.size], (index) => {
      const lead = index.slice(0, -p.size.length), at = index.slice(-p.size.length), n = x.shape.slice(-p.size.length);
      let most = -Infinity;
      for (let k = 0; k < F().size(p.kernel); k++) {
        const spot = F().unravel(k, p.kernel).map((v, a) => at[a] * p.stride[a] + v * p.dilation[a] - p.padding[a]);
        if (spot.every((v, a) => v >= 0 && v < n[a])) most = Math.max(most, pick(x, [...lead, ...spot]));
      }
      return most;
    }),
    clone: (p, x) => x, contiguous: (p, x) => x,
  };
})();

T.replay.Missing = class extends Error {};

// An operation whose elements can be followed: each element from the elements it is made of.
T.replay.byElements = function (op, params, ins) {
  // A number stands for an array of any shape that is full of it.
  const F = T.formula, names = ins.map((a, k) => (a.shape.length || typeof a.data[0] !== "number" ? "a" + k : a.data[0])), values = Object.fromEntries(ins.map((a, k) => ["a" + k, a])), shapes = T.shapes(values);
  const { shape } = params;
  const n = F.size(shape), list = [];
  for (let k = 0; k < n; k++) {
    const found = F.element([op, params, ...names], F.unravel(k, shape), shapes);
    if (found === null) throw new T.replay.Missing(params?.op || op);
    list.push(F.evaluate(found, values));
  }
  return { shape, data: T.complex.gathered(list) };
};

// The value of a tree for arrays; float32 steps are rounded as the library rounds them.
T.replay.run = function (tree, values, single) {
  if (typeof tree === "number" || typeof tree === "boolean") return { shape: [], data: Float64Array.of(Number(tree)) };
  if (typeof tree === "string") {
    if (!values[tree]) throw new T.replay.Missing(T.word("notKept"));
    return values[tree];
  }
  const [op, params, ...all] = tree, parts = op === "part" ? all.slice(0, 1) : all;
  // Of a table only some operands count.
  const ins = parts.map((part, k) => (op === "linear" && !params.of.includes(k) ? { shape: [], data: [0] } : T.replay.run(part, values, single)));
  const scalar = T.replay.SCALAR[op], complex = ins.some(T.complex.has) || ["complex", "cis"].includes(op);
  let out;
  if (complex ? T.complex.known(op) : scalar || ["conj", "real", "imag"].includes(op)) {
    const shape = T.formula.broadcast(ins.map((a) => a.shape));
    if (!shape) throw new T.replay.Missing(op);
    const n = T.formula.size(shape), list = [], p = params || {};
    for (let k = 0; k < n; k++) {
      const index = T.formula.unravel(k, shape);
      const values = ins.map((a) => (a.data.length === 1 ? a.data[0] : a.data[T.formula.ravel(T.formula.aligned(index, a.shape), a.shape)]));
      list.push(complex ? T.complex.compute(op, p, values) : scalar ? scalar(p, ...values) : T.complex.compute(op, p, values));
      if (list[k] === undefined) throw new T.replay.Missing(op);
    }
    out = { shape, data: T.complex.gathered(list) };
  } else {
    if (op === "part") out = ins[0].outputs[params.index];
    else if (complex && (params?.rule !== undefined || op === "linear")) out = T.replay.byElements(op, params, ins);
    else if (complex && T.replay.LINALG[op]?.complex) out = T.replay.LINALG[op](params || {}, ...ins);
    else if (complex) throw new T.replay.Missing(`${T.word("complexNumbers")} (${op})`);
    else if (T.replay.ARRAY[op]) out = T.replay.ARRAY[op](params || {}, ...ins);
    else if (T.replay.LINALG[op]) out = T.replay.LINALG[op](params || {}, ...ins);
    else if (params?.rule !== undefined || op === "linear") out = T.replay.byElements(op, params, ins);
    else throw new T.replay.Missing(op);
  }
  if (out.outputs) return out;
  return single ? { shape: out.shape, data: out.data.map(T.complex.rounded) } : out;
};

// Everything again: values, gradients, messages. `given` maps leaf id -> array. Throws Missing.
T.replay.pass = function (model, pass, given, single = true) {
  const values = new Map(), gradients = new Map(), sent = new Map(), incoming = new Map();
  const short = (dtype) => single && ["float32", "complex64"].includes(dtype);
  const env = (id, given) => {
    const node = model.nodes[id], own = values.get(id), found = { out: own };
    node.inputs.forEach((input, i) => {
      if (typeof input === "number") found["x" + i] = values.get(input);
      else if (input.number !== undefined) found["x" + i] = { shape: [], data: Float64Array.of(Number(input.number)) };
    });
    for (const [name, entry] of Object.entries(model.formulas[node.formula]?.constants || {})) {
      const array = model.array(entry);
      if (array) found[name] = { shape: array.shape, data: T.complex.copy(array.data) };
    }
    (own?.outputs || []).forEach((array, k) => { found["out" + k] = array; });
    if (given?.parts) own.outputs.forEach((array, k) => { found["g" + k] = given.parts[k] || { shape: array.shape, data: new Float64Array(array.data.length) }; });
    else if (given) found.g = given;
    return found;
  };
  const computed = (id, node) => {
    const formula = model.formulas[node.formula], given = env(id);
    if (!formula.outputs) {
      try { return T.replay.run(formula.forward, given, short(node.value?.dtype)); } catch (error) {
        const kept = model.array(node.value);  // what no slider reaches is as it was
        if (error instanceof T.replay.Missing && kept && !changed(node)) return { shape: kept.shape, data: T.complex.copy(kept.data) };
        throw error;
      }
    }
    return { shape: [], data: [], outputs: formula.outputs.map((tree, k) => {
      try { return T.replay.run(tree, given, short(node.outputs?.[k]?.dtype)); } catch (error) {
        // An output that only the backward pass would need, and that it was kept for.
        const kept = node.outputs?.[k] && model.array(node.outputs[k]);
        if (error instanceof T.replay.Missing && kept && !changed(node)) return { shape: kept.shape, data: T.complex.copy(kept.data) };
        throw error;
      }
    }) };
  };
  const reached = new Set(given.keys());
  const changed = (node) => node.inputs.some((input) => reached.has(input));
  for (const id of pass.members) {
    const node = model.nodes[id];
    if (node.kind === "op") {
      if (changed(node)) reached.add(id);
      values.set(id, { ...computed(id, node), dtype: node.value?.dtype });
    } else if (node.kind === "part") {
      if (changed(node)) reached.add(id);
      values.set(id, { ...values.get(node.inputs[0]).outputs[node.part], dtype: node.value?.dtype });
    } else {
      const array = given.get(id) || model.array(pass.values.get(id) || node.value);
      if (!array) throw new T.replay.Missing(T.word("notKept"));
      values.set(id, { shape: array.shape, data: T.complex.copy(array.data), dtype: array.dtype });
    }
  }
  const add = (id, array, from, input) => {
    const from_ = from === null ? null : model.nodes[from];
    if (from_?.kind === "part") {
      const parts = gradients.get(id)?.parts || [];
      parts[from_.part] = array;
      gradients.set(id, { parts, shape: [], data: [] });
      incoming.set(id, [...(incoming.get(id) || []), { from, input, value: model.entry(array) }]);
      return;
    }
    const old = gradients.get(id);
    const sum = (v, k) => { const found = T.complex.plus(v, array.data[k]); return short(array.dtype) ? T.complex.rounded(found) : found; };
    const data = old ? old.data.map(sum) : array.data;
    gradients.set(id, { shape: array.shape, data, dtype: array.dtype });
    if (!incoming.has(id)) incoming.set(id, []);
    incoming.get(id).push({ from, input, value: model.entry(array) });
  };
  for (const [id, value] of pass.call.seeds) {
    const array = model.array(value);
    if (!array) throw new T.replay.Missing(T.word("notKept"));
    add(id, array, null, null);
  }
  for (const step of pass.call.steps) {
    const formula = model.formulas[model.nodes[step.node].formula], messages = [];
    for (const message of step.sent) {
      const rule = formula?.inputs[message.input];
      if (!rule) throw new T.replay.Missing(model.nodes[step.node].op);
      let array = T.replay.run(rule.message, env(step.node, gradients.get(step.node)), short(message.value.dtype));
      const to = values.get(message.to), wanted = to.outputs ? array.shape : to.shape;
      if (array.data.length < T.formula.size(wanted)) array = T.replay.ARRAY.expand({ shape: wanted }, array);
      const { dtype } = message.value;
      array = { shape: array.shape, dtype, data: dtype.startsWith("complex") ? Array.from(array.data, T.complex.lift) : array.data };
      messages.push({ to: message.to, input: message.input, value: model.entry(array) });
      add(message.to, array, step.node, message.input);
    }
    sent.set(step.node, messages);
  }
  return { values, gradients, sent, incoming };
};

// The same as entries, for everything that shows values.
T.replay.entries = function (model, pass, given) {
  const found = T.replay.pass(model, pass, given);
  const entry = (array) => (array.parts ? { parts: Array.from(array.parts, (part) => (part ? model.entry(part) : null)) } : model.entry(array));
  const entries = (map) => new Map([...map].map(([id, array]) => [id, entry(array)]));
  const outputs = new Map([...found.values].filter(([, a]) => a.outputs).map(([id, a]) => [id, a.outputs.map(model.entry)]));
  return { outputs, values: entries(found.values), gradients: entries(found.gradients), sent: found.sent, incoming: found.incoming };
};

// The seeds times their outputs, for leaves moved to `given`: what is being differentiated.
T.replay.total = function (model, pass, given, single = false) {
  const { values } = T.replay.forward(model, pass, given, single);
  let total = 0;
  for (const [id, seed] of pass.call.seeds) {
    const array = values.get(id), g = model.array(seed);
    array.data.forEach((v, k) => { total += v * g.data[k]; });
  }
  return total;
};
T.replay.forward = (model, pass, given, single) =>
  T.replay.pass(model, { ...pass, call: { seeds: [], steps: [], arrivals: [] } }, given, single);
