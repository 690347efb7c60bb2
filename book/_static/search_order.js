// The order of what the search finds: what is called so, chapters, other pages, modules of the library.
// Sphinx copies it into its own script (html_search_scorer).
var Scorer = {
  score: ([page, , , , score]) => score + (page.startsWith("notebooks/") ? 1 : 0),
  objNameMatch: 11,
  objPartialMatch: 2,
  objPrio: { 0: 0, 1: 10 }, // 0: modules; 1: what they hold
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
