// What changes in the fleet is told to the page: parts that show it fetch themselves anew.
"use strict";

// Whoever asks and gets no answer is told; what is shown is as it was until there is one again.
const silent = document.querySelector("#silent");
document.body.addEventListener("htmx:sendError", () => { silent.hidden = false; });
document.body.addEventListener("htmx:afterOnLoad", () => { silent.hidden = true; });

const shows = document.querySelector("#topology, #tables, #state, #news");
if (shows && window.EventSource) {
  const news = document.querySelector("#news");
  const say = (before, deployment, after) => {
    if (!news) return;
    const link = document.createElement("a");
    link.href = `/ui/deployments/${encodeURIComponent(deployment)}`;
    link.textContent = deployment;
    news.replaceChildren(before, link, after);
  };
  let waiting = false;
  const tell = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      document.body.dispatchEvent(new CustomEvent("fleet-changed"));
    }, 200);
  };
  const changes = new EventSource("/ui/changes");
  changes.onmessage = (message) => {
    const change = JSON.parse(message.data);
    if (change.kind === "moved") {
      say("A step of ", change.deployment, " moved to another device.");
    } else if (change.kind === "stateChanged") {
      say("", change.deployment, ` is ${change.state}.`);
    }
    tell();
  };
  // Load and health are no events: they are looked at now and then, while somebody looks.
  setInterval(() => { if (!document.hidden) tell(); }, 3000);
  addEventListener("pagehide", () => changes.close());
}
