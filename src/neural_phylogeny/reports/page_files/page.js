"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const { nodes, links, panels, tables, texts } = read("data");
const HEIGHT = 26, PAD = 18, TITLE = 34, BETWEEN = 22, GUTTER = 74, ASPECT = 1.9, SLICE = 900;  // as in layout.py
const canvas = $("canvas"), view = d3.select("#view"), details = $("details");

// What hangs below each model, and what it hangs from.
nodes.forEach((node, k) => { node.k = k; node.el = $("n" + k); node.below = []; node.up = -1; node.claims = []; });
links.forEach((link, k) => {
  link.k = k; link.el = $("e" + k);
  nodes[link.a].claims.push(k); nodes[link.b].claims.push(k);
  if (link.main) { nodes[link.a].below.push(link.b); nodes[link.b].up = link.a; }
});
panels.forEach((panel, k) => { panel.el = $("panel" + k); panel.nodes = []; });
nodes.forEach((node) => panels[node.panel].nodes.push(node));
panels.forEach((panel) => panel.nodes.sort((a, b) => a.y - b.y));
const folded = new Set(read("folded"));

function make(tag, text, name) {
  const el = document.createElement(tag);
  if (text !== undefined) el.textContent = text;
  if (name) el.className = name;
  return el;
}

// ---- places: the layout that the page was made with, without the rows of what is folded

function isShown(node) {
  for (let up = node.up; up >= 0; up = nodes[up].up) if (folded.has(up)) return false;
  return true;
}

// Layers of a panel in which anything is seen, each behind the widest box of the one before.
function columns(panel) {
  const wide = new Map();
  panel.start = panel.nodes.reduce((least, node) => Math.min(least, node.x), Infinity);
  for (const node of panel.nodes) {
    node.shown = isShown(node);
    if (node.shown) wide.set(node.layer, Math.max(wide.get(node.layer) || 0, node.w));
  }
  const grid = panel.nodes.every((node) => !node.claims.length), starts = new Map();
  let x = panel.start;
  [...wide.keys()].sort((a, b) => a - b).forEach((layer, rank) => { starts.set(layer, [x, rank, x + wide.get(layer) + GUTTER]); x += wide.get(layer) + GUTTER; });
  for (const node of panel.nodes) {
    if (!node.shown) continue;
    const [left, rank, ahead] = starts.get(node.layer);
    Object.assign(node, grid ? { cx: node.x, rank: 0, next: node.x } : { cx: left, rank, next: ahead });
  }
}

function place() {
  let area = 0, widest = 0;
  for (const panel of panels) {
    let bottom = PAD + TITLE, shift = 0, right = 0;
    columns(panel);
    for (const node of panel.nodes) {
      if (!node.shown) continue;
      const gap = node.y - HEIGHT / 2 - bottom;
      if (gap > 16 || (bottom === PAD + TITLE && gap > 0)) shift += gap - (bottom === PAD + TITLE ? 0 : 16);
      node.cy = node.y - shift;
      bottom = Math.max(bottom, node.y + HEIGHT / 2);
      right = Math.max(right, node.cx + node.w);
    }
    panel.h = bottom - shift + PAD;
    panel.width = Math.max(right + PAD + 10, panel.title.length * 8.2 + 2 * PAD);
    area += (panel.width + BETWEEN) * (panel.h + BETWEEN);
    widest = Math.max(widest, panel.width);
  }
  // As wide as names stay readable in, rather long than small.
  pack(Math.max(widest + BETWEEN, Math.min(Math.sqrt(ASPECT * area), (size()[0] - 32) / 0.68 + BETWEEN)));
}

// Each panel in its turn where it comes to lie highest, then leftmost.
function pack(limit) {
  let skyline = [[0, 0]];
  place.width = place.height = 0;
  for (const panel of panels) {
    const wide = panel.width + BETWEEN;
    let best;
    skyline.forEach(([x], k) => {
      if (x + wide > limit + 1e-6) return;
      let y = skyline[k][1];
      for (let at = k + 1; at < skyline.length && skyline[at][0] < x + wide; at++) y = Math.max(y, skyline[at][1]);
      if (!best || y < best.y) best = { x, y };
    });
    Object.assign(panel, best);
    const right = panel.x + wide, after = skyline.filter(([x]) => x <= right).pop()[1];
    skyline = skyline.filter(([x]) => x < panel.x || x > right);
    skyline.push([panel.x, panel.y + panel.h + BETWEEN], [right, after]);
    skyline.sort((a, b) => a[0] - b[0]);
    place.width = Math.max(place.width, panel.x + panel.width);
    place.height = Math.max(place.height, panel.y + panel.h);
  }
}

function path(link) {
  let a = nodes[link.a], b = nodes[link.b];
  if (b.rank < a.rank) [a, b] = [b, a];
  const f = (v) => v.toFixed(1);
  if (b.rank > a.rank) {
    const x = a.cx + a.w, stop = b.cx - (link.directed ? 5 : 0), turn = b.rank === a.rank + 1 ? stop : Math.min(stop, a.next), bend = (turn - x) / 2;
    return [`M${f(x)},${f(a.cy)}C${f(x + bend)},${f(a.cy)} ${f(turn - bend)},${f(b.cy)} ${f(turn)},${f(b.cy)}L${f(stop)},${f(b.cy)}`, `M${f(b.cx)},${f(b.cy)}l-8,-4.5v9z`];
  }
  if (link.directed) {
    const x = f(a.cx + 12), stop = b.cy - HEIGHT / 2;
    return [`M${x},${f(a.cy + HEIGHT / 2)}V${f(stop - 4)}`, `M${x},${f(stop)}l-4.5,-8h9z`];
  }
  const reach = Math.min(40, 14 + Math.abs(b.cy - a.cy) / 12), x = a.cx;
  return [`M${f(x)},${f(a.cy)}C${f(x - reach)},${f(a.cy)} ${f(x - reach)},${f(b.cy)} ${f(x)},${f(b.cy)}`, ""];
}

function appear(el, is) {
  if (is) el.removeAttribute("display"); else el.setAttribute("display", "none");
}

function draw() {
  place();
  for (const panel of panels) {
    panel.el.setAttribute("transform", `translate(${panel.x.toFixed(1)},${panel.y.toFixed(1)})`);
    const card = panel.el.querySelector(".card");
    card.setAttribute("width", panel.width.toFixed(1)); card.setAttribute("height", panel.h.toFixed(1));
  }
  for (const node of nodes) {
    appear(node.el, node.shown);
    if (!node.shown) continue;
    node.el.setAttribute("transform", `translate(${node.cx.toFixed(1)},${node.cy.toFixed(1)})`);
    if (!node.below.length) continue;
    const is = folded.has(node.k), words = is ? String(count(node)) : "−";
    node.el.setAttribute("aria-expanded", String(!is));
    const text = node.el.querySelector(".toggle text");
    if (text && text.textContent !== words) {
      text.textContent = words;
      node.el.querySelector(".toggle circle").setAttribute("r", Math.max(8, 3.2 * words.length + 3));
    }
  }
  for (const link of links) {
    const is = nodes[link.a].shown && nodes[link.b].shown;
    appear(link.el, is);
    if (!is) continue;
    const [line, tip] = path(link);
    link.el.querySelectorAll(".line,.hit").forEach((el) => el.setAttribute("d", line));
    const arrow = link.el.querySelector(".tip");
    if (arrow) arrow.setAttribute("d", tip);
  }
}

function count(node) {
  let total = 0;
  const stack = [...node.below];
  while (stack.length) { const k = stack.pop(); total += 1; stack.push(...nodes[k].below); }
  return total;
}

function toggle(k, is) {
  if (!nodes[k].below.length) return;
  if (is === undefined ? folded.has(k) : !is) folded.delete(k); else folded.add(k);
  draw();
}

function reveal(k) {
  let changed = false;
  for (let up = nodes[k].up; up >= 0; up = nodes[up].up) changed = folded.delete(up) || changed;
  if (changed) draw();
}

// ---- pan and zoom

const zoom = d3.zoom().scaleExtent([0.04, 4]).clickDistance(5)
  .filter((event) => !event.button)
  .on("zoom", (event) => {
    view.attr("transform", event.transform);
    canvas.classList.toggle("far", event.transform.k < 0.4);
  });
const svg = d3.select(canvas).call(zoom).on("dblclick.zoom", null);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const ease = () => (calm.matches ? svg : svg.transition().duration(350));

function size() { return [canvas.clientWidth || 1000, canvas.clientHeight || 600]; }

function fit(target = svg) {
  const [w, h] = size(), m = 16;
  const whole = Math.min((w - 2 * m) / place.width, (h - 2 * m) / place.height, 1.15);
  // Rather readable than complete: a long drawing starts at its top.
  const k = Math.max(whole, Math.min(0.68, Math.max(0.6, (w - 2 * m) / place.width)));
  const x = (w - place.width * k) / 2, y = Math.max((h - place.height * k) / 2, m);
  target.call(zoom.transform, d3.zoomIdentity.translate(Math.max(x, m), y).scale(k));
}

function bring(node) {
  const [w, h] = size(), panel = panels[node.panel], now = d3.zoomTransform(canvas), k = Math.max(now.k, 0.8);
  const x = panel.x + node.cx + node.w / 2, y = panel.y + node.cy;
  ease().call(zoom.transform, d3.zoomIdentity.translate(w / 2 - x * k, h / 2 - y * k).scale(k));
}

// ---- details

const KINDS = {
  finetune: "trained further", merge: "a mixture of several models", pruned: "values, units or layers removed",
  cast: "rounded to another number type", quantized: "rounded to few levels", adapter: "a low-rank step", grown: "units, rows or layers added",
  copy: "the same values", converted: "the same values in another layout", permuted: "units in another order", rescaled: "units multiplied, readers divided",
  rotated: "units turned", noised: "independent noise added", "later-checkpoint": "a later state of the same run", unknown: "not known how",
};
const NUMBERS = [
  ["p_parent", "Probability of this parent", "against every other model here or none"],
  ["p_direction", "Probability of this direction", "given that one was made from the other"],
  ["similarity", "Similarity", "cosine of the compared weights"],
  ["coverage", "Compared", "share of the larger model's weights"],
  ["p_value", "Relatedness test", "chance of such a match between unrelated models"],
  ["support", "Bootstrap support", "resamples that recover the edge"],
];

function term(list, name, value, about) {
  const key = make("dt", name);
  if (about) key.append(make("small", about));
  const dd = make("dd");
  dd.append(value);
  list.append(key, dd);
}

function jump(k, text) {
  const button = make("button", text || nodes[k].name, "link");
  button.type = "button";
  button.addEventListener("click", () => { reveal(k); select(k); bring(nodes[k]); });
  return button;
}

function close() {
  const button = make("button", "×", "close");
  button.type = "button"; button.setAttribute("aria-label", "Close details");
  button.addEventListener("click", () => { mark([], []); details.replaceChildren(); document.body.classList.remove("has-details"); });
  return button;
}

function show(...parts) {
  const was = document.body.classList.contains("has-details");
  document.body.classList.add("has-details");
  details.replaceChildren(close(), ...parts);
  details.scrollTop = 0;
  if (!was) requestAnimationFrame(() => keep(current));
}

// Moves the drawing where the details would hide the model that they are about.
function keep(k) {
  if (!nodes[k] || !nodes[k].shown) return;
  const box = nodes[k].el.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
  if (box.right > frame.right || box.left < frame.left || box.top < frame.top || box.bottom > frame.bottom) bring(nodes[k]);
}

function sentence(link) {
  const a = nodes[link.a].name, b = nodes[link.b].name, c = link.value && link.value.confidence;
  if (link.kind === "common initialisation") return `${a} and ${b} start from the same random initialisation, or perhaps from a missing ancestor. No descent is claimed.`;
  if (!link.directed) return `${a} and ${b} are related; the weights do not show which came first.`;
  const how = KINDS[link.kind] ? ` (${KINDS[link.kind]})` : "";
  const may = c !== undefined && c < 0.5 ? "may have been made" : c !== undefined && c < 0.9 ? "was probably made" : "was made";
  return `${b} ${may} from ${a}${how}.`;
}

function meter(value) {
  const el = make("span", undefined, "meter"), bar = make("i");
  bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, value)))}%`;
  el.append(bar);
  return el;
}

function evidenceOf(link) {
  const parts = [];
  for (const [side, title, name] of [[1, "Speaks for it", "for"], [-1, "Speaks against it", "against"], [0, "Does not decide", "neither"]]) {
    const rows = (link.evidence || []).filter((each) => each[0] === side).sort((a, b) => b[2] - a[2]);
    if (!rows.length) continue;
    const table = make("table", undefined, "evidence " + name), body = make("tbody");
    for (const [, feature, strength, statement] of rows) {
      const row = make("tr"), first = make("td"), second = make("td", texts[statement]);
      first.append(meter(strength), make("small", strength.toFixed(2)));
      first.title = `strength ${strength.toFixed(2)} of 1`;
      second.prepend(make("b", texts[feature]));
      row.append(first, second); body.append(row);
    }
    table.append(make("caption", `${title} · ${rows.length}`), body);
    parts.push(table);
  }
  return parts;
}

function layersOf(link) {
  if (!link.layers) return [];
  const most = Math.max(...link.layers.map((layer) => layer[1]), 1e-12);
  const figure = make("figure", undefined, "layers");
  figure.append(make("figcaption", "How far each layer moved, relative to its own size"));
  const list = make("ol");
  for (const [name, change] of link.layers) {
    const item = make("li"), bar = make("i");
    bar.style.width = `${100 * change / most}%`;
    const words = change === 0 ? "frozen" : change < 0.0005 ? "<0.1 %" : `${(100 * change).toPrecision(change < 0.1 ? 2 : 3)} %`;
    const track = make("span", undefined, "track");
    track.append(bar);
    const label = make("span", texts[name], "layer");
    label.title = texts[name];
    item.append(label, track, make("span", words, "value"));
    list.append(item);
  }
  figure.append(list);
  return [figure];
}

function showEdge(k) {
  const link = links[k];
  mark([link.a, link.b], [k]);
  rove(link.b);
  const list = make("dl");
  for (const [key, name, about] of NUMBERS) if (link.shown && link.shown[key]) term(list, name, link.shown[key], about);
  if (link.part) term(list, "What was compared", link.part);
  const ends = make("p", undefined, "ends");
  ends.append(jump(link.a), make("span", link.directed ? " → " : " – "), jump(link.b));
  show(make("p", link.kind, "eyebrow"), make("h3", sentence(link)), ends, list, ...evidenceOf(link), ...layersOf(link));
}

function relatives(title, found) {
  if (!found.length) return [];
  const list = make("ul", undefined, "relatives");
  for (const [other, k] of found) {
    const item = make("li"), link = links[k], sure = link.shown && (link.shown.p_parent || link.shown.p_direction);
    const edge = make("button", `${link.kind}${sure ? `, ${sure}` : ""}`, "edge-button");
    edge.type = "button"; edge.setAttribute("aria-label", `Evidence: ${link.kind} ${sure || ""}`);
    edge.addEventListener("click", () => showEdge(k));
    item.append(jump(other), edge); list.append(item);
  }
  return [make("h4", `${title} · ${found.length}`), list];
}

function showNode(k) {
  const node = nodes[k], list = make("dl");
  if (node.missing) term(list, "What it is", "an ancestor that must have existed and is not in the collection: a model, or the initialisation that its children share");
  if (node.size) term(list, "Size", node.size);
  if (node.format) term(list, "Format", node.format);
  if (node.path) term(list, "Path", node.path);
  if (node.sha256) { term(list, "SHA-256", make("code", node.sha256)); }
  if (node.copies.length) term(list, "Same weights as", node.copies.join(", "));
  if (node.remark) term(list, "Remark", node.remark);
  const own = node.claims.map((each) => [links[each], each]);
  const parents = own.filter(([l]) => l.directed && l.b === k).map(([l, e]) => [l.a, e]);
  const children = own.filter(([l]) => l.directed && l.a === k).map(([l, e]) => [l.b, e]);
  const pairs = own.filter(([l]) => !l.directed).map(([l, e]) => [l.a === k ? l.b : l.a, e]);
  const lines = [];
  for (let up = k; nodes[up].up >= 0; up = nodes[up].up) lines.push(links.findIndex((l) => l.main && l.b === up));
  mark([k, ...kin(k)], lines.concat(below(k)));
  show(make("p", node.missing ? "missing ancestor" : parents.length ? "model" : children.length ? "root" : "model", "eyebrow"), make("h3", node.name), list,
    ...relatives("Made from", parents), ...relatives("Models made from it", children),
    ...relatives("Related, direction undetermined", pairs.filter(([, e]) => links[e].kind === "related")),
    ...relatives("Same initialisation", pairs.filter(([, e]) => links[e].kind !== "related")));
}

function kin(k) {
  const found = [];
  for (let up = nodes[k].up; up >= 0; up = nodes[up].up) found.push(up);
  const stack = [...nodes[k].below];
  while (stack.length) { const next = stack.pop(); found.push(next); stack.push(...nodes[next].below); }
  return found;
}

function below(k) {
  const inside = new Set([k, ...kin(k)]);
  return links.filter((l) => inside.has(l.a) && inside.has(l.b)).map((l) => l.k);
}

let marked = [];
function mark(some, lines) {
  marked.forEach((el) => el.classList.remove("lit", "chosen"));
  marked = [...some.map((k) => nodes[k].el), ...lines.map((k) => links[k].el)];
  marked.forEach((el) => el.classList.add("lit"));
  canvas.classList.toggle("has-choice", marked.length > 0);
}

function select(k, focus = true) {
  rove(k);
  showNode(k);
  nodes[k].el.classList.add("chosen");
  if (focus) nodes[k].el.focus({ preventScroll: true });
}

let current = 0;
function rove(k) {
  if (nodes[current]) nodes[current].el.setAttribute("tabindex", "-1");
  current = k;
  nodes[k].el.setAttribute("tabindex", "0");
}

canvas.addEventListener("click", (event) => {
  const toggled = event.target.closest(".toggle"), node = event.target.closest(".node"), edge = event.target.closest(".edge");
  if (toggled) toggle(Number(node.id.slice(1)));
  else if (node) select(Number(node.id.slice(1)));
  else if (edge) showEdge(Number(edge.id.slice(1)));
});

canvas.addEventListener("keydown", (event) => {
  const node = nodes[current];
  const rows = () => panels[node.panel].nodes.filter((other) => other.shown && other.layer === node.layer);
  const step = (by) => {
    const same = rows(), next = same[same.indexOf(node) + by];
    if (next) return next.k;
    const shown = nodes.filter((other) => other.shown), at = shown[shown.indexOf(node) + by];
    return at ? at.k : undefined;
  };
  let next;
  if (event.key === "ArrowLeft") next = node.up >= 0 ? node.up : undefined;
  else if (event.key === "ArrowRight") next = folded.has(current) ? undefined : node.below[0];
  else if (event.key === "ArrowDown") next = step(1);
  else if (event.key === "ArrowUp") next = step(-1);
  else if (event.key === "Home") next = 0;
  else if (event.key === "Enter") select(current);
  else if (event.key === " ") toggle(current);
  else if (event.key === "Escape") { const button = details.querySelector(".close"); if (button) button.click(); }
  else return;
  event.preventDefault();
  if (next === undefined || next === current) return;
  rove(next); nodes[next].el.focus({ preventScroll: true });
  const box = nodes[next].el.getBoundingClientRect(), frame = canvas.getBoundingClientRect();
  if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom) bring(nodes[next]);
});

// ---- the bar above the drawing

$("in").addEventListener("click", () => ease().call(zoom.scaleBy, 1.4));
$("out").addEventListener("click", () => ease().call(zoom.scaleBy, 1 / 1.4));
$("fit").addEventListener("click", () => fit(ease()));
$("unfold").addEventListener("click", () => { folded.clear(); draw(); fit(); });
$("fold").addEventListener("click", () => { nodes.forEach((n) => { if (n.below.length && n.up < 0) folded.add(n.k); }); draw(); fit(); });
$("colour").addEventListener("change", (event) => {
  canvas.classList.toggle("by-kind", event.target.value === "kind");
  canvas.classList.toggle("by-family", event.target.value !== "kind");
});

let hits = [], at = -1;
function search(text) {
  const wanted = text.trim().toLowerCase();
  nodes.forEach((node) => node.el.classList.remove("hit-name"));
  hits = wanted ? nodes.filter((n) => n.name.toLowerCase().includes(wanted) || n.copies.some((c) => c.toLowerCase().includes(wanted))).map((n) => n.k) : [];
  at = -1;
  hits.forEach((k) => nodes[k].el.classList.add("hit-name"));
  canvas.classList.toggle("has-hits", hits.length > 0);
  $("hits").textContent = !wanted ? "" : hits.length ? `${hits.length} found; Enter goes to ${hits.length > 1 ? "the next" : "it"}` : "none found";
}
$("search").addEventListener("input", (event) => search(event.target.value));
$("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape") { event.target.value = ""; search(""); }
  if (event.key !== "Enter" || !hits.length) return;
  at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
  reveal(hits[at]); select(hits[at], false); bring(nodes[hits[at]]);
  $("hits").textContent = `${at + 1} of ${hits.length}: ${nodes[hits[at]].name}`;
});

// ---- theme

function isDark() {
  return !document.documentElement.classList.contains("printing") && (document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches));
}
function themed() {
  $("theme").textContent = isDark() ? "Light" : "Dark";
  $("theme").setAttribute("aria-pressed", String(isDark()));
  paint();
}
$("theme").addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; themed(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themed);
$("print").addEventListener("click", () => window.print());
$("more").addEventListener("click", () => {
  const open = document.body.classList.toggle("has-record");
  $("more").setAttribute("aria-expanded", String(open));
});

// ---- the map of similarities

const order = new Map(), map = $("map");
panels.flatMap((panel) => walk(panel)).forEach((k, rank) => order.set(k, rank));
function walk(panel) {
  const found = [], stack = panel.nodes.filter((n) => n.up < 0).map((n) => n.k).reverse();
  while (stack.length) { const k = stack.pop(); if (!nodes[k].missing) found.push(k); stack.push(...nodes[k].below.slice().reverse()); }
  return found;
}
const known = new Map();
const key = (a, b) => (a < b ? a * nodes.length + b : b * nodes.length + a);
for (const link of links) if (link.value && link.value.similarity !== undefined) known.set(key(link.a, link.b), link.value.similarity);
for (const table of tables) {
  if (!table.cosines.length) continue;
  let place = 0;
  for (let i = 1; i < table.models.length; i++) for (let j = 0; j < i; j++, place++) if (table.cosines[place] !== null) known.set(key(table.models[i], table.models[j]), table.cosines[place]);
}
const several = panels.filter((panel) => panel.nodes.filter((n) => !n.missing).length > 1 && panel.nodes.some((n) => n.claims.length));
const choice = $("which");
if (several.length !== 1) choice.append(new Option("all families", "all"));
several.forEach((panel) => choice.append(new Option(panel.title, String(panels.indexOf(panel)))));
if (nodes.length > 300 && several.length) choice.value = String(panels.indexOf(several[0]));
let shownMap = { some: [], cell: 0, left: 0, top: 0, i: 0, j: 0 };

function blend(value, lowest) {
  const dark = isDark(), t = Math.min(1, Math.max(0, (value - lowest) / (1 - lowest || 1)));
  const stops = dark ? [[27, 36, 54], [40, 84, 160], [96, 165, 250], [226, 238, 255]] : [[236, 242, 252], [160, 196, 245], [52, 107, 214], [18, 38, 96]];
  const at = t * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at)), f = at - k;
  return `rgb(${stops[k].map((v, c) => Math.round(v + f * (stops[k + 1][c] - v))).join(",")})`;
}

let isMapSeen = false;
new IntersectionObserver((entries) => {
  if (!isMapSeen && entries.some((entry) => entry.isIntersecting)) { isMapSeen = true; paint(); }
}, { rootMargin: "300px" }).observe($("similarity"));

function paint() {
  const some = [...order.keys()].filter((k) => choice.value === "all" ? several.includes(panels[nodes[k].panel]) : nodes[k].panel === Number(choice.value));
  $("similarity").hidden = some.length < 2;
  if (some.length < 2 || !(isMapSeen || document.documentElement.classList.contains("printing"))) return;
  const n = some.length, room = Math.max(280, Math.min(map.parentElement.clientWidth - 90, 900));
  const names = n <= 60, cell = names ? Math.max(14, Math.min(30, Math.floor((room - 190) / n))) : Math.max(1, Math.floor(room / n)) ;
  const left = names ? 190 : 4, top = 4, ratio = devicePixelRatio || 1, side = n * cell;
  map.width = (left + side + 4) * ratio; map.height = (top + side + 4) * ratio;
  map.style.width = `${Math.min(left + side + 4, Math.max(room, names ? left + side + 4 : room))}px`;
  map.style.height = "auto";
  const g = map.getContext("2d"), style = getComputedStyle(document.documentElement);
  g.scale(ratio, ratio);
  let lowest = 1;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) { const v = known.get(key(some[i], some[j])); if (v !== undefined && v < lowest) lowest = v; }
  lowest = Math.max(0, Math.floor(lowest * 20 - 1) / 20);
  const empty = style.getPropertyValue("--panel"), inset = cell > 8 ? 1 : 0;
  g.fillStyle = empty; g.fillRect(left, top, side, side);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
    const value = i === j ? 1 : known.get(key(some[i], some[j]));
    if (value === undefined) continue;
    g.fillStyle = blend(value, lowest);
    g.fillRect(left + j * cell, top + i * cell, cell - inset, cell - inset);
  }
  if (names) {
    g.fillStyle = style.getPropertyValue("--ink"); g.font = `${Math.min(12, cell - 2)}px ${getComputedStyle(document.body).fontFamily}`;
    g.textAlign = "right"; g.textBaseline = "middle";
    some.forEach((k, i) => g.fillText(nodes[k].label, left - 8, top + (i + 0.5) * cell, left - 12));
  }
  $("lowest").textContent = lowest.toFixed(2);
  shownMap = { some, cell, left, top, side, i: 0, j: 0 };
}

function tell(i, j, moved) {
  const { some } = shownMap;
  if (!(i >= 0 && j >= 0 && i < some.length && j < some.length)) return;
  Object.assign(shownMap, { i, j });
  const value = i === j ? 1 : known.get(key(some[i], some[j]));
  const words = value === undefined ? "unrelated, or not compared" : `similarity ${value.toFixed(3)}`;
  $("cell").textContent = i === j ? nodes[some[i]].name : `${nodes[some[i]].name} and ${nodes[some[j]].name}: ${words}`;
}
map.addEventListener("mousemove", (event) => {
  const box = map.getBoundingClientRect(), scale = (shownMap.left + shownMap.side + 4) / box.width;
  tell(Math.floor(((event.clientY - box.top) * scale - shownMap.top) / shownMap.cell), Math.floor(((event.clientX - box.left) * scale - shownMap.left) / shownMap.cell));
});
map.addEventListener("keydown", (event) => {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }, move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  if (!isMapSeen) { isMapSeen = true; paint(); } // a key may come before the map was seen
  tell(shownMap.i + move[0], shownMap.j + move[1]);
});
choice.addEventListener("change", paint);

// ---- tables

for (const table of [$("claims"), $("models")]) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const column = head.cellIndex, down = head.getAttribute("aria-sort") === "ascending" || (head.getAttribute("aria-sort") === "none" && head.classList.contains("n"));
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => { const cell = row.cells[column]; return head.classList.contains("n") ? (cell.dataset.v === undefined ? -Infinity : Number(cell.dataset.v)) : cell.textContent; };
    const rows = [...table.tBodies[0].rows].map((row) => [value(row), row]);
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    rows.sort((a, b) => (head.classList.contains("n") ? a[0] - b[0] || 0 : compare(a[0], b[0])) * (down ? -1 : 1));
    table.tBodies[0].append(...rows.map((pair) => pair[1]));
    filter();
  });
}
let most = 200;  // rows of a table that are shown at once
function filter() {
  const words = $("filter").value.trim().toLowerCase(), least = Number($("least").value) / 100, rows = [...$("claims").tBodies[0].rows];
  let left = 0, models = 0;
  for (const row of rows) {
    const sure = least > 0 ? Number(row.cells[3].dataset.v ?? row.cells[4].dataset.v ?? -1) : 0;
    const fits = (!words || row.textContent.toLowerCase().includes(words)) && sure >= least;
    left += fits;
    row.hidden = !fits || left > most;
  }
  for (const row of $("models").tBodies[0].rows) row.hidden = ++models > most;
  $("rows").textContent = left === rows.length ? `${left} rows` : `${left} of ${rows.length} rows`;
  $("all").hidden = Math.max(left, models) <= most;
}
$("all").addEventListener("click", () => { most = Infinity; filter(); });
$("filter").addEventListener("input", filter);
$("least").addEventListener("input", filter);
$("tables").addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-e],tr[data-n]");
  if (!row || !event.target.closest("td")) return;
  const k = Number(row.dataset.n ?? links[row.dataset.e]?.b ?? -1);
  if (k < 0) return;
  reveal(k); bring(nodes[k]);
  if (row.dataset.e !== undefined) showEdge(Number(row.dataset.e)); else select(k, false);
  $("drawing").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
});

// ---- print: each family on sheets of its own, cut where it is longer than a page

function sheets() {
  const folder = $("sheets");
  folder.replaceChildren();
  const ns = "http://www.w3.org/2000/svg";
  for (const panel of panels) {
    const wide = Math.max(panel.width, 640), slice = Math.max(SLICE, (wide / 680) * SLICE);
    for (let y = 0; y < panel.h; y += slice) {
      const el = document.createElementNS(ns, "svg"), copy = panel.el.cloneNode(true), high = Math.min(slice, panel.h - y);
      copy.removeAttribute("id");
      copy.querySelectorAll("[id]").forEach((part) => { part.removeAttribute("id"); part.removeAttribute("tabindex"); });
      el.setAttribute("viewBox", `${panel.x - 2} ${panel.y + y - 2} ${wide + 4} ${high + 4}`);
      el.setAttribute("class", canvas.getAttribute("class").replace("has-choice", "").replace("far", ""));
      el.setAttribute("width", Math.min(wide, 680)); el.setAttribute("height", Math.ceil((high + 4) * Math.min(1, 680 / wide)));
      el.append(copy); folder.append(el);
    }
  }
}
let unlimited = most;
window.addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); unlimited = most; most = Infinity; filter(); sheets(); paint(); });
window.addEventListener("afterprint", () => { $("sheets").replaceChildren(); document.documentElement.classList.remove("printing"); most = unlimited; filter(); paint(); });

draw();
fit();
themed();
filter();
window.addEventListener("resize", () => { paint(); });
requestAnimationFrame(() => setTimeout(() => { performance.mark("ready"); document.documentElement.dataset.ready = "true"; }));
})();
