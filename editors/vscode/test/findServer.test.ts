import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import test, { type TestContext } from "node:test";
import { findServer, type Places } from "../src/findServer";

interface World {
  readonly folder: string;
  readonly places: Places;
}

async function world(t: TestContext): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "feature-build-find-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = [join(folder, "empty"), join(folder, "bin")].join(":");
  return {
    folder,
    places: {
      setting: "",
      extension: join(folder, "extension"),
      path,
      workspaces: [],
      home: folder,
      platform: "linux",
    },
  };
}

async function program(...parts: string[]): Promise<string> {
  const file = join(...parts);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, "");
  await chmod(file, 0o755);
  return file;
}

test("the setting comes first, then the extension's own, then PATH", async (t) => {
  const { folder, places } = await world(t);
  assert.deepEqual(findServer(places), { kind: "missing" });
  const onPath = await program(folder, "bin", "feature-build");
  assert.deepEqual(findServer(places), { kind: "found", program: onPath, from: "path" });
  const own = await program(folder, "extension", "server", "feature-build");
  assert.deepEqual(findServer(places), { kind: "found", program: own, from: "extension" });
  const chosen = await program(folder, "chosen");
  assert.deepEqual(findServer({ ...places, setting: chosen }), {
    kind: "found",
    program: chosen,
    from: "setting",
  });
  assert.deepEqual(findServer({ ...places, setting: "~/chosen" }), {
    kind: "found",
    program: chosen,
    from: "setting",
  });
});

test("no program on PATH counts that an open folder holds, be it by way of a link", async (t) => {
  const { folder, places } = await world(t);
  const inside = await program(folder, "work", ".venv", "bin", "feature-build");
  await symlink(join(folder, "work", ".venv", "bin"), join(folder, "empty"));
  const path = [join(folder, "work", ".venv", "bin"), join(folder, "empty"), join(folder, "bin")].join(":");
  const open = { ...places, path, workspaces: [join(folder, "work")] };
  assert.deepEqual(findServer(open), { kind: "missing" });
  await mkdir(join(folder, "bin"));
  await symlink(inside, join(folder, "bin", "feature-build"));
  assert.deepEqual(findServer(open), { kind: "missing" });
  await rm(join(folder, "bin", "feature-build"));
  const own = await program(folder, "bin", "feature-build");
  assert.deepEqual(findServer(open), { kind: "found", program: own, from: "path" });
  const beside = { ...open, workspaces: [join(folder, "wor"), join(folder, "work", "other")] };
  assert.deepEqual(findServer(beside), { kind: "found", program: inside, from: "path" });
});

test("a setting that is wrong is told and nothing else is taken", async (t) => {
  const { folder, places } = await world(t);
  await program(folder, "bin", "feature-build");
  assert.equal(findServer({ ...places, setting: join(folder, "nothing") }).kind, "wrong-setting");
  assert.equal(findServer({ ...places, setting: "bin/feature-build" }).kind, "wrong-setting");
  assert.equal(findServer({ ...places, setting: folder }).kind, "wrong-setting");
});

test("what cannot be executed and what lies beside the workspace is no program", async (t) => {
  const { folder, places } = await world(t);
  await chmod(await program(folder, "bin", "feature-build"), 0o644);
  assert.equal(findServer(places).kind, "missing");
  await program(folder, "relative", "feature-build");
  const path = relative(process.cwd(), join(folder, "relative"));
  assert.equal(findServer({ ...places, path }).kind, "missing");
});
