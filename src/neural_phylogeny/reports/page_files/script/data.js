// The result as the page has it: models, lines, panels, and who hangs below whom.

const find = (id) => document.getElementById(id);
const read = (id) => JSON.parse(find(id).textContent);

const { nodes, links, panels, tables, texts } = read("data");
const folded = new Set(read("folded"));

const canvas = find("canvas");
const stage = canvas.parentElement;
const view = d3.select("#view");
const details = find("details");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function connect() {
  nodes.forEach((node, k) => Object.assign(node, { k, el: find(`n${k}`), below: [], up: -1, claims: [] }));
  links.forEach((link, k) => {
    Object.assign(link, { k, el: find(`e${k}`) });
    nodes[link.a].claims.push(k);
    nodes[link.b].claims.push(k);
    if (link.main) {
      nodes[link.a].below.push(link.b);
      nodes[link.b].up = link.a;
    }
  });
  panels.forEach((panel, k) => Object.assign(panel, { el: find(`panel${k}`), nodes: [] }));
  nodes.forEach((node) => panels[node.panel].nodes.push(node));
  panels.forEach((panel) => panel.nodes.sort((a, b) => a.y - b.y));
}

function ancestors(k) {
  const found = [];
  for (let up = nodes[k].up; up >= 0; up = nodes[up].up) found.push(up);
  return found;
}

function descendants(k) {
  const found = [];
  const stack = [...nodes[k].below];
  while (stack.length) {
    const next = stack.pop();
    found.push(next);
    stack.push(...nodes[next].below);
  }
  return found;
}

function make(tag, text, name) {
  const el = document.createElement(tag);
  if (text !== undefined) el.textContent = text;
  if (name) el.className = name;
  return el;
}

function makeButton(text, name, act) {
  const button = make("button", text, name);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

connect();
