// The graph: laid out by dagre from left to right, drawn as SVG, moved by drag, wheel and keys.
"use strict";
T.parts.graph = function (model, groups, host) {
  const { el, word } = T;
  const svg = el("svg", { class: "graph", role: "application", tabindex: 0 });
  const map = el("svg", { class: "minimap", "aria-hidden": "true" });
  const world = el("g");
  svg.append(world);
  host.append(svg, map);
  let box = { x: 0, y: 0, w: 100, h: 100 }, drawn = null, layout = null, lastKey = "", fitted = false;

  // --- what to draw ---------------------------------------------------------------------------------

  function members(pass) {
    const focus = T.state.focus;
    if (focus === null || !pass.inPass.has(focus)) return pass.members;
    const down = new Set([focus]);
    for (const id of pass.members) if (model.nodes[id].inputs.some((i) => down.has(i))) down.add(id);
    return pass.members.filter((id) => down.has(id));
  }

  function current() {
    const pass = model.pass(T.state.call), list = members(pass);
    const tree = groups.treeOf(pass, list, list.length === pass.members.length ? null : T.state.focus);
    return { pass, list, tree };
  }

  const WIDTH = (texts) => Math.max(64, ...texts.map((t) => 16 + 7.4 * [...t].reduce((n, c) => n + (c > "\u2e80" ? 1.8 : 1), 0)));

  // The lines of an item: its name, how it was made, its value, its gradient.
  function lines(item, pass) {
    if (item.group) {
      return { title: groups.label(item.group), made: madeOf(item), value: "", gradient: groupNorm(item, pass) };
    }
    const node = model.nodes[item.id], asTensor = T.state.view === "tensors" || item.part === "tensor";
    const made = { leaf: word("leaf"), constant: word("constant"), part: word("output") }[node.kind] || T.shownOp(node);
    const cut = { detach: " · detach()", no_grad: " · no_grad()" }[node.role] || "";
    const data = node.kind === "constant" || T.state.view === "both" && item.part !== "operation";
    const title = asTensor || data ? model.label(item.id) : node.torch || node.op;
    const below = asTensor || data ? (item.part === "tensor" ? "" : made + cut) : item.part ? "" : model.label(item.id);
    const gradient = pass.gradient.get(item.id);
    return { title: short(title), made: short(below, 26), value: item.part === "operation" ? "" : T.valueText(model.value(item.id, pass), 2),
      gradient: "", widest: gradient ? "∇ " + T.valueText(gradient, 2) : "" };
  }
  function madeOf(item) {
    if (item.group.operations !== 1) return `${item.group.operations} ${word("operations")}`;
    return model.nodes[item.members.find((id) => model.nodes[id].kind === "op")].op;
  }
  const short = (text, n = 24) => (text.length > n ? text.slice(0, n - 1) + "…" : text);

  function groupNorm(item, pass) {
    let total = 0, any = false;
    for (const id of item.members) {
      const norm = pass.arrival.has(id) ? model.norm(pass.gradient.get(id)) : null;
      if (norm !== null) { total += norm * norm; any = true; }
    }
    return any ? "‖∇‖ " + T.formula.numberText(Math.sqrt(total), 4) : "";
  }

  // --- layout ---------------------------------------------------------------------------------------

  function arrange() {
    const { pass, list, tree } = current();
    const seen = groups.visible(pass, tree, tree.open, list);
    let items = seen.items, edges = seen.edges;
    [items, edges] = repeated(items, edges);
    if (T.state.view === "both") [items, edges] = bipartite(items, edges);
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: items.length > 120 ? 40 : 56, ranker: items.length > 120 ? "longest-path" : "network-simplex" });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const item of items) {
      item.lines = lines(item, pass);
      const texts = [item.lines.title, item.lines.made, item.lines.value, item.lines.widest || "", item.lines.gradient];
      item.w = item.part === "operation" || item.ghost ? WIDTH([item.lines.title]) + 6 : WIDTH(texts) + (!item.group && model.nodes[item.id].kind === "leaf" ? 16 : 0);
      item.h = item.part === "operation" || item.ghost ? 26 : item.group ? 62 : 72;
      graph.setNode(item.key, { width: item.w, height: item.h });
    }
    for (const edge of edges) graph.setEdge(edge.from, edge.to, { width: edgeLabel(edge, pass).length * 7, height: 14, labelpos: "c" }, edge.key);
    dagre.layout(graph);
    for (const item of items) Object.assign(item, (({ x, y }) => ({ x, y }))(graph.node(item.key)));
    for (const edge of edges) edge.points = graph.edge(edge.from, edge.to, edge.key).points;
    const size = graph.graph();
    return { items, edges, rep: seen.rep, width: size.width > 0 ? size.width : 100, height: size.height > 0 ? size.height : 100, pass, tree };
  }

  // A leaf with many users is drawn again beside each: long edges across the picture tell nothing.
  const USERS = 5;
  function repeated(items, edges) {
    const count = new Map();
    for (const edge of edges) count.set(edge.from, (count.get(edge.from) || 0) + 1);
    const byKey = new Map(items.map((item) => [item.key, item])), more = [], seen = new Set();
    const out = edges.map((edge) => {
      const item = byKey.get(edge.from);
      if (item.id === undefined || !["leaf", "constant"].includes(model.nodes[item.id].kind) || count.get(edge.from) <= USERS) return edge;
      if (!seen.has(edge.from)) { seen.add(edge.from); return edge; }
      const key = `${edge.from}@${edge.to}`;
      more.push({ key, id: item.id, ghost: true });
      return { ...edge, key: key + ">", from: key };
    });
    return [[...items, ...more], out];
  }

  function bipartite(items, edges) {
    const made = [], out = [];
    for (const item of items) {
      if (item.group || item.ghost || model.nodes[item.id].kind !== "op") { made.push(item); continue; }
      made.push({ key: "o" + item.id, id: item.id, part: "operation" }, { ...item, part: "tensor" });
      out.push({ key: "o" + item.id + ">", from: "o" + item.id, to: item.key, ids: [] });
    }
    const operations = new Set(made.filter((i) => i.part === "operation").map((i) => "n" + i.id));
    for (const edge of edges) out.push(operations.has(edge.to) ? { ...edge, to: "o" + edge.to.slice(1) } : edge);
    return [made, out];
  }

  // The local derivative on an edge: its number for scalars, else its formula if that is short.
  function edgeLabel(edge, pass) {
    if (edge.ids.length !== 1) return edge.ids.length > 1 && edge.ids.length < 100 ? `${edge.ids.length} ×` : "";
    const [, user, input] = edge.ids[0];
    const found = T.localNumber(user, input, pass);
    return found === null ? "" : "× " + found;
  }

  // --- drawing --------------------------------------------------------------------------------------

  function render() {
    const { pass, tree } = current();
    const key = [T.state.call, T.state.view, T.state.focus, T.state.lang, T.state.moved ? "m" : "", [...tree.open].join()].join("|");
    if (key !== lastKey || !layout) {
      layout = arrange();
      lastKey = key;
      draw();
      if (!fitted || T.state.fit) { fit(); fitted = true; T.state.fit = false; }
    }
    if (T.state.moved) for (const item of layout.items) refreshValue(item);
    mark();
  }

  function draw() {
    const edges = el("g", { class: "edges" }), nodes = el("g", { class: "nodes" });
    drawn = { items: new Map(), edges: new Map() };
    for (const edge of layout.edges) edges.append(drawEdge(edge));
    for (const item of layout.items) nodes.append(drawItem(item));
    world.replaceChildren(el("defs", {}, arrow("arrow"), arrow("arrow-back")), edges, nodes);
    drawMap();
  }
  const arrow = (id) => el("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" },
    el("path", { d: "M0 0L8 4L0 8z", class: id }));

  function drawEdge(edge) {
    const [first, ...rest] = edge.points;
    const d = rest.length > 1 ? smooth(edge.points) : `M${first.x} ${first.y}` + rest.map((p) => `L${p.x} ${p.y}`).join("");
    const strength = thickness(edge);
    const line = el("path", { d, class: "edge", "marker-end": "url(#arrow)", style: `--w:${strength}px` });
    const middle = edge.points[Math.floor(edge.points.length / 2)];
    const text = el("text", { x: middle.x, y: middle.y - 5, class: "edge-label" }, edgeLabel(edge, layout.pass));
    const message = el("text", { x: middle.x, y: middle.y + 13, class: "edge-message" });
    const group = el("g", { class: "edge-group" }, line, text, message);
    drawn.edges.set(edge.key, { group, line, message, edge });
    return group;
  }
  function smooth(points) {
    let d = `M${points[0].x} ${points[0].y}`;
    for (let i = 1; i < points.length - 1; i++) {
      const next = i === points.length - 2 ? points[i + 1] : { x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2 };
      d += `Q${points[i].x} ${points[i].y} ${next.x} ${next.y}`;
    }
    return d;
  }
  function thickness(edge) {
    let most = 0;
    for (const [source, user, input] of edge.ids.slice(0, 200)) {
      const message = (layout.pass.sent.get(user) || []).find((m) => m.to === source && m.input === input);
      most = Math.max(most, message ? model.norm(message.value) || 0 : 0);
    }
    return most > 0 && Number.isFinite(most) ? Math.min(5, Math.max(1, 2 + Math.log10(most) * 0.8)).toFixed(2) : 1;
  }

  function drawItem(item) {
    const x = item.x - item.w / 2, y = item.y - item.h / 2;
    const kind = item.group ? "group" : item.part || model.nodes[item.id].kind;
    const g = el("g", { class: `item ${kind}${item.ghost ? " ghost" : ""}`, tabindex: 0, role: "button", transform: `translate(${x} ${y})`,
      "data-id": item.id ?? null, "data-group": item.group?.key ?? null, "aria-label": spoken(item) });
    if (item.group) for (const d of [6, 3]) g.append(el("rect", { x: d, y: d, width: item.w, height: item.h, rx: 8, class: "stack" }));
    g.append(el("rect", { width: item.w, height: item.h, rx: kind === "leaf" ? item.h / 2.4 : 8, class: "body" }));
    const parts = {};
    const line = (name, dy, text) => { parts[name] = el("text", { x: item.w / 2, y: dy, class: name }, text); g.append(parts[name]); };
    if (item.part === "operation" || item.ghost) line("title", 17, item.lines.title);
    else {
      line("title", 17, item.lines.title);
      line("made", 31, item.lines.made);
      line("value", 47, item.group ? "" : item.lines.value);
      line("gradient", item.group ? 50 : 63, item.group ? item.lines.gradient : "");
    }
    if (item.group) g.append(el("text", { x: item.w - 12, y: 17, class: "sign" }, "+"));
    g.append(el("title", {}, spoken(item)));
    g.addEventListener("click", (event) => { event.stopPropagation(); choose(item); });
    g.addEventListener("dblclick", () => item.group && openGroup(item.group));
    g.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); choose(item); } });
    g.addEventListener("pointerenter", () => item.id !== undefined && T.hover(item.id));
    g.addEventListener("pointerleave", () => T.hover(null));
    drawn.items.set(item.key, { g, parts, item });
    return g;
  }
  const spoken = (item) => [item.lines.title, item.lines.made, item.lines.value].filter(Boolean).join(", ");

  function choose(item) {
    if (item.group) openGroup(item.group);
    else T.set({ node: item.id });
  }
  function openGroup(group) {
    const { tree } = current();
    groups.toggle(tree, group);
    T.set({ fit: true });
  }
  function refreshValue(item) {
    if (item.id === undefined || item.part === "operation" || item.ghost) return;
    drawn.items.get(item.key).parts.value.textContent = T.valueText(model.value(item.id, layout.pass));
  }

  // --- what the current step has reached --------------------------------------------------------------

  function mark() {
    const pass = layout.pass, at = T.progress(pass), step = pass.steps[T.state.step];
    const related = T.state.hover ?? T.state.node;
    for (const { g, parts, item } of drawn.items.values()) {
      const ids = item.group ? item.members : [item.id];
      const ahead = ids.every((id) => !at.computed(id));
      const now = step && ids.includes(step.node);
      g.classList.toggle("ahead", ahead);
      g.classList.toggle("now", Boolean(now));
      g.classList.toggle("chosen", ids.includes(T.state.node));
      g.classList.toggle("hover", ids.includes(T.state.hover));
      g.classList.toggle("found", T.state.found?.some((id) => ids.includes(id)) || false);
      if (!item.group && parts.gradient) {
        const shown = at.gradient(item.id) ? model.gradientOf(item.id, pass) : null;
        parts.gradient.textContent = shown ? "∇ " + T.valueText(shown, 2) : "";
        g.classList.toggle("lit", Boolean(shown));
      }
    }
    for (const { group, message, edge } of drawn.edges.values()) {
      const live = edge.ids.filter(([, user]) => at.sent(user));
      group.classList.toggle("back", live.length > 0);
      group.classList.toggle("now", Boolean(step && step.phase === "backward" && edge.ids.some(([, user]) => user === step.node)));
      group.classList.toggle("near", edge.ids.some(([source, user]) => source === related || user === related));
      let text = "";
      if (edge.ids.length === 1 && live.length) {
        const [source, user, input] = edge.ids[0];
        const found = model.messages(user, pass).find((m) => m.to === source && m.input === input);
        if (found && !found.value.shape.length) text = "← " + T.valueText(found.value);
      }
      message.textContent = text;
    }
  }

  // --- moving about -----------------------------------------------------------------------------------

  function show() {
    svg.setAttribute("viewBox", `${box.x} ${box.y} ${box.w} ${box.h}`);
    const scale = svg.clientWidth / box.w;
    svg.classList.toggle("far", scale < 0.45);
    frame();
  }
  function fit() {
    if (!layout.items.length) return;
    const pad = 24, w = svg.clientWidth || 800, h = svg.clientHeight || 500;
    const scale = Math.min(1.35, w / (layout.width + 2 * pad), h / (layout.height + 2 * pad));
    const shown = Math.max(scale, 0.72);
    box = { w: w / shown, h: h / shown, x: 0, y: 0 };
    // What does not fit is shown from the selected node on, or from its end, where backward starts.
    const node = layout.items.find((i) => i.id === T.state.node && !i.ghost) ?? layout.items.reduce((a, b) => (b.x > a.x ? b : a));
    const place = (size, room, middle) => (room >= size ? size / 2 - room / 2 : Math.max(-pad, Math.min(size + pad - room, middle - room / 2)));
    box.x = place(layout.width, box.w, node.x);
    box.y = place(layout.height, box.h, node.y);
    show();
  }
  function zoom(factor, cx = box.x + box.w / 2, cy = box.y + box.h / 2) {
    const w = Math.min(Math.max(box.w * factor, 120), 40000), f = w / box.w;
    box = { x: cx - (cx - box.x) * f, y: cy - (cy - box.y) * f, w, h: box.h * f };
    show();
  }
  function point(event) {
    const r = svg.getBoundingClientRect();
    return [box.x + (event.clientX - r.left) / r.width * box.w, box.y + (event.clientY - r.top) / r.height * box.h];
  }
  svg.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, ...point(event)); }, { passive: false });
  let drag = null;
  svg.addEventListener("pointerdown", (event) => { if (!event.target.closest(".item")) drag = { x: event.clientX, y: event.clientY, box: { ...box } }; });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const k = box.w / svg.clientWidth;
    box.x = drag.box.x - (event.clientX - drag.x) * k;
    box.y = drag.box.y - (event.clientY - drag.y) * k;
    show();
  });
  window.addEventListener("pointerup", () => { drag = null; });
  new ResizeObserver(() => layout && fit()).observe(svg);

  // --- overview -----------------------------------------------------------------------------------------

  let mapFrame = null;
  function drawMap() {
    map.setAttribute("viewBox", `-10 -10 ${layout.width + 20} ${layout.height + 20}`);
    mapFrame = el("rect", { class: "frame" });
    map.replaceChildren(...layout.items.map((i) => el("rect", { x: i.x - i.w / 2, y: i.y - i.h / 2, width: i.w, height: i.h, class: i.group ? "group" : "" })), mapFrame);
    map.classList.toggle("hidden", layout.items.length < 12);
  }
  function frame() {
    if (!mapFrame) return;
    for (const [k, v] of Object.entries({ x: box.x, y: box.y, width: box.w, height: box.h })) mapFrame.setAttribute(k, v);
  }
  map.addEventListener("pointerdown", (event) => {
    const r = map.getBoundingClientRect(), scale = Math.max((layout.width + 20) / r.width, (layout.height + 20) / r.height);
    box.x = (event.clientX - r.left - r.width / 2) * scale + layout.width / 2 - box.w / 2;
    box.y = (event.clientY - r.top - r.height / 2) * scale + layout.height / 2 - box.h / 2;
    show();
  });

  function bring(id) {
    const { tree } = current();
    groups.reveal(tree, id);
    render();
    const item = layout.items.find((i) => i.id === id && !i.ghost);
    if (!item) return;
    if (item.x < box.x || item.x > box.x + box.w || item.y < box.y || item.y > box.y + box.h) {
      box.x = item.x - box.w / 2; box.y = item.y - box.h / 2;
      show();
    }
  }

  // Buttons that close the groups around the selected node again.
  function crumbs() {
    const { tree } = current(), id = T.state.node;
    if (id === null || !tree.home.has(id)) return [];
    return groups.around(tree, id).map((group) => el("button", { class: "crumb", title: word("collapse"),
      onclick: () => { tree.open.delete(group.key); T.set({ fit: true }); } }, `− ${groups.label(group)}`));
  }

  return { render, fit, crumbs, zoom, bring, collapseAll() { groups.collapse(current().tree); T.set({ fit: true }); }, members,
    counts: () => ({ items: layout.items.length, edges: layout.edges.length }) };
};
