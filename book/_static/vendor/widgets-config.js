// Loaded before require.js: widget modules (anywidget) are beside this file, not on a CDN.
window.require = { baseUrl: new URL("widgets", document.currentScript.src).href };

// ipywidgets' HTML manager calls MathJax 2's queue wherever it finds a window.MathJax. MathJax 3 has typeset the
// page by itself, so the queue does nothing, whichever of the two scripts comes first.
(function () {
  let current;
  const withQueue = (value) => {
    if (value && !value.Hub) value.Hub = { Queue() {} };
    return value;
  };
  current = withQueue(window.MathJax);
  Object.defineProperty(window, "MathJax", {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: (value) => { current = withQueue(value); },
  });
})();
