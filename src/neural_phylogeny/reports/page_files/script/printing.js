// On paper each family has sheets of its own, cut where it is longer than a page, and tables have all their rows.

const SHEET = 680; // width of a sheet in pixels
const SLICE = 900; // height of a page at full size
const SVG = "http://www.w3.org/2000/svg";

function copyOf(panel) {
  const copy = panel.el.cloneNode(true);
  copy.removeAttribute("id");
  copy.querySelectorAll("[id]").forEach((part) => {
    part.removeAttribute("id");
    part.removeAttribute("tabindex");
  });
  return copy;
}

function sheet(panel, y, wide, high) {
  const el = document.createElementNS(SVG, "svg");
  el.setAttribute("viewBox", `${panel.x - 2} ${panel.y + y - 2} ${wide + 4} ${high + 4}`);
  el.setAttribute("class", canvas.getAttribute("class").replace(/\b(has-choice|has-hits|far)\b/g, ""));
  el.setAttribute("width", Math.min(wide, SHEET));
  el.setAttribute("height", Math.ceil((high + 4) * Math.min(1, SHEET / wide)));
  el.append(copyOf(panel));
  return el;
}

function sheetsOf(panel) {
  const wide = Math.max(panel.width, 640);
  const slice = Math.max(SLICE, (wide / SHEET) * SLICE);
  const tops = Array.from({ length: Math.ceil(panel.h / slice) }, (_, k) => k * slice);
  return tops.map((y) => sheet(panel, y, wide, Math.min(slice, panel.h - y)));
}

const annex = document.querySelector(".annex");
let wasLimited = true;
let wasOpen = false;
window.addEventListener("beforeprint", () => {
  page.classList.add("printing");
  wasLimited = most === FEW_ROWS;
  showAllRows(true);
  if (annex) [wasOpen, annex.open] = [annex.open, true];
  find("sheets").replaceChildren(...panels.flatMap(sheetsOf));
  paint();
});
window.addEventListener("afterprint", () => {
  find("sheets").replaceChildren();
  page.classList.remove("printing");
  showAllRows(!wasLimited);
  if (annex) annex.open = wasOpen;
  paint();
});
