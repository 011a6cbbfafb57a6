// Observe the property `level` of the Thing whose TD is at a URL, and print what was told of it.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addClientFactory(new http.HttpClientFactory());
const wot = await servient.start();
const thing = await wot.consume(await wot.requestThingDescription(process.argv[2]));
const told = [];
const subscription = await thing.observeProperty("level", async (output) => {
  told.push(await output.value());
});
async function write(level, seconds) {
  await thing.writeProperty("level", level);
  for (let n = 0; told.at(-1) !== level && n < 20 * seconds; n++)
    await new Promise((resolve) => setTimeout(resolve, 50));
}
// node-wot has subscribed before its first poll is there; what is written before that is no change.
for (let level = 101; !told.length && level < 130; level++) await write(level, 1);
told.length = 0;
for (const level of [21, 22, 23, 24, 25]) await write(level, 5);
await subscription.stop();
await new Promise((resolve) => setTimeout(resolve, 300));
console.log(JSON.stringify(told));
await servient.shutdown();
process.exit(0);
