// package.mjs: writes dist/feature-build-<platform>.vsix with the program in it, and dist/feature-build.vsix without.
//
// The program is FEATURE_BUILD_BIN where that is set, else a release build of the repository around this folder.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const program = process.platform === "win32" ? "feature-build.exe" : "feature-build";

process.chdir(here("."));
execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");

// The program describes its own configuration: what the YAML extension checks is what the program takes.
const built = binary();
mkdirSync("schemas", { recursive: true });
writeFileSync("schemas/feature-build.schema.json", execFileSync(built, ["schema", "config"]));

rmSync("server", { recursive: true, force: true });
pack("dist/feature-build.vsix", []);

mkdirSync("server");
copyFileSync(built, `server/${program}`);
chmodSync(`server/${program}`, 0o755);
const platform = `${process.platform}-${process.arch}`;
pack(`dist/feature-build-${platform}.vsix`, ["--target", platform]);

function binary() {
  if (process.env.FEATURE_BUILD_BIN) return process.env.FEATURE_BUILD_BIN;
  execFileSync("cargo", ["build", "--release", "--locked"], { cwd: here("../.."), stdio: "inherit" });
  return here(`../../target/release/${program}`);
}

function pack(out, more) {
  // The bundle holds every dependency; there is no repository address yet that links could be rewritten to.
  const options = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"];
  const vsce = here("node_modules/@vscode/vsce/vsce");
  execFileSync(process.execPath, [vsce, "package", ...options, "--out", out, ...more], { stdio: "inherit" });
  console.log(out);
}
