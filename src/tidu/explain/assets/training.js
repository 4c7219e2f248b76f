// Training: loss, gradient norm and size of the updates of each layer over the steps, as curves and as a heat strip.
"use strict";
T.parts.training = function (model) {
  const { el, word } = T;
  const W = 620, H = 190, LEFT = 52, BOTTOM = 24;
  const INKS = Array.from({ length: 8 }, (_, k) => `var(--series-${k})`);
  const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 4", "10 4", "4 2", "12 3 3 3"];

  function render(host) {
    const data = model.doc.training;
    if (!data) { T.fill(host, el("p", {}, word("noPass"))); return; }
    const order = { error: 0, warning: 1, note: 2 }, told = [...data.health].sort((a, b) => order[a.level] - order[b.level]).map((f) => el("div", { class: "finding " + f.level, "data-kind": f.kind }, el("b", {}, { error: "✖ ", warning: "▲ ", note: "● " }[f.level]), f[T.state.lang]));
    const health = !told.length ? [el("p", {}, "✓ " + word("healthy"))] : told.length < 5 ? told
      : [...told.slice(0, 3), el("details", {}, el("summary", {}, `… ${told.length - 3}`), told.slice(3))];
    T.fill(host, el("h2", {}, word("tabTraining")), el("h3", {}, word("health")), ...health,
      ...(data.loss.some((v) => v !== null) ? [el("h3", {}, word("loss")), chart(data.steps, [{ name: word("loss"), values: data.loss }], false)] : []),
      el("h3", {}, word("gradNorms")), chart(data.steps, data.layers.map((l) => ({ name: l.name, values: l.gradient })), true),
      el("h3", {}, word("updateRatio")), chart(data.steps, data.layers.map((l) => ({ name: l.name, values: l.update })), true),
      el("h3", {}, word("heatStrip")), strip(data));
  }

  const value = (v) => (v === null || typeof v === "string" ? NaN : v);
  function chart(steps, series, logarithmic) {
    const f = (v) => (logarithmic ? Math.log10(v) : v), all = series.flatMap((s) => s.values.map(value)).filter((v) => Number.isFinite(v) && (!logarithmic || v > 0)).map(f);
    if (!all.length) return el("p", { class: "dim" }, word("none"));
    let low = Math.min(...all), high = Math.max(...all);
    if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
    const x = (k) => LEFT + (steps.length < 2 ? 0.5 : k / (steps.length - 1)) * (W - LEFT - 10), y = (v) => 10 + (1 - (f(v) - low) / (high - low)) * (H - BOTTOM - 14);
    const svg = el("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": series.map((s) => s.name).join(", ") },
      el("line", { x1: LEFT, y1: H - BOTTOM, x2: W, y2: H - BOTTOM }), el("line", { x1: LEFT, y1: 6, x2: LEFT, y2: H - BOTTOM }));
    for (const part of [0, 0.5, 1]) {
      const v = low + (high - low) * part, shown = logarithmic ? T.formula.numberText(10 ** v, 2) : T.formula.numberText(v, 3);
      svg.append(el("text", { x: LEFT - 5, y: 10 + (1 - part) * (H - BOTTOM - 14) + 4, class: "tick end" }, shown));
    }
    svg.append(el("text", { x: LEFT, y: H - 6, class: "tick" }, String(steps[0] ?? "")), el("text", { x: W - 8, y: H - 6, class: "tick end" }, String(steps[steps.length - 1] ?? "")));
    series.forEach((s, k) => {
      const points = s.values.map((v, i) => [i, value(v)]).filter(([, v]) => Number.isFinite(v) && (!logarithmic || v > 0));
      svg.append(el("polyline", { points: points.map(([i, v]) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" "), style: `stroke:${INKS[k % INKS.length]};stroke-dasharray:${DASHES[Math.floor(k / INKS.length) % DASHES.length] || DASHES[k % DASHES.length]}` }, el("title", {}, s.name)));
    });
    const legend = el("ul", { class: "legend" }, series.slice(0, 40).map((s, k) => el("li", {}, el("svg", { viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true" },
      el("line", { x1: 0, y1: 4, x2: 26, y2: 4, style: `stroke:${INKS[k % INKS.length]};stroke-width:2;stroke-dasharray:${DASHES[Math.floor(k / INKS.length) % DASHES.length] || DASHES[k % DASHES.length]}` })), s.name)));
    return el("figure", { class: "curve" }, svg, series.length > 1 ? legend : null);
  }

  function strip(data) {
    const all = data.layers.flatMap((l) => l.gradient.map(value)).filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
    const low = Math.min(...all, 0), high = Math.max(...all, low + 1e-6), most = 200, every = Math.max(1, Math.ceil(data.steps.length / most));
    const cell = (v, name, step) => {
      const n = value(v), t = n > 0 && Number.isFinite(n) ? (Math.log10(n) - low) / (high - low) : 0;
      const text = v === null ? word("none") : typeof v === "string" ? v : T.formula.numberText(v, 3);
      const sign = v === null ? "×" : typeof v === "string" ? "!" : n === 0 ? "0" : "";
      return el("i", { title: `${name}, ${word("step")} ${step}: ${text}`, style: `background:color-mix(in srgb, var(--warm) ${Math.round(8 + t * 80)}%, var(--paper))` }, sign);
    };
    return el("div", { class: "strip-map", role: "img", "aria-label": word("heatStrip") }, data.layers.map((l) => el("div", { class: "strip-row" }, el("span", {}, l.name),
      el("div", {}, l.gradient.filter((_, i) => i % every === 0).map((v, i) => cell(v, l.name, data.steps[i * every]))))));
  }
  return { render };
};
