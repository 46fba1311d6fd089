// Pan, zoom, and how much room the drawing has on the page.

const MARGIN = 16;
const LEAST_SCALE = 0.68; // smaller, names cannot be read
const MOST_SCALE = 1.15;
const FAR = 0.4; // below this scale small marks are left out
const LEAST_STAGE = 200;

const zoom = d3
  .zoom()
  .scaleExtent([0.04, 4])
  .clickDistance(5)
  .filter((event) => !event.button)
  .on("zoom", (event) => {
    view.attr("transform", event.transform);
    canvas.classList.toggle("far", event.transform.k < FAR);
  });
const svg = d3.select(canvas).call(zoom).on("dblclick.zoom", null);
const eased = () => (calm.matches ? svg : svg.transition().duration(350));

function size() {
  return [canvas.clientWidth || 1000, canvas.clientHeight || 600];
}

function mostHeight() {
  return Math.min(900, Math.max(420, innerHeight * 0.68));
}

// Rather readable than complete: a long drawing starts at its top.
function startScale() {
  const wide = (size()[0] - 2 * MARGIN) / drawing.width;
  const whole = Math.min(wide, (mostHeight() - 2 * MARGIN) / drawing.height, MOST_SCALE);
  return Math.max(whole, Math.min(LEAST_SCALE, Math.max(0.6, wide)));
}

// A small drawing needs no large field.
function fitStage() {
  const needed = Math.ceil(drawing.height * startScale()) + 2 * MARGIN + 2;
  const least = document.body.classList.contains("has-details") ? 420 : LEAST_STAGE;
  stage.style.height = `${Math.min(mostHeight(), Math.max(least, needed))}px`;
}

function fit(target = svg) {
  fitStage();
  const [width, height] = size();
  const scale = startScale();
  const x = Math.max((width - drawing.width * scale) / 2, MARGIN);
  const y = Math.max((height - drawing.height * scale) / 2, MARGIN);
  target.call(zoom.transform, d3.zoomIdentity.translate(x, y).scale(scale));
}

// Moves the drawing until a model is in its middle.
function bring(node) {
  const [width, height] = size();
  const panel = panels[node.panel];
  const scale = Math.max(d3.zoomTransform(canvas).k, 0.8);
  const x = width / 2 - (panel.x + node.cx + node.w / 2) * scale;
  const y = height / 2 - (panel.y + node.cy) * scale;
  eased().call(zoom.transform, d3.zoomIdentity.translate(x, y).scale(scale));
}

function isInSight(node) {
  const box = node.el.getBoundingClientRect();
  const frame = canvas.getBoundingClientRect();
  return box.right <= frame.right && box.left >= frame.left && box.top >= frame.top && box.bottom <= frame.bottom;
}
