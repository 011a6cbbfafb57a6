// Use the deployment whose TD is at a URL in every way, and print what came of it as JSON.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addClientFactory(new http.HttpClientFactory());
const wot = await servient.start();
const thing = await wot.consume(await wot.requestThingDescription(process.argv[2]));
const read = async (name) => (await thing.readProperty(name)).value();
const invoke = async (name, input) => {
  const output = await thing.invokeAction(name, input);
  return output?.value();
};
const heard = {};
const subscriptions = [];
for (const name of ["stateChanged", "executionCompleted", "moved"])
  subscriptions.push(
    await thing.subscribeEvent(name, async (output) => (heard[name] = await output.value())),
  );
const until = async (isSo) => {
  for (let n = 0; n < 300 && !isSo(); n++) await new Promise((r) => setTimeout(r, 100));
};

const seen = { state: await read("state"), revision: await read("revision") };
seen.steps = (await read("placement")).length;
seen.run = await invoke("run");

// node-wot cannot query an action: the address is in the body.
let status = await invoke("execute");
while (status.status === "pending" || status.status === "running")
  status = await (await fetch(status.href)).json();
seen.execute = status.output;
await until(() => heard.executionCompleted);
seen.completed = heard.executionCompleted?.status;

seen.rollback = await invoke("rollback", 1);
seen.runAfterRollback = await invoke("run");
await until(() => heard.stateChanged?.state === "deployed");
seen.changed = heard.stateChanged?.state;
seen.undeploy = await invoke("undeploy");

console.log(JSON.stringify(seen));
for (const subscription of subscriptions) await subscription.stop();
process.exit(0);
