// Draws the page for the first time.

draw();
fit();
themed();
filter();

let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    fitStage();
    paint();
  });
});

requestAnimationFrame(() =>
  setTimeout(() => {
    performance.mark("ready");
    page.dataset.ready = "true";
  }),
);
