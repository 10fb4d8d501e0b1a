import assert from "node:assert/strict";
import test from "node:test";
import { plainLog } from "../src/plainLog";

test("a log is shown without what a terminal would obey", () => {
  assert.equal(plainLog("\u001b[32mcompiling\u001b[0m a\n"), "compiling a\n");
  assert.equal(plainLog("\u001b]0;title\u0007text\u001b]52;c;AAAA\u001b\\ more"), "text more");
  assert.equal(plainLog("\u001bPq#0\u001b\\x\u009b31my\u001b(Bz\u001b"), "xyz");
  assert.equal(plainLog("10 %\r50 %\r100 %\r\nbell\u0007 back\b \u202eright"), "100 %\nbell back right");
  assert.equal(plainLog("tab\tstays"), "tab\tstays");
});

test("its lines are the log's lines, also where a string never ends", () => {
  const log = "one\r\n\u001b]never ends\nthree\r\r\nfour\r";
  assert.equal(plainLog(log).split("\n").length, log.split("\n").length);
  assert.match(plainLog(log), /three\nfour$/);
});
