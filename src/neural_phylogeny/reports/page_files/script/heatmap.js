// The map of similarities, in the order of the drawing.

const map = find("map");
const choice = find("which");
const UNKNOWN = 65535; // of a pair that was not compared; others are thousandths above -1
const RAMPS = {
  light: [
    [236, 242, 252],
    [160, 196, 245],
    [52, 107, 214],
    [18, 38, 96],
  ],
  dark: [
    [27, 36, 54],
    [40, 84, 160],
    [96, 165, 250],
    [226, 238, 255],
  ],
};
const NAMES = 60; // up to this many models have their names beside the map
const STEPS = 256;
const shownMap = { some: [], cell: 0, left: 0, top: 4, side: 0, i: 0, j: 0 };

// ---- the numbers

const ofLinks = new Map();
const placeOf = new Map(); // by model, its table and its row there

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Uint16Array(bytes.buffer);
}

function readSimilarities() {
  for (const link of links) {
    const value = link.value && link.value.similarity;
    if (value !== undefined) ofLinks.set(pairKey(link.a, link.b), value);
  }
  for (const table of tables) {
    table.values = unpacked(table.cosines);
    if (table.values.length) table.models.forEach((k, row) => placeOf.set(k, { table, row }));
  }
}

function pairKey(a, b) {
  return a < b ? a * nodes.length + b : b * nodes.length + a;
}

function similarity(a, b) {
  if (a === b) return 1;
  const [one, other] = [placeOf.get(a), placeOf.get(b)];
  if (one && other && one.table === other.table) {
    const [upper, lower] = [Math.max(one.row, other.row), Math.min(one.row, other.row)];
    const found = one.table.values[(upper * (upper - 1)) / 2 + lower];
    if (found !== UNKNOWN) return found / 1000 - 1;
  }
  return ofLinks.get(pairKey(a, b));
}

// ---- which models, in which order

function walk(panel) {
  const found = [];
  const stack = panel.nodes
    .filter((node) => node.up < 0)
    .map((node) => node.k)
    .reverse();
  while (stack.length) {
    const k = stack.pop();
    if (!nodes[k].missing) found.push(k);
    stack.push(...nodes[k].below.slice().reverse());
  }
  return found;
}

function isFamily(panel) {
  return panel.nodes.filter((node) => !node.missing).length > 1 && panel.nodes.some((node) => node.claims.length);
}

const several = panels.filter(isFamily);

function offerFamilies() {
  if (several.length !== 1) choice.append(new Option("all families", "all"));
  several.forEach((panel) => choice.append(new Option(panel.title, String(panels.indexOf(panel)))));
  if (nodes.length > 300 && several.length) choice.value = String(panels.indexOf(several[0]));
}

function chosenModels() {
  return (choice.value === "all" ? several : [panels[Number(choice.value)]]).flatMap(walk);
}

// ---- the picture

// Colours by their share of the scale, each packed as a pixel is stored.
function ramp() {
  const stops = RAMPS[isDark() ? "dark" : "light"];
  return Uint32Array.from({ length: STEPS }, (_, step) => {
    const at = (step / (STEPS - 1)) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(at));
    const [red, green, blue] = stops[k].map((value, c) => Math.round(value + (at - k) * (stops[k + 1][c] - value)));
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  });
}

function lowestOf(some) {
  let lowest = 1;
  for (let i = 0; i < some.length; i++) {
    for (let j = 0; j < i; j++) {
      const value = similarity(some[i], some[j]);
      if (value < lowest) lowest = value;
    }
  }
  return Math.max(0, Math.floor(lowest * 20 - 1) / 20);
}

function measure(some) {
  const room = Math.max(280, Math.min(map.parentElement.clientWidth - 90, 900));
  const hasNames = some.length <= NAMES;
  const left = hasNames ? 190 : 4;
  const cell = hasNames
    ? Math.max(14, Math.min(30, Math.floor((room - left) / some.length)))
    : Math.max(1, room / some.length);
  Object.assign(shownMap, { some, cell, left, side: some.length * cell, i: 0, j: 0 });
  return hasNames;
}

// One pixel a pair, enlarged without blur: fast for thousands of models.
function pixels(some, lowest) {
  const colours = ramp();
  const image = new ImageData(some.length, some.length);
  const packed = new Uint32Array(image.data.buffer);
  some.forEach((a, i) => {
    some.forEach((b, j) => {
      const value = similarity(a, b);
      if (value === undefined) return;
      const share = Math.min(1, Math.max(0, (value - lowest) / (1 - lowest || 1)));
      packed[i * some.length + j] = colours[Math.round(share * (STEPS - 1))];
    });
  });
  const small = document.createElement("canvas");
  small.width = small.height = some.length;
  small.getContext("2d").putImageData(image, 0, 0);
  return small;
}

function prepared() {
  const { left, top, side } = shownMap;
  const ratio = devicePixelRatio || 1;
  map.width = (left + side + 4) * ratio;
  map.height = (top + side + 4) * ratio;
  map.style.width = `${left + side + 4}px`;
  map.style.height = "auto";
  const context = map.getContext("2d");
  context.scale(ratio, ratio);
  context.imageSmoothingEnabled = false;
  return context;
}

function paintGrid(context, colour) {
  const { some, cell, left, top, side } = shownMap;
  context.fillStyle = colour;
  for (let k = 1; k <= some.length; k++) {
    context.fillRect(left + k * cell - 1, top, 1, side);
    context.fillRect(left, top + k * cell - 1, side, 1);
  }
}

function paintNames(context, colour) {
  const { some, cell, left, top } = shownMap;
  context.fillStyle = colour;
  context.font = `${Math.min(12, cell - 2)}px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  some.forEach((k, i) => context.fillText(nodes[k].label, left - 8, top + (i + 0.5) * cell, left - 12));
}

let isMapSeen = false;

function paint() {
  const some = several.length ? chosenModels() : [];
  find("similarity").hidden = some.length < 2;
  if (some.length < 2 || !(isMapSeen || isPrinting())) return;
  const hasNames = measure(some);
  const { left, top, side } = shownMap;
  const lowest = lowestOf(some);
  const style = getComputedStyle(page);
  const context = prepared();
  context.fillStyle = style.getPropertyValue("--panel");
  context.fillRect(left, top, side, side);
  context.drawImage(pixels(some, lowest), left, top, side, side);
  if (hasNames) {
    paintGrid(context, style.getPropertyValue("--card"));
    paintNames(context, style.getPropertyValue("--ink"));
  }
  find("lowest").textContent = lowest.toFixed(2);
}

// ---- what is below the pointer

function tell(i, j) {
  const { some } = shownMap;
  if (!(i >= 0 && j >= 0 && i < some.length && j < some.length)) return;
  Object.assign(shownMap, { i, j });
  const value = similarity(some[i], some[j]);
  const words = value === undefined ? "unrelated, or not compared" : `similarity ${value.toFixed(3)}`;
  const [a, b] = [nodes[some[i]].name, nodes[some[j]].name];
  find("cell").textContent = i === j ? a : `${a} and ${b}: ${words}`;
}

map.addEventListener("mousemove", (event) => {
  const { left, top, side, cell } = shownMap;
  const box = map.getBoundingClientRect();
  const scale = (left + side + 4) / box.width;
  const at = (place, start, edge) => Math.floor(((place - start) * scale - edge) / cell);
  tell(at(event.clientY, box.top, top), at(event.clientX, box.left, left));
});
map.addEventListener("keydown", (event) => {
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!move) return;
  event.preventDefault();
  seeMap(); // a key may come before the map was seen
  tell(shownMap.i + move[0], shownMap.j + move[1]);
});
choice.addEventListener("change", paint);

function seeMap() {
  if (isMapSeen) return;
  isMapSeen = true;
  paint();
}

new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && seeMap(), {
  rootMargin: "300px",
}).observe(find("similarity"));

readSimilarities();
offerFamilies();
