// Use the deployment whose TD is at a URL in every way, and print what came of it as JSON.
// A file with a token comes second where one is asked for.
import { readFileSync } from "node:fs";
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addClientFactory(new http.HttpClientFactory());
const [url, file] = process.argv.slice(2);
const token = file && readFileSync(file, "utf8");
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const td = await (await fetch(url, { headers })).json();
if (token) servient.addCredentials({ [td.id]: { token } });
const wot = await servient.start();
const thing = await wot.consume(td);
const read = async (name) => (await thing.readProperty(name)).value();
const invoke = async (name, input) => {
  const output = await thing.invokeAction(name, input);
  return output?.value();
};
const heard = {};
const subscriptions = [];
// node-wot opens its EventSource without a header, so it hears nothing where a token is asked for.
const events = token ? [] : ["stateChanged", "executionCompleted", "moved"];
for (const name of events)
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
  status = await (await fetch(status.href, { headers })).json();
seen.execute = status.output;
if (!token) await until(() => heard.executionCompleted);
seen.completed = heard.executionCompleted?.status;

seen.rollback = await invoke("rollback", 1);
seen.runAfterRollback = await invoke("run");
if (!token) await until(() => heard.stateChanged?.state === "deployed");
seen.changed = heard.stateChanged?.state;
seen.undeploy = await invoke("undeploy");

console.log(JSON.stringify(seen));
for (const subscription of subscriptions) await subscription.stop();
process.exit(0);
