/** ADD of an archive. */
import { closeSync } from "node:fs";
import { TsbuildError } from "../../base/errors.js";
import { DEFAULT_UNPACK_LIMITS, ExpansionMeter } from "../../image/layer/limits.js";
import { TarReader } from "../../image/layer/tar-reader.js";
import { openTar } from "./archive-stream.js";
import type { Pace } from "./pace.js";
import { openSource } from "./read-file.js";
import type { Selected } from "./selected.js";
import type { UnpackTarget } from "./unpacker.js";
import { Unpacker } from "./unpacker.js";
import type { SourceView } from "./view.js";

export interface UnpackRequest {
  readonly view: SourceView;
  readonly selected: Selected;
  /** Makes the folder that is unpacked into. Called only when it is an archive. */
  readonly prepare: () => UnpackTarget;
  readonly pace: Pace;
}

/**
 * Unpacks the file when its content is a tar, plain or compressed by gzip, bzip2, xz or zstd; false when it is none. Modes, owners by number,
 * times and xattrs are kept.
 * @throws {TsbuildError} ARCHIVE_BROKEN, ARCHIVE_UNSAFE, ARCHIVE_TOOL_MISSING, NOT_A_FOLDER
 */
export async function unpackArchive({ view, selected, prepare, pace }: UnpackRequest): Promise<boolean> {
  const fd = openSource(view, selected);
  try {
    await using tar = await openTar(fd);
    if (tar === undefined) return false;
    using unpacker = new Unpacker(prepare());
    const reader = new TarReader(unpacker, DEFAULT_UNPACK_LIMITS);
    const meter = new ExpansionMeter(DEFAULT_UNPACK_LIMITS, selected.entry.size);
    for await (const chunk of tar.chunks) {
      meter.add(chunk.length);
      reader.push(chunk);
      if (pace.isDue) await pace.rest();
    }
    reader.end();
    return true;
  } catch (error) {
    throw archiveError(error, selected.path);
  } finally {
    closeSync(fd);
  }
}

const HINT = "use ADD --unpack=false or COPY to take the file as it is";

/** The reader is one for layers, and the decompressors know no paths: the file is named here. */
function archiveError(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error;
  const isReaders = error instanceof TsbuildError && error.code.startsWith("LAYER_");
  const isDecoders =
    !(error instanceof TsbuildError) && "code" in error && typeof error.code === "string" && /^(Z_|ZSTD_|ERR_ZSTD)/.test(error.code);
  if (!isReaders && !isDecoders) return error;
  return new TsbuildError("ARCHIVE_BROKEN", `"/${path}" can't be unpacked: ${error.message.replace(/^the layer/, "the archive")}`, {
    cause: error,
    hint: HINT,
  });
}
