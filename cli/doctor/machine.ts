// pawl doctor: the trainer's Python and accelerators, and the room on the disks.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TemporalConfig } from '../../schemas/config.js';
import { fail, failure, ok, warn, type Finding } from './finding.js';

const run = promisify(execFile);
const pythonMs = 60_000;

/** Prints one line of JSON; what is missing is null. */
const program = `
import json, platform, importlib.metadata as m
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
about = {"python": platform.python_version(), "torch": version("torch"), "transformers": version("transformers"), "cuda": None, "gpus": [], "problem": None}
if about["torch"]:
    try:
        import torch
        about["cuda"] = torch.version.cuda
        for i in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(i)
            about["gpus"].append({"name": torch.cuda.get_device_name(i), "freeBytes": free, "totalBytes": total})
    except Exception as error:
        about["problem"] = f"{type(error).__name__}: {error}"
print(json.dumps(about))
`;

export interface About {
  python: string;
  torch: string | null;
  transformers: string | null;
  cuda: string | null;
  gpus: { name: string; freeBytes: number; totalBytes: number }[];
  problem: string | null;
}

/** Starts the configured Python and asks it. */
export async function checkTrainer(config: TemporalConfig): Promise<Finding[]> {
  const { python } = config.trainer;
  try {
    const { stdout } = await run(python, ['-c', program], {
      timeout: pythonMs,
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    });
    return trainerFindings(JSON.parse(stdout) as About, config);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? '';
    const { code, killed } = error as { code?: unknown; killed?: boolean };
    const reason =
      killed === true ? `it did not answer within ${pythonMs / 1000} s` : said === '' ? String(code) : said;
    return [
      fail(
        'Python',
        `${python} cannot be used: ${reason}`,
        'Run `npm run setup`, or set PAWL_PYTHON to a Python that has trainer/requirements.txt.',
      ),
    ];
  }
}

/** What the answer means for this configuration. Pure. */
export function trainerFindings(
  about: About,
  { trainer, trainers }: Pick<TemporalConfig, 'trainer' | 'trainers'>,
): Finding[] {
  const setUp = 'Run `npm run setup`, or install trainer/requirements.txt into it.';
  const missing = (['torch', 'transformers'] as const).filter((name) => about[name] === null);
  const python =
    missing.length > 0
      ? fail('Python', `${trainer.python} (${about.python}) has no ${missing.join(', ')}`, setUp)
      : about.problem !== null
        ? fail('Python', `${about.python}, but torch ${about.torch} cannot be used: ${about.problem}`, setUp)
        : ok('Python', `${about.python}, torch ${about.torch}, transformers ${about.transformers}`);
  return [python, gpuFinding(about, trainers, trainer.device)];
}

function gpuFinding(about: About, trainers: TemporalConfig['trainers'], device: 'auto' | 'cpu'): Finding {
  const wanting = trainers.filter(({ gpus }) => gpus > about.gpus.length);
  if (wanting.length > 0) {
    const queues = wanting.map(({ queue, gpus }) => `${queue} promises ${gpus}`).join(', ');
    return fail(
      'GPU',
      `torch sees ${about.gpus.length} GPUs (${about.cuda === null ? 'a build without CUDA' : `CUDA ${about.cuda}`}), but ${queues}`,
      'Compare with `nvidia-smi`: is the driver there, CUDA_VISIBLE_DEVICES right, torch a build with CUDA? Or correct `trainers` in temporal.config.ts.',
    );
  }
  if (about.gpus.length === 0) return ok('GPU', 'none: training runs on the CPU');
  const list = about.gpus.map(
    ({ name, freeBytes, totalBytes }) => `${name}, ${gib(freeBytes)} of ${gib(totalBytes)} free`,
  );
  return ok(
    'GPU',
    `${list.join('; ')} (CUDA ${about.cuda ?? 'unknown'}${device === 'cpu' ? ', not used: trainer.device is cpu' : ''})`,
  );
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Less than this is worth a warning; less than the second ends runs soon. */
const littleBytes = 10 * 2 ** 30;
const nothingBytes = 2 ** 30;

/** The room for state, cache and, where it is a folder, the store; one finding a disk. `warnBelow` in bytes. */
export async function checkDisks(config: TemporalConfig, warnBelow = littleBytes): Promise<Finding[]> {
  const folders: [string, string][] = [
    ['state', config.home],
    ['cache', join(config.home, 'cache')],
    ...(/^[a-z][a-z0-9+.-]+:\/\//i.test(config.store) ? [] : [['store', config.store] as [string, string]]),
  ];
  const disks = new Map<number, { names: string[]; free: number; total: number; folder: string }>();
  for (const [name, folder] of folders) {
    try {
      const there = existing(folder);
      const [{ dev }, { bavail, bsize, blocks }] = await Promise.all([stat(there), statfs(there)]);
      const free = bavail * bsize;
      const disk = disks.get(dev) ?? { names: [], free, total: blocks * bsize, folder };
      disk.names.push(name);
      disks.set(dev, disk);
    } catch (error) {
      return [failure('disk', error)];
    }
  }
  return [...disks.values()].map((disk) => diskFinding(disk, warnBelow));
}

/** Pure. */
export function diskFinding(
  disk: { names: string[]; free: number; total: number; folder: string },
  warnBelow: number,
): Finding {
  const fact = `${gib(disk.free)} of ${gib(disk.total)} free for ${disk.names.join(', ')} (${disk.folder})`;
  const wayOut =
    '`pawl gc --dry-run` shows what may go; or point `store` (PAWL_STORE) and PAWL_HOME at a larger disk. What is committed stays.';
  if (disk.free < Math.min(nothingBytes, warnBelow)) return fail('disk', fact, wayOut);
  return disk.free < warnBelow ? warn('disk', fact, wayOut) : ok('disk', fact);
}

/** The folder, or the nearest one above that is there. */
const existing = (folder: string): string =>
  existsSync(folder) || dirname(folder) === folder ? folder : existing(dirname(folder));
