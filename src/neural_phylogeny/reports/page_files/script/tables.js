// Tables: sorting, filtering, and the way from a row to the drawing.

const collator = new Intl.Collator(undefined, { numeric: true });
const FEW_ROWS = 200;
let most = FEW_ROWS; // rows of a table that are shown at once

const bodyOf = (id) => find(id).tBodies[0];

function valueOf(row, column, isNumber) {
  const cell = row.cells[column];
  if (!isNumber) return cell.textContent;
  return cell.dataset.v === undefined ? -Infinity : Number(cell.dataset.v);
}

function compared(isNumber) {
  return isNumber ? (a, b) => a[0] - b[0] || 0 : (a, b) => collator.compare(a[0], b[0]);
}

// The first click on a column of numbers puts the largest first.
function sort(table, head) {
  const isNumber = head.classList.contains("n");
  const was = head.getAttribute("aria-sort");
  const isDown = was === "ascending" || (was === "none" && isNumber);
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, head.cellIndex, isNumber), row]);
  const order = compared(isNumber);
  rows.sort((a, b) => order(a, b) * (isDown ? -1 : 1));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  filter();
}

for (const table of [find("claims"), find("models")]) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sort(table, head);
  });
}

function isWanted(row, words, least) {
  const sure = Number(row.cells[3].dataset.v ?? row.cells[4].dataset.v ?? -1);
  return (!least || sure >= least) && (!words || row.textContent.toLowerCase().includes(words));
}

function filter() {
  const words = find("filter").value.trim().toLowerCase();
  const least = Number(find("least").value) / 100;
  const rows = [...bodyOf("claims").rows];
  const models = [...bodyOf("models").rows];
  const wanted = new Set(rows.filter((row) => isWanted(row, words, least)));
  const first = new Set([...wanted].slice(0, most));
  rows.forEach((row) => (row.hidden = !first.has(row)));
  models.forEach((row, k) => (row.hidden = k >= most));
  find("rows").textContent =
    wanted.size === rows.length ? `${wanted.size} rows` : `${wanted.size} of ${rows.length} rows`;
  find("all").hidden = Math.max(wanted.size, models.length) <= most;
}

function showAllRows(is) {
  most = is ? Infinity : FEW_ROWS;
  filter();
}

function goToDrawing(row) {
  const line = row.dataset.e === undefined ? undefined : links[row.dataset.e];
  const k = line ? line.b : Number(row.dataset.n ?? -1);
  if (!(k >= 0)) return;
  reveal(k);
  bring(nodes[k]);
  if (line) showEdge(line.k);
  else select(k, false);
  find("drawing").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
}

find("all").addEventListener("click", () => showAllRows(true));
find("filter").addEventListener("input", filter);
find("least").addEventListener("input", filter);
find("tables").addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-e],tr[data-n]");
  if (row && event.target.closest("td")) goToDrawing(row);
});
