import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hostPlatform } from "../base/platform.js";
import { loadKernel } from "../sys/kernel.js";
import { interpreterFor, parseInterpreter, readInterpreters } from "./binfmt.js";
import { elfArchitecture } from "./elf-machine.js";
import type { ProcessSpec } from "./types.js";
import { foreignProgram, requireEmulator } from "./emulation.js";

/** The start of a 64-bit little-endian program for a machine. */
function elf(machine: number, { is64Bit = true, isLittle = true } = {}): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("\x7fELF", "latin1");
  bytes[4] = is64Bit ? 2 : 1;
  bytes[5] = isLittle ? 1 : 2;
  bytes[6] = 1;
  if (isLittle) bytes.writeUInt16LE(2, 16);
  else bytes.writeUInt16BE(2, 16);
  if (isLittle) bytes.writeUInt16LE(machine, 18);
  else bytes.writeUInt16BE(machine, 18);
  return bytes;
}

const RISCV = 243;
/** As Debian's qemu-user-static registers it. */
const RISCV_ENTRY = [
  "enabled",
  "interpreter /usr/libexec/qemu-binfmt/riscv64-binfmt-P",
  "flags: OCF",
  "offset 0",
  "magic 7f454c460201010000000000000000000200f300",
  "mask ffffffffffffff00fffffffffffffffffeffffff",
  "",
].join("\n");

let rootfs = "";

before(() => {
  rootfs = mkdtempSync(join(tmpdir(), "emulation-"));
  mkdirSync(join(rootfs, "bin"));
  writeFileSync(join(rootfs, "bin/foreign"), elf(RISCV));
  writeFileSync(join(rootfs, "bin/script"), "#!/bin/sh\n");
  symlinkSync("/bin/foreign", join(rootfs, "bin/sh"));
});
after(() => rmSync(rootfs, { recursive: true }));

const skip = process.getuid?.() === 0 ? false : "needs root";
const spec = (...args: string[]): Pick<ProcessSpec, "rootfs" | "args" | "env" | "stateDir"> => ({
  rootfs,
  stateDir: rootfs,
  args,
  env: ["PATH=/sbin:/bin"],
});

test("a program's header tells its machine, word size and byte order", () => {
  assert.equal(elfArchitecture(elf(183)), "arm64");
  assert.equal(elfArchitecture(elf(22, { isLittle: false })), "s390x");
  assert.equal(elfArchitecture(elf(21)), "ppc64le");
  assert.equal(elfArchitecture(elf(8, { is64Bit: false, isLittle: false })), "mips");
  assert.equal(elfArchitecture(Buffer.from("#!/bin/sh\n and more than enough")), undefined);
  assert.equal(elfArchitecture(elf(183).subarray(0, 10)), undefined);
});

test("an entry of the kernel's list matches by magic and mask; one that is off doesn't", () => {
  const entry = parseInterpreter("qemu-riscv64", RISCV_ENTRY);
  assert.ok(entry !== undefined);
  assert.equal(entry.isOpen, true);
  assert.equal(interpreterFor(elf(RISCV), [entry])?.name, "qemu-riscv64");
  assert.equal(interpreterFor(elf(183), [entry]), undefined);
  assert.equal(parseInterpreter("qemu-riscv64", RISCV_ENTRY.replace("enabled", "disabled")), undefined);
});

test("a list that isn't there is unknown, one that is switched off is empty", () => {
  const folder = mkdtempSync(join(tmpdir(), "binfmt-"));
  try {
    assert.equal(readInterpreters(folder), undefined);
    writeFileSync(join(folder, "status"), "enabled\n");
    writeFileSync(join(folder, "qemu-riscv64"), RISCV_ENTRY);
    assert.deepEqual(
      readInterpreters(folder)?.map(({ name }) => name),
      ["qemu-riscv64"],
    );
    writeFileSync(join(folder, "status"), "disabled\n");
    assert.deepEqual(readInterpreters(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the program is found by path, through links of the image and in PATH", { skip }, () => {
  const kernel = loadKernel();
  assert.equal(foreignProgram(kernel, spec("/bin/sh"))?.architecture, "riscv64");
  assert.equal(foreignProgram(kernel, spec("foreign"))?.architecture, "riscv64");
  assert.equal(foreignProgram(kernel, spec("/bin/script")), undefined);
  assert.equal(foreignProgram(kernel, spec("/no/such")), undefined);
});

test("without an emulator the error names both machines and what to install", { skip }, () => {
  const kernel = loadKernel();
  assert.throws(() => requireEmulator(kernel, spec("/bin/sh"), () => []), {
    code: "EMULATOR_MISSING",
    message: new RegExp(`/bin/sh is for riscv64, this machine is ${hostPlatform().architecture}`),
    hint: /qemu-user-static.*\$BUILDPLATFORM/,
  });
  const entry = parseInterpreter("qemu-riscv64", RISCV_ENTRY);
  assert.ok(entry !== undefined);
  requireEmulator(kernel, spec("/bin/sh"), () => [entry]);
  requireEmulator(kernel, spec("/bin/sh"), () => undefined);
  requireEmulator(kernel, spec("/bin/script"), () => assert.fail("nothing foreign, nothing asked"));
  assert.throws(() => requireEmulator(kernel, spec("/bin/sh"), () => [{ ...entry, isOpen: false }]), { message: /without the flag F/ });
});
