// The document as objects: nodes with users, passes with their steps in order, values and memory.
"use strict";
T.parts.model = function (doc) {
  const nodes = doc.nodes;
  const model = { doc, nodes, formulas: doc.formulas, passes: doc.passes.length ? doc.passes : [forwardOnly()] };
  const users = (model.users = nodes.map(() => []));
  for (const { id, inputs } of nodes) {
    for (const input of inputs) if (typeof input === "number" && users[input].at(-1) !== id) users[input].push(id);
  }

  function forwardOnly() {
    const used = new Set(nodes.flatMap((n) => n.inputs.filter((i) => typeof i === "number")));
    const ends = nodes.filter((n) => n.kind === "op" && !used.has(n.id));
    return { call: "none", place: null, loops: [], seeds: ends.map((n) => [n.id, null]), steps: [], arrivals: [] };
  }

  model.label = (id) => nodes[id].names[0] || "v" + id;
  // An input's label in a formula of its user, which may have its name: x = x_old + 1.
  model.labelIn = (id, input) => (input !== id && model.ownLabels(id).includes(model.label(input)) ? model.label(input) + "_old" : model.label(input));
  // What a node's results are called: its own name, and those of its parts; v7[0] where a part has none.
  const parts = new Map(nodes.filter((n) => n.kind === "part" && n.names.length).map((n) => [`${n.inputs[0]},${n.part}`, n.id]));
  model.labelOfPart = (id, k) => (parts.has(`${id},${k}`) ? model.label(parts.get(`${id},${k}`)) : `${model.label(id)}[${k}]`);
  model.ownLabels = (id) => [model.label(id), ...(nodes[id].outputs || []).map((_, k) => model.labelOfPart(id, k))];
  model.place = (node) => (node.place === undefined ? null : doc.places[node.place]);

  // --- numbers -----------------------------------------------------------------------------------

  const TYPES = { float32: Float32Array, float64: Float64Array };
  const decode = (v) => (typeof v === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[v] : Array.isArray(v) ? new T.Complex(decode(v[0]), decode(v[1])) : Number(v));
  model.array = function (entry) {
    if (!entry || !entry.data) return null;
    if (!entry.array) {
      const kind = entry.dtype?.startsWith("complex") ? Array : TYPES[entry.dtype] || Float64Array, data = kind.from(entry.data, decode);
      Object.defineProperty(entry, "array", { value: { shape: entry.shape, data, raw: entry.data, dtype: entry.dtype } });
    }
    return entry.array;
  };
  model.norm = function (entry) {
    if (!entry) return null;
    const array = model.array(entry);
    if (array) return Math.sqrt(array.data.reduce((sum, v) => sum + v * v, 0));
    const norm = entry.summary?.norm;
    return norm === undefined ? null : Number(norm);
  };

  // --- one pass: which nodes it concerns, what happens in which order --------------------------------

  const cache = new Map();
  model.pass = function (index) {
    if (!cache.has(index)) cache.set(index, open(model.passes[index], index));
    return cache.get(index);
  };

  function open(call, index) {
    const members = reach(call.seeds.map(([id]) => id));
    const pass = { call, index, members, inPass: new Set(members), gradient: new Map(), arrival: new Map(),
      incoming: new Map(), sent: new Map(), values: new Map(), steps: [] };
    call.seeds.forEach(([id, value]) => push(pass.incoming, id, { from: null, input: null, value }));
    for (const step of call.steps) {
      pass.gradient.set(step.node, step.gradient);
      pass.sent.set(step.node, step.sent);
      for (const m of step.sent) push(pass.incoming, m.to, { from: step.node, input: m.input, value: m.value });
    }
    for (const a of call.arrivals) {
      pass.arrival.set(a.leaf, a);
      pass.gradient.set(a.leaf, a.gradient);
      if (a.value) pass.values.set(a.leaf, a.value);
    }
    for (const [id, value] of call.results || []) if (!pass.gradient.has(id)) pass.gradient.set(id, value);
    pass.steps = order(pass, call);
    pass.memory = memory(pass);
    return pass;
  }

  function push(map, key, item) {
    const list = map.get(key);
    if (list) list.push(item); else map.set(key, [item]);
  }

  function reach(ids) {
    const found = new Uint8Array(nodes.length), waiting = [...ids], members = [];
    for (const id of ids) found[id] = 1;
    while (waiting.length) {
      for (const input of nodes[waiting.pop()].inputs) {
        if (typeof input === "number" && !found[input]) { found[input] = 1; waiting.push(input); }
      }
    }
    found.forEach((is, id) => { if (is) members.push(id); });
    return members;
  }

  function order(pass, call) {
    const steps = [];
    for (const id of pass.members) if (nodes[id].kind === "op") steps.push({ phase: "forward", node: id });
    call.seeds.forEach(([id, value]) => { if (value) steps.push({ phase: "seed", node: id }); });
    call.steps.forEach((step, k) => steps.push({ phase: "backward", node: step.node, at: k }));
    for (const a of call.arrivals) steps.push({ phase: "arrive", node: a.leaf });
    return steps;
  }

  // Bytes held after each step: values saved in the forward pass, given back as nodes are visited.
  function memory(pass) {
    const users = new Map(), bytes = new Float64Array(pass.steps.length);
    let total = 0, peak = 0;
    pass.steps.forEach((step, k) => {
      const saved = nodes[step.node].saved;
      if (saved && step.phase === "forward") {
        for (const [, of, size] of saved) {
          const key = `${of}:${size}`, count = users.get(key) || 0; // one of several outputs
          if (!count) total += size;
          users.set(key, count + 1);
        }
      } else if (saved && step.phase === "backward" && pass.call.steps[step.at].freed) {
        for (const [, of, size] of saved) {
          const key = `${of}:${size}`, count = users.get(key) || 0;
          if (count === 1) total -= size;
          if (count) users.set(key, count - 1);
        }
      }
      bytes[k] = total;
      peak = Math.max(peak, total);
    });
    return { bytes, peak };
  }

  // --- what the page shows of a node: replayed with a slider moved, or as recorded -------------------

  model.value = function (id, pass) {
    const moved = T.state.moved?.values.get(id);
    return moved || pass.values.get(id) || nodes[id].value;
  };
  model.gradientOf = function (id, pass) {
    if (T.state.moved) return T.state.moved.gradients.get(id) || null;
    return pass.gradient.get(id) || null;
  };
  model.messages = function (id, pass) {
    if (T.state.moved) return T.state.moved.sent.get(id) || [];
    return pass.sent.get(id) || [];
  };
  model.incoming = function (id, pass) {
    if (!T.state.moved) return pass.incoming.get(id) || [];
    return T.state.moved.incoming.get(id) || [];
  };
  model.entry = (array) => ({ shape: array.shape, dtype: array.dtype, data: Array.from(array.data, (v) => (v instanceof T.Complex ? [v.re, v.im] : v)), array });
  return model;
};
