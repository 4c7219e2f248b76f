// Arrays as numbers and as heat maps, with zero white and one scale for value and gradient side by side.
"use strict";
T.heat = (() => {
  const { el, word } = T;
  const DIGITS = 8, LINE = 32;

  // A diverging scale: blue below zero, white at zero, orange above. Signs are printed too.
  function colour(v, most) {
    if (Number.isNaN(v)) return "var(--nan)";
    const t = most > 0 ? Math.max(-1, Math.min(1, v / most)) : 0, k = Math.round(Math.abs(t) * 68);
    return `color-mix(in srgb, ${t < 0 ? "var(--cold)" : "var(--warm)"} ${k}%, var(--paper))`;
  }

  // The matrices that an array is made of: its last two axes are one, those before them count through the matrices.
  // A long row is folded, so that its length is no width.
  function matricesOf({ shape }) {
    const rank = shape.length, folded = rank === 1 && shape[0] > 2 * LINE, columns = rank ? (folded ? LINE : shape[rank - 1]) : 1;
    const rows = rank > 1 ? shape[rank - 2] : folded ? Math.ceil(shape[0] / LINE) : 1, lead = shape.slice(0, -2);
    return { rows, columns, lead, folded, count: T.formula.size(lead) };
  }

  // One array; `onCell(index)` is told of the element pointed at; `role` names it for highlights.
  function table(entry, { role = "", onCell = null, most = null } = {}) {
    const array = T.model.array(entry);
    if (!array) return summary(entry);
    const m = matricesOf(array), scale = most ?? largest(array), small = m.rows * m.count <= DIGITS && m.columns <= DIGITS;
    const one = (k) => matrix(entry, array, m, k, { scale, small, onCell, role: m.lead.length ? null : role });
    if (!m.lead.length) return m.folded ? el("div", {}, el("p", { class: "dim" }, `${array.shape[0]} ${word("inRowsOf")} ${LINE}`), one(0)) : one(0);
    return tiles(array, m, one, role);
  }
  // Of more than two axes: the matrices side by side, a row of them for each index of the axes before; what is too high scrolls.
  function tiles(array, m, one, role) {
    const across = m.lead[m.lead.length - 1], names = m.lead.length > 1 ? `${array.shape.slice(0, -3).join("×")} ${word("rowsOf")} ` : "";
    const figures = Array.from({ length: m.count }, (_, k) =>
      el("figure", { class: "tile" }, el("figcaption", {}, `[${T.formula.unravel(k, m.lead).join(",")}]`), one(k)));
    return el("div", { class: "stack" }, el("p", { class: "dim" }, `${array.shape.join("×")}: ${names}${across} ${word("matricesOf")} ${m.rows}×${m.columns}`),
      el("div", { class: m.lead.length > 1 ? "tiles ruled" : "tiles", "data-role": role, style: `--across:${across}`, tabindex: 0, role: "group", "aria-label": array.shape.join(" × ") }, figures));
  }
  function matrix(entry, array, m, k, { scale, small, onCell, role }) {
    const most = m.lead.length ? Math.max(60, Math.floor(320 / Math.min(m.count, 4))) : 320, side = Math.max(m.lead.length ? 5 : 3, Math.min(15, Math.floor(most / m.columns), Math.floor(240 / m.rows)));
    const grid = el("div", { class: small ? (m.columns > 4 ? "matrix tight" : "matrix") : "matrix dense", style: `--columns:${m.columns};--cell:${side}px`, role: "table",
      "aria-label": `${m.rows} × ${m.columns}`, "data-role": role });
    const start = k * m.rows * m.columns, end = Math.min(array.data.length, start + m.rows * m.columns);
    for (let at = start; at < end; at++) {
      const index = T.formula.unravel(at, array.shape), text = small ? T.formula.numberText(entry.data[at], m.columns > 6 ? 2 : m.columns > 4 ? 3 : 4) : "";
      grid.append(el("span", { class: "cell", role: "cell", tabindex: onCell && small ? 0 : null, style: `background:${colour(array.data[at], scale)}`,
        "data-index": index.join(","), "data-value": T.raw(entry.data[at]), title: `[${index.join(",")}] ${entry.data[at]}`,
        onpointerenter: onCell && (() => onCell(index)), onfocus: onCell && (() => onCell(index)) }, text));
    }
    return grid;
  }
  const largest = (array) => array.data.reduce((a, v) => (Number.isFinite(v) ? Math.max(a, Math.abs(v)) : a), 0);

  function summary(entry) {
    if (!entry) return el("p", { class: "dim" }, word("unknown"));
    const s = entry.summary;
    if (!s) return el("p", { class: "dim" }, entry.shape.join("×"));
    const rows = ["min", "max", "mean", "norm", "zeros", "nan"].filter((k) => s[k] !== undefined && (k !== "nan" || s[k]))
      .map((k) => el("tr", {}, el("th", {}, word(k)), el("td", {}, typeof s[k] === "number" ? T.formula.numberText(s[k], 5) : s[k])));
    const bars = s.histogram ? histogram(s.histogram) : null;
    return el("div", { class: "summary" }, el("p", { class: "dim" }, `${entry.shape.join("×")} ${entry.dtype}. ${word("summaryOnly")}`), el("table", {}, rows), bars);
  }
  function histogram(counts) {
    const most = Math.max(...counts);
    return el("svg", { class: "histogram", viewBox: "0 0 100 30", role: "img", "aria-label": counts.join(" ") },
      counts.map((n, k) => el("rect", { x: k * 10 + 0.5, width: 9, y: 30 - 28 * n / most, height: 28 * n / most })));
  }

  // Value and gradient beside each other; pointing at an element of the gradient tells where it comes from.
  function pair(value, gradient, onCell) {
    const one = (title, entry, kind, options) => el("figure", { class: kind }, el("figcaption", {}, title), table(entry, options));
    return el("div", { class: "pair" }, value && one(word("value"), value, "forward", { role: "value" }),
      gradient && one(word("gradient"), gradient, "backward", { role: "gradient", onCell }));
  }

  // Mark the elements that an expression mentions.
  function light(root, found, names) {
    for (const cell of root.querySelectorAll(".cell.lit")) cell.classList.remove("lit");
    const walk = (tree) => {
      if (!Array.isArray(tree)) return;
      if (tree[0] === "at") {
        const role = names[tree[1]];
        const cell = role && root.querySelector(`[data-role="${role}"] [data-index="${tree[2].join(",")}"]`);
        if (cell) cell.classList.add("lit");
      } else tree.slice(2).forEach(walk);
    };
    walk(found);
  }
  return { table, pair, summary, light, colour, largest };
})();
