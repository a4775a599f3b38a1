// A run with secrets on the real servers: afterwards the values are nowhere, everything listens on loopback only, and nobody
// else may read what was written.
import { readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceState } from '../../local/service-spec.js';
import { pawlRig, type Outcome, type PawlRig } from '../cli/pawl-rig.js';
import { ensureBuilt } from '../local/built.js';
import { freePort } from '../local/home-rig.js';

const token = 'tok-5ecret-0f-the-test-b7e1';
const hookKey = 'hook-5ecret-c93d';
/** Not secret, and in the same places: the search finds what is there. */
const marker = 'marker-7f2a';

const pipeline = `pawl: 1
name: secretive
defaults: { retry: { attempts: 1 } }
steps:
  prints:
    uses: command
    run: [sh, -c, 'echo "$API_TOKEN"; echo "${marker} $API_TOKEN" >&2; echo "{\\"type\\":\\"log\\",\\"message\\":\\"${marker} $API_TOKEN\\"}" >> $PAWL_EVENTS; echo "{\\"type\\":\\"metrics\\",\\"step\\":1,\\"values\\":{\\"loss\\":0.25}}" >> $PAWL_EVENTS; echo done > $PAWL_OUTPUTS/out/file']
    env: [API_TOKEN]
    outputs: { out: folder }
    metrics: { loss: { help: a figure } }
  fails:
    uses: command
    run: [sh, -c, 'echo "{\\"type\\":\\"failed\\",\\"class\\":\\"data\\",\\"message\\":\\"${marker} bad token $API_TOKEN\\"}" >> $PAWL_EVENTS; echo "$API_TOKEN" >&2; exit 3']
    env: [API_TOKEN]
    needs: [prints]
notify: { webhook: HOOK_ADDRESS, on: [failed] }
`;

let rig: PawlRig;
let hook: Server;
const posted: string[] = [];
const said: string[] = [];
let ended: Outcome;

beforeAll(async () => {
  await ensureBuilt();
  rig = await pawlRig();
  hook = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => posted.push(text));
    request.on('end', () => response.end());
  });
  await new Promise<void>((done) => hook.listen(0, '127.0.0.1', done));
  const port = (hook.address() as AddressInfo).port;
  delete rig.env.MLFLOW_TRACKING_URI;
  Object.assign(rig.env, {
    PAWL_MLFLOW_PORT: String(await freePort()),
    API_TOKEN: token,
    HOOK_ADDRESS: `http://127.0.0.1:${port}/hook/${hookKey}`,
  });
  writeFileSync(join(rig.folder, 'secretive.yaml'), pipeline);
  const pawl = async (...args: string[]): Promise<Outcome> => {
    const outcome = await rig.pawl(args);
    said.push(outcome.stdout, outcome.stderr);
    return outcome;
  };
  // As a shell with a careless umask would start it.
  const before = process.umask(0o000);
  try {
    await pawl('plan', 'secretive.yaml');
    ended = await pawl('run', 'secretive.yaml', '--name', 'one');
    await pawl('status', 'secretive/one');
    await pawl('status', 'secretive/one', '--json');
    await pawl('logs', 'secretive/one');
    await pawl('why', 'secretive/one', 'prints');
  } finally {
    process.umask(before);
  }
}, 180_000);
afterAll(async () => {
  await rig.dispose();
  hook.close();
}, 60_000);

const home = (): string => rig.env.PAWL_HOME ?? '';
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** A file's bytes; none of one that is gone since it was listed: the servers go on writing. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** The files below the home that hold a text, or its base64. */
function holding(text: string): string[] {
  const base64 = Buffer.from(text).toString('base64').replace(/=*$/, '').slice(0, -1);
  return filesBelow(home())
    .filter((path) => {
      const body = readIfThere(path);
      return body.includes(text) || body.includes(base64);
    })
    .map((path) => path.slice(home().length + 1));
}

/** Every payload of the workflow's history, decoded. */
async function history(): Promise<string> {
  const connection = await Connection.connect({ address: `127.0.0.1:${rig.env.PAWL_TEMPORAL_PORT ?? ''}` });
  try {
    const events = await new Client({ connection }).workflow.getHandle('secretive/one').fetchHistory();
    const texts: string[] = [];
    const visit = (value: unknown): void => {
      if (typeof value === 'string') texts.push(value);
      else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'));
      else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
    };
    visit(events);
    return texts.join('\n');
  } finally {
    await connection.close();
  }
}

describe('a secret that a step is given', () => {
  it('reached its step, which failed by its own words', () => {
    expect(ended.code).toBe(4);
    expect(ended.stdout + ended.stderr).toContain(`${marker} bad token ***`);
  });

  it('is in nothing that Pawl says or sends', () => {
    expect(said.join('')).toContain(marker);
    expect(posted.join('')).toContain(marker);
    for (const secret of [token, hookKey]) {
      expect(said.join('')).not.toContain(secret);
      expect(posted.join('')).not.toContain(secret);
    }
  });

  it('is in no payload of the history', async () => {
    const texts = await history();
    expect(texts).toContain(marker);
    for (const secret of [token, hookKey]) expect(texts).not.toContain(secret);
  });

  it('is in no file: store, databases of Temporal and MLflow, logs, state', async () => {
    const sent = (): boolean =>
      filesBelow(join(home(), 'store', 'cursors')).length > 0 &&
      holding('loss').some((path) => path.startsWith('mlflow/'));
    await expect.poll(sent, { timeout: 100_000, interval: 500 }).toBe(true);
    const found = holding(marker);
    for (const place of ['store/', 'temporal/', 'logs/'])
      expect(found.some((path) => path.startsWith(place))).toBe(true);
    expect(holding(token)).toEqual([]);
    expect(holding(hookKey)).toEqual([]);
  }, 120_000);
});

describe('the embedded servers', () => {
  it('listen on loopback only', () => {
    const addresses = ['temporal', 'mlflow', 'worker'].flatMap((name) => {
      const state = JSON.parse(readFileSync(join(home(), 'run', `${name}.json`), 'utf8')) as ServiceState;
      return groupOf(state.process?.pid ?? 0).flatMap(listening);
    });
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    expect(addresses.filter((address) => !/^(127\.|::1$|::ffff:127\.)/.test(address))).toEqual([]);
  });
});

describe('what is written', () => {
  it('belongs to its owner alone, whatever the umask', () => {
    expect(statSync(home()).mode & 0o777).toBe(0o700);
    const open = readdirSync(home(), { withFileTypes: true, recursive: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077)
      .map((path) => path.slice(home().length + 1));
    expect(open).toEqual([]);
  });
});

/** The processes of a group. */
function groupOf(leader: number): number[] {
  const members = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return members.map(Number).filter((pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]) === leader;
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/** The addresses that a process listens on. */
function listening(pid: number): string[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return []; // closed meanwhile
    }
  });
  return ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(inode ?? ''))
      .map(([, local]) => addressOf(local?.split(':')[0] ?? '')),
  );
}

/** An address as the kernel writes it: words of four bytes, each backwards. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (isMapped) return `::ffff:${bytes.slice(12).join('.')}`;
  return bytes.slice(0, 15).every((byte) => byte === 0) ? `::${bytes[15]}` : hex;
}
