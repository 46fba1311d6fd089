// The drawing: every panel, model and line at its place; folding.

const fixed = (value) => value.toFixed(1);

// A line between two models and its arrow, as in svg.py.
function path(link) {
  let [a, b] = [nodes[link.a], nodes[link.b]];
  if (b.rank < a.rank) [a, b] = [b, a];
  if (b.rank > a.rank) return across(a, b, link.directed);
  return link.directed ? downward(a, b) : around(a, b);
}

function across(a, b, directed) {
  const x = a.cx + a.w;
  const stop = b.cx - (directed ? 5 : 0);
  const turn = b.rank === a.rank + 1 ? stop : Math.min(stop, a.next);
  const bend = (turn - x) / 2;
  const [ay, by] = [fixed(a.cy), fixed(b.cy)];
  const bent = `M${fixed(x)},${ay}C${fixed(x + bend)},${ay} ${fixed(turn - bend)},${by} ${fixed(turn)},${by}`;
  return [`${bent}L${fixed(stop)},${by}`, `M${fixed(b.cx)},${by}l-8,-4.5v9z`];
}

function downward(a, b) {
  const x = fixed(a.cx + 12);
  const stop = b.cy - HEIGHT / 2;
  return [`M${x},${fixed(a.cy + HEIGHT / 2)}V${fixed(stop - 4)}`, `M${x},${fixed(stop)}l-4.5,-8h9z`];
}

function around(a, b) {
  const reach = Math.min(40, 14 + Math.abs(b.cy - a.cy) / 12);
  const [x, left, ay, by] = [a.cx, a.cx - reach, a.cy, b.cy].map(fixed);
  return [`M${x},${ay}C${left},${ay} ${left},${by} ${x},${by}`, ""];
}

function appear(el, is) {
  if (is) el.removeAttribute("display");
  else el.setAttribute("display", "none");
}

function draw() {
  place();
  panels.forEach(drawPanel);
  nodes.forEach(drawNode);
  links.forEach(drawLink);
}

function drawPanel(panel) {
  panel.el.setAttribute("transform", `translate(${fixed(panel.x)},${fixed(panel.y)})`);
  const card = panel.el.querySelector(".card");
  card.setAttribute("width", fixed(panel.width));
  card.setAttribute("height", fixed(panel.h));
}

function drawNode(node) {
  appear(node.el, node.shown);
  if (!node.shown) return;
  node.el.setAttribute("transform", `translate(${fixed(node.cx)},${fixed(node.cy)})`);
  if (!node.below.length) return;
  const isFolded = folded.has(node.k);
  const words = isFolded ? String(descendants(node.k).length) : "−";
  node.el.setAttribute("aria-expanded", String(!isFolded));
  node.el.classList.toggle("is-folded", isFolded);
  const text = node.el.querySelector(".toggle text");
  if (!text || text.textContent === words) return;
  text.textContent = words;
  node.el.querySelector(".toggle circle").setAttribute("r", Math.max(8, 3.2 * words.length + 3));
}

function drawLink(link) {
  const is = nodes[link.a].shown && nodes[link.b].shown;
  appear(link.el, is);
  if (!is) return;
  const [line, tip] = path(link);
  link.el.querySelectorAll(".line,.hit").forEach((el) => el.setAttribute("d", line));
  const arrow = link.el.querySelector(".tip");
  if (arrow) arrow.setAttribute("d", tip);
}

function toggle(k) {
  if (!nodes[k].below.length) return;
  if (!folded.delete(k)) folded.add(k);
  draw();
}

// Opens the branches above a model.
function reveal(k) {
  const closed = ancestors(k).filter((up) => folded.delete(up));
  if (closed.length) draw();
}
