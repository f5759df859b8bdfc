
"use strict";
(() => {
  const box = document.getElementById("filter");
  const matches = document.getElementById("matches");
  const rows = [...document.querySelectorAll("tbody tr")].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
    drawn: row.dataset.name && document.querySelector(`g.row[data-name="${row.dataset.name}"]`),
  }));
  const names = rows.filter((item) => item.drawn);
  const typed = () => box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const filter = () => {
    const words = typed();
    for (const item of rows) {
      const fits = words.every((word) => item.text.includes(word));
      item.row.hidden = !fits;
      if (item.drawn) item.drawn.classList.toggle("out", !fits);
    }
    const fitting = names.filter((item) => !item.row.hidden).length;
    matches.textContent = words.length ? `${fitting} of ${names.length} names` : "";
  };
  const first = () => {
    const fitting = names.filter((item) => !item.row.hidden);
    const words = typed();
    // A name that is called so comes before those that have to do with it.
    const isNamed = (item) => words.every((word) => item.row.querySelector("a").textContent.toLowerCase().includes(word));
    const found = fitting.find(isNamed) || fitting[0];
    if (!found) return;
    const node = found.drawn.querySelector("a.name");
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "center", inline: "nearest" });
  };
  box.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target === box) {
      event.preventDefault();
      first();
    } else if (event.key === "Escape") {
      box.value = "";
      filter();
      box.focus();
    } else if (event.key === "/" && event.target !== box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });
  document.getElementById("search").hidden = false;
})();
