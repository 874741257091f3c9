// Sorts and searches tables, and switches between light and dark. Without it everything is still there to be read.
// It stores nothing and asks nobody: it works in a sandboxed frame.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggle = document.querySelector("[data-toggle-theme]");
  if (toggle) {
    toggle.hidden = false;
    const name = () => { toggle.textContent = dark() ? "Light theme" : "Dark theme"; };
    toggle.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
    name();
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell ? cell.dataset.sort ?? cell.textContent.trim() : "";
    const number = text === "" ? NaN : Number(text);
    return Number.isNaN(number) ? text : number;
  };
  // numbers before texts, what is empty last whatever the direction
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim() || head.hasAttribute("data-fixed")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row, i) => [key(row, column), i, row]);
        rows.sort((a, b) => compare(a[0], b[0], sign) || a[1] - b[1]);
        body.append(...rows.map((r) => r[2]));
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-search]")) {
    input.closest(".tools").hidden = false;
    const table = document.getElementById(input.dataset.search);
    const told = input.closest(".tools").querySelector("[role=status]");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      told.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : "";
    });
  }
  // links within the page: they unfold what they lead into, and work in a frame that has no address of its own
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(decodeURIComponent(link.getAttribute("href").slice(1)));
    if (!target) return;
    for (let e = target.closest("details"); e; e = e.parentElement.closest("details")) e.open = true;
    if (location.protocol !== "about:") return;
    event.preventDefault();
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.data)").forEach((d) => { d.open = true; }));
})();
