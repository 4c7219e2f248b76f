// The page inside another one that shows the program itself, as `tidu play` does: they tell each other where they are.
"use strict";
T.parts.framed = function (model, source) {
  const alone = window.parent === window, root = document.documentElement;
  const narrow = window.matchMedia(`(max-width: ${alone ? 1050 : 680}px)`);
  const fit = () => root.classList.toggle("narrow", narrow.matches);
  narrow.addEventListener("change", fit);
  fit();
  if (alone) return { tell() {}, hover() {} };

  root.classList.add("framed");
  // The program's text would stand there twice; other files are shown here alone.
  if (model.doc.files.filter((file) => file.lines.length).length < 2) root.classList.add("beside");
  const post = (message) => window.parent.postMessage(message, "*");
  let lit = null;
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !event.data) return;
    const { point, choose } = event.data;
    if (point !== undefined) source.point(point, false);
    if (choose !== undefined) source.point(choose, true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); post({ run: true }); }
  });
  return {
    tell: () => post({ address: location.hash, lines: source.told() }),
    hover: (id) => { const line = source.lineOf(id); if (line !== lit) post({ line: (lit = line) }); },
  };
};
