// Shows the entries whose text holds what is typed, of the kind and the file that are chosen.
"use strict";
(() => {
  const text = document.getElementById("filter-text");
  const kind = document.getElementById("filter-kind");
  const file = document.getElementById("filter-file");
  const count = document.getElementById("filter-count");
  const entries = [...document.querySelectorAll("details.symbol")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
    places: [...element.querySelectorAll(".places li")],
  }));

  const apply = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    let places = 0;
    for (const entry of entries) {
      let here = 0;
      for (const place of entry.places) {
        place.hidden = file.value !== "" && place.dataset.file !== file.value;
        here += place.hidden ? 0 : 1;
      }
      const fits =
        here > 0 &&
        entry.text.includes(wanted) &&
        (kind.value === "" || entry.element.dataset.kind === kind.value);
      entry.element.hidden = !fits;
      shown += fits ? 1 : 0;
      places += fits ? here : 0;
    }
    count.textContent = `${shown} entries, ${places} places`;
  };

  for (const control of [text, kind, file]) {
    control.addEventListener("input", apply);
  }
  apply();
})();
