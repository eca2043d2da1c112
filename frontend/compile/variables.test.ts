import assert from "node:assert/strict";
import { test } from "node:test";
import { GrowingList } from "./growing-list.js";
import { Variables } from "./variables.js";

test("appending leaves every older list as it was", () => {
  const one = GrowingList.of([1]);
  const left = one.append([2]);
  const right = one.append([3, 4]);
  assert.deepEqual(
    [one, left, right, left.append([5])].map((list) => list.toArray()),
    [[1], [1, 2], [1, 3, 4], [1, 2, 5]],
  );
  assert.deepEqual(right.toArray(1), [3, 4]);
});

test("setting leaves every older version as it was", () => {
  const base = Variables.of([
    ["A", "1"],
    ["B", "1"],
  ]);
  const left = base.with([["A", "2"]]);
  const right = base.with([
    ["C", "3"],
    ["A", "4"],
  ]);
  assert.deepEqual(
    [base, left, right].map((version) => [version.get("A"), version.get("C")]),
    [
      ["1", undefined],
      ["2", undefined],
      ["4", "3"],
    ],
  );
  assert.deepEqual(
    [...right.toMap()],
    [
      ["A", "4"],
      ["B", "1"],
      ["C", "3"],
    ],
  );
  assert.deepEqual(
    [...base.toMap()],
    [
      ["A", "1"],
      ["B", "1"],
    ],
  );
});

test("a list has each name where it was set last", () => {
  assert.deepEqual(
    Variables.of([
      ["A", "1"],
      ["B", "2"],
    ])
      .with([["A", "3"]])
      .toList(),
    ["B=2", "A=3"],
  );
});

test("setting the same names over and over changes neither their order nor older versions", () => {
  const first = Variables.of([
    ["A", "a"],
    ["B", "b"],
  ]);
  let last = first;
  for (let count = 0; count < 1000; count++)
    last = last.with([
      ["B", String(count)],
      [`C${count % 3}`, String(count)],
    ]);
  assert.deepEqual(
    [...last.toMap()],
    [
      ["A", "a"],
      ["B", "999"],
      ["C0", "999"],
      ["C1", "997"],
      ["C2", "998"],
    ],
  );
  assert.deepEqual(last.toList(), ["A=a", "C1=997", "C2=998", "B=999", "C0=999"]);
  assert.deepEqual(first.toList(), ["A=a", "B=b"]);
  assert.equal(first.with([["D", "d"]]).get("C0"), undefined);
  assert.deepEqual(
    [
      ...Variables.of([
        ["A", "1"],
        ["A", "2"],
        ["B", "1"],
      ])
        .with([
          ["C", "1"],
          ["B", "2"],
        ])
        .toMap()
        .keys(),
    ],
    ["A", "B", "C"],
  );
});
