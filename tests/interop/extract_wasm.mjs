// Print the WebAssembly binary that a file of a package carries as Base64.
import { readFileSync } from "node:fs";

console.log(/"(AGFzb[A-Za-z0-9+/]+=*)"/.exec(readFileSync(process.argv[2], "utf8"))[1]);
