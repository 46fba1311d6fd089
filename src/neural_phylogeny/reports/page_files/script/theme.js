// Light and dark, the button that opens the record, the button that prints.

const page = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isPrinting = () => page.classList.contains("printing");

function isDark() {
  if (isPrinting()) return false;
  return page.dataset.theme ? page.dataset.theme === "dark" : prefersDark.matches;
}

function themed() {
  find("theme").textContent = isDark() ? "Light" : "Dark";
  find("theme").setAttribute("aria-pressed", String(isDark()));
  paint();
}

find("theme").addEventListener("click", () => {
  page.dataset.theme = isDark() ? "light" : "dark";
  themed();
});
prefersDark.addEventListener("change", themed);
find("print").addEventListener("click", () => window.print());
find("more").addEventListener("click", () => {
  const isOpen = document.body.classList.toggle("has-record");
  find("more").setAttribute("aria-expanded", String(isOpen));
});
