// The file to which a program appends its events, followed while it runs. A file and no pipe: a program can never be
// blocked by it, a shell can append to it, and it needs no reader at its other end.
import { open, type FileHandle } from 'node:fs/promises';
import { lineSplitter } from '../engine/protocol.js';

export interface EventFile {
  /** Reads what is left, also a last line without an end, and closes the file. */
  end(): Promise<void>;
}

const chunkBytes = 64 * 1024;

/** Makes the file and hands on its lines as they are appended, looking every `everyMs`. */
export async function followEvents(path: string, everyMs: number, onLine: (line: string) => void): Promise<EventFile> {
  const file = await open(path, 'a+');
  const feed = lineSplitter(onLine);
  let offset = 0;
  let reading: Promise<void> = Promise.resolve();
  const read = async (): Promise<void> => {
    for (let chunk = await readAt(file, offset); chunk.length > 0; chunk = await readAt(file, offset)) {
      offset += chunk.length;
      feed(chunk);
    }
  };
  const look = (): void => {
    reading = reading.then(read);
    // A disk that fails here fails at `end`, too, where it is told.
    reading.catch(() => undefined);
  };
  const timer = setInterval(look, everyMs);
  return {
    async end() {
      clearInterval(timer);
      look();
      try {
        await reading;
        feed(Buffer.from('\n'));
      } finally {
        await file.close();
      }
    },
  };
}

async function readAt(file: FileHandle, offset: number): Promise<Buffer> {
  const buffer = Buffer.alloc(chunkBytes);
  const { bytesRead } = await file.read(buffer, 0, chunkBytes, offset);
  return buffer.subarray(0, bytesRead);
}
