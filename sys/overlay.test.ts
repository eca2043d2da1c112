import assert from "node:assert/strict";
import { test } from "node:test";
import { hasLowerdirPlus, overlayData, planOverlay } from "./overlay.js";

const HOST = { isUserNamespace: false };

test("lowerdir+ is used from Linux 6.5 on", () => {
  assert.deepEqual(["5.15.0-91-generic", "6.1.0-13-amd64", "6.4", "6.5.0", "6.18.44-fc", "7.0-rc1"].map(hasLowerdirPlus), [
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
});

test("an overlay always turns off what would tie its layers to each other", () => {
  const plan = planOverlay({ lowers: ["/a", "/b"], upper: "/u", work: "/w", target: "/t" }, HOST);
  assert.ok(plan.type === "overlay");
  assert.equal(overlayData(plan), "lowerdir=/a:/b,upperdir=/u,workdir=/w,index=off,metacopy=off,redirect_dir=off");
});

test("a user namespace keeps overlay's marks in user attributes", () => {
  const plan = planOverlay({ lowers: ["/a", "/b"], target: "/t" }, { isUserNamespace: true });
  assert.ok(plan.type === "overlay");
  assert.match(overlayData(plan), /,userxattr$/);
});

test("volatile concerns an upper only", () => {
  const plan = planOverlay({ lowers: ["/a", "/b"], target: "/t", volatile: true }, HOST);
  assert.ok(plan.type === "overlay" && !plan.flags.some(([key]) => key === "volatile"));
});

test("one folder alone is a bind: read-only as a lower, writable as an upper", () => {
  assert.deepEqual(planOverlay({ lowers: ["/a"], target: "/t" }, HOST), { type: "bind", source: "/a", readonly: true });
  assert.deepEqual(planOverlay({ lowers: [], upper: "/u", work: "/w", target: "/t" }, HOST), {
    type: "bind",
    source: "/u",
    readonly: false,
  });
});

test("nothing at all can't be mounted", () => {
  assert.throws(() => planOverlay({ lowers: [], target: "/t" }, HOST), /needs a layer/);
});
