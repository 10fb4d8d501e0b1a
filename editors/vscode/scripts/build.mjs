// build.mjs [--watch] [--tests]: bundles the extension into out/extension.js; with --tests the unit tests into out/test.
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import esbuild from "esbuild";

const common = {
  bundle: true,
  platform: "node",
  // The other form of jsonc-parser, UMD, cannot be bundled.
  mainFields: ["module", "main"],
  target: "node20",
  format: "cjs",
  sourcemap: true,
  // The host gives `vscode`; nothing else is left outside.
  external: ["vscode"],
  logLevel: "warning",
};

const extension = {
  ...common,
  entryPoints: ["src/extension.ts"],
  outfile: "out/extension.js",
  minify: true,
  metafile: true,
};

if (process.argv.includes("--tests")) {
  await buildTests();
} else if (process.argv.includes("--watch")) {
  const context = await esbuild.context({ ...extension, minify: false });
  await context.watch();
} else {
  const { metafile } = await esbuild.build(extension);
  writeFileSync("out/ThirdPartyNotices.txt", notices(Object.keys(metafile.inputs)));
}

async function buildTests() {
  rmSync("out/test", { recursive: true, force: true });
  const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
  await esbuild.build({ ...common, entryPoints: tests.map((name) => `test/${name}`), outdir: "out/test" });
}

/** The licences of the packages that the bundle holds: minifying takes them out of the sources. */
function notices(inputs) {
  const packages = inputs.map((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]);
  return [...new Set(packages.filter((folder) => folder !== undefined))].sort().map(notice).join("\n\n");
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`packaging: ${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
}
