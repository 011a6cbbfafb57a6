// The drawing of devices, the steps on them, and where results go. A step that moves is seen to move.
"use strict";

(() => {
  const place = document.getElementById("topology");
  const WIDTH = 210, HEIGHT = 150, STEP = 34, MOST_COLUMNS = 6;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const palette = () => dark.matches
    ? { text: "#e6e8eb", device: "#262c33", line: "#7cb7ff", step: "#0e4a86", grey: "#4a525b", good: "#5dd28a" }
    : { text: "#1b1f24", device: "#ffffff", line: "#0a4f9e", step: "#cfe3fb", grey: "#b9c0c8", good: "#1f7a3d" };

  const style = () => {
    const c = palette();
    return [
      { selector: "node", style: { "z-index": 1, "z-index-compare": "manual", label: "data(label)", color: c.text, "font-size": 13, "text-wrap": "ellipsis", "text-max-width": 170 } },
      { selector: ".device", style: { shape: "round-rectangle", width: 180, height: "data(height)", "background-color": c.device, "border-width": 2, "border-color": c.good, "text-valign": "top", "text-halign": "center", "text-margin-y": 20 } },
      { selector: ".thing", style: { shape: "ellipse" } },
      { selector: ".unknown", style: { "border-color": c.grey } },
      { selector: ".silent, .gone", style: { "background-color": c.grey, "border-color": c.grey, "border-style": "dashed", "background-opacity": 0.5 } },
      { selector: ".step", style: { shape: "round-rectangle", width: 160, height: 26, "background-color": c.step, "text-valign": "center", "z-index": 10, "z-index-compare": "manual" } },
      { selector: "edge", style: { width: 3, "line-color": c.line, "target-arrow-color": c.line, "target-arrow-shape": "triangle", "curve-style": "bezier", "z-index": 20, "z-index-compare": "manual" } },
    ];
  };

  const graph = cytoscape({ container: place, style: style(), autoungrabify: true, maxZoom: 1.4, minZoom: 0.1 });
  window.topologyGraph = graph;
  let order = [];

  // The devices in the order in which results reach them.
  const inFlow = (found) => {
    const device = new Map(found.steps.map((step) => [step.id, step.device]));
    const fed = new Set(found.edges.map((edge) => edge.target));
    const queue = found.steps.map((step) => step.id).filter((id) => !fed.has(id)), seen = new Set(queue);
    for (const id of queue) {
      found.edges.filter((edge) => edge.source === id && !seen.has(edge.target))
        .forEach((edge) => { seen.add(edge.target); queue.push(edge.target); });
    }
    return [...new Set(queue.map((id) => device.get(id)))];
  };

  const positions = (found) => {
    const known = new Set(found.devices.map((device) => device.id));
    order = order.filter((id) => known.has(id));
    const busy = inFlow(found);
    const rank = (device) => (busy.includes(device.id) ? busy.indexOf(device.id) : busy.length);
    [...found.devices].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title))
      .forEach((device) => { if (!order.includes(device.id)) order.push(device.id); });
    const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.floor(place.clientWidth / WIDTH), order.length));
    const held = new Map(order.map((id) => [id, []]));
    found.steps.forEach((step) => held.get(step.device)?.push(step.id));
    const height = Math.max(HEIGHT, ...[...held.values()].map((steps) => 70 + steps.length * STEP));
    const at = new Map();
    order.forEach((id, i) => {
      const x = (i % columns) * (WIDTH + 30), y = Math.floor(i / columns) * (height + 40);
      at.set(id, { x, y });
      held.get(id).forEach((step, k) => at.set(step, { x, y: y - height / 2 + 66 + k * STEP }));
    });
    return { at, height: height - 20 };
  };

  const put = (id, data, classes, position) => {
    const node = graph.getElementById(id);
    if (node.empty()) {
      graph.add({ data: { id, ...data }, classes, position });
      return;
    }
    node.data(data);
    node.classes(classes);
    const here = node.position();
    if (Math.abs(here.x - position.x) + Math.abs(here.y - position.y) < 1) return;
    node.stop();
    if (calm.matches) node.position(position);
    else node.animate({ position, duration: 900 });
  };

  const wrapped = (id) => `step:${id}`;

  // A step is the same step on another device: it is known by its deployment and its name.
  const draw = (found) => {
    const names = new Map(), counts = new Map();
    found.steps.forEach((step) => {
      const base = `${step.slug}/${step.name}`;
      const n = counts.get(base) || 0;
      counts.set(base, n + 1);
      names.set(step.id, n ? `${base}#${n}` : base);
    });
    const { at, height } = positions(found);
    const keep = new Set();
    graph.batch(() => {
      found.devices.forEach((device) => {
        const load = typeof device.cpuLoad === "number" ? ` · ${Math.round(device.cpuLoad * 100)} %` : "";
        keep.add(device.id);
        put(device.id, { label: device.title + load, height, url: `/ui/thing?id=${encodeURIComponent(device.id)}` },
          `device ${device.kind} ${device.health}`, at.get(device.id));
      });
      found.steps.forEach((step) => {
        const id = wrapped(names.get(step.id));
        keep.add(id);
        put(id, { label: `${step.deployment}: ${step.name}`, url: `/ui/deployments/${encodeURIComponent(step.slug)}`, device: step.device },
          "step", at.get(step.id));
      });
      const edges = found.edges.map((edge) => [wrapped(names.get(edge.source)), wrapped(names.get(edge.target))]);
      edges.forEach(([source, target]) => {
        const id = `${source} ${target}`;
        keep.add(id);
        if (graph.getElementById(id).empty()) graph.add({ data: { id, source, target } });
      });
      graph.elements().filter((element) => !keep.has(element.id())).remove();
    });
  };

  let isFirst = true;
  const refresh = async () => {
    const response = await fetch(place.dataset.source, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    draw(await response.json());
    if (isFirst) graph.fit(undefined, 20);
    isFirst = false;
  };

  graph.on("tap", "node", (event) => { location.href = event.target.data("url"); });
  dark.addEventListener("change", () => graph.style(style()));
  document.body.addEventListener("fleet-changed", () => refresh().catch(() => {}));
  refresh().catch(() => {});
})();
