import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import { applyMode, isAbsoluteMode } from "./mode.js";

const FILES: readonly (readonly [mode: string, from: number, to: number])[] = [
  ["755", 0o644, 0o755],
  ["0600", 0o644, 0o600],
  ["4711", 0o644, 0o4711],
  ["1777", 0o600, 0o1777],
  ["u=rwX,go=rX", 0o644, 0o644],
  ["u=rwX,go=rX", 0o755, 0o755],
  ["u=rwX,go=rX", 0o700, 0o755],
  ["+x", 0o644, 0o755],
  ["go-r", 0o644, 0o600],
  ["g=u", 0o644, 0o664],
  ["a=r,u+w", 0o755, 0o644],
  ["u=rwx,go=", 0o644, 0o700],
  ["u+s,g+s", 0o755, 0o6755],
  ["+t", 0o755, 0o1755],
  ["o=g", 0o640, 0o644],
  ["u=rw", 0o4755, 0o655],
  ["ug+w-x", 0o555, 0o665],
  ["-w", 0o666, 0o444],
];

for (const [mode, from, to] of FILES) {
  test(`${mode} makes ${to.toString(8)} of a file's ${from.toString(8)}`, () => {
    assert.equal(applyMode(mode, from, false).toString(8), to.toString(8));
  });
}

test("X is x for folders, and = keeps their set-id bits", () => {
  assert.equal(applyMode("u=rwX,go=rX", 0o600, true), 0o755);
  assert.equal(applyMode("g=rx", 0o2700, true), 0o2750);
});

for (const mode of ["rwxq", "8", "10000", "", "u", "z+x", "u+x,,g+x"]) {
  test(`"${mode}" is no mode`, () => {
    assert.throws(
      () => applyMode(mode, 0o644, false),
      (error) => error instanceof TsbuildError && error.code === "INVALID_MODE",
    );
  });
}

test("only octal modes are the same for every file", () => {
  assert.equal(isAbsoluteMode("0755"), true);
  assert.equal(isAbsoluteMode("u=rwx"), false);
});
