// The arrow keys turn pages; a graph begins at its centre; a page of something that runs is read again. Without it there are links, and reloading.
(() => {
  "use strict";
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rel = { ArrowRight: "next", ArrowLeft: "prev" }[event.key];
    const free = document.activeElement === document.body || document.activeElement.id === "main";
    const link = rel && free && document.querySelector(`a[rel="${rel}"]`);
    if (link) { event.preventDefault(); link.click(); }
  });
  const centre = document.querySelector(".graph .centre");
  if (centre) {
    const frame = centre.closest(".scroll"), box = centre.getBoundingClientRect(), seen = frame.getBoundingClientRect();
    frame.scrollLeft += box.left + box.width / 2 - seen.left - seen.width / 2;
  }
  const live = document.querySelector("[data-refresh-seconds]");
  if (live) {
    const again = () => {
      const busy = document.hidden || document.querySelector("input:checked, :is(input, select, button):focus");
      if (busy) setTimeout(again, 1000); else location.reload();
    };
    setTimeout(again, 1000 * Number(live.dataset.refreshSeconds));
  }
})();
