// Mouse and keys on the drawing.

const numberOf = (el) => Number(el.id.slice(1));

canvas.addEventListener("click", (event) => {
  const node = event.target.closest(".node");
  const edge = event.target.closest(".edge");
  if (event.target.closest(".toggle")) toggle(numberOf(node));
  else if (node) select(numberOf(node));
  else if (edge) showEdge(numberOf(edge));
});

// The next model of the same generation; beyond its ends the next one at all.
function step(by) {
  const node = nodes[current];
  const beside = panels[node.panel].nodes.filter((other) => other.shown && other.layer === node.layer);
  const next = beside[beside.indexOf(node) + by];
  if (next) return next.k;
  const shown = nodes.filter((other) => other.shown);
  const after = shown[shown.indexOf(node) + by];
  return after && after.k;
}

function parentHere() {
  const { up } = nodes[current];
  return up >= 0 ? up : undefined;
}

const MOVES = {
  ArrowLeft: parentHere,
  ArrowRight: () => (folded.has(current) ? undefined : nodes[current].below[0]),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Home: () => 0,
};
const ACTS = {
  Enter: () => select(current),
  " ": () => toggle(current),
  Escape: closeDetails,
};

function moveTo(k) {
  if (k === undefined || k === current) return;
  rove(k);
  nodes[k].el.focus({ preventScroll: true });
  keepInSight(k);
}

canvas.addEventListener("keydown", (event) => {
  const { key } = event;
  if (!nodes.length || !(key in MOVES || key in ACTS)) return;
  event.preventDefault();
  if (key in MOVES) moveTo(MOVES[key]());
  else ACTS[key]();
});
