"use strict";

// Results of a search are shown with an excerpt that is fetched, which a browser refuses for files.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

const FOLDED = ".stage details, details.rest";

/** The text of one side in the order of the file, without line numbers and padding. */
function codeOf(scope, side) {
  const number = (line) => Number(line.previousElementSibling.textContent);
  const lines = [...scope.querySelectorAll(`td.code.${side}:not(.pad)`)];
  lines.sort((one, other) => number(one) - number(other)); // a page begins within the file
  return lines.map((line) => line.textContent + "\n").join("");
}

async function writeToClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // where a page may not use the clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

async function copy(button) {
  const scope = button.dataset.scope === "stage" ? button.closest(".stage") : document;
  await writeToClipboard(codeOf(scope, button.dataset.side));
  const label = button.firstChild;
  const before = label.data;
  label.data = "Copied";
  setTimeout(() => (label.data = before), 1500);
}

function foldAll(button) {
  const open = button.getAttribute("aria-pressed") !== "true";
  for (const details of document.querySelectorAll(FOLDED)) details.open = open;
  button.setAttribute("aria-pressed", String(open));
}

/** A line that a link leads to may be folded away. */
function showTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const opened = [];
  for (let at = target; (at = at && at.closest("details")); at = at.parentElement) opened.push(at);
  for (const details of opened) details.open = true;
  if (opened.length) target.scrollIntoView();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy, button.fold-all");
  if (button) (button.matches(".copy") ? copy : foldAll)(button);
});
/** What the theme leaves unnamed for those who listen to the page. */
function nameLandmarks() {
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Pages");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  if (!document.querySelector("h1")) {
    const title = document.createElement("h1"); // the page of search has none
    title.className = "sr-only";
    title.textContent = document.title;
    document.querySelector("article")?.prepend(title);
  }
}

window.addEventListener("hashchange", showTarget);
window.addEventListener("DOMContentLoaded", () => {
  nameLandmarks();
  showTarget();
});
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll(FOLDED)) details.open = true;
});
