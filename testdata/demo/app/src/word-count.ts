/** The C program word-count, asked as a child process. */
import { spawn } from "node:child_process";

export interface WordCount {
  readonly lines: number;
  readonly words: number;
  readonly bytes: number;
}

export async function countWords(text: string): Promise<WordCount> {
  const child = spawn(process.env["WORD_COUNT"] ?? "word-count", { stdio: ["pipe", "pipe", "inherit"] });
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  child.stdin.end(text);
  return parseWordCount(await Promise.race([failed, readAll(child.stdout)]));
}

/** `3 14 92`, as the program prints it. */
export function parseWordCount(line: string): WordCount {
  const [lines, words, bytes] = line.trim().split(" ").map(Number);
  if (lines === undefined || words === undefined || bytes === undefined) throw new Error(`word-count printed "${line}"`);
  return { lines, words, bytes };
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
