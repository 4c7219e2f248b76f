// Four ways to one derivative: by hand, by small differences, by formula, automatically.
"use strict";
T.parts.methods = function (model) {
  const { el, word } = T;
  let leaf = null, step = -5;

  function render(host) {
    const pass = model.pass(T.state.call);
    const leaves = pass.members.filter((id) => model.nodes[id].kind === "leaf" && pass.gradient.has(id) && model.array(model.value(id, pass)) && model.value(id, pass).dtype?.startsWith("float"));
    if (!leaves.includes(leaf)) leaf = leaves.includes(T.state.node) ? T.state.node : leaves[0] ?? null;
    if (leaf === null) { T.fill(host, el("p", {}, word("noScalars"))); return; }
    let replay = null, missing = "";
    try { difference(pass, 1e-3); replay = true; } catch (error) { missing = error.message; }
    const choice = el("select", { "aria-label": word("choose"), onchange: (e) => { leaf = Number(e.target.value); render(host); } },
      leaves.map((id) => el("option", { value: id, selected: id === leaf }, model.label(id))));
    const cannot = () => el("p", { class: "dim" }, `${word("cannotReplay")}: ${missing}`);
    T.fill(host, el("h2", {}, word("tabMethods")), el("p", {}, `${word("byWhich")} `, choice),
      el("div", { class: "methods" },
        el("section", {}, el("h3", {}, "1. " + word("method1")), byHand(pass)),
        el("section", {}, el("h3", {}, "2. " + word("method2")), replay ? byDifferences(pass, host) : cannot()),
        el("section", {}, el("h3", {}, "3. " + word("method3")), byFormula(pass)),
        el("section", {}, el("h3", {}, "4. " + word("method4")), automatic(pass))));
  }

  const gradientNumber = (pass) => { const a = model.array(model.gradientOf(leaf, pass)); return a ? a.data[0] : NaN; };
  const which = (pass) => (model.value(leaf, pass).shape.length ? `${model.label(leaf)}[0]` : model.label(leaf));

  // --- 1: a formula typed by the reader -----------------------------------------------------------------

  function scalars(pass) {
    const found = {};
    for (const id of pass.members) {
      const array = model.array(model.value(id, pass));
      if (array && !array.shape.length) for (const name of model.nodes[id].names) if (/^[A-Za-z_]\w*$/.test(name)) found[name] = array.data[0];
    }
    return found;
  }
  function byHand(pass) {
    const names = scalars(pass), answer = el("p", { class: "answer", "aria-live": "polite" });
    const input = el("input", { id: "by-hand", type: "text", placeholder: "2*x", "aria-label": word("handHint"), autocomplete: "off" });
    const compare = () => {
      const wanted = gradientNumber(pass);
      let value;
      try { value = T.calculate(input.value, names); } catch (error) {
        answer.textContent = `${word("handError")} ${Object.keys(names).join(", ")}`;
        return;
      }
      const same = Math.abs(value - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted));
      answer.textContent = same ? `✓ ${word("handRight")} ${T.formula.numberText(wanted)}` : `✗ ${word("handWrong")} ${T.formula.numberText(value)}; ${word("handShould")} ${T.formula.numberText(wanted)}`;
    };
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") compare(); });
    return el("div", {}, el("p", {}, `${word("handHint")} ${which(pass)}:`), input, " ", el("button", { onclick: compare }, word("handCheck")), answer);
  }

  // --- 2: differences, and the U of their error ------------------------------------------------------------

  function difference(pass, h, twoSided = false) {
    const array = model.array(model.value(leaf, pass));
    const at = (d) => {
      const data = Float64Array.from(array.data);
      data[0] += d;
      return T.replay.total(model, pass, new Map([[leaf, { shape: array.shape, data, dtype: "float64" }]]));
    };
    return twoSided ? (at(h) - at(-h)) / (2 * h) : (at(h) - at(0)) / h;
  }
  function exact(pass) {
    const { gradients } = T.replay.pass(model, pass, new Map(), false);
    return gradients.get(leaf).data[0];
  }
  function byDifferences(pass, host) {
    let truth;
    try { truth = exact(pass); } catch (error) { truth = gradientNumber(pass); }
    const line = (twoSided) => {
      const points = [];
      for (let k = -14; k <= 0; k += 0.25) {
        const error = Math.abs(difference(pass, 10 ** k, twoSided) - truth);
        points.push([k, error > 0 ? Math.log10(error) : -17]);
      }
      return points.map((p) => place(p).join(",")).join(" ");
    };
    const value = el("p", { class: "answer" }), dot = el("circle", { r: 4, class: "dot" });
    const say = () => {
      const estimate = difference(pass, 10 ** step), error = Math.abs(estimate - truth);
      value.textContent = `h = 10^${step}: (L(${which(pass)}+h) − L(${which(pass)})) / h = ${T.formula.numberText(estimate, 9)}; ${word("error")} ${T.formula.numberText(error, 2)}`;
      const [x, y] = place([step, error > 0 ? Math.log10(error) : -17]);
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", y);
    };
    const place = ([k, e]) => [30 + (k + 14) / 14 * 250, 10 + (1 - (Math.max(-17, Math.min(3, e)) + 17) / 20) * 110];
    const slider = el("input", { type: "range", min: -14, max: 0, step: 0.25, value: step, "aria-label": word("stepSize"), oninput: (e) => { step = Number(e.target.value); say(); } });
    const curve = el("svg", { class: "curve", viewBox: "0 0 290 145", role: "img", "aria-label": word("numericHint") },
      el("line", { x1: 30, y1: 120, x2: 280, y2: 120 }), el("line", { x1: 30, y1: 10, x2: 30, y2: 120 }),
      el("polyline", { points: line(false) }), el("polyline", { class: "second", points: line(true) }), dot,
      el("text", { x: 155, y: 140 }, `h: 10^-14 … 1`), el("text", { x: 26, y: 16, class: "end" }, "1e3"), el("text", { x: 26, y: 122, class: "end" }, "1e-17"));
    say();
    return el("div", {}, el("p", { class: "dim" }, word("numericHint")), curve, el("p", { class: "dim" }, `— ${word("oneSided")}   - - ${word("twoSided")}`), el("label", {}, `${word("stepSize")} `, slider), value);
  }

  // --- 3: one formula --------------------------------------------------------------------------------------

  function byFormula(pass) {
    const seeds = pass.call.seeds;
    if (seeds.length !== 1) return el("p", { class: "dim" }, word("pathsScalar"));
    const memo = new Map();
    const forward = (id) => {
      if (!memo.has(id)) {
        const node = model.nodes[id];
        memo.set(id, node.kind === "op" ? fill(model.formulas[node.formula].forward, id) : ["name", id]);
      }
      return memo.get(id);
    };
    const fill = (tree, id) => {
      if (!Array.isArray(tree)) {
        if (typeof tree !== "string") return tree;
        if (tree === "out") return forward(id);
        const input = model.nodes[id].inputs[Number(tree.slice(1))];
        return typeof input === "number" ? forward(input) : Number(input?.number);
      }
      return [tree[0], tree[1], ...tree.slice(2).map((t) => fill(t, id))];
    };
    const sums = new Map();
    for (const step of pass.call.steps) {
      const own = step.node === seeds[0][0] ? [1] : sums.get(step.node) || [];
      for (const m of step.sent) {
        const rule = model.formulas[model.nodes[step.node].formula]?.inputs[m.input];
        if (!rule || rule.local === undefined || own.includes(null)) return el("p", { class: "dim" }, word("pathsScalar"));
        const g = own.length > 1 ? own.reduce((a, b) => ["add", null, a, b]) : own[0] ?? 1;
        const local = fill(rule.local, step.node);
        if (!sums.has(m.to)) sums.set(m.to, []);
        sums.get(m.to).push(g === 1 ? local : local === 1 ? g : ["mul", null, local, g]);
      }
    }
    const parts = sums.get(leaf) || [1], whole = parts.reduce((a, b) => ["add", null, a, b]);
    const written = sizeOf(whole), shared = sharedSize(whole);
    const name = (leafName) => [T.formula.texName(model.label(leafName[1])), 5];
    const readable = written <= 40 ? T.math(`\\frac{\\partial L}{\\partial ${T.formula.texName(model.label(leaf))}} = ${texOf(whole, name)}`, true) : null;
    return el("div", {}, el("p", { class: "dim" }, word("symbolicHint")), readable,
      el("p", {}, `${written > 1e15 ? written.toExponential(2) : written} ${word("withoutSharing")}; ${shared} ${word("withSharing")}.`));
  }
  const isName = (tree) => Array.isArray(tree) && tree[0] === "name";
  const sizes = new WeakMap();
  function sizeOf(tree) {
    if (!Array.isArray(tree) || isName(tree)) return 0;
    if (!sizes.has(tree)) sizes.set(tree, 1 + tree.slice(2).reduce((s, t) => s + sizeOf(t), 0));
    return sizes.get(tree);
  }
  function sharedSize(tree) {
    const seen = new Map(), ids = new WeakMap();
    const visit = (t) => {
      if (!Array.isArray(t)) return String(t);
      if (isName(t)) return "n" + t[1];
      if (ids.has(t)) return ids.get(t);
      const key = t[0] + JSON.stringify(t[1]) + "(" + t.slice(2).map(visit).join() + ")";
      if (!seen.has(key)) seen.set(key, "#" + seen.size);
      ids.set(t, seen.get(key));
      return seen.get(key);
    };
    visit(tree);
    return seen.size;
  }
  const texOf = (tree, name) => T.formula.tex(mark(tree), (l) => name(l));
  const mark = (tree) => (isName(tree) ? ["at", tree[1], []] : Array.isArray(tree) ? [tree[0], tree[1], ...tree.slice(2).map(mark)] : tree);

  // --- 4: what automatic differentiation costs ---------------------------------------------------------------

  function automatic(pass) {
    const count = (id) => T.formula.size(model.nodes[id].value?.shape || []);
    const n = [...pass.arrival.keys()].reduce((s, id) => s + count(id), 0) || 1, m = pass.call.seeds.reduce((s, [id]) => s + count(id), 0);
    const operations = pass.members.filter((id) => model.nodes[id].kind === "op").length;
    const row = (...cells) => el("tr", {}, cells.map((c, k) => el(k ? "td" : "th", {}, c)));
    return el("div", {}, el("p", { class: "dim" }, `${word("autoHint")}: n = ${n}, m = ${m}, ${operations} ${word("operations")}`),
      el("table", { class: "costs" }, row("", word("sweeps"), word("good")),
        row(word("forwardMode"), `n = ${n}`, word("fewInputs")), row(word("reverseMode"), `m = ${m}`, word("fewOutputs")),
        row(word("differences"), `2n = ${2 * n}`, word("perInput"))),
      el("p", { class: "number" }, `∂L/∂${which(pass)} = ${T.formula.numberText(gradientNumber(pass), 9)}`));
  }

  return { render };
};

// A calculator for what a reader types: numbers, names, + - * / ^ **, brackets and common functions.
T.calculate = function (text, names) {
  const tokens = text.match(/\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[A-Za-z_]\w*|\*\*|[-+*/^()·×]/g) || [];
  if (tokens.join("") !== text.replace(/\s+/g, "")) throw new Error("unknown sign");
  let at = 0;
  const FUNCTIONS = { exp: Math.exp, ln: Math.log, log: Math.log, sin: Math.sin, cos: Math.cos, tan: Math.tan, tanh: Math.tanh,
    sqrt: Math.sqrt, abs: Math.abs, sigmoid: (x) => 1 / (1 + Math.exp(-x)), relu: (x) => Math.max(0, x) };
  const sum = () => { let v = product(); while (tokens[at] === "+" || tokens[at] === "-") v = tokens[at++] === "+" ? v + product() : v - product(); return v; };
  const product = () => {
    let v = signed();
    for (;;) {
      const t = tokens[at];
      if (t === "*" || t === "·" || t === "×") { at++; v *= signed(); } else if (t === "/") { at++; v /= signed(); }
      else if (t !== undefined && /^[\w(.]/.test(t)) v *= signed(); // 2x
      else return v;
    }
  };
  const signed = () => { if (tokens[at] === "-") { at++; return -signed(); } if (tokens[at] === "+") { at++; return signed(); } return power(); };
  const power = () => { const v = atom(); if (tokens[at] === "^" || tokens[at] === "**") { at++; return v ** signed(); } return v; };
  const atom = () => {
    const t = tokens[at++];
    if (t === "(") { const v = sum(); if (tokens[at++] !== ")") throw new Error("bracket"); return v; }
    if (t !== undefined && /^[\d.]/.test(t)) return Number(t);
    if (t in names) return names[t];
    if (Object.hasOwn(FUNCTIONS, t) && tokens[at] === "(") { at++; const v = sum(); if (tokens[at++] !== ")") throw new Error("bracket"); return FUNCTIONS[t](v); }
    if (t === "pi") return Math.PI;
    if (t === "e") return Math.E;
    throw new Error("name");
  };
  const value = sum();
  if (at !== tokens.length || Number.isNaN(value)) throw new Error("rest");
  return value;
};
