/**
 * Builds the widget into gateway/static/widget: loader.js (classic script), chat.js (module), chat.css, manifest.json.
 *
 * Names are stable because the gateway renders them; manifest.json maps each to the first 16 hex digits of its
 * SHA-256, for ?v=. The build goes to a temporary folder first and each file is renamed into place, so a gateway that
 * is reading the folder never sees half a file.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const web = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const target = process.env.WIDGET_OUT_DIR ?? path.resolve(web, "../gateway/static/widget");
const FILES = ["loader.js", "chat.js", "chat.css"];

/** One entry, one file: the two scripts share source but nothing at run time. */
async function bundle({ entry, format, fileName, outDir }) {
  await build({
    root: web,
    configFile: false,
    logLevel: "warn",
    build: {
      target: ["chrome107", "firefox104", "safari16"],
      outDir,
      emptyOutDir: false,
      reportCompressedSize: false,
      lib: { entry: path.join(web, entry), formats: [format], name: "ReplyXWidget", fileName: () => fileName, cssFileName: "chat" },
      rollupOptions: { output: { codeSplitting: false, minify: true } },
    },
  });
}

async function publish(from) {
  await mkdir(target, { recursive: true });
  const manifest = {};
  for (const name of FILES) {
    const body = await readFile(path.join(from, name));
    manifest[name] = createHash("sha256").update(body).digest("hex").slice(0, 16);
    await place(name, body);
  }
  await place("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
}

async function place(name, body) {
  const staging = path.join(target, `.${name}.${process.pid}`);
  await writeFile(staging, body);
  await rename(staging, path.join(target, name));
}

const outDir = await mkdtemp(path.join(web, ".build-"));
try {
  await bundle({ entry: "widget/loader/main.ts", format: "iife", fileName: "loader.js", outDir });
  await bundle({ entry: "widget/chat/main.ts", format: "es", fileName: "chat.js", outDir });
  await publish(outDir);
} finally {
  await rm(outDir, { recursive: true, force: true });
}
