// A room of another maker: a thermometer and a heater as Things, served by node-wot.
// `node room.mjs PORT`; it needs @node-wot/core and @node-wot/binding-http.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addServer(new http.HttpServer({ port: Number(process.argv[2]) }));
const wot = await servient.start();
const context = ["https://www.w3.org/2022/wot/td/v1.1", { saref: "https://w3id.org/saref#", unit: "http://qudt.org/vocab/unit/" }];
let temperature = 17.5;
let power = 0;

const thermometer = await wot.produce({
  "@context": context,
  "@type": "saref:TemperatureSensor",
  id: "urn:example:thermometer",
  title: "thermometer",
  properties: { temperature: { "@type": "saref:Temperature", type: "number", unit: "unit:DEG_C", readOnly: true } },
});
thermometer.setPropertyReadHandler("temperature", async () => temperature);

const heater = await wot.produce({
  "@context": context,
  "@type": "saref:HVAC",
  id: "urn:example:heater",
  title: "heater",
  properties: { power: { type: "number", unit: "unit:PERCENT", readOnly: true } },
  actions: {
    heat: {
      input: { type: "number", unit: "unit:PERCENT", minimum: 0, maximum: 100 },
      output: { type: "number", unit: "unit:PERCENT" },
      synchronous: true,
    },
  },
});
heater.setPropertyReadHandler("power", async () => power);
heater.setActionHandler("heat", async (input) => (power = await input.value()));

await thermometer.expose();
await heater.expose();
console.log("ready");
