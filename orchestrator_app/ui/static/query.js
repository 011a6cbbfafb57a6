// The editor of questions. Results come as a table, and what are triples can be drawn.
"use strict";

(() => {
  const place = document.getElementById("yasgui");
  const MOST_DRAWN = 300;

  // A result drawn as a graph: of triples, or of a table with two or three columns of nodes.
  class Drawing {
    constructor(yasr) {
      this.yasr = yasr;
      this.priority = 5;
      this.label = "Graph";
    }

    // No span: on a narrow screen the editor shows icons alone, and hides every span.
    getIcon() {
      const place = document.createElement("div"), svg = "http://www.w3.org/2000/svg";
      const icon = place.appendChild(document.createElementNS(svg, "svg"));
      icon.setAttribute("viewBox", "0 0 16 16");
      icon.setAttribute("aria-hidden", "true");
      const path = icon.appendChild(document.createElementNS(svg, "path"));
      path.setAttribute("d", "M4 0a4 4 0 0 1 3.9 4.9l2.6 2.2A4 4 0 1 1 9 9.3L6.6 7.2A4 4 0 1 1 4 0z");
      return place;
    }

    edges() {
      const columns = this.yasr.results?.getVariables() || [];
      const rows = this.yasr.results?.getBindings() || [];
      if (columns.length < 2) return [];
      const [from, ...rest] = columns;
      const to = rest.length > 1 ? rest[1] : rest[0];
      const label = rest.length > 1 ? rest[0] : null;
      return rows.filter((row) => row[from] && row[to])
        .map((row) => [row[from].value, label && row[label] ? row[label].value : "", row[to].value]);
    }

    canHandleResults() {
      return this.edges().length > 0;
    }

    draw() {
      const box = document.createElement("div");
      box.className = "results-graph";
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", "The result as a graph; the table says the same.");
      this.yasr.resultsEl.replaceChildren(box);
      const short = (iri) => iri.replace(/^.*[#/:](?=[^#/:]+$)/, "");
      const found = this.edges().slice(0, MOST_DRAWN), names = new Set(found.flatMap(([s, , o]) => [s, o]));
      cytoscape({
        container: box,
        maxZoom: 1.5,
        elements: [
          ...[...names].map((id) => ({ data: { id: `n ${id}`, label: short(id) } })),
          ...found.map(([s, p, o], i) => ({ data: { id: `e${i}`, source: `n ${s}`, target: `n ${o}`, label: short(p) } })),
        ],
        style: [
          { selector: "node", style: { label: "data(label)", "font-size": 11, width: 18, height: 18, "background-color": "#0a4f9e" } },
          { selector: "edge", style: { label: "data(label)", "font-size": 9, width: 1.5, "curve-style": "bezier", "target-arrow-shape": "triangle", "text-background-color": "#ffffff", "text-background-opacity": 0.8 } },
        ],
        layout: { name: "cose", animate: false },
      });
    }
  }

  Yasgui.Yasr.registerPlugin("graph", Drawing);
  const endpoint = new URL(place.dataset.endpoint, location.href).href;
  const first = place.dataset.query || "SELECT ?thing ?title {\n  ?thing <https://www.w3.org/2019/wot/td#title> ?title\n} LIMIT 100";
  const yasgui = new Yasgui(place, {
    requestConfig: { endpoint, method: "POST" },
    copyEndpointOnNewTab: true,
    persistenceId: null,
    autofocus: false,
    endpointCatalogueOptions: { getData: () => [{ endpoint }] },
    yasqe: { value: first, autocompleters: ["variables"], showQueryButton: true, resizeable: true, createShareableLink: null },
    yasr: { prefixes: {} },
  });
  window.yasgui = yasgui;
  const editor = () => yasgui.getTab().getYasqe();
  if (place.dataset.query) editor().setValue(first);
  document.getElementById("documented")?.addEventListener("change", (event) => {
    if (event.target.value) editor().setValue(event.target.value);
  });
})();
