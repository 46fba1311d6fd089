// What is known of the model or line that was chosen, beside the drawing.

const KINDS = {
  finetune: "trained further",
  merge: "a weighted mean of several models",
  adapter: "an adapter for it",
  grown: "made larger",
  pruned: "values set to zero",
  cast: "rounded to another number type",
  quantized: "rounded to few levels",
  copy: "the same weights",
  converted: "written by another framework",
  permuted: "units in another order",
  rescaled: "units scaled against each other",
  rotated: "turned in its hidden space",
  noised: "noise added",
  "later-checkpoint": "a later moment of the same training",
  unknown: "not known how",
};
const NUMBERS = [
  ["p_parent", "Probability of this parent", "against every other model here or none"],
  ["p_if_present", "Of the models here", "probability of this parent, given that the parent is among them"],
  ["p_direction", "Probability of this direction", "given that one was made from the other"],
  ["similarity", "Similarity", "cosine of the compared weights"],
  ["coverage", "Compared", "share of the larger model's weights"],
  ["p_value", "Relatedness test", "chance of such a match between unrelated models"],
  ["support", "Bootstrap support", "resamples that recover the edge"],
  ["concordance", "Concordance", "matrices that alone give it this parent, of those that give it any"],
];
const SIDES = [
  [1, "Speaks for it", "for"],
  [-1, "Speaks against it", "against"],
  [0, "Does not decide", "neither"],
];
const MISSING =
  "an ancestor that must have existed and is not in the collection: " +
  "a model, or the initialisation that its children share";
const INITIALISATION = "common initialisation";

function term(list, name, value, about) {
  const key = make("dt", name);
  const content = make("dd");
  if (about) key.append(make("small", about));
  content.append(value);
  list.append(key, content);
}

function jump(k, text) {
  return makeButton(text || nodes[k].name, "link", () => {
    reveal(k);
    select(k);
    bring(nodes[k]);
  });
}

function closeDetails() {
  mark([], []);
  details.replaceChildren();
  document.body.classList.remove("has-details");
  fitStage();
}

function show(...parts) {
  const wasOpen = document.body.classList.contains("has-details");
  const close = makeButton("×", "close", closeDetails);
  close.setAttribute("aria-label", "Close details");
  document.body.classList.add("has-details");
  details.replaceChildren(close, ...parts);
  details.scrollTop = 0;
  if (wasOpen) return;
  fitStage();
  requestAnimationFrame(() => keepInSight(current));
}

// Moves the drawing where the details would hide the model that they are about.
function keepInSight(k) {
  if (nodes[k] && nodes[k].shown && !isInSight(nodes[k])) bring(nodes[k]);
}

// ---- a line

function kindWords(link) {
  return [link.kind, ...(link.also || [])]
    .map((kind) => KINDS[kind])
    .filter(Boolean)
    .join("; also ");
}

function howSure(confidence) {
  if (confidence !== undefined && confidence < 0.5) return "may have been made";
  return confidence !== undefined && confidence < 0.9 ? "was probably made" : "was made";
}

function sentence(link) {
  const [a, b] = [nodes[link.a].name, nodes[link.b].name];
  if (link.kind === INITIALISATION) {
    const what = link.reason || "common initialisation or missing ancestor";
    return `${a} and ${b} have common weights that do not show a descent (${what}). None is claimed.`;
  }
  if (!link.directed) return `${a} and ${b} are related; the weights do not show which came first.`;
  const how = kindWords(link);
  return `${b} ${howSure(link.value && link.value.confidence)} from ${a}${how ? ` (${how})` : ""}.`;
}

function numbersOf(link) {
  const list = make("dl");
  for (const [key, name, about] of NUMBERS) if (link.shown && link.shown[key]) term(list, name, link.shown[key], about);
  if (link.part) term(list, "What was compared", link.part);
  return list;
}

function meter(value) {
  const el = make("span", undefined, "meter");
  const bar = make("i");
  bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, value)))}%`;
  el.append(bar);
  return el;
}

function evidenceRow([, feature, strength, statement]) {
  const row = make("tr");
  const [first, second] = [make("td"), make("td", texts[statement])];
  first.append(meter(strength), make("small", strength.toFixed(2)));
  first.title = `strength ${strength.toFixed(2)} of 1`;
  second.prepend(make("b", texts[feature]));
  row.append(first, second);
  return row;
}

function evidenceTable(rows, title, name) {
  const table = make("table", undefined, `evidence ${name}`);
  const body = make("tbody");
  body.append(...rows.map(evidenceRow));
  table.append(make("caption", `${title} · ${rows.length}`), body);
  return table;
}

function evidenceOf(link) {
  const evidence = link.evidence || [];
  return SIDES.map(([side, title, name]) => {
    const rows = evidence.filter((each) => each[0] === side).sort((a, b) => b[2] - a[2]);
    return rows.length ? evidenceTable(rows, title, name) : undefined;
  }).filter(Boolean);
}

function changeWords(change) {
  if (change === 0) return "frozen";
  return change < 0.0005 ? "<0.1 %" : `${(100 * change).toPrecision(change < 0.1 ? 2 : 3)} %`;
}

function layerItem(name, change, most) {
  const item = make("li");
  const [label, track, bar] = [make("span", name, "layer"), make("span", undefined, "track"), make("i")];
  bar.style.width = `${(100 * change) / most}%`;
  label.title = name;
  track.append(bar);
  item.append(label, track, make("span", changeWords(change), "value"));
  return item;
}

function layersOf(link) {
  if (!link.layers) return [];
  const most = Math.max(...link.layers.map((layer) => layer[1]), 1e-12);
  const figure = make("figure", undefined, "layers");
  const list = make("ol");
  list.append(...link.layers.map(([name, change]) => layerItem(texts[name], change, most)));
  figure.append(make("figcaption", "How far each layer moved, relative to its own size"), list);
  return [figure];
}

function showEdge(k) {
  const link = links[k];
  mark([link.a, link.b], [k]);
  rove(link.b);
  const ends = make("p", undefined, "ends");
  ends.append(jump(link.a), make("span", link.directed ? " → " : " – "), jump(link.b));
  const kind = [link.kind, ...(link.also || [])].join(", also ");
  show(
    make("p", kind, "eyebrow"),
    make("h3", sentence(link)),
    ends,
    numbersOf(link),
    ...evidenceOf(link),
    ...layersOf(link),
  );
}

// ---- a model

function relative(other, k) {
  const link = links[k];
  const sure = link.shown && (link.shown.p_parent || link.shown.p_direction);
  const item = make("li");
  const edge = makeButton(`${link.kind}${sure ? `, ${sure}` : ""}`, "edge-button", () => showEdge(k));
  edge.setAttribute("aria-label", `Evidence: ${link.kind} ${sure || ""}`);
  item.append(jump(other), edge);
  return item;
}

function relatives(title, found) {
  if (!found.length) return [];
  const list = make("ul", undefined, "relatives");
  list.append(...found.map(([other, k]) => relative(other, k)));
  return [make("h4", `${title} · ${found.length}`), list];
}

function aboutModel(node) {
  const list = make("dl");
  if (node.missing) term(list, "What it is", MISSING);
  if (node.size) term(list, "Size", node.size);
  if (node.format) term(list, "Format", node.format);
  if (node.path) term(list, "Path", node.path);
  if (node.sha256) term(list, "SHA-256", make("code", node.sha256));
  if (node.p_root) term(list, "Probability to be a root", node.p_root, "that none of the models here is its parent");
  if (node.credible) term(list, "Root of its family", node.credible, "among the models that hold 95 %");
  if (node.copies.length) term(list, "Same weights as", node.copies.join(", "));
  if (node.shares) node.shares.forEach((words) => term(list, "Shared component", words, "no descent"));
  if (node.remark) term(list, "Remark", node.remark);
  return list;
}

// The other ends of a model's lines, by what the lines say.
function relativesOf(k) {
  const found = { parents: [], children: [], related: [], alike: [] };
  for (const line of nodes[k].claims) {
    const link = links[line];
    const other = link.a === k ? link.b : link.a;
    const undirected = link.kind === INITIALISATION ? found.alike : found.related;
    const side = link.b === k ? found.parents : found.children;
    (link.directed ? side : undirected).push([other, line]);
  }
  return found;
}

function whatItIs(node, found) {
  if (node.missing) return "missing ancestor";
  return found.children.length && !found.parents.length ? "root" : "model";
}

function markFamily(k) {
  const up = ancestors(k);
  const down = descendants(k);
  const line = new Set([k, ...up]);
  const inside = new Set([k, ...down]);
  const lines = links.filter(
    (link) => (inside.has(link.a) && inside.has(link.b)) || (link.main && line.has(link.a) && line.has(link.b)),
  );
  mark(
    [k, ...up, ...down],
    lines.map((link) => link.k),
  );
}

function showNode(k) {
  const node = nodes[k];
  const found = relativesOf(k);
  markFamily(k);
  show(
    make("p", whatItIs(node, found), "eyebrow"),
    make("h3", node.name),
    aboutModel(node),
    ...relatives("Made from", found.parents),
    ...relatives("Models made from it", found.children),
    ...relatives("Related, direction undetermined", found.related),
    ...relatives("Same initialisation", found.alike),
  );
}

// ---- what is chosen

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
