// Use a supervisor that asks for a token: the TD at a URL, the token beside it.
import { readFileSync } from "node:fs";
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const [url, file] = process.argv.slice(2);
const token = readFileSync(file, "utf8");
const headers = { Authorization: `Bearer ${token}` };
const read = async (td, credentials) => {
  const servient = new core.Servient();
  servient.addClientFactory(new http.HttpClientFactory());
  servient.addClientFactory(new http.HttpsClientFactory());
  servient.addCredentials({ [td.id]: credentials });
  const wot = await servient.start();
  const thing = await wot.consume(td);
  return (await thing.readProperty("health")).value();
};
const td = await (await fetch(url, { headers })).json();
const health = await read(td, { token });
const refused = await read(td, { token: "wrong" }).then(
  () => "",
  (error) => String(error.message),
);
console.log(JSON.stringify({ deployments: health.deployments, refused }));
process.exit(0);
