// Writes src/lib/api-types.ts from web/openapi.json; with --check only says whether it is current.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../web/openapi.json", import.meta.url);
const target = new URL("../src/lib/api-types.ts", import.meta.url);
const made =
  "// Made from web/openapi.json by scripts/openapi-types.mjs. Do not edit.\n\n" +
  astToString(await openapiTS(JSON.parse(readFileSync(source, "utf8"))));

if (process.argv.includes("--check")) {
  let there = "";
  try {
    there = readFileSync(target, "utf8");
  } catch {
    // Said below.
  }
  if (there !== made) {
    console.error("src/lib/api-types.ts is not what web/openapi.json says: npm run types");
    process.exit(1);
  }
} else {
  writeFileSync(target, made);
}
