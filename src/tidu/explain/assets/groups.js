// What is drawn: nodes gathered by loop, turn and module, in runs of the program's order, so that any graph fits.
"use strict";
T.parts.groups = function (model) {
  const COMFORT = 30, MOST = 400, CHUNK = 40;
  const trees = new Map();

  // --- the tree of groups of one pass --------------------------------------------------------------

  function pathOf(node) {
    const path = [];
    for (const [line, turn] of node.loops || []) path.push(["loop", line], ["turn", turn, line]);
    if (node.module) {
      let name = "";
      for (const part of node.module.split(".")) {
        name = name ? name + "." + part : part;
        path.push(["module", name]);
      }
    }
    if (node.made_in) path.unshift(["made", node.made_in[0]]);
    return path;
  }

  function build(pass, members) {
    const root = { key: "root", kind: "root", children: [], parent: null };
    const home = new Map();
    let count = 0;
    const sameSegment = (group, [kind, name]) => group?.segment[0] === kind && group.segment[1] === name;
    let open = [];
    for (const id of members) {
      const node = model.nodes[id];
      if (node.kind !== "op" && node.kind !== "part") continue;
      const path = pathOf(node);
      let depth = 0;
      while (depth < path.length && sameSegment(open[depth], path[depth])) depth++;
      open.length = depth;
      let parent = depth ? open[depth - 1] : root;
      for (; depth < path.length; depth++) {
        const group = { key: "g" + count++, kind: path[depth][0], segment: path[depth], children: [], parent };
        parent.children.push(group);
        open.push(group);
        parent = group;
      }
      parent.children.push(id);
      home.set(id, parent);
    }
    for (const id of members) if (!home.has(id)) settle(id, members, home, root);
    while (root.children.length === 1 && typeof root.children[0] !== "number") root.children = root.children[0].children;
    squeeze(root);
    chunk(root);
    note(root, home);
    return { root, home, groups: new Map(flatten(root).map((g) => [g.key, g])) };
  }

  // A leaf lives where all its users do: a parameter inside its module.
  function settle(id, members, home, root) {
    const users = model.users[id].filter((u) => home.has(u));
    let common = users.length ? ancestors(home.get(users[0])) : [root];
    for (const user of users.slice(1)) {
      const set = new Set(ancestors(home.get(user)));
      common = common.filter((g) => set.has(g));
    }
    const place = common[0] || root;
    // Before its first user, or the group that one stands in.
    let before = users[0];
    for (let group = home.get(users[0]); group && group !== place; group = group.parent) before = group;
    place.children.splice(Math.max(0, place.children.indexOf(before)), 0, id);
    home.set(id, place);
  }
  const ancestors = (group) => { const list = []; for (; group; group = group.parent) list.push(group); return list; };
  const flatten = (group) => [group, ...group.children.filter((c) => typeof c !== "number").flatMap(flatten)];

  // A group around a single group or a single node is no help.
  function squeeze(group) {
    group.children = group.children.map((child) => {
      while (typeof child !== "number" && child.children.length === 1) child = child.children[0];
      if (typeof child !== "number") {
        child.parent = group;
        squeeze(child);
      }
      return child;
    });
  }

  // Long lists become lists of lists.
  function chunk(group) {
    for (const child of group.children) if (typeof child !== "number") chunk(child);
    // What is used all over stays in sight.
    const common = (c) => typeof c === "number" && model.nodes[c].kind !== "op" && model.users[c].length > 8;
    const kept = group.children.filter(common).slice(0, CHUNK / 2);
    if (group.children.length > CHUNK) group.children = group.children.filter((c) => !kept.includes(c));
    else kept.length = 0;
    while (group.children.length > CHUNK) {
      const width = Math.max(2, Math.ceil(group.children.length / CHUNK)), made = [];
      for (let i = 0; i < group.children.length; i += width) {
        const children = group.children.slice(i, i + width);
        if (children.length === 1) { made.push(children[0]); continue; }
        const part = { key: group.key + "/" + chunk.count++, kind: "run", segment: ["run"], children, parent: group };
        for (const child of children) if (typeof child !== "number") child.parent = part;
        made.push(part);
      }
      group.children = made;
    }
    group.children.unshift(...kept);
  }
  chunk.count = 0;

  function note(group, home) {
    group.size = 0; group.first = Infinity; group.last = -1; group.operations = 0;
    for (const child of group.children) {
      if (typeof child === "number") {
        home.set(child, group);
        group.size++;
        group.operations += model.nodes[child].kind === "op";
        group.first = Math.min(group.first, child); group.last = Math.max(group.last, child);
      } else {
        note(child, home);
        group.size += child.size; group.operations += child.operations;
        group.first = Math.min(group.first, child.first); group.last = Math.max(group.last, child.last);
      }
    }
  }

  // --- which groups are open ------------------------------------------------------------------------

  // Start with what fits comfortably: open the outermost groups first.
  function comfortable(tree) {
    const open = new Set(["root"]);
    let items = tree.root.children.length;
    const waiting = tree.root.children.filter((c) => typeof c !== "number");
    // A level at a time, so that equal parts look alike; of a level too large, its smallest parts.
    let level = waiting;
    while (level.length) {
      const all = level.reduce((n, g) => n + g.children.length - 1, items);
      if (all > COMFORT) break;
      for (const group of level) open.add(group.key);
      items = all;
      level = level.flatMap((g) => g.children.filter((c) => typeof c !== "number"));
    }
    return open;
  }

  function label(group) {
    const [kind, name] = group.segment || [];
    if (kind === "module") return name;
    if (kind === "loop") return `${T.word("inLoop")} ${name}`;
    if (kind === "turn") return `${T.word("turn")} ${name}`;
    if (kind === "made") return `${T.word("backwardPass")} ${name + 1}`;
    const ends = [group.first, group.last].map(model.label);
    return ends[0] === ends[1] ? `${ends[0]} × ${group.size}` : `${ends[0]} … ${ends[1]}`;
  }

  // {items: [{id} or {group}], edges: [{from, to, ids: [[source, user, input]]}]} of what can be seen.
  function visible(pass, tree, open, members) {
    const inside = new Set(members), items = new Map(), edges = new Map();
    const shown = (id) => {
      let top = id;
      for (let group = tree.home.get(id); group; group = group.parent) if (!open.has(group.key)) top = group;
      return top;
    };
    const keyOf = (item) => (typeof item === "number" ? "n" + item : item.key);
    const rep = new Map();
    for (const id of members) {
      const item = shown(id), key = keyOf(item);
      rep.set(id, key);
      if (!items.has(key)) items.set(key, typeof item === "number" ? { key, id } : { key, group: item, members: [] });
      if (typeof item !== "number") items.get(key).members.push(id);
    }
    for (const id of members) {
      model.nodes[id].inputs.forEach((input, index) => {
        if (typeof input !== "number" || !inside.has(input)) return;
        const from = rep.get(input), to = rep.get(id);
        if (from === to) return;
        const key = from + ">" + to;
        if (!edges.has(key)) edges.set(key, { key, from, to, ids: [] });
        edges.get(key).ids.push([input, id, index]);
      });
    }
    return { items: [...items.values()], edges: [...edges.values()], rep };
  }

  function treeOf(pass, members, focus) {
    const key = pass.index + ":" + (focus ?? "");
    if (!trees.has(key)) {
      const tree = build(pass, members);
      tree.open = comfortable(tree);
      trees.set(key, tree);
    }
    return trees.get(key);
  }

  // Opening a group never shows more than MOST items: then it shows its parts in runs.
  function toggle(tree, group) {
    if (tree.open.has(group.key)) { tree.open.delete(group.key); return; }
    tree.open.add(group.key);
    let count = 0;
    const walk = (g) => { for (const c of g.children) { if (typeof c === "number" || !tree.open.has(c.key)) count++; else walk(c); } };
    walk(tree.root);
    for (const key of tree.open) {
      if (count <= MOST) break;
      const other = tree.groups.get(key);
      if (!other || key === "root" || ancestors(group).includes(other)) continue;
      tree.open.delete(key);
      count -= other.children.length - 1;
    }
  }

  // Opening the way to a node closes what was opened on the way to another, once that is much.
  function reveal(tree, id) {
    const closed = ancestors(tree.home.get(id)).some((group) => !tree.open.has(group.key));
    if (closed && tree.open.size > 12) tree.open = comfortable(tree);
    for (let group = tree.home.get(id); group; group = group.parent) tree.open.add(group.key);
  }

  // The open groups around a node, outermost first.
  const around = (tree, id) => ancestors(tree.home.get(id)).filter((g) => g.key !== "root" && tree.open.has(g.key)).reverse();

  return { treeOf, around, visible, toggle, reveal, label, collapse: (tree) => { tree.open = new Set(["root"]); }, MOST };
};
