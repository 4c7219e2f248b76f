// The page's state: one object, changed by T.set, kept in the address so that a link shows the same step.
"use strict";
T.state = { call: 0, step: 0, node: null, lang: "en", tab: "graph", view: "tensors", focus: null, hover: null, found: null,
  moved: null, given: new Map(), playing: false, speed: 1, fit: true };
T.listeners = [];

T.set = function (change) {
  const before = { ...T.state };
  Object.assign(T.state, change);
  const pass = T.model.pass(T.state.call);
  if (before.call !== T.state.call) {
    T.state.step = change.step ?? Math.max(0, pass.steps.length - 1);
    T.state.moved = null;
    T.state.given = new Map();
    if (T.state.focus !== null && !pass.inPass.has(T.state.focus)) T.state.focus = null;
    T.state.fit = true;
  }
  T.state.step = Math.max(0, Math.min(T.state.step, pass.steps.length - 1));
  T.writeAddress();
  for (const listener of T.listeners) listener(T.state, before);
};

T.hover = function (id) {
  if (T.state.hover === id) return;
  T.state.hover = id;
  for (const listener of T.hoverListeners) listener(id);
};
T.hoverListeners = [];

T.writeAddress = function () {
  const s = T.state, parts = [`call=${s.call + 1}`, `step=${s.step + 1}`, `lang=${s.lang}`];
  if (s.node !== null) parts.push(`node=${s.node}`);
  if (s.tab !== "graph" || T.model.doc.error) parts.push(`tab=${s.tab}`);
  if (s.focus !== null) parts.push(`only=${s.focus}`);
  const hash = "#" + parts.join("&");
  if (location.hash !== hash) history.replaceState(null, "", hash);
};

T.readAddress = function (language) {
  const given = Object.fromEntries(location.hash.slice(1).split("&").map((part) => part.split("=")));
  const s = T.state, count = T.model.passes.length, whole = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : null);
  s.lang = T.WORDS[given.lang] ? given.lang : language;
  const detailed = T.model.passes.reduce((last, call, k) => (call.steps.length || !call.arrivals.length || k === 0 ? k : last), 0);
  s.call = Math.min(Math.max((whole(given.call) ?? detailed + 1) - 1, 0), count - 1);
  const pass = T.model.pass(s.call);
  s.step = Math.min(Math.max((whole(given.step) ?? pass.steps.length) - 1, 0), Math.max(0, pass.steps.length - 1));
  const node = whole(given.node), only = whole(given.only);
  s.node = node !== null && T.model.nodes[node] ? node : null;
  s.focus = only !== null && pass.inPass.has(only) ? only : null;
  s.tab = given.tab || "graph";
};

// How far the step has come: which nodes are computed, have their gradient, have sent it on.
T.progress = function (pass) {
  const at = T.state.step;
  if (T.progress.pass !== pass) {
    const count = T.model.nodes.length, never = pass.steps.length;
    T.progress.pass = pass;
    for (const when of ["first", "sent", "grad"]) T.progress[when] = new Int32Array(count).fill(never);
    pass.steps.forEach((step, k) => {
      if (step.phase === "forward") T.progress.first[step.node] = k;
      if (step.phase === "backward") T.progress.sent[step.node] = k;
      if (step.phase !== "forward" && T.progress.grad[step.node] === never) T.progress.grad[step.node] = k;
    });
  }
  const { first, sent, grad } = T.progress, last = pass.steps.length - 1;
  return {
    computed: (id) => first[id] > last || first[id] <= at,
    gradient: (id) => pass.gradient.has(id) && Math.min(grad[id], last) <= at,
    sent: (id) => sent[id] <= at,
  };
};

// --- texts of values ------------------------------------------------------------------------------------

T.shownNumber = (v) => T.formula.numberText(typeof v === "number" || typeof v === "string" || typeof v === "boolean" ? v : v[0]);

T.valueText = function (entry, most = 4) {
  if (!entry) return "";
  if (entry.parts) return entry.parts.filter(Boolean).map((part) => T.valueText(part, most)).join(" | ");
  const { shape, data } = entry;
  if (data && !shape.length) return T.formula.numberText(data[0], Array.isArray(data[0]) ? 4 : 6);
  const form = shape.join("×");
  if (data && data.length <= most) return "[" + data.map((v, k) => (k && k % shape[shape.length - 1] === 0 ? "; " : k ? " " : "") + T.formula.numberText(v, 3)).join("") + "]";
  if (data && data.length && data.every((v) => v === data[0])) return `${T.word("every")} ${T.formula.numberText(data[0], 4)} (${form})`;
  const norm = T.model.norm(entry);
  return norm === null ? form : `${form} ‖${T.formula.numberText(norm, 3)}‖`;
};

// The same in the margin of the program: one short number.
T.chipText = function (entry) {
  if (Array.isArray(entry?.data?.[0]) && !entry.shape.length) return T.formula.numberText(entry.data[0], 3);
  if (!entry || entry.parts || !entry.shape.length) return T.valueText(entry);
  const { data } = entry;
  if (data?.length && data.every((v) => v === data[0])) return `${T.word("every")} ${T.formula.numberText(data[0], 3)}`;
  const norm = T.model.norm(entry);
  return norm === null ? entry.shape.join("×") : `‖${T.formula.numberText(norm, 3)}‖`;
};

T.shownOp = function (node) {
  const place = node.module ? null : T.model.place(node);
  const whole = place && place.text && place.text.length <= 22 && place.column !== null;
  return whole && T.lastOfCall(node) ? place.text : node.op;
};

// Whether a node is the result of the expression at its place: of several operations there, the last.
T.lastOfCall = function (node) {
  const call = (n) => JSON.stringify([n.place, n.loops, n.calls]);
  if (!T.model.lasts) {
    T.model.lasts = new Map();
    for (const n of T.model.nodes) if (n.kind === "op" && n.place !== undefined) T.model.lasts.set(call(n), n.id);
  }
  return T.model.lasts.get(call(node)) === node.id;
};

// --- formulas of a node -----------------------------------------------------------------------------------

T.env = function (id, pass, gradient) {
  const values = {}, node = T.model.nodes[id];
  node.inputs.forEach((input, i) => {
    const array = typeof input === "number" ? T.model.array(T.model.value(input, pass))
      : input.number !== undefined ? { shape: [], data: [Number(input.number)] } : null;
    if (array) values["x" + i] = array;
  });
  const put = (name, entry) => { const array = T.model.array(entry); if (array) values[name] = array; };
  put("out", T.model.value(id, pass));
  put("g", gradient);
  const outputs = (T.state.moved?.outputs.get(id)) || node.outputs || [];
  outputs.forEach((entry, k) => {
    put("out" + k, entry);
    if (gradient?.parts) put("g" + k, gradient.parts[k] || { shape: entry.shape, dtype: entry.dtype, data: Array(T.formula.size(entry.shape)).fill(0) });
  });
  const formula = node.formula === undefined ? null : T.model.formulas[node.formula];
  for (const [name, entry] of Object.entries(formula?.constants || {})) put(name, entry);
  return values;
};
T.shapes = (values) => Object.fromEntries(Object.entries(values).map(([name, array]) => [name, array.shape]));

T.namer = (id) => (leaf) => {
  if (Array.isArray(leaf) && Array.isArray(leaf[1])) return [T.formula.texInside(leaf[1], T.namer(id)) + (leaf[2].length ? `[${T.formula.indexTex(leaf[2])}]` : ""), 5];
  const node = T.model.nodes[id], name = Array.isArray(leaf) ? leaf[1] : leaf;
  let shown = name;
  if (/^x\d+$/.test(name)) {
    const input = node.inputs[Number(name.slice(1))];
    if (typeof input === "number") shown = T.model.labelIn(id, input);
    else if (input?.number !== undefined) return T.formula.number(input.number);
    else shown = input?.other ?? "?";
  } else if (/^out\d*$/.test(name)) shown = name === "out" ? T.model.label(id) : T.model.labelOfPart(id, Number(name.slice(3)));
  const index = Array.isArray(leaf) && leaf[2].length ? `[${T.formula.indexTex(leaf[2])}]` : "";
  return [T.formula.texName(shown) + index, 5];
};

// The local derivative of a node by one input as a number, where all is scalar.
T.localNumber = function (id, input, pass) {
  const node = T.model.nodes[id], rule = node.formula === undefined ? null : T.model.formulas[node.formula].inputs[input];
  if (!rule || rule.local === undefined) return null;
  if (typeof rule.local === "number") return T.formula.numberText(rule.local);
  const values = T.env(id, pass, null);
  if (Object.values(values).some((a) => a.shape.length)) return null;
  const found = T.formula.element(rule.local, [], T.shapes(values));
  const value = found === null ? NaN : T.formula.evaluate(found, values);
  return Number.isNaN(value) ? null : T.formula.numberText(value, 4);
};

// LaTeX of one message: general, with numbers for one element, and its result. Parts may be null.
T.worked = function (id, message, gradient, pass, at = null) {
  const node = T.model.nodes[id], rule = node.formula === undefined ? null : T.model.formulas[node.formula].inputs[message.input];
  if (!rule) return { general: null, numbers: null, result: null };
  const general = T.formula.tex(rule.message, T.namer(id)), array = T.model.array(message.value);
  if (!array || !array.data.length) return { general, numbers: null, result: null };
  const index = at ?? T.telling(array), values = T.env(id, pass, gradient);
  const result = T.formula.numberText(message.value.data[T.formula.ravel(index, array.shape)]);
  const found = T.formula.element(rule.message, index, T.shapes(values), 6);
  let numbers = null;
  try { numbers = found === null ? null : T.formula.numbersOf(found, values); } catch (error) { numbers = null; }
  return { general, numbers, sign: T.sign(found, values), result: T.formula.texNumber(result), index, element: rule.element ? T.ruleText(id, rule.element) : null };
};

// A rule of elements; no letter of its sums is the name of a tensor in it.
T.ruleText = function (id, tree) {
  return T.formula.tex(T.formula.unclashed(tree, T.labelsIn(id)), T.namer(id));
};
T.labelsIn = (id) => [...T.model.ownLabels(id), "g", ...T.model.nodes[id].inputs.filter((i) => typeof i === "number").map((i) => T.model.labelIn(id, i))];

// The equations that define a result, and both sides of each for the element at an index.
T.defining = function (id, pass, index) {
  const formula = T.model.formulas[T.model.nodes[id].formula], values = T.env(id, pass, null);
  return (formula?.defines || []).map(({ left, right, shape, elements }) => {
    const sides = [left, right], found = { whole: sides.map((side) => T.formula.tex(side, T.namer(id))).join(" = "), shape };
    if (!elements.includes(null)) found.rule = elements.map((side) => T.ruleText(id, side));
    if (index?.length !== shape.length || !index.every((i, a) => i < shape[a])) return found;
    const trees = sides.map((side) => T.formula.element(side, index, T.shapes(values), 6));
    try { found.numbers = trees.map((tree) => (tree === null ? null : T.formula.numbersOf(tree, values))); } catch (error) { return found; }
    if (found.numbers.includes(null)) { delete found.numbers; return found; }
    // Numbers of an algorithm: equal as far as their type is exact.
    // The same digits on both sides are equal, whatever is left out of them.
    found.sign = found.numbers[0] === found.numbers[1] || trees.every((tree) => T.sign(tree, values) === "=") && sameNumber(...trees.map((tree) => T.formula.evaluate(tree, values))) ? "=" : "\\approx";
    return found;
  });
};
const sameNumber = (a, b) => (a instanceof T.Complex || b instanceof T.Complex ? JSON.stringify(T.complex.lift(a)) === JSON.stringify(T.complex.lift(b)) : Number(a) === Number(b));

// The element a formula is shown for: the largest, of complex ones by their larger part.
T.telling = function (array) {
  let best = 0, most = -1;
  array.data.forEach((v, k) => {
    const parts = v instanceof T.Complex ? Math.max(Math.abs(v.re), Math.abs(v.im)) : Math.abs(v), size = Number.isNaN(parts) ? Infinity : parts;
    if (size > most) { most = size; best = k; } });
  return T.formula.unravel(best, array.shape);
};

// Whether the numbers shown are the whole numbers: then "=", else "≈".
T.sign = function (found, values) {
  const exact = (v) => {
    if (v instanceof T.Complex) return exact(v.re) && exact(v.im);
    const shown = Number(T.formula.numberText(v)); return shown === v || Math.fround(shown) === v || !Number.isFinite(v); };
  const walk = (t) => !Array.isArray(t) || (t[0] === "at" ? !Array.isArray(t[1]) && exact(values[t[1]].data[T.formula.ravel(t[2], values[t[1]].shape)])
    : (t[0] !== "terms" || t[1] === t.length - 2) && t.slice(2).every(walk));
  return found !== null && walk(found) ? "=" : "\\approx";
};

// `x.grad += ` in the words of the program, then the formula.
T.work = (target, tex) => T.el("div", { class: "work" }, typeof target === "string" ? T.el("code", {}, target) : target, T.el("code", {}, "+="), T.math(tex, true));

T.math = function (tex, block = false) {
  const host = T.el("span", { class: block ? "math block" : "math", "data-tex": tex });
  try {
    katex.render(tex, host, { output: "mathml", displayMode: block, throwOnError: true, strict: "ignore" });
  } catch (error) {
    host.textContent = tex;
  }
  return host;
};
