// The environment of a user's program: a few variables that programs need, and those that the step names. Nothing else of the
// worker's environment, which holds the secrets of everybody.
import { delimiter } from 'node:path';
import type { Programs } from '../host.js';
import { StepFailure } from '../kind.js';

/** Where programs, their libraries and the accelerator are; no secrets. */
const passedOn = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'HIP_VISIBLE_DEVICES',
  'ROCR_VISIBLE_DEVICES',
];

export interface Variables {
  env: Record<string, string>;
  /** Values of the variables that the step names. */
  secrets: string[];
}

/** The environment that a program starts from. Fails with config when a variable that the step names is not set. Pure. */
export function variablesFor(path: string, names: readonly string[], programs: Programs): Variables {
  const { variables, binFolder } = programs;
  const absent = names.filter((name) => variables[name] === undefined);
  if (absent.length > 0) {
    const which = absent.map((name) => `\`${name}\``).join(', ');
    throw new StepFailure(
      'config',
      `${path} needs the environment variable${absent.length === 1 ? '' : 's'} ${which}, which the worker does not have. Set ${absent.length === 1 ? 'it' : 'them'} where the worker is started, and start it again (\`pawl down\`, then \`pawl up\`).`,
      { variables: absent },
    );
  }
  const valueOf = (name: string): [string, string][] => {
    const value = variables[name];
    return value === undefined ? [] : [[name, value]];
  };
  const env = Object.fromEntries([...passedOn, ...names].flatMap(valueOf));
  const path0 = [binFolder, env.PATH].filter((part) => part != null && part !== '').join(delimiter);
  return {
    env: { ...env, ...(names.includes('PATH') ? {} : { PATH: path0 }), PYTHONUNBUFFERED: '1' },
    secrets: names.flatMap((name) => valueOf(name).map(([, value]) => value)),
  };
}
