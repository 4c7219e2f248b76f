// The steps: forward, start, backward, into .grad; by buttons, keys and a slider, with what is kept in memory.
"use strict";
T.parts.stepper = function (model, host) {
  const { el, word } = T;
  let timer = null;
  const SPEEDS = [0.5, 1, 2, 4, 8];

  const button = (key, action) => el("button", { class: "step", "data-action": key, title: word(key), "aria-label": word(key), onclick: action }, T.icon(key));

  function go(step) {
    const pass = model.pass(T.state.call), to = Math.max(0, Math.min(step, pass.steps.length - 1));
    if (!pass.steps.length) return;
    const node = pass.steps[to].node;
    T.set({ step: to, node });
    T.graph.bring(node);
  }
  function play(on) {
    clearInterval(timer);
    T.set({ playing: on });
    if (!on) return;
    const last = model.pass(T.state.call).steps.length - 1;
    if (T.state.step >= last) go(0);
    timer = setInterval(() => {
      if (T.state.step >= last) play(false); else go(T.state.step + 1);
    }, 1000 / T.state.speed);
  }

  function text(step, pass) {
    if (!step) return word("empty");
    const name = model.label(step.node);
    if (step.phase === "forward") return `${word("forwardPass")}: ${name} = ${T.valueText(model.value(step.node, pass))}`;
    const gradient = model.gradientOf(step.node, pass);
    if (step.phase === "seed") return `${word("seedStep")}: ∂L/∂${name} = ${T.valueText(pass.incoming.get(step.node)?.find((m) => m.from === null)?.value)}`;
    if (step.phase === "arrive") {
      const a = pass.arrival.get(step.node), stored = a?.stored || pass.call.call === "explain";
      if (!stored || T.state.moved) return `${word("gradient")}: ∂L/∂${name} = ${T.valueText(gradient)}`;
      return `${word("arriveStep")}: ${name}.grad: ${a.before ? T.formula.added([T.valueText(a.before), T.valueText(a.gradient)]) : word("none")} → ${T.valueText(a.after)}`;
    }
    const sent = model.messages(step.node, pass).map((m) => `${model.label(m.to)} ← ${T.valueText(m.value)}`);
    return `${word("backwardPass")}: ${name}, ∇ ${T.valueText(gradient)}; ${sent.join(", ")}`;
  }

  function render() {
    const pass = model.pass(T.state.call), steps = pass.steps, at = T.state.step, last = steps.length - 1;
    const held = pass.memory.bytes[at] ?? 0, part = Math.round(100 * held / (pass.memory.peak || 1));
    const slider = el("input", { type: "range", min: 0, max: Math.max(0, last), value: at, "aria-label": word("step"), oninput: (e) => go(Number(e.target.value)) });
    const forward = steps.filter((s) => s.phase === "forward").length;
    T.fill(host, 
      el("div", { class: "buttons", role: "toolbar", "aria-label": word("tape") },
        button("first", () => go(0)), button("previous", () => go(at - 1)),
        button(T.state.playing ? "pause" : "play", () => play(!T.state.playing)),
        button("next", () => go(at + 1)), button("last", () => go(last)),
        el("select", { "aria-label": word("speed"), title: word("speed"), onchange: (e) => { T.set({ speed: Number(e.target.value) }); if (T.state.playing) play(true); } },
          SPEEDS.map((s) => el("option", { value: s, selected: s === T.state.speed }, `${s}×`)))),
      el("div", { class: "track" }, slider,
        el("div", { class: "phases", "aria-hidden": "true" }, el("span", { style: `flex:${Math.max(forward, 0.01)}` }, word("forwardPass")),
          steps.length > forward ? el("span", { class: "back", style: `flex:${steps.length - forward}` }, word("backwardPass")) : null)),
      el("p", { class: "says", "aria-live": "polite", "data-phase": steps[at]?.phase }, el("b", {}, `${T.stepText(last < 0 ? 0 : at + 1, last + 1)}  `), text(steps[at], pass)),
      el("div", { class: "memory", title: `${word("peak")} ${pass.memory.peak} ${word("bytes")}` }, el("span", {}, word("memory")),
        el("div", { class: "bar", role: "meter", "aria-valuenow": held, "aria-valuemin": 0, "aria-valuemax": pass.memory.peak, "aria-label": word("memory") },
          el("i", { style: `width:${part}%` })), el("span", { class: "dim", "data-held": held }, `${amount(held)} / ${amount(pass.memory.peak)}`)));
  }
  const amount = (bytes) => (bytes < 10000 ? `${bytes} B` : bytes < 1e7 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`);

  function key(event) {
    if (event.target.closest("input:not([type=range]), select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = T.state.step, last = model.pass(T.state.call).steps.length - 1;
    const actions = {
      ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0), End: () => go(last),
      " ": () => play(!T.state.playing), "/": () => document.querySelector("#search").focus(),
      g: () => T.set({ tab: "graph" }), t: () => T.set({ tab: "table" }), l: () => T.set({ lang: T.state.lang === "en" ? "zh" : "en" }),
      "+": () => T.graph.zoom(1 / 1.2), "-": () => T.graph.zoom(1.2), f: () => T.graph.fit(), Escape: () => T.set({ focus: null, found: null }),
    };
    if (!actions[event.key] || (event.key === " " && event.target.closest("button"))) return;
    event.preventDefault();
    actions[event.key]();
  }
  document.addEventListener("keydown", key);
  return { render, go };
};
