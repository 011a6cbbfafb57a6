// Print the titles of the Things that node-wot finds in the directory at a URL, one a line.
import core from "@node-wot/core";
import http from "@node-wot/binding-http";

const servient = new core.Servient();
servient.addClientFactory(new http.HttpClientFactory());
const wot = await servient.start();
const found = await wot.exploreDirectory(process.argv[2]);
for await (const td of found) console.log(td.title);
if (found.error !== undefined) throw found.error;
await servient.shutdown();
