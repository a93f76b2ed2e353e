// Hides the symbols of the index that lack the words typed, or are of another kind.
"use strict";
(() => {
  const filter = document.getElementById("symbol-filter");
  const kind = document.getElementById("symbol-kind");
  const count = document.getElementById("symbol-count");
  const rows = [...document.querySelectorAll("div.symbol, tr.symbol")].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
    section: row.closest("section"),
  }));
  const update = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = kind.value && `kind-${kind.value.replaceAll(" ", "-")}`;
    const sections = new Map();
    let shown = 0;
    for (const { row, text, section } of rows) {
      const fits =
        words.every((word) => text.includes(word)) &&
        (!wanted || row.classList.contains(wanted));
      row.hidden = !fits;
      shown += fits;
      sections.set(section, (sections.get(section) || 0) + fits);
    }
    for (const [section, left] of sections) section.hidden = !left;
    count.textContent = `${shown} of ${rows.length} symbols`;
  };
  filter.addEventListener("input", update);
  kind.addEventListener("change", update);
  update();
})();
