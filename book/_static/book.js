// The theme finds out at its end what "auto" is, and styles the page a second time. Said here, it is styled once.
if (document.documentElement.dataset.mode === "auto") {
  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// From disk a browser may not fetch other pages, so search lists its hits without their summaries.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A control's name for a screen reader must hold the text that is seen; the theme's own labels differ from it.
function nameControls() {
  for (const control of document.querySelectorAll(".search-button__button, details > summary")) {
    if (control.textContent.trim()) control.removeAttribute("aria-label");
  }
  for (const icon of document.querySelectorAll(".theme-switch-button .theme-switch")) {
    for (const name of ["title", "role", "aria-labelledby"]) icon.removeAttribute(name);
    icon.setAttribute("aria-hidden", "true");
    icon.querySelector("title")?.remove();
  }
}
document.addEventListener("DOMContentLoaded", () => {
  nameControls();
  for (const button of document.querySelectorAll(".theme-switch-button")) {
    new MutationObserver(nameControls).observe(button, { childList: true, subtree: true }); // icons become SVGs later
  }
});

// What scrolls sideways in its own box must be reachable by keyboard.
function reachScrollers() {
  for (const box of document.querySelectorAll(".bd-article :is(table, div.math)")) {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.removeAttribute("tabindex");
  }
}
addEventListener("load", reachScrollers);
addEventListener("resize", reachScrollers);

// A chapter has hundreds of formulas. Those in view are set at once, so that the page answers; the others a few at a
// time while it waits for its reader, the nearest first, or all at once for paper.
const AT_A_TIME = 10;
const later = window.requestIdleCallback ?? ((call) => setTimeout(call, 50)); // Safari has none
let left = []; // formulas that are not set
function away(formula) {
  const { top, bottom, width } = formula.getBoundingClientRect();
  return width ? Math.max(0, -bottom, top - innerHeight) : 1e6; // what is folded away comes last
}
async function set(formulas) {
  const chosen = new Set(formulas);
  left = left.filter((formula) => !chosen.has(formula));
  await MathJax.typesetPromise(formulas);
  reachScrollers();
}
async function setSeen() {
  const seen = left.filter((formula) => away(formula) === 0);
  if (!seen.length) return;
  await set(seen);
  await setSeen(); // they are lower than their source was: more has come into view
}
async function setOthers() {
  const gaps = new Map(left.map((formula) => [formula, away(formula)]));
  await set(left.toSorted((a, b) => gaps.get(a) - gaps.get(b)).slice(0, AT_A_TIME));
  if (left.length) later(setOthers, { timeout: 1000 });
  else document.documentElement.style.scrollBehavior = "";
}
document.addEventListener("DOMContentLoaded", async () => {
  left = [...document.querySelectorAll(".math")];
  if (!left.length) return;
  document.documentElement.style.scrollBehavior = "auto"; // a link's way changes while one glides along it: leap
  await MathJax.startup.promise;
  await setSeen();
  addEventListener("scroll", setSeen, { passive: true });
  later(setOthers, { timeout: 1000 });
});
addEventListener("beforeprint", () => {
  if (left.length) MathJax.typeset(left.splice(0));
});

// Paper is white: a page that is dark on the screen is printed light.
let shown = null;
addEventListener("beforeprint", () => {
  shown ??= document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = shown;
  shown = null;
});
