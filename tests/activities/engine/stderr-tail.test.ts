import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { openStderrLog } from '../../../activities/engine/stderr-tail.js';

const folder = mkdtempSync(join(tmpdir(), 'pawl-stderr-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps all lines in the file and the last whole ones in memory', async () => {
  const path = join(folder, 'logs', 'trainer.log');
  const log = openStderrLog(path);
  for (let line = 0; line < 2_000; line += 1) log.write(Buffer.from(`line ${line}\n`));
  expect(log.tail()).toMatch(/^line \d+\n[^]*line 1999$/);
  expect(log.tail().length).toBeLessThan(4_100);
  log.close();
  await vi.waitFor(() => expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2_001));
});

it('moves a log that has grown too long aside', async () => {
  const path = join(folder, 'logs', 'long.log');
  openStderrLog(path).close();
  writeFileSync(path, Buffer.alloc(17 * 2 ** 20, 97));
  const log = openStderrLog(path);
  log.write(Buffer.from('new\n'));
  log.close();
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toBe('new\n'));
  expect(readFileSync(`${path}.1`).length).toBe(17 * 2 ** 20);
});
