/** Copies the page that shows the API's document (Swagger UI) into gateway/static/docs, so that no CDN is asked for it. */
import { copyFile, mkdir, rename } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const web = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const source = path.join(web, "node_modules/swagger-ui-dist");
const target = path.resolve(web, "../gateway/static/docs");

await mkdir(target, { recursive: true });
for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const staging = path.join(target, `.${name}.${process.pid}`);
  await copyFile(path.join(source, name), staging);
  await rename(staging, path.join(target, name));
}
