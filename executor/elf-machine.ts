/** For which machine a program is (System V ABI, "ELF Header"; numbers of e_machine from linux/elf-em.h). */

const MACHINES: Readonly<Record<number, string>> = {
  3: "386",
  22: "s390x",
  40: "arm",
  62: "amd64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};
const MIPS = 8;
const PPC64 = 21;

/** Bytes of a file's start that tell. */
export const ELF_HEADER_BYTES = 20;

/** As images name architectures (`arm64`); undefined for what is no ELF file, or for a machine that no image names. */
export function elfArchitecture(start: Buffer): string | undefined {
  if (start.length < ELF_HEADER_BYTES || start.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const is64Bit = start[4] === 2;
  const isLittle = start[5] === 1;
  const machine = isLittle ? start.readUInt16LE(18) : start.readUInt16BE(18);
  if (machine === MIPS) return `mips${is64Bit ? "64" : ""}${isLittle ? "le" : ""}`;
  if (machine === PPC64) return isLittle ? "ppc64le" : "ppc64";
  return MACHINES[machine];
}
