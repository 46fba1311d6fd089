// The bar above the drawing: zoom, folding, colours, search.

find("in").addEventListener("click", () => eased().call(zoom.scaleBy, 1.4));
find("out").addEventListener("click", () => eased().call(zoom.scaleBy, 1 / 1.4));
find("fit").addEventListener("click", () => fit(eased()));
find("unfold").addEventListener("click", () => {
  folded.clear();
  redraw();
});
find("fold").addEventListener("click", () => {
  nodes.filter((node) => node.below.length && node.up < 0).forEach((node) => folded.add(node.k));
  redraw();
});
find("colour").addEventListener("change", (event) => {
  const isKind = event.target.value === "kind";
  for (const el of [canvas, find("legend")]) {
    el.classList.toggle("by-kind", isKind);
    el.classList.toggle("by-family", !isKind);
  }
});

function redraw() {
  draw();
  fit();
}

let hits = [];
let hit = -1;

function isCalled(node, wanted) {
  return [node.name, ...node.copies].some((name) => name.toLowerCase().includes(wanted));
}

function hitWords(wanted) {
  if (!wanted) return "";
  if (!hits.length) return "none found";
  return `${hits.length} found; Enter goes to ${hits.length > 1 ? "the next" : "it"}`;
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  nodes.forEach((node) => node.el.classList.remove("hit-name"));
  hits = wanted ? nodes.filter((node) => isCalled(node, wanted)).map((node) => node.k) : [];
  hit = -1;
  hits.forEach((k) => nodes[k].el.classList.add("hit-name"));
  canvas.classList.toggle("has-hits", hits.length > 0);
  find("hits").textContent = hitWords(wanted);
}

function goToHit(by) {
  hit = (hit + by + hits.length) % hits.length;
  const k = hits[hit];
  reveal(k);
  select(k, false);
  bring(nodes[k]);
  find("hits").textContent = `${hit + 1} of ${hits.length}: ${nodes[k].name}`;
}

find("search").addEventListener("input", (event) => search(event.target.value));
find("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    event.target.value = "";
    search("");
  }
  if (event.key !== "Enter" || !hits.length) return;
  goToHit(event.shiftKey ? (hit < 0 ? 0 : -1) : 1);
});
