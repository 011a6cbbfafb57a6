// Serve a Thing with an event and an observable property that both tell of something, again and
// again, a property to write and an action to invoke.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
const port = Number(process.argv[2]);
const baseUri = `http://127.0.0.1:${port}`;
servient.addServer(new http.HttpServer({ port, address: "127.0.0.1", baseUri }));
const wot = await servient.start();
const thing = await wot.produce({
  id: "urn:dev:bell",
  title: "bell",
  properties: {
    level: { type: "integer", observable: true, readOnly: true },
    volume: { type: "integer" },
  },
  actions: { ring: { input: { type: "integer" }, output: { type: "string" } } },
  events: { rung: { data: { type: "integer" } } },
});
let level = 0;
thing.setPropertyReadHandler("level", async () => level);
let volume = 1;
thing.setPropertyReadHandler("volume", async () => volume);
thing.setPropertyWriteHandler("volume", async (given) => {
  volume = await given.value();
});
thing.setActionHandler("ring", async (times) => "ding ".repeat(await times.value()).trim());
await thing.expose();
console.log("ready");
setInterval(() => {
  level += 1;
  thing.emitPropertyChange("level");
  thing.emitEvent("rung", 1000 + level);
}, 150);
