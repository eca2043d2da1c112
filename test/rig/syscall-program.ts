/** Programs of one system call, made of bytes: they need no compiler, and say by their exit code what the kernel answered. */

export interface SystemCall {
  readonly number: number;
  readonly args: readonly number[];
  /** `i386` goes by int 0x80, whose numbers and filters are those of 32-bit programs. */
  readonly abi: "amd64" | "i386";
}

const BASE = 0x400000;
const HEADERS_BYTES = 120;
/** Where `DATA` lies in memory: the three words socket(AF_ALG, SOCK_SEQPACKET, 0) for socketcall(2). */
const DATA_OFFSET = 256;
const DATA = [38, 5, 0];
export const SOCKET_WORDS: number = BASE + DATA_OFFSET;

/** A static x86-64 executable. Its exit code is the errno, and 0 or above 127 when the call succeeded. */
export function syscallProgram({ number, args, abi }: SystemCall): Buffer {
  const [a = 0, b = 0, c = 0] = args;
  const load = (opcode: number, value: number): readonly number[] => [opcode, ...words(value)];
  const isNative = abi === "amd64";
  const code = isNative
    ? [
        ...load(0xb8, number),
        ...load(0xbf, a),
        ...load(0xbe, b),
        ...load(0xba, c),
        0x45,
        0x31,
        0xd2,
        0x0f,
        0x05,
        0xf7,
        0xd8,
        0x89,
        0xc7,
        ...load(0xb8, 60),
        0x0f,
        0x05,
      ]
    : [
        ...load(0xb8, number),
        ...load(0xbb, a),
        ...load(0xb9, b),
        ...load(0xba, c),
        0x31,
        0xf6,
        0xcd,
        0x80,
        0xf7,
        0xd8,
        0x89,
        0xc3,
        ...load(0xb8, 1),
        0xcd,
        0x80,
      ];
  const file = Buffer.alloc(512);
  headers(file);
  Buffer.from(code).copy(file, HEADERS_BYTES);
  Buffer.from(DATA.flatMap(words)).copy(file, DATA_OFFSET);
  return file;
}

/** elf.h: Elf64_Ehdr, then one Elf64_Phdr that loads the whole file readable and executable. */
function headers(file: Buffer): void {
  file.writeUInt32BE(0x7f454c46, 0);
  file.set([2, 1, 1], 4);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + HEADERS_BYTES), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(BigInt(BASE), 80);
  file.writeBigUInt64LE(BigInt(BASE), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(4096n, 112);
}

function words(value: number): readonly number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
