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
