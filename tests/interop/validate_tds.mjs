// Read TDs, one JSON text a line, from a file; print the title and what is wrong with each.
import { readFileSync } from "node:fs";
import playground from "@thing-description-playground/core";

for (const line of readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  // Its JSON-LD check would fetch the contexts from the web.
  const options = { checkDefaults: true, checkJsonLd: false, checkTmConformance: false };
  const { report, details, detailComments } = await playground.tdValidator(line, () => {}, options);
  const failed = Object.keys(report).filter((name) => report[name] === "failed");
  const faults = failed.map((name) => `${name}: ${detailComments?.[name] ?? JSON.stringify(details)}`);
  console.log(JSON.stringify({ title: JSON.parse(line).title, checks: report, faults }));
}
