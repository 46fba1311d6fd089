// Where everything stands: the layout that the page was made with, without the rows and columns of what is folded.

const HEIGHT = 26; // of a model; this and the others as in layout.py and places.py
const PAD = 18;
const TITLE = 34;
const BETWEEN = 22;
const GUTTER = 74;
const GAP = 16;
const ASPECT = 1.9;
const drawing = { width: 0, height: 0 };

function isShown(node) {
  return ancestors(node.k).every((up) => !folded.has(up));
}

// Widest box of each layer of a panel in which anything is seen.
function widths(panel) {
  const wide = new Map();
  for (const node of panel.nodes) {
    node.shown = isShown(node);
    if (node.shown) wide.set(node.layer, Math.max(wide.get(node.layer) || 0, node.w));
  }
  return wide;
}

// By layer: where it starts, its rank among those that are seen, where the next one starts.
function columns(panel) {
  const wide = widths(panel);
  const starts = new Map();
  let x = panel.nodes.reduce((least, node) => Math.min(least, node.x), Infinity);
  [...wide.keys()]
    .sort((a, b) => a - b)
    .forEach((layer, rank) => {
      const next = x + wide.get(layer) + GUTTER;
      starts.set(layer, { x, rank, next });
      x = next;
    });
  return starts;
}

function placeColumns(panel) {
  const starts = columns(panel);
  const isGrid = panel.nodes.every((node) => !node.claims.length);
  for (const node of panel.nodes) {
    if (!node.shown) continue;
    const column = isGrid ? { x: node.x, rank: 0, next: node.x } : starts.get(node.layer);
    Object.assign(node, { cx: column.x, rank: column.rank, next: column.next });
  }
}

// Rows close up where a gap is wider than what separates subtrees.
function placeRows(panel) {
  const top = PAD + TITLE;
  let bottom = top;
  let shift = 0;
  let right = 0;
  for (const node of panel.nodes) {
    if (!node.shown) continue;
    const gap = node.y - HEIGHT / 2 - bottom;
    const wanted = bottom === top ? 0 : GAP;
    if (gap > wanted) shift += gap - wanted;
    node.cy = node.y - shift;
    bottom = Math.max(bottom, node.y + HEIGHT / 2);
    right = Math.max(right, node.cx + node.w);
  }
  panel.h = bottom - shift + PAD;
  panel.width = Math.max(right + PAD + 10, panel.title.length * 8.2 + 2 * PAD);
}

function place() {
  for (const panel of panels) {
    placeColumns(panel);
    placeRows(panel);
  }
  packBest();
}

// Of a few widths of the whole, the one in which names are largest; of nearly equal ones, the lowest drawing.
function packBest() {
  const area = panels.reduce((sum, panel) => sum + (panel.width + BETWEEN) * (panel.h + BETWEEN), 0);
  const widest = panels.reduce((most, panel) => Math.max(most, panel.width), 0) + BETWEEN;
  const readable = (size()[0] - 2 * MARGIN) / LEAST_SCALE + BETWEEN;
  const square = Math.sqrt(ASPECT * area);
  const tries = panels.length > 400 ? [square] : [square * 0.8, square, square * 1.25, readable];
  let best;
  for (const limit of tries.map((width) => Math.max(widest, Math.min(width, readable)))) {
    pack(limit);
    const found = { limit, scale: startScale(), height: drawing.height };
    if (!best || found.scale > best.scale * 1.02 || (found.scale > best.scale * 0.98 && found.height < best.height)) {
      best = found;
    }
  }
  pack(best ? best.limit : widest);
}

// Each panel in its turn where it comes to lie highest, then leftmost.
function pack(limit) {
  let skyline = [[0, 0]]; // from x on, a panel may start at y
  drawing.width = drawing.height = 0;
  for (const panel of panels) {
    Object.assign(panel, highest(skyline, panel.width + BETWEEN, limit));
    skyline = covered(skyline, panel);
    drawing.width = Math.max(drawing.width, panel.x + panel.width);
    drawing.height = Math.max(drawing.height, panel.y + panel.h);
  }
}

function highest(skyline, wide, limit) {
  let best;
  skyline.forEach(([x], k) => {
    if (x + wide > limit + 1e-6) return;
    let y = skyline[k][1];
    for (let at = k + 1; at < skyline.length && skyline[at][0] < x + wide; at++) y = Math.max(y, skyline[at][1]);
    if (!best || y < best.y) best = { x, y };
  });
  return best;
}

function covered(skyline, panel) {
  const right = panel.x + panel.width + BETWEEN;
  const after = skyline.filter(([x]) => x <= right).pop()[1];
  const left = skyline.filter(([x]) => x < panel.x || x > right);
  left.push([panel.x, panel.y + panel.h + BETWEEN], [right, after]);
  return left.sort((a, b) => a[0] - b[0]);
}
