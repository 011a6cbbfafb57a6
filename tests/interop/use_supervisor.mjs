// Use the Thing whose TD is at a URL in every way, and print what came of it as JSON.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addClientFactory(new http.HttpClientFactory());
const wot = await servient.start();
const thing = await wot.consume(await wot.requestThingDescription(process.argv[2]));
const value = async (output) => (await output).value();
const level = () => value(thing.readProperty("level"));
const seen = { level: await level() };

await thing.writeProperty("level", 5);
seen.written = await level();
const all = await thing.readAllProperties();
seen.all = {};
for (const [name, output] of all) seen.all[name] = await output.value();
seen.sum = await value(thing.invokeAction("add", { a: 40, b: 2 }));
seen.bytes = [...new Uint8Array(await (await thing.invokeAction("bytes")).arrayBuffer())];

// node-wot cannot query an action: the address is in the body.
let status = await value(thing.invokeAction("later", { a: 4, b: 5 }));
while (status.status === "pending" || status.status === "running")
  status = await (await fetch(status.href)).json();
seen.later = { status: status.status, output: status.output };

// A change between two polls is told at the next one only, so the level goes up and down.
const told = async (subscribe, wanted) => {
  let heard = false;
  const subscription = await subscribe(async (output) => {
    if ((await output.value()) === wanted) heard = true;
  });
  for (let n = 0; !heard && n < 100; n++) {
    await thing.writeProperty("level", n % 2 ? 12 : 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await subscription.stop();
  return heard ? wanted : undefined;
};
seen.observed = await told((listener) => thing.observeProperty("level", listener), 12);
seen.event = await told((listener) => thing.subscribeEvent("high", listener), true);

console.log(JSON.stringify(seen));
await servient.shutdown();
process.exit(0);
