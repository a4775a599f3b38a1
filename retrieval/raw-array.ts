// Raw little-endian arrays in files, and files named by their content.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

/** Fills `into` with a whole file of little-endian elements; fails with what `wrongSize` makes of a length that differs. */
export async function readArray(path: string, into: Uint8Array, wrongSize: (bytes: number) => Error): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== into.byteLength) throw wrongSize(size);
    // read() takes a plain buffer or a shared one, at most 2 GiB at once.
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(into, at, Math.min(size - at, 2 ** 30), at);
      if (bytesRead === 0) throw wrongSize(at);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** Bytes of a typed array, not copied. Every platform Pawl runs on is little-endian. Pure. */
export const bytesOf = (array: Float32Array | Uint32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Writes bytes under `<stem>-<16 hex of their sha256><extension>`; returns the name. */
export async function writeNamed(dir: string, stem: string, extension: string, bytes: Uint8Array): Promise<string> {
  const name = `${stem}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}${extension}`;
  await writeFile(join(dir, name), bytes);
  return name;
}

/** Renames a written file to `<stem>-<16 hex of its sha256><extension>`; returns the name. Reads it once, in chunks. */
export async function nameByContent(path: string): Promise<string> {
  const extension = extname(path);
  const name = `${basename(path, extension)}-${(await sha256File(path)).slice(0, 16)}${extension}`;
  await rename(path, join(dirname(path), name));
  return name;
}

/** Hex sha256 of a file, read in chunks. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>)
    hash.update(chunk);
  return hash.digest('hex');
}
