// What a run leaves that nobody owns any more, after `pawl down`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readClaim } from '../store/claims.js';
import { listAll } from '../store/list-all.js';
import { names, type ObjectStore } from '../store/store.js';
import { processesOf } from './processes.js';

/** One line each: processes, folders of attempts, half-written files, claims without a result, objects set aside. */
export async function orphansOf(home: string, store: ObjectStore): Promise<string[]> {
  return [
    ...processesOf(home).map((process) => `process ${process}`),
    ...leftFiles(home).map((path) => `file ${path}`),
    ...(await openClaims(store)).map((claim) => `claim ${claim}`),
    ...(await listAll(store, 'quarantine/')).map(({ name }) => `set aside ${name}`),
  ];
}

/** A worker that ends in good order removes its folder. */
function leftFiles(home: string): string[] {
  const work = join(home, 'work');
  const workers = existsSync(work) ? readdirSync(work) : [];
  const unfinished = ['store/.tmp', 'cache'].flatMap((folder) => unfinishedIn(home, folder));
  return [...workers.map((worker) => `work/${worker}`), ...unfinished];
}

function unfinishedIn(home: string, folder: string): string[] {
  const root = join(home, folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => folder === 'store/.tmp' || /(^|\/)\.tmp-|\.partial$/.test(path))
    .map((path) => `${folder}/${path}`);
}

/** A claim that stands where a result does is nobody's any more; one without is held by somebody who is gone. */
async function openClaims(store: ObjectStore): Promise<string[]> {
  const open: string[] = [];
  for (const { name } of await listAll(store, 'claims/')) {
    const key = name.slice('claims/'.length, -'.json'.length);
    const claim = await readClaim(store, key);
    if (claim === null || claim.released) continue;
    if ((await store.head(names.result(key))) === null) open.push(`${claim.holder} of ${claim.run}`);
  }
  return open;
}
