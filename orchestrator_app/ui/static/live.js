// What changes in the fleet is told to the page: parts that show it fetch themselves anew.
"use strict";

const shows = document.querySelector("#topology, #tables, #state");
if (shows && window.EventSource) {
  const news = document.querySelector("#news");
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
    if (news && change.kind === "moved") {
      news.textContent = `A step of ${change.deployment} moved to another device.`;
    } else if (news && change.kind === "stateChanged") {
      news.textContent = `${change.deployment} is ${change.state}.`;
    }
    tell();
  };
  // Load and health are no events: they are looked at now and then, while somebody looks.
  setInterval(() => { if (!document.hidden) tell(); }, 3000);
  addEventListener("pagehide", () => changes.close());
}
