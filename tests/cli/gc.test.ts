// `pawl gc` as a process on a store of its own: what it says and what is left.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepOf } from '../../cli/options.js';
import { ingestFile } from '../../store/artifacts.js';
import { openFolderStore } from '../../store/folder-store.js';
import { listAll } from '../../store/list-all.js';
import type { ObjectStore } from '../../store/store.js';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

let rig: PawlRig;
let store: ObjectStore;
beforeAll(async () => {
  await ensureBuilt();
  rig = await pawlRig();
  const home = join(rig.folder, 'home');
  store = await openFolderStore(join(home, 'store'));
  mkdirSync(join(home, 'work', 'worker-lost', 'attempt'), { recursive: true });
  writeFileSync(join(home, 'work', 'worker-lost', 'worker.json'), '{"pid":2147483646}');
  writeFileSync(join(home, 'work', 'worker-lost', 'attempt', 'half.bin'), 'x'.repeat(500));
  for (const name of ['old', 'fresh']) {
    writeFileSync(join(rig.folder, name), name.repeat(1000));
    await ingestFile(store, join(rig.folder, name), 'theirs');
    const [blob] = (await listAll(store, 'blobs/')).map((object) => object.name);
    const hourAgo = Date.now() / 1000 - 3600;
    if (name === 'old') utimesSync(join(home, 'store', blob ?? ''), hourAgo, hourAgo);
  }
}, 120_000);
afterAll(async () => rig.dispose(), 60_000);

describe('pawl gc', () => {
  it('with --dry-run shows what would go and how much it frees, and leaves it', async () => {
    const { code, stdout, stderr } = await rig.pawl(['gc', '--dry-run']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^what +where +objects +size\n/);
    expect(stdout).toMatch(/^other files +store +1 +3\.0 kB$/m);
    expect(stdout).toMatch(/^folder of a lost attempt +host +1 +518 B$/m);
    expect(stdout).toMatch(
      /\n3\.0 kB would be removed from the store, 5\.0 kB stay for 0 runs under way and 0 runs that ended\.\n$/,
    );
    expect(await listAll(store, 'blobs/')).toHaveLength(2);
  });

  it('removes it, once', async () => {
    const { stdout } = await rig.pawl(['gc', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ type: 'gc', dryRun: false, bytes: 3000, isLost: false, kept: { running: 0, ended: 0, bytes: 5000 } },
      removed: [
        { where: 'store', kind: 'other files', count: 1, bytes: 3000 },
        { where: 'host', kind: 'folder of a lost attempt', count: 1, bytes: 518 },
      ],
    });
    expect((await listAll(store, 'blobs/')).map(({ bytes }) => bytes)).toEqual([5000]);
    expect(readdirSync(join(rig.folder, 'home', 'work'))).toEqual([]);
    expect(await rig.pawl(['gc'])).toMatchObject({ code: 0, stdout: 'Nothing to remove: 5.0 kB are in use.\n' });
  });

  it('refuses a --keep that is no duration', async () => {
    const { code, stderr } = await rig.pawl(['gc', '--keep', 'a month']);
    expect(code).toBe(2);
    expect(stderr).toContain('--keep takes a duration such as 30d, 12h or 0s, and got `a month`');
    expect(['30d', '1d12h', '0s'].map(keepOf)).toEqual([2_592_000_000, 129_600_000, 0]);
  });
});
