import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outputOf, runLogged } from '../../scripts/setup/command.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-command-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const options = () => ({ cwd: folder, log: join(folder, 'log'), doing: 'Testing', mirror: 'MIRROR' });

describe('a logged command', () => {
  it('keeps its output in the log file', async () => {
    await runLogged('sh', ['-c', 'echo out; echo err >&2'], options());
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('$ sh -c echo out; echo err >&2\nout\nerr\n');
  });

  it('fails with its last lines and what to do', async () => {
    const running = runLogged('sh', ['-c', 'echo ENOTFOUND registry >&2; exit 3'], options());
    await expect(running).rejects.toThrow(
      /Testing failed \(sh ended with 3\):\n {2}\| ENOTFOUND registry\n {2}-> .*set MIRROR/,
    );
  });

  it('fails clearly when the program is not there', async () => {
    await expect(runLogged('no-such-program', [], options())).rejects.toThrow(
      /no-such-program ended with -1[^]*ENOENT/,
    );
  });
});

describe('the output of a command', () => {
  it('is null when the command is missing or fails', () => {
    expect(outputOf('no-such-program', [])).toBeNull();
    expect(outputOf('sh', ['-c', 'echo x; exit 1'])).toBeNull();
    expect(outputOf('sh', ['-c', 'echo x'])).toBe('x');
  });
});
