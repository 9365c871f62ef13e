const ink = { labelColor: "currentColor", titleColor: "currentColor", domainColor: "currentColor", tickColor: "currentColor", gridColor: "currentColor" };
const config = { background: "transparent", axis: ink, legend: ink, title: { color: "currentColor" } };
for (const place of document.querySelectorAll("[data-chart]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  // `ast` has expressions interpreted, so that the page needs no eval.
  vegaEmbed(place, spec, { actions: false, ast: true, renderer: "svg", defaultStyle: false, config });
}
