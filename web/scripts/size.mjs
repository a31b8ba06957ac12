/** Fails when a built file is over its budget. Budgets are gzip bytes: what a visitor's phone downloads. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder =
  process.env.WIDGET_OUT_DIR ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../gateway/static/widget");
const BUDGETS = [
  { label: "loader", files: ["loader.js"], limit: 15 * 1024 },
  { label: "chat app", files: ["chat.js", "chat.css"], limit: 60 * 1024 },
];

for (const { label, files, limit } of BUDGETS) {
  let total = 0;
  for (const name of files) total += gzipSync(await readFile(path.join(folder, name)), { level: 9 }).length;
  const verdict = total <= limit ? "ok" : "OVER BUDGET";
  console.log(`${label}: ${(total / 1024).toFixed(1)} KB gzip of ${limit / 1024} KB, ${verdict}`);
  if (total > limit) process.exitCode = 1;
}
